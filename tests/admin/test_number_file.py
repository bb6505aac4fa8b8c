"""Numbers as operators write them, on the command line and in files."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from admin import checks, number_file
from admin.__main__ import cli
from cli.failures import Mistake
from tests.stage import X1, X2, Stage

NOBODY = ("--callback-url", "https://example.org/calls", "--unchecked")


@pytest.fixture
def demo(stage: Stage) -> Stage:
    assert CliRunner().invoke(cli, ["app-create", "demo", *NOBODY]).exit_code == 0
    return stage


def add(*arguments: str, content: str = "") -> Result:
    return CliRunner().invoke(cli, ["numbers-add", "demo", *arguments], input=content)


def pool(stage: Stage) -> dict[str, str | None]:
    found = [item for item in stage.items("APP#demo") if item["sk"]["S"].startswith("NUMBER#")]
    return {
        item["sk"]["S"].removeprefix("NUMBER#"): item.get("area", {}).get("S") for item in found
    }


@pytest.mark.parametrize(
    "text",
    [
        "8610000000001",
        "+8610000000001",
        "+86 100 0000-0001",
        " +86(100)0000.0001 ",
        "008610000000001",
        "tel:+86-100-0000-0001",
        "TEL:+8610000000001;ext=7",
        "tel:10000000001;phone-context=+86",
        "８６１０００００００００１",
    ],
)
def test_a_number_is_read_as_it_is_written(text: str) -> None:
    assert checks.x_number(text) == X1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "ten",
        "86135x5671234",
        "8610000000001;8610000000002",
        "10086/10010",
        "sip:8610000000001@example.org",
        "8" * 25,
        "+86+10",
    ],
)
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(Mistake, match="for example 861082325588 or") as raised:
        checks.number(checks.x_number(text), None)
    assert repr(text) in str(raised.value)


def test_numbers_come_from_arguments_a_file_and_standard_input(demo: Stage, tmp_path: Path) -> None:
    content = f"\ufeffNumber,Area\r\n# ours\r\n{X1},10\r\n\r\n '+86 100 0000 0002' \r\n".replace(
        "'", '"'
    )
    file = tmp_path / "numbers.csv"
    file.write_bytes(content.encode())
    done = add("8610000000003", "--file", str(file), "--area", "21")
    assert (done.exit_code, done.stdout) == (0, "3 new, 0 there already\n"), done.output
    assert pool(demo) == {X1: "10", X2: "21", "8610000000003": "21"}
    assert (
        add("--file", "-", content=f"{X1}\n8610000000004,10").stdout == "1 new, 1 there already\n"
    )


def test_every_bad_line_is_named_and_nothing_is_added(demo: Stage) -> None:
    content = f"{X1}\nnonsense\n{X2},010\n8610000000009\n8610000000003,10,20\n{X1},21\n"
    result = add("--file", "-", content=content)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "Error: nothing is done, 4 numbers are wrong:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [f"line {n}" for n in (2, 3, 5, 6)]
    assert "'nonsense'" in lines[1]
    assert "'010'" in lines[2]
    assert "is in line 1 too" in lines[4]
    assert pool(demo) == {}


def test_a_number_that_comes_twice_is_one() -> None:
    assert number_file.read([X1, f"+{X1}"], f"{X1}".encode(), checks.x_number) == [(X1, None)]


def test_a_file_of_another_kind_does_not_fill_the_screen() -> None:
    with pytest.raises(Mistake) as raised:
        number_file.read([], b"x,y,z\n" * 1000, checks.x_number)
    assert str(raised.value).splitlines()[-1] == "  and 980 more"
    with pytest.raises(Mistake, match="no text in UTF-8"):
        number_file.read([], b"\xff\xfe\x00", checks.x_number)


def test_one_bad_number_is_one_line(demo: Stage) -> None:
    result = add(X1, "12x", X2)
    assert result.stderr.startswith("Error: nothing is done: number 2: '12x' is no number; wanted")
    assert result.stderr.count("\n") == 1
    assert pool(demo) == {}


def test_none_at_all_is_wrong_usage(demo: Stage) -> None:
    assert add().exit_code == 2


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("13105551234", "+8613105551234 or +13105551234"),
        ("10012345678", "+8610012345678 or +10012345678"),
        ("95512345", "+8695512345 or +95512345"),
    ],
)
def test_what_can_be_a_number_of_two_countries_is_asked_about(text: str, forms: str) -> None:
    with pytest.raises(Mistake, match=re.escape(f"{text} can be {forms}: write it so")):
        checks.new_x_number(text)
    for form in forms.split(" or "):
        assert checks.new_x_number(form) == form.removeprefix("+")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("+4001234567", "+864001234567"),
        ("+95588", "+8695588"),
        ("0095588", "+8695588"),
        ("+01082325588", "+861082325588"),
        ("+700000000000001", "+86700000000000001"),
    ],
)
def test_a_plus_without_a_country_code_is_refused(text: str, form: str) -> None:
    with pytest.raises(Mistake, match=re.escape(f"if it is in China, write {form}")):
        checks.new_x_number(text)
    checks.number(checks.new_x_number(form), None)


def test_what_is_there_is_taken_away_as_it_is_listed(demo: Stage) -> None:
    """A number of North America has the digits of a mobile in China, and is listed without `+`."""
    assert add("+13105551234").exit_code == 0
    listed = CliRunner().invoke(cli, ["numbers-list", "demo"]).output.split()[0]
    assert listed == "13105551234"
    assert CliRunner().invoke(cli, ["numbers-remove", "demo", listed, "--drain"]).exit_code == 0
    assert "can be +8613105551234 or +13105551234" in add(listed).output


def test_a_number_in_another_form_than_it_is_listed_in_is_told_which(demo: Stage) -> None:
    """Our own API shows each X with its country code, whatever form the pool has."""
    assert add("01082325588").exit_code == 0
    for more in (("--drain",), ()):
        refused = CliRunner().invoke(cli, ["numbers-remove", "demo", "+861082325588", *more])
        assert "the app demo has no number 861082325588, but 01082325588" in refused.output
