"""Operators who work at once: whatever says that it succeeded works, nobody's work is lost."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from admin import carriers, credentials, numbers, provision
from chalicelib.core.credentials import AppCredentials
from cli.failures import Mistake
from tests.gateways import Stage, number

AT_ONCE = 24
URL = "https://shop.example/calls"
SECRET = base64.b64encode(bytes(range(24))).decode()


def at_once(work: Any, count: int = AT_ONCE) -> tuple[list[Any], list[str]]:
    """What `work(0..)` made, all of them begun together, and what the others were told."""

    def one(place: int) -> tuple[Any, str | None]:
        try:
            return work(place), None
        except Mistake as mistake:
            return None, str(mistake)

    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(one, range(count)))
    return [made for made, why in done if why is None], [why for _, why in done if why is not None]


def of(here: Stage, name: str) -> AppCredentials:
    """How an app signs, as a fresh process knows it."""
    found = here.instance().credentials.of_app(name)
    assert found is not None
    return found


def test_apps_made_at_once_all_work(here: Stage) -> None:
    def make(place: int) -> tuple[str, str, str]:
        return f"app-{place}", *provision.create_app(f"app-{place}", callback_url=URL)

    made, refused = at_once(make)
    assert (len(made), refused) == (AT_ONCE, [])
    known = here.instance().credentials
    for name, key, secret in made:
        found = known.app(key)
        assert found is not None
        assert (found.app, found.secrets) == (name, (secret,))
    assert sorted(provision.list_apps()) == sorted(name for name, _, _ in made)


def test_one_app_made_at_once_is_made_once(here: Stage) -> None:
    made, refused = at_once(lambda _: provision.create_app("shop", callback_url=URL))
    assert len(made) == 1
    assert len(refused) == AT_ONCE - 1
    assert all("exists" in why or "somebody else is changing" in why for why in refused)
    found = of(here, "shop")
    assert (found.key, found.secrets) == (made[0][0], (made[0][1],))


def test_one_of_many_rotations_succeeds_and_the_others_say_why_not(here: Stage) -> None:
    _, first = provision.create_app("shop", callback_url=URL)
    made, refused = at_once(lambda _: provision.rotate_app_secret("shop"))
    assert len(made) == 1
    assert of(here, "shop").secrets == (made[0], first)
    assert len(refused) == AT_ONCE - 1
    assert all("--drop-previous" in why or "somebody else is changing" in why for why in refused)


def test_changes_of_one_app_of_several_kinds_are_all_kept_or_refused(here: Stage) -> None:
    provision.create_app("shop", callback_url=URL)
    members = [f"member_{place}" for place in range(AT_ONCE)]

    def change(place: int) -> str:
        credentials.change(
            credentials.app("shop"), lambda content: content.update({members[place]: "x"})
        )
        return members[place]

    made, refused = at_once(change)
    owner = credentials.app("shop")
    content = credentials.content_of(owner, credentials.known(owner))
    assert made
    assert len(made) + len(refused) == AT_ONCE
    assert {name for name in content if name.startswith("member_")} == set(made)


def test_data_keys_added_at_once_are_all_kept_or_refused(here: Stage) -> None:
    made, refused = at_once(lambda _: provision.add_data_key(), count=6)
    assert made
    assert len(set(made)) == len(made)
    assert all("somebody else" in why for why in refused)
    for version in made:
        provision.use_data_key(version)


def test_numbers_given_at_once_belong_to_one_app(here: Stage) -> None:
    names = [f"app-{place}" for place in range(6)]
    for name in names:
        provision.create_app(name, callback_url=URL)
    pool = [(number(place), None) for place in range(20)]
    made, refused = at_once(lambda place: (names[place], numbers.add(names[place], pool)), count=6)
    assert [added for _, added in made] == [20]
    assert len(refused) == 5
    (winner, _), *_ = made
    for name in names:
        assert len(provision.show_app(name).pool.areas) == (20 if name == winner else 0)


def test_a_switch_is_given_an_address_once_and_keeps_what_it_had(here: Stage) -> None:
    provision.create_switch("node", "own")
    carriers.set_carrier("own", recording_hosts=["files.example.com"])

    def give(place: int) -> str:
        url = f"https://switch-{place}.example/calls"
        provision.create_carrier("own", kind="switch", secret=SECRET, urls=[url])
        return url

    made, refused = at_once(give, 8)
    assert len(made) == 1
    assert all("exists" in why or "somebody else is changing" in why for why in refused), refused
    shown = carriers.show_carrier("own")
    assert (shown["urls"], shown["recording_hosts"]) == (made, ["files.example.com"])
