"""What carriers call: the receiver in each carrier's folder."""

from functools import partial
from importlib import import_module
from typing import Any

from chalicelib.carriers.callback_receiver import CallbackReceiver
from chalicelib.telemetry import count
from chalicelib.wiring.api import Api
from chalicelib.wiring.ingest import Ingest


def facade(api: Api, carrier: str) -> CallbackReceiver:
    ours = api.gateway
    module: Any = import_module(f"chalicelib.carriers.{carrier}.callbacks_in")
    receiver: CallbackReceiver = module.Receiver(
        credentials=ours.credentials,
        apps=ours.apps,
        service=ours.shared(Ingest).events,
        count=partial(count, operation=f"{carrier}.callback"),
    )
    return receiver
