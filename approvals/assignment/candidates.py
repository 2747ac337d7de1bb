"""Asking people: opening a record, naming its candidates, telling them, and when their time is up (A9, A10).

Called inside transitions only; nothing here checks a permission.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission as ModelPermission

from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.route import Route, SeatStanding
from approvals.models import Approval, ApprovalState, Candidate, Likeness, Seat, Submission
from approvals.policies import queries as policy_queries
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, zone_of
from governance.core.engine.transition import Step
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from inventory.models import Automation, AutomationUserObjectPermission


def due(start: datetime, days: int, person: Person | None) -> datetime:
    """The instant at which so many working days end for a person, or for the organisation when nobody is named."""
    return working_days.add_working_days(start, days, zone_of(person), organisation_holidays())


def go_on(approval: Approval, before: Approval, *, since: datetime, now: datetime, person: Person | None) -> None:
    """Start a record's clock again that stood still: what was left of it then is left now (A10, H8).

    Each deadline is put off by the working days that ended meanwhile, so that it is at the end of one still, and when the record was
    opened by the time that passed, so that half of its time is gone when half of it was there to decide.

    Args:
        approval: the record, which the caller saves.
        before: as it was when its clock stopped.
        since: when that was.
        now: business time.
        person: who must act, and in whose zone days end; None for the organisation's.
    """
    ended = working_days.working_days_that_ended(since, now, zone_of(person), organisation_holidays())

    def later(deadline: datetime | None) -> datetime | None:
        return due(deadline, ended, person) if deadline is not None and ended else deadline

    approval.opened_at = before.opened_at + (now - since) if before.opened_at is not None else None
    approval.due_at, approval.expires_at = later(before.due_at), later(before.expires_at)


def let_see(automation: Automation, people: Iterable[Person]) -> None:
    """Let candidates see the automation by name, for as long as it exists: past candidates still may (architecture)."""
    permission = ModelPermission.objects.select_related("content_type").get(
        content_type__app_label="inventory", content_type__model="automation", codename="view_automation"
    )
    named = AutomationUserObjectPermission.objects.filter(permission=permission, content_object=automation)
    known = set(named.values_list("user", flat=True))
    for person in {person.pk: person for person in people}.values():
        if person.pk not in known:
            AutomationUserObjectPermission.objects.create(user=person, permission=permission, content_object=automation)


def ask(step: Step[Any], approval: Approval, route: Route) -> list[Person]:
    """Put a record before whoever may decide it now: clock and candidates. The caller saves it and lets them see it.

    Returns:
        Everybody who was asked.
    """
    policy = policy_queries.of(approval.submission.policy)
    standings = route.standing(approval)
    _name_candidates(approval, standings, step.now)
    asked = [person for standing in standings for person in standing.may_decide]
    first = asked[0] if asked else None
    approval.opened_at = step.now
    approval.due_at = due(step.now, policy.due_days(approval.tier), first)
    approval.expires_at = due(step.now, policy.expiry_days(approval.tier), first)
    approval.builder_due_at = None
    return asked


def open_records(submission: Submission) -> list[Approval]:
    """The open records of a submission with all that asking the next about them reads."""
    found = submission.approvals.filter(state=ApprovalState.OPEN).select_related(*LADDER)
    return list(found.prefetch_related("seats__candidates").order_by("pk"))


def unasked(approval: Approval, route: Route) -> list[SeatStanding]:
    """The open seats of a record that none of those who were asked may fill any more, but somebody else may (A9).

    Whoever may as well, and was not there when others were asked, waits until these can't any more (S8).
    """
    found = []
    for standing in route.standing(approval):
        named = _named(approval, standing.label)
        groups = [people for _, people in standing.asked if standing.late is None or people != standing.late.people]
        if not standing.is_filled and any(_none_of(people, named) for people in groups):
            found.append(standing)
    return found


def without_deputy(approval: Approval, route: Route) -> list[SeatStanding]:
    """The open seats of a record whose deputy half of its time adds, and who was not asked yet (A10)."""
    return [
        one
        for one in route.standing(approval)
        if one.late is not None and not one.is_filled and _none_of(one.late.people, _named(approval, one.label))
    ]


def _none_of(people: Iterable[Person], named: set[int]) -> bool:
    """Whether there is somebody, and none of them was asked."""
    keys = {person.pk for person in people}
    return bool(keys) and not keys & named


def pass_on(approval: Approval, route: Route) -> list[Person]:
    """Put an open record before whoever may decide it now, since those who were asked dropped out; its clock runs on (A1, A9).

    Returns:
        Whoever was not asked before.
    """
    return _name_candidates(approval, unasked(approval, route), route.now)


def add_deputy(approval: Approval, route: Route) -> list[Person]:
    """Put an open record before its deputy too; returns whoever was not asked before (A10)."""
    return _name_candidates(approval, without_deputy(approval, route), route.now)


def is_asked(person: Person, approval: Approval, label: str) -> bool:
    """Whether somebody was asked to fill a seat of a record."""
    return person.pk in _named(approval, label)


def _named(approval: Approval, label: str) -> set[int]:
    seat = next(seat for seat in approval.seats.all() if seat.label == label)
    return {candidate.person_id for candidate in seat.candidates.all()}


def _name_candidates(approval: Approval, standings: Iterable[SeatStanding], now: datetime) -> list[Person]:
    """Name whoever may fill each open seat and is not named yet; returns them."""
    candidates: list[Candidate] = []
    for standing in standings:
        seat = next(seat for seat in approval.seats.all() if seat.label == standing.label)
        named = _named(approval, standing.label)
        added = [person for person in standing.may_decide if person.pk not in named]
        candidates += (
            Candidate(seat=seat, person=person, order=order, basis=standing.basis_of(person), at=now)
            for order, person in enumerate(added, start=len(named))
        )
    Candidate.objects.bulk_create(candidates)
    return [candidate.person for candidate in candidates]


def name_candidate(seat: Seat, person: Person, basis: str, now: datetime) -> None:
    """Record that a person was asked to fill a seat; the database takes decisions from candidates only."""
    named = {candidate.person_id for candidate in seat.candidates.all()}
    if person.pk not in named:  # nobody else names one meanwhile: the record is locked
        Candidate.objects.create(seat=seat, person=person, order=len(named), basis=basis, at=now)


def builders(submission: Submission, now: datetime) -> list[Person]:
    """Who hears how a submission ended: who submitted it, and who answers for the automation."""
    return [submission.submitted_by, *submission.automation.answering(now)]


def path(submission: Submission) -> str:
    """Where a submission is reviewed."""
    return f"/review/{submission.pk}/"


def tell(
    step: Step[Any], submission: Submission, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> None:
    """Queue one notice a person about a submission: see `told`."""
    outbox.queue(told(step, submission, people, event, key=key, **context))


def told(
    step: Step[Any], submission: Submission, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> list[Notice]:
    """One notice a person about a submission, not queued yet.

    Args:
        step: the running step.
        submission: what it is about; its mails make one thread.
        people: who is told, each once.
        event: names the mail's templates.
        key: what makes the notice one beside submission and person.
        context: plain facts for the templates.
    """
    automation = submission.automation
    facts = {
        "automation": automation.name,
        "team": automation.team.name,
        "version": submission.version.number,
        "submitted_by": submission.submitted_by.name,
        "path": path(submission),
        **context,
    }
    thread = f"submission:{submission.pk}"
    return outbox.each(people, event, thread=thread, key=key, now=step.now, context=facts)


def show_duplicates(automation: Automation, people: Iterable[Person]) -> None:
    """Let whoever is asked about the app see what it may be the same as in its own team: they say whether it is."""
    own = Likeness.objects.filter(automation=automation, other__team=automation.team_id).select_related("other")
    for other in {one.other_id: one.other for one in own}.values():
        let_see(other, people)
