"""Client of the masking gateway's REST API."""

from masking_gateway.client import Client
from masking_gateway.errors import FieldError, GatewayError, WebhookVerificationError
from masking_gateway.models import (
    Binding,
    Explanation,
    Export,
    Prompts,
    Record,
    Recording,
    RecordingLink,
    SentEvent,
)
from masking_gateway.webhooks import Event, EventData, WebhookVerifier

__all__ = [
    "Binding",
    "Client",
    "Event",
    "EventData",
    "Explanation",
    "Export",
    "FieldError",
    "GatewayError",
    "Prompts",
    "Record",
    "Recording",
    "RecordingLink",
    "SentEvent",
    "WebhookVerificationError",
    "WebhookVerifier",
]
