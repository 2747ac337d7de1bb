"""Documents that are made from the code are what it declares, and nothing older."""

from __future__ import annotations

import re

import pytest
from django.urls import get_resolver

from governance.portal.management.commands.write_rules import DOCUMENTS
from governance.settings import env
from tests.environment import ROOT


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_is_what_the_declarations_give(name: str) -> None:
    assert get_resolver().url_patterns, "the pages are loaded, and with them every operation that they cause"
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == DOCUMENTS[name](), "run `make docs`"


def test_every_variable_that_is_read_has_its_meaning() -> None:
    code = (ROOT / "governance" / "settings" / "env.py").read_text(encoding="utf-8")
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', code))
    assert read == {*env.PRODUCTION_SAYS, *env.OPTIONAL}
