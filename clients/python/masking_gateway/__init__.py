"""Client of the masking gateway's REST API."""

from masking_gateway.client import Client
from masking_gateway.errors import FieldError, GatewayError, WebhookVerificationError
from masking_gateway.models import (
    Binding,
    DayOfUsage,
    Explanation,
    Export,
    Prompts,
    Record,
    Recording,
    RecordingLink,
    SentEvent,
    Usage,
)
from masking_gateway.webhooks import Event, EventData, WebhookVerifier

__all__ = [
    "Binding",
    "Client",
    "DayOfUsage",
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
    "Usage",
    "WebhookVerificationError",
    "WebhookVerifier",
]
