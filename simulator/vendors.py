"""The simulated vendors: each folder beside this module that has a `simulated.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

from simulator import vendor_control
from simulator.callbacks import PAUSES_S
from simulator.clock import MovableClock, Now
from simulator.dialling import Dialled, Written
from simulator.numbers import Numbers
from simulator.placing import Phones
from simulator.recordings import Recordings
from simulator.routes import Route


@dataclass(frozen=True, slots=True)
class Access:
    """Our account with a vendor: what signs, in the words of `admin carrier-create`, and where it
    reports what (`callbacks`, as the carrier's profile names them, with whole addresses)."""

    key: str
    secret: str = field(repr=False)
    callbacks: Mapping[str, str]
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a vendor: where `/recordings/<call>.wav` is served, telephones, recordings,
    the clock by which bindings expire, and how long to wait between attempts of a callback."""

    recordings_url: str
    phones: Phones = field(default_factory=Phones)
    recordings: Recordings = field(default_factory=Recordings)
    clock: Now = field(default_factory=MovableClock)
    pauses_s: Sequence[float] = PAUSES_S


@dataclass(frozen=True, slots=True)
class Bound:
    """A live binding as a vendor has it, in words that all share: numbers with country code, `b`
    is None for an XA, `expires` epoch ms, `user_data` what came with it."""

    id: str
    a: str
    b: str | None
    x: str
    expires: int
    record: bool
    user_data: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What is seen of a vendor from outside and differs between them.

    It keeps bindings for whole ones of `counts_in_s` seconds; `keeps_longer` is the operation by
    which it is asked to keep one for longer. `runs_at_once`: a repeat of a request that still runs
    waits for its answer. It reports starts of calls (`tells_starts`), what messages say
    (`tells_texts`), and whether a binding is over or there never was one (`tells_expired`).
    """

    counts_in_s: int = 1
    keeps_longer: str = ""
    runs_at_once: bool = True
    tells_starts: bool = False
    tells_texts: Literal["always", "if recorded", "never"] = "always"
    tells_expired: bool = False


class Vendor(vendor_control.Vendor, Protocol):
    """A vendor's server, and its side of the telephone network."""

    def owns(self, number: str) -> bool:
        """Whether it is one of the X that this vendor connects."""
        ...

    def dial(self, call: Dialled) -> dict[str, Any]:
        """Makes a call to an X from end to end; what both people saw."""
        ...

    def send(self, message: Written) -> dict[str, Any]:
        """Sends a message to an X; what both people saw."""
        ...


class Simulated(Protocol):
    """What a `simulated.py` has. `PORT` is where `make run` serves the vendor by default, `ACCOUNT`
    the name of our account there. `APP` is an app of NetEase's API that has its `NUMBERS`, with
    country code, `DEVELOPERS_APP` one of interline's API that has others, as inside China."""

    PORT: int
    ACCOUNT: str
    APP: str
    NUMBERS: Numbers
    DEVELOPERS_APP: str
    DEVELOPERS_NUMBERS: Numbers
    TRAITS: Traits

    def credentials(self) -> dict[str, str]:
        """New ones, as Access has them."""
        ...

    def vendor(self, access: Access, numbers: Mapping[str, str | None], around: Around) -> Vendor:
        """A vendor with this one customer. `numbers` are his X as our pools have them, and their
        area codes."""
        ...

    def routes(self, vendor: Any) -> list[Route]:
        """The requests to its control side."""
        ...

    def described(self, access: Access) -> dict[str, str]:
        """Our account as demo.json has it, in the vendor's words."""
        ...


def simulated() -> dict[str, Simulated]:
    """All of them, by the name of the folder, which is the kind of carrier."""
    names = sorted(each.parent.name for each in Path(__file__).parent.glob("*/simulated.py"))
    found: dict[str, Any] = {name: import_module(f"simulator.{name}.simulated") for name in names}
    return dict(sorted(found.items(), key=lambda each: each[1].PORT))
