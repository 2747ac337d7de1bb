"""Where the pages are that an answer names."""

from __future__ import annotations

from django.conf import settings


def address(path: str) -> str:
    """A page's whole address."""
    return f"{settings.BASE_URL.rstrip('/')}{path}"
