"""Text from a source as people read it: nothing in it that can't be seen, and what only looks alike stays apart (I8)."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from governance.core.texts import free_text
from inventory.importers.display import display_label, displayed
from inventory.importers.manifest import binding_key, privilege_key
from tests.inventory.importers.samples import bound, bring, codes, manifest_of, node, server

#: What each hides in "github" at the place of the dot, and what Unicode calls it.
UNSEEN = {
    "\u00ad": "soft hyphen",
    "\u034f": "combining grapheme joiner",
    "\u061c": "arabic letter mark",
    "\u115f": "hangul filler",
    "\u180e": "mongolian vowel separator",
    "\u200b": "zero width space",
    "\u200c": "zero width non-joiner",
    "\u200d": "zero width joiner",
    "\u200e": "left-to-right mark",
    "\u200f": "right-to-left mark",
    "\u202a": "left-to-right embedding",
    "\u202e": "right-to-left override",
    "\u2060": "word joiner",
    "\u2066": "left-to-right isolate",
    "\u2069": "pop directional isolate",
    "\u2800": "empty braille cell",
    "\u3164": "hangul filler, full",
    "\ufe0f": "variation selector",
    "\ufeff": "byte order mark",
    "\uffa0": "hangul filler, half",
    "\U000e0001": "language tag",
    "\U000e0067": "tag letter",
    "\U000e0100": "variation selector of the supplement",
    "\ue000": "private use",
    "\x00": "control",
}
ALIKE = [pytest.param(f"git{mark}hub", id=name) for mark, name in UNSEEN.items()]


@pytest.mark.rule("I8")
@pytest.mark.parametrize("text", ALIKE)
def test_invisible_characters_are_hidden_and_keys_stay_distinct(text: str) -> None:
    assert display_label(text) == "github"
    key = displayed(text)
    assert key.startswith("github…")
    assert displayed(text.replace("git", "git" + text[3])) != key
    assert free_text.name(key) == key  # so typing it names the same connection
    assert len(displayed(text * 50)) <= 200


@pytest.mark.rule("I8")
@pytest.mark.parametrize("text", ALIKE)
def test_a_server_that_only_looks_like_another_is_another_connection(text: str) -> None:
    (original,) = bring(server("github", command="npx", args=["x@1.0.0"])).manifest.privileges
    (other,) = bring(server(text, command="npx", args=["x@1.0.0"])).manifest.privileges
    assert binding_key(original) != binding_key(other)
    assert privilege_key(original, "r") != privilege_key(other, "r")


@pytest.mark.rule("I6", "I8")
@pytest.mark.parametrize("text", ALIKE)
def test_a_credential_that_only_looks_like_another_is_another(text: str) -> None:
    named = {"slackApi": {"name": text}}
    original, by_id, by_name = (
        manifest_of(node("slack", "Post", 2.3, credentials)).credentials[0]
        for credentials in (bound("slackApi", "github"), bound("slackApi", text), named)
    )
    assert original.key not in (by_id.key, by_name.key)
    # Where an id tells it apart, its name is for people.
    assert manifest_of(node("slack", "Post", 2.3, bound("slackApi", "s1", text))).credentials[0].name == "github"


@pytest.mark.rule("I8")
def test_half_a_character_is_shown_nowhere() -> None:
    assert display_label("git\ud800hub") == "github"
    assert displayed("git\ud800hub") != displayed("git\ud801hub")


@pytest.mark.rule("I8")
def test_a_host_that_does_not_look_as_it_is_counts_as_not_known() -> None:
    manifest = manifest_of(node("httpRequest", "Ask", 4, url="https://api.exam\u200bple.com/orders"))
    assert [privilege.instance for privilege in manifest.privileges] == [""]
    assert "dynamic_host" in codes(manifest)


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Invoice \u202eresahc", "Invoice resahc"),
        ("\ufeffNightly run", "Nightly run"),
        ("⚠\ufe0f Alert", "⚠ Alert"),
        ("👩\u200d💻 Team", "👩💻 Team"),
        ("Größe Ж 数 é", "Größe Ж 数 é"),
        ("\u200b", "sample"),
    ],
)
def test_automation_name_is_its_visible_text(typed: str, read: str) -> None:
    assert manifest_of(node("slack"), name=typed).name == read


def test_typed_text_uses_same_cleaning_table() -> None:
    differ = {
        f"U+{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) not in ("Co", "Cn", "Zs", "Cc")
        and (display_label(f"a{chr(point)}b") == "ab") != (free_text.name(f"a{chr(point)}b") == "ab")
    }
    assert differ == set()
