"""The only reader of the environment: names of resources and limits, one frozen value."""

import os
from dataclasses import dataclass

from chalicelib.clock import once


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment decides; every field is an environment variable of the stage.

    `table_name` (`TABLE_NAME`), `delivery_queue_name` (`DELIVERY_QUEUE_NAME`), `slow_queue_name`
    (`SLOW_QUEUE_NAME`), `transfer_queue_name` (`TRANSFER_QUEUE_NAME`) and `data_keys_secret`
    (`DATA_KEYS_SECRET`) are names as `infra/resources.json` creates them; the names of the secrets
    of apps, carriers and switches begin with `secrets_prefix` (`SECRETS_PREFIX`) and a slash.
    `cache_s` (`CACHE_S`, seconds) is how long
    secrets and app profiles are kept in memory, `callback_timeout_s` (`CALLBACK_TIMEOUT_S`,
    seconds) how long an app has to answer a callback (NetEase: 5), `carrier_timeout_s`
    (`CARRIER_TIMEOUT_S`, seconds) how long a carrier may be silent (all of a request takes twice
    as long at most), `carrier_workers` (`CARRIER_WORKERS`) how many bindings of one carrier each of
    the two schedules works on at a time, `recording_limit_mb` (`RECORDING_LIMIT_MB`) how large a
    recording may be, `log_level` (`LOG_LEVEL`) as in the standard library. `private_addresses`
    (`PRIVATE_ADDRESSES`, `allowed` or not set) is for development: callbacks and recordings then
    go over http and to this machine, too, and carriers may be on it.
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
    private_addresses: bool
    log_level: str


@once
def settings() -> Settings:
    """Reads the environment once. Names default to those of the stage `dev`."""
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
        private_addresses=os.environ.get("PRIVATE_ADDRESSES") == "allowed",
        log_level=os.environ.get("LOG_LEVEL", "INFO"),
    )


def by_command() -> bool:
    """Whether one of Chalice's commands imports the bundle, which sets this, and not Lambda."""
    return "AWS_CHALICE_CLI_MODE" in os.environ
