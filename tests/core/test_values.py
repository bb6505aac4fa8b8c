"""Values: what a subscriber, a number, a quota and a binding's life are."""

from dataclasses import replace

import pytest

from chalicelib.core.bindings.model import MARKS_KEPT, State
from chalicelib.core.errors import BadParameter, RequestMismatch
from chalicelib.core.subscribers import Subscriber, parse_number
from tests.core.samples import app_with, binding, request


@pytest.mark.parametrize("text", ["4477009", "447700900001", "447700900001234", "12125550100"])
def test_a_subscriber_is_7_to_15_digits_with_country_code(text: str) -> None:
    assert Subscriber.parse(text, name="a").digits == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "447700",
        "4477009000012345",
        "0447700900001",
        "+447700900001",
        " 447700900001",
        "447700900001\n",
        "44 7700900001",
        "44770090000a",
        "４４７７００９０００",
        "٤٤٧٧٠٠٩٠٠٠",
    ],
)
def test_anything_else_is_a_bad_parameter_that_names_the_field_not_the_value(text: str) -> None:
    with pytest.raises(BadParameter) as caught:
        Subscriber.parse(text, name="b")
    assert caught.value.name == "b"
    assert "4477" not in str(caught.value)


def test_no_text_form_of_a_subscriber_shows_the_number() -> None:
    one = Subscriber("447700900001")
    for text in (repr(one), str(one), f"{one}", f"{[one]}", f"{{one}} {one!r}"):
        assert "7700" not in text


@pytest.mark.parametrize("text", ["700", "8610000000001", "700000000000001", "1" * 24])
def test_an_x_is_digits_as_dialled_and_not_held_to_e164(text: str) -> None:
    assert parse_number(text, name="number") == text


@pytest.mark.parametrize("text", ["", "70", "1" * 25, "+8610000000001", "86 10", "７００", "700\n"])
def test_anything_else_is_no_x(text: str) -> None:
    with pytest.raises(BadParameter) as caught:
        parse_number(text, name="number")
    assert caught.value.name == "number"


@pytest.mark.parametrize("quota", [1, 15, 16, 17, 31, 1000, 10_007])
def test_the_shards_of_a_quota_add_up_to_it_and_differ_by_one_at_most(quota: int) -> None:
    app = replace(app_with({}), quota=quota, quota_shards=16)
    limits = [app.shard_limit(shard) for shard in range(16)]
    assert sum(limits) == quota
    assert max(limits) - min(limits) <= 1


def test_a_binding_lives_until_the_millisecond_it_expires() -> None:
    assert binding().live(4999)
    assert not binding().live(5000)


def test_a_released_binding_is_over_at_once() -> None:
    over = binding().ended(now=2000)
    assert not over.live(2000)
    assert (over.state, over.expires, over.updated) == (State.ENDED, 2000, 2000)


def test_extending_counts_from_the_old_expiry() -> None:
    longer = binding().extended(delta_ms=100, request=request("r"), now=1500)
    assert (longer.expires, longer.updated) == (5100, 1500)


def test_a_binding_remembers_the_latest_requests_that_extended_it() -> None:
    longer = binding()
    for i in range(MARKS_KEPT + 1):
        longer = longer.extended(delta_ms=100, request=request(f"r{i}"), now=1500)
    assert not longer.extended_by(request("r0"))
    assert all(longer.extended_by(request(f"r{i}")) for i in range(1, MARKS_KEPT + 1))
    assert not longer.extended_by(request("another"))
    with pytest.raises(RequestMismatch):
        longer.extended_by(request("r5", "other content"))


def test_what_an_app_sees_of_a_binding_holds_nothing_of_ours() -> None:
    seen = binding(record=True, user_data="abc").info
    assert (seen.id, seen.number, seen.expires, seen.created) == ("1", "8610000000001", 5000, 1000)
    assert (seen.a.digits, seen.b.digits) == ("447700900001", "447700900002")
    assert (seen.record, seen.user_data) == (True, "abc")
    assert "7700" not in repr(seen)
