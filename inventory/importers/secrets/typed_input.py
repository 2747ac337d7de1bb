"""Secrets in typed text: published forms only, not merely similar ones (I6)."""

from __future__ import annotations

from inventory.importers.secrets.patterns import N8N, provider_matches
from inventory.importers.secrets.slots import is_placeholder, looks_like_token

#: Forms in public texts: an address open to everybody, and keys made for display.
_NO_SECRET = (N8N, "pk_live_", "pk_test_")
#: Providers whose form can't distinguish a token from words.
_CERTAIN = frozenset({"aws", "private key"})


def published_secret(text: str) -> str:
    """Provider of the first secret of a published form in a text; empty without one."""
    return next(
        (provider for provider, begin, end in provider_matches(text) if _is_certain(provider, text[begin:end])), ""
    )


def _is_certain(provider: str, value: str) -> bool:
    if provider == N8N or value.startswith(_NO_SECRET) or "EXAMPLE" in value or is_placeholder(value):
        return False
    return provider in _CERTAIN or any(looks_like_token(part) for part in (value, *value.split("/")))
