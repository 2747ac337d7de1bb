"""What of that which somebody was told about the register still waits for somebody, for their digest (I3)."""

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


def register() -> None:
    """Have the digest ask here about what the register tells."""
    daily_digest.register(named, "interim_named")
    daily_digest.register(ending, ownership_transitions.ENDING)
    daily_digest.register(said_kept, "credential_said_kept")


def named(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Who was named to answer for something meanwhile, and nobody has confirmed or dropped it; for who confirms it still."""
    rows = list(_interims_in(threads, InterimState.NAMED).select_related("person", *ownership_transitions.ABOUT))
    if not rows:
        return {}
    is_reviewer = people_with(Role.SECURITY_REVIEWER, now).filter(pk=person.pk).exists()
    return {
        f"interim:{row.pk}": Line(row.until)
        for row in rows
        if ownership_transitions.is_confirmed_by(row, person, is_reviewer)
    }


def ending(_person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Terms that end soon, and that no owner has ended before."""
    rows = _interims_in(threads, InterimState.CONFIRMED)
    return {f"interim:{pk}": Line(until) for pk, until in rows.values_list("pk", "until")}


def _interims_in(threads: Collection[str], state: InterimState) -> QuerySet[InterimOwner]:
    return InterimOwner.objects.filter(pk__in=daily_digest.keys(threads), state=state).order_by("pk")


def said_kept(person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Credentials said to be kept in a store that the person answers for, and nobody has said whether it is so."""
    store_owner = Q(said_kept_in__owner=person) | Q(said_kept_in__deputy=person)
    rows = Credential.objects.filter(store_owner, pk__in=daily_digest.keys(threads)).order_by("pk")
    return {f"credential:{pk}": Line() for pk in rows.values_list("pk", flat=True)}
