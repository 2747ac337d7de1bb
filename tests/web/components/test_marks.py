"""Marks that the style sheet draws in lists are the sprite's own drawings."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.utils.safestring import SafeString

from governance.web.components import marks, state_words, times

STATIC = Path(__file__).resolve().parents[3] / "static"
DRAWN = dict(
    re.findall(
        r'^\.m-([\w-]+)::before \{ mask-image: url\("data:image/svg\+xml,(.+)"\); \}$',
        (STATIC / "css/components/row-marks.css").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)
SPRITE = {
    name: (box, body)
    for name, box, body in re.findall(
        r'<symbol id="([\w-]+)" viewBox="([^"]+)">(.*?)</symbol>', (STATIC / "icons.svg").read_text(encoding="utf-8")
    )
}
#: What a row of a register may show.
SHOWN = {
    word.icon
    for word in (
        *(
            word
            for kind in ("automation", "resource", "identity", "credential", "grant", "submission", "people")
            for word in state_words.STATES[kind].values()
        ),
        *state_words.TIERS.values(),
        *state_words.LEVELS.values(),
        *state_words.DATA_CLASSES.values(),
    )
}


def test_every_mark_of_a_row_is_drawn() -> None:
    assert set(DRAWN) == SHOWN


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_mark_of_a_row_is_drawn_as_in_the_sprite(name: str) -> None:
    box, body = SPRITE[name]
    drawn = unquote(DRAWN[name]).replace("#000", "currentColor").replace("'", '"')
    assert drawn.startswith("<svg ")
    assert f'viewBox="{box}"' in drawn
    assert drawn.endswith(f">{body}</svg>")


def test_a_mark_of_a_row_says_its_word() -> None:
    assert marks.row_tier("high") == '<span class="tier tier-high mark m-tier-high">High</span>'
    assert marks.row_data_class("confidential") == '<span class="data-class mark m-data-3">Confidential</span>'


def test_kept_drawing_of_safe_text_is_not_that_of_the_same_plain_text() -> None:
    """Options of a filter have names that people write."""
    text = "<b>Ours</b>"
    assert marks.options([{"value": "1", "label": SafeString(text)}]) == f'<option value="1">{text}</option>'
    assert "&lt;b&gt;" in marks.options([{"value": "1", "label": text}])
    assert text in times.time_element(date(2026, 12, 1), SafeString(text))
    assert "&lt;b&gt;" in times.time_element(date(2026, 12, 1), text)
