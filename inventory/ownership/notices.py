"""Notices about interim owners, and digest lines: tasks a person was notified of and has not finished (I3)."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from governance.core.access import Role
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.models import OWNED, Credential, InterimOwner, InterimState, Owned
from inventory.ownership import rules

#: Notice before the end of a term.
ENDING = "interim_ending"


def leads_of(subject: Owned) -> list[Person]:
    """Active lead and deputy lead of the item's team; without a team, of the teams of its owner."""
    if subject.owning_team is not None:
        teams = [subject.owning_team]
    elif subject.accountable is not None:
        teams = list(subject.accountable.teams.select_related("lead", "deputy_lead").order_by("pk"))
    else:
        teams = []
    return [lead for team in teams for lead in (team.lead, team.deputy_lead) if lead is not None and lead.is_here]


def queue_interim(
    interim: InterimOwner, people: Iterable[Person], event: str, now: datetime, by: Person | None = None
) -> int:
    """Queue one notice about an interim owner for each person; returns the number of new notices.

    Args:
        interim: the interim owner.
        people: the recipients.
        event: names the mail templates.
        now: business time.
        by: the person who acted, or None.
    """
    subject = interim.subject
    context = {
        "what": f"{subject.item_kind} {subject}",
        "person": interim.person.name,
        "by": by.name if by is not None else "",
        "until": interim.until.isoformat() if interim.until else "",
        "page": [subject.item_kind, subject.pk],
    }
    return outbox.notify(people, event, thread=f"interim:{interim.pk}", key=event, now=now, context=context)


def register_lines() -> None:
    """Register the digest lines of ownership events."""
    daily_digest.register(named_lines, "interim_named")
    daily_digest.register(ending_lines, ENDING)
    daily_digest.register(claimed_store_lines, "credential_said_kept")


def named_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Interim owners that the person can confirm."""
    rows = list(_interims_in(threads, InterimState.NAMED).select_related("person", *OWNED))
    if not rows:
        return {}
    is_reviewer = Person.objects.with_role(Role.SECURITY_REVIEWER, now).filter(pk=person.pk).exists()
    may_confirm = [row for row in rows if rules.may_confirm(row, person, is_reviewer=is_reviewer)]
    return {f"interim:{row.pk}": Line(row.until) for row in may_confirm}


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
