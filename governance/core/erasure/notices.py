"""Digest lines: erasures that wait for a second admin (H6)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Erasure, Person
from governance.core.people.queries import people_with
from governance.core.roles.roles import Role


def register() -> None:
    """Register the reader of these digest lines."""
    daily_digest.register(erasures, "erasure_asked")


def erasures(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Erasures that were asked, and nobody has confirmed or dropped them; for who is an admin still."""
    if not people_with(Role.ADMIN, now).filter(pk=person.pk).exists():
        return {}
    requested = Erasure.objects.filter(confirmed_at__isnull=True, dropped_at__isnull=True)
    rows = requested.filter(pk__in=daily_digest.keys(threads)).order_by("pk")
    return {f"erasure:{pk}": Line() for pk in rows.values_list("pk", flat=True)}
