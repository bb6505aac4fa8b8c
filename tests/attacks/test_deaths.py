"""A process that dies before or after any one of its calls, to the table or to the carrier: the
schedules bring both to agree, nothing stays reserved, and a repeat of the request is the same."""

from itertools import count

import pytest

from tests.attacks.dying import ACTIONS, COOLING_S, World, agreed, delay, dying, recover
from tests.attacks.keepers import Book
from tests.gateways import MINUTE, NOW, Stage, number


@pytest.mark.parametrize("action", ACTIONS)
def test_a_death_at_any_step_is_made_good(here: Stage, action: str) -> None:
    start, act, at = ACTIONS[action]
    for step in count():
        name = f"app{step}"
        world = World(
            here, here.app(name, [number(step)], cooling_s=COOLING_S), number(step), Book()
        )
        start(world)
        gateway = world.instance()
        with dying(gateway, step) as steps:
            act(world, gateway)
        told = f"{action}, died {steps[-1]}"
        healthy = world.instance()
        if action.endswith("at once"):
            act(world, healthy)
        now = recover(healthy, now=at)
        assert agreed(world, healthy, now=now), told
        shown = world.shown(healthy, now=now)
        items = here.items()
        live = [i for i in items if i["pk"]["S"] == f"Q#{name}"]
        assert sum(int(i["live"]["N"]) for i in live) == len(shown), told
        assert not [i for i in items if "pending" in i and i["pk"]["S"] == f"X#{world.x}"], told
        if not world.bound:
            again = world.bind(healthy, now=now)
            assert again["code"] == 200, told
        elif act is delay:
            delay(world, healthy)
            (info,) = world.shown(healthy, now=now)
            assert info["expireTime"] == NOW + 70 * MINUTE, told
        assert agreed(world, healthy, now=now), told
        if len(steps) <= step:
            break
    assert step > 4
