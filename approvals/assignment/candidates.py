"""Candidates of an approval: open it, name and notify its candidates, set its deadlines (A9, A10).

Called inside transitions only; checks no permission.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission as ModelPermission

from approvals.assignment.escalation_chain import CHAIN_RELATIONS
from approvals.assignment.route import Route, SeatState
from approvals.models import Approval, ApprovalState, Candidate, Likeness, Seat, Submission
from approvals.policies import queries as policy_queries
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, zone_of
from governance.core.engine.transition import Step
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from inventory.models import Automation, AutomationUserObjectPermission


def deadline_after(start: datetime, days: int, person: Person | None) -> datetime:
    """Return the end of ``days`` working days for a person, or for the organisation if ``person`` is None."""
    return working_days.add_working_days(start, days, zone_of(person), organisation_holidays())


def resume_clock(
    approval: Approval, before: Approval, *, since: datetime, now: datetime, person: Person | None
) -> None:
    """Restart the clock of a paused approval with the time that was left (A10, H8).

    Deadlines move by the working days that ended during the pause, and so stay at the end of a day. The opening moves
    by the elapsed time, so that half of the time is over when half of it was available.

    Args:
        approval: the approval, saved by the caller.
        before: the approval when its clock stopped.
        since: when the clock stopped.
        now: business time.
        person: the person who must act; days end in their time zone. None for the organisation's zone.
    """
    ended = working_days.working_days_that_ended(since, now, zone_of(person), organisation_holidays())

    def later(deadline: datetime | None) -> datetime | None:
        return deadline_after(deadline, ended, person) if deadline is not None and ended else deadline

    approval.opened_at = before.opened_at + (now - since) if before.opened_at is not None else None
    approval.due_at, approval.expires_at = later(before.due_at), later(before.expires_at)


def grant_view(automation: Automation, people: Iterable[Person]) -> None:
    """Grant candidates the view permission on the automation. Past candidates keep it as long as the automation exists."""
    permission = ModelPermission.objects.select_related("content_type").get(
        content_type__app_label="inventory", content_type__model="automation", codename="view_automation"
    )
    named = AutomationUserObjectPermission.objects.filter(permission=permission, content_object=automation)
    person_ids = set(named.values_list("user", flat=True))
    for person in {person.pk: person for person in people}.values():
        if person.pk not in person_ids:
            AutomationUserObjectPermission.objects.create(user=person, permission=permission, content_object=automation)


def open_approval(step: Step[Any], approval: Approval, route: Route) -> list[Person]:
    """Open an approval: set its clock and name the candidates who may decide it now.

    The caller saves the approval and lets the candidates see it.

    Returns:
        All candidates.
    """
    policy = policy_queries.policy_of(approval.submission.policy)
    standings = route.standing(approval)
    _name_candidates(approval, standings, step.now)
    people = [person for standing in standings for person in standing.may_decide]
    first = people[0] if people else None
    approval.opened_at = step.now
    approval.due_at = deadline_after(step.now, policy.due_days(approval.tier), first)
    approval.expires_at = deadline_after(step.now, policy.expiry_days(approval.tier), first)
    approval.builder_due_at = None
    return people


def open_records(submission: Submission) -> list[Approval]:
    """Return the open approvals of a submission with the relations that the next assignment reads."""
    approvals = submission.approvals.filter(state=ApprovalState.OPEN).select_related(*CHAIN_RELATIONS)
    return list(approvals.prefetch_related("seats__candidates").order_by("pk"))


def seats_to_reassign(approval: Approval, route: Route) -> list[SeatState]:
    """Return the open seats of an approval whose candidates may all not decide any more, if another person may (A9).

    People who became eligible after the candidates were named wait until no candidate is left (S8).
    """
    standings = []
    for standing in route.standing(approval):
        named = _candidate_ids(approval, standing.label)
        groups = [people for _, people in standing.asked if standing.late is None or people != standing.late.people]
        if not standing.is_filled and any(_nobody_asked(people, named) for people in groups):
            standings.append(standing)
    return standings


def seats_for_deputy(approval: Approval, route: Route) -> list[SeatState]:
    """Return the open seats whose deputy is due at half of the time and was not asked yet (A10)."""
    return [
        standing
        for standing in route.standing(approval)
        if standing.late is not None
        and not standing.is_filled
        and _nobody_asked(standing.late.people, _candidate_ids(approval, standing.label))
    ]


def _nobody_asked(people: Iterable[Person], named: set[int]) -> bool:
    """Return whether there are people and none of them was asked."""
    keys = {person.pk for person in people}
    return bool(keys) and not keys & named


def pass_on(approval: Approval, route: Route) -> list[Person]:
    """Ask the next eligible people about an open approval after its candidates dropped out; its clock runs on (A1, A9).

    Returns:
        People who were not asked before.
    """
    return _name_candidates(approval, seats_to_reassign(approval, route), route.now)


def add_deputy(approval: Approval, route: Route) -> list[Person]:
    """Ask the deputy about an open approval too; returns people who were not asked before (A10)."""
    return _name_candidates(approval, seats_for_deputy(approval, route), route.now)


def is_asked(person: Person, approval: Approval, label: str) -> bool:
    """Return whether a person is a candidate for a seat."""
    return person.pk in _candidate_ids(approval, label)


def _candidate_ids(approval: Approval, label: str) -> set[int]:
    seat = next(seat for seat in approval.seats.all() if seat.label == label)
    return {candidate.person_id for candidate in seat.candidates.all()}


def _name_candidates(approval: Approval, standings: Iterable[SeatState], now: datetime) -> list[Person]:
    """Add eligible people as candidates of each open seat and return the new ones."""
    candidates: list[Candidate] = []
    for standing in standings:
        seat = next(seat for seat in approval.seats.all() if seat.label == standing.label)
        named = _candidate_ids(approval, standing.label)
        added = [person for person in standing.may_decide if person.pk not in named]
        candidates += (
            Candidate(seat=seat, person=person, order=order, basis=standing.basis_of(person), at=now)
            for order, person in enumerate(added, start=len(named))
        )
    Candidate.objects.bulk_create(candidates)
    return [candidate.person for candidate in candidates]


def name_candidate(seat: Seat, person: Person, basis: str, now: datetime) -> None:
    """Record that a person was asked to fill a seat. The database accepts decisions from candidates only."""
    named = {candidate.person_id for candidate in seat.candidates.all()}
    if person.pk not in named:  # The approval is locked, so no other transaction adds a candidate now.
        Candidate.objects.create(seat=seat, person=person, order=len(named), basis=basis, at=now)


def recipients_of_outcome(submission: Submission, now: datetime) -> list[Person]:
    """Return the people notified of a submission's end: its submitter and the owners of the automation."""
    return [submission.submitted_by, *submission.automation.answering(now)]


def path(submission: Submission) -> str:
    """Return the URL path of the submission's review page."""
    return f"/review/{submission.pk}/"


def queue_notices(
    step: Step[Any], submission: Submission, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> None:
    """Queue one notice per person about a submission: see `notices`."""
    outbox.queue(notices(step, submission, people, event, key=key, **context))


def notices(
    step: Step[Any], submission: Submission, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> list[Notice]:
    """Build one notice per person about a submission, not queued yet.

    Args:
        step: the running step.
        submission: its mails form one thread.
        people: the recipients, each once.
        event: names the mail's templates.
        key: identifies the notice together with the submission and the person.
        context: plain values for the templates.
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
    """Let candidates of the app see its possible duplicates in the team, which they must answer."""
    likenesses = Likeness.objects.filter(automation=automation, other__team=automation.team_id).select_related("other")
    for other in {likeness.other_id: likeness.other for likeness in likenesses}.values():
        grant_view(other, people)
