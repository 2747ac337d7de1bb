"""Links to pages in API answers."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from pydantic import AfterValidator


def address(path: str) -> str:
    """Return the full URL of a page; an empty text without a path."""
    return f"{settings.BASE_URL.rstrip('/')}{path}" if path else ""


#: The full URL of a page, made from its path.
Page = Annotated[str, AfterValidator(address)]
