"""No page takes a form from elsewhere: no view but the API is exempt from the check for forged requests (S5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.decorators.csrf import csrf_exempt

#: The API reads no cookie, so there is nothing to forge.
API = "api/"


def exempt(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """The addresses whose views are exempt."""
    for one in patterns:
        where = f"{prefix}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from exempt(one.url_patterns, where)
        elif getattr(one.callback, "csrf_exempt", False):
            yield where


@pytest.mark.rule("S5")
def test_an_exempt_view_is_found() -> None:
    made = URLPattern(get_resolver("governance.portal.urls").url_patterns[0].pattern, csrf_exempt(lambda request: None))
    assert list(exempt([made])) == ["search/"]


@pytest.mark.rule("S5")
def test_only_api_views_are_csrf_exempt() -> None:
    found = list(exempt(get_resolver().url_patterns))
    assert found, "the API is mounted"
    assert [where for where in found if not where.startswith(API)] == []
