"""No page takes a form from elsewhere: no view but the API is exempt from the check for forged requests (S5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.decorators.csrf import csrf_exempt

#: The API reads no cookie, so there is nothing to forge.
API = "api/"
#: A provider's server posts a token that it signed, a directory's server has a token. These views read no cookie either.
SIGNED = {"account/sso/<slug:provider_id>/logout/", "scim/v2/<slug:source>/<path:path>"}


def exempt(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """The addresses whose views are exempt."""
    for entry in patterns:
        where = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from exempt(entry.url_patterns, where)
        elif getattr(entry.callback, "csrf_exempt", False):
            yield where


@pytest.mark.rule("S5")
def test_an_exempt_view_is_found() -> None:
    made = URLPattern(get_resolver("governance.portal.urls").url_patterns[0].pattern, csrf_exempt(lambda request: None))
    assert list(exempt([made])) == ["search/"]


@pytest.mark.rule("S5")
def test_only_api_views_are_csrf_exempt() -> None:
    addresses = list(exempt(get_resolver().url_patterns))
    assert addresses, "the API is mounted"
    assert {where for where in addresses if not where.startswith(API)} == SIGNED
