"""Which days an event changes that may have been exported already."""

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.export_days import changed_days, opens_at
from chalicelib.core.calls.follow_up import SETTLED_MS
from chalicelib.core.calls.missing_events import Gap, gap_event
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.services.calls.records import entry_of
from tests.core.samples import call_of, event

DAY = 20_000 * DAY_MS
LATE = opens_at(DAY) + 10 * MINUTE_MS


def test_a_gap_that_is_found_changes_the_day_of_a_late_event() -> None:
    """An export that was made soon after that event says nothing of it yet."""
    end = event(EventKind.CALL_ENDED, DAY + DAY_MS // 2, received=LATE, binding="b")
    call, looked_at = call_of(end), LATE + SETTLED_MS
    early, found = entry_of(call, now=looked_at - 1), entry_of(call, now=looked_at)
    assert early is not None
    assert found is not None
    assert (early.gaps, found.gaps) == ((), (Gap.NO_START,))
    told = call_of(end, gap_event(call, Gap.NO_START, now=looked_at))
    assert changed_days(call, told, now=looked_at) == [DAY]
    # Before the day can be exported nothing is to be noted.
    assert changed_days(call, told, now=opens_at(DAY) - DAY_MS) == ()
