"""Links to pages in API answers."""

from __future__ import annotations

from django.conf import settings


def address(path: str) -> str:
    """Return the full URL of a page."""
    return f"{settings.BASE_URL.rstrip('/')}{path}"
