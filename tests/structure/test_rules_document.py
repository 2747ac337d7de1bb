"""Documents that are made from the code are what it declares, and nothing older."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.urls import get_resolver

from governance.portal.management.commands import write_rules
from governance.settings import env, reference
from tests.environment import ROOT


@pytest.mark.parametrize(("name", "make"), [("rules.md", write_rules.document), ("settings.md", reference.document)])
def test_document_is_what_the_declarations_give(name: str, make: Callable[[], str]) -> None:
    assert get_resolver().url_patterns, "the pages are loaded, and with them every operation that they cause"
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make(), "run `make docs`"


def test_every_variable_that_is_read_has_its_meaning() -> None:
    code = (ROOT / "governance" / "settings" / "env.py").read_text(encoding="utf-8")
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', code))
    assert read == {*env.PRODUCTION_SAYS, *env.OPTIONAL}
