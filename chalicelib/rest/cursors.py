"""Cursors of lists: sealed, and good only for the app and the request that they were given to."""

import base64
import binascii
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag

from chalicelib.rest.problems import UNKNOWN, Failure
from chalicelib.schema.types import Wrong
from chalicelib.store.field_encryption import FieldEncryption

NO_CURSOR = "is no cursor of this request; repeat the request without it, or as it was before"


class Cursors:
    """Seals places in lists with the data keys. Every method may raise Unavailable."""

    def __init__(self, encryption: Callable[[], FieldEncryption]) -> None:
        self._encryption = encryption

    def seal(self, place: str, scope: Sequence[str]) -> str:
        """A cursor that opens with the same scope only."""
        sealed = self._encryption().seal(place, _context(scope))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, cursor: str, scope: Sequence[str]) -> str:
        """The place that was sealed. Raises Failure: somebody else's cursor is an unknown one."""
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            return self._encryption().open(sealed, _context(scope))
        except (binascii.Error, ValueError, KeyError, IndexError, InvalidTag):
            raise Failure(UNKNOWN, wrong=[Wrong("/cursor", NO_CURSOR)]) from None


def _context(scope: Sequence[str]) -> str:
    return "\x00".join(("cursor", *scope))
