"""docs/rules.md is what the code declares, and nothing older."""

from __future__ import annotations

from django.urls import get_resolver

from governance.portal.management.commands.write_rules import document
from tests.environment import ROOT


def test_the_document_of_rules_is_the_one_that_the_declarations_give() -> None:
    assert get_resolver().url_patterns, "the pages are loaded, and with them every operation that they cause"
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == document(), "run `make docs`"
