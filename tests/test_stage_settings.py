"""Settings: the stage names everything, each variable alone overrides."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.stage_settings import Settings, settings

NAMES = [
    "STAGE",
    "TABLE_NAME",
    "DELIVERY_QUEUE_NAME",
    "SLOW_QUEUE_NAME",
    "TRANSFER_QUEUE_NAME",
    "SECRETS_PREFIX",
    "DATA_KEYS_SECRET",
    "CACHE_S",
    "CALLBACK_TIMEOUT_S",
    "CARRIER_TIMEOUT_S",
    "CARRIER_WORKERS",
    "RECORDING_LIMIT_MB",
    "LOG_LEVEL",
]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Reads the settings of an environment that has these variables only."""

    def read(**variables: str) -> Settings:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        return settings()

    yield read
    settings.cache_clear()


def test_without_any_variable_it_is_the_stage_dev(read: Any) -> None:
    assert read() == Settings(
        stage="dev",
        table_name="masking-gateway-dev",
        delivery_queue_name="masking-gateway-dev-delivery",
        slow_queue_name="masking-gateway-dev-delivery-slow",
        transfer_queue_name="masking-gateway-dev-transfer",
        secrets_prefix="masking-gateway-dev",
        data_keys_secret="masking-gateway-dev/data-keys",
        cache_s=60,
        callback_timeout_s=5.0,
        carrier_timeout_s=4.0,
        carrier_workers=32,
        recording_limit_mb=2048,
        log_level="INFO",
    )


def test_the_stage_names_everything(read: Any) -> None:
    prod = read(STAGE="prod")
    names = [prod.table_name, prod.delivery_queue_name]
    names += [prod.slow_queue_name, prod.transfer_queue_name]
    names += [f"{prod.secrets_prefix}/app/demo", prod.data_keys_secret]
    assert all(name.startswith("masking-gateway-prod") for name in names)
    assert len(set(names)) == 6


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("TABLE_NAME", "t", "table_name", "t"),
        ("DELIVERY_QUEUE_NAME", "q", "delivery_queue_name", "q"),
        ("SLOW_QUEUE_NAME", "s", "slow_queue_name", "s"),
        ("TRANSFER_QUEUE_NAME", "t", "transfer_queue_name", "t"),
        ("SECRETS_PREFIX", "c", "secrets_prefix", "c"),
        ("DATA_KEYS_SECRET", "d", "data_keys_secret", "d"),
        ("CACHE_S", "7", "cache_s", 7),
        ("CALLBACK_TIMEOUT_S", "1.5", "callback_timeout_s", 1.5),
        ("CARRIER_TIMEOUT_S", "2.5", "carrier_timeout_s", 2.5),
        ("RECORDING_LIMIT_MB", "9", "recording_limit_mb", 9),
        ("LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
    ],
)
def test_each_variable_sets_its_field(
    read: Any, *, variable: str, value: str, field: str, expected: Any
) -> None:
    assert getattr(read(**{variable: value}), field) == expected


@pytest.mark.parametrize("variable", ["CACHE_S", "CALLBACK_TIMEOUT_S", "CARRIER_TIMEOUT_S"])
def test_a_number_that_is_none_stops_the_start(read: Any, variable: str) -> None:
    with pytest.raises(ValueError):
        read(**{variable: "soon"})
