"""x"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # What a cold bind does without.
    from chalicelib.core.calls.placed import PlacedCall
from chalicelib.core.requests import Earlier


@dataclass(frozen=True, slots=True)
class Occupied:
    """Why a call was not claimed: the `call` that its people are in (of the same app), or the
    `earlier` request of the same id; or both, when that request placed that call."""

    call: "PlacedCall | None" = None
    earlier: Earlier | None = None
