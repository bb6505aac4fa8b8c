"""Two tenants, two switches of two nodes and both vendors: whatever is reported, in whatever order
and however often, each tenant sees what is its own, to the byte, and nothing else.

A seed makes a world up, which is told in several orders. A failure names both, and is replayed by
`SEEDS=7 ORDER=2 pytest tests/attacks/test_tenants.py`. `INTERLEAVINGS` is how many are tried, from
the first of SEEDS on.
"""

import json
import os
import random
from collections.abc import Iterator
from difflib import ndiff
from functools import partial
from typing import Any

import pytest

from chalicelib.wiring.operator import orphans
from tests.attacks.tenants import (
    APPS,
    DAY,
    GIVEN,
    LEFT,
    PEOPLE,
    START,
    STRANGER,
    TENANTS,
    TOLD,
    Maker,
    World,
    interleaving,
    x_of,
)
from tests.attacks.tenants_here import SETTLED, SITE, Tenancy, outside
from tests.attacks.tenants_model import Model, View, md5_of
from tests.attacks.tenants_told import Told
from tests.conventions import rfc
from tests.gateways import stage
from tests.sizes import seeds

ORDERS = range(4)
"""The orders in which each world is told; in every other one the workers are at it meanwhile."""
INTERLEAVINGS = os.environ.get("INTERLEAVINGS")
SEEDS = seeds()
if INTERLEAVINGS or not os.environ.get("SEEDS"):
    SEEDS = list(range(SEEDS[0], SEEDS[0] + int(INTERLEAVINGS or 12) // len(ORDERS)))
CALLS = 14

Seen = dict[str, Any]


@pytest.fixture(scope="module")
def tenancy(engine: str | None) -> Iterator[Tenancy]:
    with stage(engine) as here, outside() as place:
        yield Tenancy(here, place)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_tenant_sees_its_own(
    tenancy: Tenancy,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    seed: int,
) -> None:
    caplog.set_level("INFO")
    world = Maker(seed, tenancy.bound, tenancy.place.url, tenancy.accounts).make(CALLS)
    orders = [int(os.environ["ORDER"])] if "ORDER" in os.environ else ORDERS
    first: Seen = {}
    for order in orders:
        try:
            seen = _one(tenancy, world, order, random.Random(f"{seed} {order}"))
            assert seen == (first := first or seen), "another order, other bytes"
            out, err = capsys.readouterr()
            _check_nothing_readable(tenancy, out + err + caplog.text)
        except AssertionError as error:
            error.add_note(f"SEEDS={seed} ORDER={order} replays it")
            raise
        finally:
            caplog.clear()
            tenancy.forget(tenancy.left())


def _one(tenancy: Tenancy, world: World, order: int, rng: random.Random) -> Seen:
    """One interleaving, and what is to be seen of it in the end."""
    now, prompt = TOLD, order % 2 == 1
    for batch in interleaving(world, rng):
        now += rng.randint(1, 30)
        tenancy.report(batch, now=now)
        if prompt and rng.random() < 0.2:
            # What names nothing but a call waits, and recordings are fetched later.
            tenancy.work(now=now, transfers=False)
    assert now < TOLD + 5000
    tenancy.settle()
    # The same searches after each order.
    look, seen = random.Random(len(world.reports)), {}
    for app in APPS:
        model = Model(app, world, SITE, SETTLED + 180 * DAY, tenancy.refs[app])
        seen[app] = _check_app(tenancy, model, look)
        opened = partial(tenancy.opened, app)
        told = Told(model, tenancy.developers[app], opened, prompt=prompt)
        told.check(tenancy.place.told[app])
    assert len(tenancy.gateway.shared(orphans).find().orphans) == len(world.orphans)
    return seen


def _check_app(tenancy: Tenancy, model: Model, rng: random.Random) -> Seen:
    """Everything that an app is shown."""
    app, seen = model.app, {}
    since = START // DAY * DAY
    query = f"since={since}&until={since + 2 * DAY}&limit=100"
    seen["records"] = _check_page(tenancy, model, tenancy.get(app, "records", query).body)
    for about, views in _searches(model, rng):
        reply = tenancy.post(app, "records/search", about)
        seen[json.dumps(about)] = _check_page(tenancy, model, reply.body, views)
    for record in rng.sample(json.loads(seen["records"])["data"], min(1, len(model.views))):
        reply = tenancy.get(app, f"records/{record['id']}")
        assert reply.body == json.dumps(record, ensure_ascii=False)
        for other in rng.sample(APPS, 2):
            if other != app:
                assert tenancy.get(other, f"records/{record['id']}").status == 404
    _check_recordings(tenancy, model, json.loads(seen["records"])["data"], rng)
    for day in (since, since + DAY):
        seen[f"export {day}"] = _check_export(tenancy, model, day)
    assert tenancy.balance(app) == model.balance, app
    return seen


def _check_page(tenancy: Tenancy, model: Model, shown: str, views: list[View] | None = None) -> str:
    expected = model.page(shown, model.views if views is None else views)
    assert shown == expected, f"{model.app}: {_unlike(shown, expected)}"
    return shown


def _unlike(shown: str, expected: str) -> list[str]:
    """What is shown that is not expected, and what is not shown."""
    lines = [json.dumps(json.loads(each), indent=1).splitlines() for each in (shown, expected)]
    return [each for each in ndiff(*lines) if each[0] in "+-" or '"id"' in each]


def _searches(model: Model, rng: random.Random) -> Iterator[tuple[dict[str, Any], list[View]]]:
    """Some searches, and what each finds."""
    carrier = model.app.partition("-")[2]
    x = x_of(carrier, rng.choice((*TENANTS, "moves")))
    yield {"number": x}, [view for view in model.views if view.call.number == x]
    person = rng.choice((*PEOPLE, STRANGER))
    found = [
        view
        for view in model.views
        if person in (view.told_first("caller"), view.told_first("callee"))
    ]
    yield {"person": person}, found
    bindings = [view.told_first("binding") for view in model.views]
    known = [each for each in bindings if each is not None]
    if known:
        bound = rng.choice(known)
        yield {"binding": bound.id}, [v for v in model.views if v.told_first("binding") is bound]
    until = rng.choice((LEFT, GIVEN, START + 40 * 60_000))
    since = START - 1
    during = [view for view in model.views if since <= view.started < until]
    yield {"since": since, "until": until}, during


def _check_recordings(
    tenancy: Tenancy, model: Model, records: list[dict[str, Any]], rng: random.Random
) -> None:
    shown = [each for record in records for each in record["recordings"]]
    assert sorted(each["md5"] for each in shown) == model.sounds()
    for each in shown:
        path = f"recordings/{each['id']}"
        link = json.loads(tenancy.get(model.app, path, "redirect=no").body)["url"]
        assert md5_of(tenancy.file(link)) == each["md5"]
        other = rng.choice([app for app in APPS if app != model.app])
        assert tenancy.get(other, path, "redirect=no").status == 404


def _check_export(tenancy: Tenancy, model: Model, day: int) -> list[str]:
    """Both formats of a day; what they have."""
    views = model.on(day)
    shown = tenancy.export(model.app, day, "jsonl").decode()
    rows = [json.loads(line) for line in shown.splitlines()]
    by_start = {str(rfc(view.started)): view for view in views}
    assert sorted(row["started"] for row in rows) == sorted(by_start)
    expected = [model.export_row(by_start[row["started"]], row) for row in rows]
    assert shown == "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in expected)
    table = tenancy.export(model.app, day, "csv")
    assert table == (model.csv(expected) if views else b""), (table, model.csv(expected))
    return [shown, table.decode()]


def _check_nothing_readable(tenancy: Tenancy, logged: str) -> None:
    """No number of anybody's in what is stored, queued and logged, and in what is one tenant's no
    word of the other."""
    texts = [logged, *tenancy.queue.bodies]
    left = tenancy.left()
    for item in left:
        values = list(_texts(item))
        texts += values
        app = item.get("app", {}).get("S")
        if app in APPS:
            other = TENANTS[1 - TENANTS.index(app.partition("-")[0])]
            assert not any(f"{other}-" in value for value in values), item["pk"]
    everything = "\n".join(texts)
    for digits in (*PEOPLE, STRANGER):
        assert digits.removeprefix("86") not in everything


def _texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                yield str(name)
                yield from _texts(inner)
        case list() | set() | tuple():
            for inner in value:
                yield from _texts(inner)
        case bytes():
            yield value.decode("latin-1")
        case _:
            yield str(value)
