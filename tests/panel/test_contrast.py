"""Contrast of what operators read and aim at, computed from the colours in the style sheets as WCAG 2.2 says.

axe-core sees only the states that a page is in; here is every state, and what is not text. Sources: success criteria 1.4.3
(text: 4.5 to 1), 1.4.11 (marks, borders of fields, focus: 3 to 1), and WCAG's definition of relative luminance.
"""

from __future__ import annotations

import re
from importlib import resources

import pytest

TEXT_RATIO, MARK_RATIO = 4.5, 3.0
STATES = ("starting", "waiting", "working", "PASS", "FAIL", "ERROR", "ABORTED", "down")
RESULTS = ("PASS", "FAIL", "ERROR", "ABORTED")
BLACK, WHITE = "#000", "#fff"


def _rules() -> dict[str, dict[str, str]]:
    """Declarations by selector, of both sheets; a later one wins, whatever it is conditional on."""
    found: dict[str, dict[str, str]] = {}
    for name in ("station.css", "operator.css"):
        sheet = (resources.files("station.panel") / "static" / name).read_text(encoding="utf-8")
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)):
            pairs = (line.split(":", 1) for line in body.split(";") if ":" in line)
            found.setdefault(selector.strip(), {}).update({key.strip(): value.strip() for key, value in pairs})
    return found


RULES = _rules()


def colour(selector: str, key: str) -> str:
    """The colour that a declaration holds, as #rgb or #rrggbb."""
    value = RULES[selector][key]
    if held := re.search(r"var\((--[\w-]+)\)", value):
        value = RULES[":root"][held[1]]
    found = re.search(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})\b", value)
    assert found, f"{selector}: {key} is not a plain colour: {value}"
    return found[0]


def of_tile(state: str, key: str) -> str:
    """What a tile in that state has for ``--fill``, ``--text`` or ``--weak``."""
    own = f'.tile[data-state="{state}"]'
    return colour(own if key in RULES.get(own, {}) else ".tile", key)


def luminance(colour_: str) -> float:
    """Relative luminance, 0 to 1."""
    digits = colour_[1:] if len(colour_) == 7 else "".join(digit * 2 for digit in colour_[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 (the same) to 21 (black on white)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_wcags() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == 1
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.01)  # the known grey that just fails


@pytest.mark.parametrize("state", STATES)
def test_a_tile_can_be_read_in_every_state(state: str) -> None:
    fill = of_tile(state, "--fill")
    for key in ("--text", "--weak"):
        assert contrast(of_tile(state, key), fill) >= TEXT_RATIO, key


def test_each_result_has_a_fill_of_its_own_that_stands_out_from_a_socket_that_waits() -> None:
    assert len({of_tile(state, "--fill") for state in STATES}) == len(STATES)
    page = colour(".kiosk", "background")
    for state in ("PASS", "FAIL", "ABORTED", "down"):
        assert contrast(of_tile(state, "--fill"), page) >= MARK_RATIO, state
    # Amber is light by nature: its border parts it from the page.
    assert contrast(colour('.tile[data-state="ERROR"]', "border-color"), page) >= MARK_RATIO


@pytest.mark.parametrize(
    ("text", "behind"),
    [
        ((".lost", "color"), (".lost", "background")),
        ((".told", "color"), (".told", "background")),
        ((".told", "color"), (".told.bad", "background")),
        ((".tile button, dialog button", "color"), (".tile button, dialog button", "background")),
        ((".tile button.go, dialog button.go", "color"), (".tile button.go, dialog button.go", "background")),
        ((".tile button.halt", "color"), (".tile button, dialog button", "background")),
        ((".tile input", "color"), (".tile input", "background")),
        ((".totals dt", "color"), (".totals > div", "background")),
        ((".totals dt", "color"), ('.totals [data-ok="false"]', "background")),
        ((".totals .pass", "color"), (".totals > div", "background")),
        ((".totals .fail", "color"), (".totals > div", "background")),
        ((".totals .error", "color"), (".totals > div", "background")),
        (('#sound[aria-pressed="true"]', "color"), ('#sound[aria-pressed="true"]', "background")),
        ((".bar", "color"), (".bar", "background")),
        ((".bar a", "color"), (".bar a:hover", "background")),
        ((".skip", "color"), (".skip", "background")),
        (("body", "color"), (".login .problem", "background")),
        ((".login button", "color"), (".login button", "background")),
    ],
    ids=lambda pair: " ".join(pair),
)
def test_every_other_text_can_be_read(text: tuple[str, str], behind: tuple[str, str]) -> None:
    assert contrast(colour(*text), colour(*behind)) >= TEXT_RATIO


def test_fields_marks_and_the_focus_can_be_seen() -> None:
    white = colour(".tile", "--fill")
    assert contrast(colour(".tile input", "border"), white) >= MARK_RATIO
    assert contrast(colour(".login input", "border"), white) >= MARK_RATIO
    assert contrast(colour(".steps .done", "background"), of_tile("working", "--fill")) >= MARK_RATIO
    assert contrast(colour(".steps .done", "background"), colour(".steps li", "background")) >= MARK_RATIO
    for page in (colour("body", "background"), colour(".login .problem", "background"), white):
        assert contrast(colour(":root", "--focus"), page) >= MARK_RATIO
    for bar in (colour(".bar", "background"), colour(".bar a:hover", "background")):
        assert contrast(colour(".bar :focus-visible", "outline-color"), bar) >= MARK_RATIO
    ring = [colour(".tile :focus-visible", "outline"), colour(".tile :focus-visible", "box-shadow")]
    for state in STATES:  # one of the ring's two colours always
        assert max(contrast(one, of_tile(state, "--fill")) for one in ring) >= MARK_RATIO, state
