"""Reads the environment, once: names of resources, and limits."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a deployment. Each is an environment variable of the same name in capitals.

    `table_name`, `delivery_queue_name`, `slow_queue_name`, `transfer_queue_name` and
    `data_keys_secret` are the names in `infra/resources.json`. The names of the secrets of apps,
    carriers and switches begin with `secrets_prefix` and a slash.

    `cache_s`: how many seconds secrets and app profiles are kept in memory. `callback_timeout_s`:
    how many seconds an app's endpoint has to answer (NetEase: 5). `carrier_timeout_s`: how many
    seconds a carrier may send nothing; all of a request takes twice as long at most.
    `carrier_workers`: how many bindings of one carrier each of the two schedules works on at once.
    `recording_limit_mb`: the largest recording, in MB. `log_level`: as in the standard library.
    """

    stage: str
    table_name: str
    delivery_queue_name: str
    slow_queue_name: str
    transfer_queue_name: str
    secrets_prefix: str
    data_keys_secret: str
    cache_s: int
    callback_timeout_s: float
    carrier_timeout_s: float
    carrier_workers: int
    recording_limit_mb: int
    log_level: str


@cache
def settings() -> Settings:
    """The settings of this process. Names default to those of the stage `dev`."""
    stage = os.environ.get("STAGE", "dev")
    name = f"masking-gateway-{stage}"
    return Settings(
        stage=stage,
        table_name=os.environ.get("TABLE_NAME", name),
        delivery_queue_name=os.environ.get("DELIVERY_QUEUE_NAME", f"{name}-delivery"),
        slow_queue_name=os.environ.get("SLOW_QUEUE_NAME", f"{name}-delivery-slow"),
        transfer_queue_name=os.environ.get("TRANSFER_QUEUE_NAME", f"{name}-transfer"),
        secrets_prefix=os.environ.get("SECRETS_PREFIX", name),
        data_keys_secret=os.environ.get("DATA_KEYS_SECRET", f"{name}/data-keys"),
        cache_s=int(os.environ.get("CACHE_S", "60")),
        callback_timeout_s=float(os.environ.get("CALLBACK_TIMEOUT_S", "5")),
        carrier_timeout_s=float(os.environ.get("CARRIER_TIMEOUT_S", "4")),
        carrier_workers=int(os.environ.get("CARRIER_WORKERS", "32")),
        recording_limit_mb=int(os.environ.get("RECORDING_LIMIT_MB", "2048")),
        log_level=os.environ.get("LOG_LEVEL", "INFO"),
    )


def by_command() -> bool:
    """Whether one of Chalice's commands, not Lambda, imports the bundle."""
    return "AWS_CHALICE_CLI_MODE" in os.environ
