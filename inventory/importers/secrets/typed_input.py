"""Secrets in what a person types: a published form, and nothing that only looks like one (I6)."""

from __future__ import annotations

from inventory.importers.secrets.patterns import N8N, matches
from inventory.importers.secrets.slots import is_placeholder, looks_like_token

#: Forms that people write about: an address that anybody may call, and keys made to be shown.
_NO_SECRET = (N8N, "pk_live_", "pk_test_")
#: Providers whose form has no part that tells a token from words.
_CERTAIN = frozenset({"aws", "private key"})


def published_secret(text: str) -> str:
    """The provider of the first secret of published form in a text; empty where there is none."""
    return next((provider for provider, begin, end in matches(text) if _is_certain(provider, text[begin:end])), "")


def _is_certain(provider: str, value: str) -> bool:
    if provider == N8N or value.startswith(_NO_SECRET) or "EXAMPLE" in value or is_placeholder(value):
        return False
    return provider in _CERTAIN or any(looks_like_token(part) for part in (value, *value.split("/")))
