"""NetEase's one-click login on the wire: parameters and reply, as its document has them."""

from typing import Any

from chalicelib.carriers.parameters import Parameters
from chalicelib.core.errors import BadParameter

MAX_TOKEN = 2048
MAX_CERTIFICATE = 128


def read_token(parameters: Parameters) -> tuple[str, str | None]:
    """The operator's token, and the certificate's name if there is one. Raises BadParameter."""
    token, certificate = parameters.need("token"), parameters.get("certname")
    if len(token) > MAX_TOKEN:
        raise BadParameter("token")
    if certificate is not None and len(certificate) > MAX_CERTIFICATE:
        raise BadParameter("certname")
    return token, certificate


def write_number(encrypted: str) -> dict[str, Any]:
    """The reply."""
    return {"code": 200, "mobilePhone": encrypted}
