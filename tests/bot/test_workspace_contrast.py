"""Whatever is read on the page has enough contrast, in both themes: computed from the CSS variables it uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bot.workspace.server as server

PAGE = Path(server.__file__).parent / "page"
TEXT_PAIRS = [
    *(
        (ink, ground)
        for ink in ("ink", "ink-soft", "link")
        for ground in ("ground", "ground-soft", "ground-hover")
    ),
    *((ink, "ground-raised") for ink in ("ink", "ink-soft", "link", "danger-text", "good")),
    ("danger-text", "ground"),
    ("good", "ground"),
    ("good", "ground-hover"),
    ("danger-text", "ground-hover"),
    ("accent-ink", "accent"),
    ("primary-ink", "primary"),
    ("danger-ink", "danger"),
    ("mention-ink", "mention"),
    ("link", "mention"),
    ("own-mention-ink", "own-mention"),
    ("private-ink", "private"),
    ("ink", "private"),
    ("link", "private"),
    ("code-ink", "code"),
    ("ink", "code"),
    ("bar-ink", "bar"),
    ("bar-soft", "bar"),
    ("bar-ink", "bar-hover"),
    ("bar-soft", "bar-hover"),
    ("bar-current-ink", "bar-current"),
    ("banner-ink", "banner"),
]
LINE_PAIRS = [
    *(("focus", ground) for ground in ("ground", "ground-soft", "ground-raised", "ground-hover", "private")),
    *(("line-strong", ground) for ground in ("ground", "ground-raised", "ground-soft")),
    ("bar-ink", "bar"),
]


def themes() -> dict[str, dict[str, str]]:
    css = (PAGE / "theme.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")
    found = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
    base = dict(found.findall(light))
    return {"light": base, "dark": base | dict(found.findall(dark))}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_knows_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS)
def test_text_stands_out_from_its_ground(theme: str, ink: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5, f"{ink} on {ground}"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), LINE_PAIRS)
def test_focus_and_control_borders_can_be_seen(theme: str, line: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[line], colours[ground]) >= 3.0, f"{line} on {ground}"


def test_avatars_and_white_text_stand_out() -> None:
    css = (PAGE / "layout.css").read_text()
    tones = re.findall(r"\.avatar\.tone-\d \{ background: (#[0-9a-f]{6}); \}", css)
    assert len(tones) == 5
    for tone in [*tones, "#4b5a67"]:
        assert contrast("#ffffff", tone) >= 4.5


def test_colours_are_named_in_the_theme_alone() -> None:
    allowed = {
        "#fff",
        "#4b5a67",
        *re.findall(r"tone-\d \{ background: (#[0-9a-f]{6})", (PAGE / "layout.css").read_text()),
    }
    for sheet in ("layout.css", "blocks.css"):
        assert set(re.findall(r"#[0-9a-f]{3,6}\b", (PAGE / sheet).read_text())) <= allowed, sheet


def test_every_variable_that_is_used_exists() -> None:
    defined = set(re.findall(r"--([a-z-]+):", (PAGE / "theme.css").read_text()))
    for sheet in PAGE.glob("*.css"):
        assert set(re.findall(r"var\(--([a-z-]+)\)", sheet.read_text())) <= defined, sheet.name


def test_the_page_refers_to_nothing_elsewhere() -> None:
    for file in PAGE.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"(?:src|href|url|from|import)\s*[=(]?\s*[\"'(]https?://", text), file.name
