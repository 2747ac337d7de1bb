"""Digest lines about ownership: tasks a person was notified of and has not finished (I3)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Person
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Role
from inventory.models import Credential, InterimOwner, InterimState
from inventory.ownership import transitions as ownership_transitions


def register_lines() -> None:
    """Register the digest lines of ownership events."""
    daily_digest.register(named_lines, "interim_named")
    daily_digest.register(ending_lines, ownership_transitions.ENDING)
    daily_digest.register(claimed_store_lines, "credential_said_kept")


def named_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Interim owners that the person can confirm."""
    rows = list(_interims_in(threads, InterimState.NAMED).select_related("person", *ownership_transitions.ABOUT))
    if not rows:
        return {}
    is_reviewer = people_with(Role.SECURITY_REVIEWER, now).filter(pk=person.pk).exists()
    return {
        f"interim:{row.pk}": Line(row.until)
        for row in rows
        if ownership_transitions.is_confirmed_by(row, person, is_reviewer)
    }


def ending_lines(_person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Terms of interim owners that end soon."""
    rows = _interims_in(threads, InterimState.CONFIRMED)
    return {f"interim:{pk}": Line(until) for pk, until in rows.values_list("pk", "until")}


def _interims_in(threads: Collection[str], state: InterimState) -> QuerySet[InterimOwner]:
    return InterimOwner.objects.filter(pk__in=daily_digest.keys(threads), state=state).order_by("pk")


def claimed_store_lines(person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Credentials whose claimed store the person owns and has not answered for."""
    store_owner = Q(said_kept_in__owner=person) | Q(said_kept_in__deputy=person)
    rows = Credential.objects.filter(store_owner, pk__in=daily_digest.keys(threads)).order_by("pk")
    return {f"credential:{pk}": Line() for pk in rows.values_list("pk", flat=True)}
