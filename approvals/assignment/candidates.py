"""Candidates of an approval: open it, name and notify its candidates, start its clock (A9, A10).

Called inside transitions only; checks no permission.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission as ModelPermission

from approvals.assignment import due_dates
from approvals.assignment.route import Route
from approvals.assignment.seat_state import SeatState
from approvals.models import Approval, Candidate, Likeness, Submission
from governance.core.engine.transition import Step
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from inventory.models import Automation, AutomationUserObjectPermission

#: The permission that lets a candidate see an automation.
VIEW = "view_automation"


def grant_view(automation: Automation, people: Iterable[Person]) -> None:
    """Grant candidates the view permission on the automation. Past candidates keep it as long as the automation exists."""
    named = AutomationUserObjectPermission.objects.filter(permission__codename=VIEW, content_object=automation)
    new = {person.pk for person in people} - set(named.values_list("user", flat=True))
    if new:
        permission = ModelPermission.objects.get(content_type__app_label="inventory", codename=VIEW)
        shared = {"permission": permission, "content_object": automation}
        rows = (AutomationUserObjectPermission(user_id=pk, **shared) for pk in sorted(new))
        AutomationUserObjectPermission.objects.bulk_create(rows)


def open_approval(approval: Approval, standings: Sequence[SeatState], route: Route) -> list[Person]:
    """Open an approval: set its clock and name the candidates who may decide it now.

    The caller saves the approval and lets the candidates see it.

    Args:
        approval: its locked row.
        standings: its seats, from the route.
        route: of its submission.

    Returns:
        All candidates.
    """
    name_candidates(standings, route)
    people = [person for standing in standings for person in standing.may_decide]
    due_dates.start_clock(approval, route, people)
    approval.builder_due_at = None
    return people


def seats_to_reassign(approval: Approval, route: Route) -> list[SeatState]:
    """Return the open seats of an approval whose candidates may all not decide any more, if another person may (A9).

    People who became eligible after the candidates were named wait until no candidate is left (S8).
    """
    seats = []
    for standing in route.standing(approval):
        groups = standing.asked_groups[
            : len(standing.asked_groups) - len(standing.late)
        ]  # asked before half of the time is over
        if not standing.is_filled and any(_nobody_asked(people, standing, route) for _, people in groups):
            seats.append(standing)
    return seats


def seats_for_late_rungs(approval: Approval, route: Route) -> list[SeatState]:
    """Return the open seats with the people that a later deadline adds and that nobody has asked yet (A10)."""
    open_seats = [seat for seat in route.standing(approval) if not seat.is_filled]
    return [seat for seat in open_seats if any(_nobody_asked(rung.people, seat, route) for rung in seat.late)]


def _nobody_asked(people: Iterable[Person], standing: SeatState, route: Route) -> bool:
    """Return whether there are people and none of them was asked to fill a seat."""
    keys = {person.pk for person in people}
    return bool(keys) and keys.isdisjoint(route.facts.candidates.get(standing.seat.pk, {}))


def name_candidates(standings: Iterable[SeatState], route: Route) -> list[Person]:
    """Add eligible people as candidates of each open seat, in one statement; note and return the new ones."""
    candidates: list[Candidate] = []
    for standing in standings:
        named = route.facts.candidates[standing.seat.pk]
        added = [person for person in standing.may_decide if person.pk not in named]
        candidates += [
            Candidate(seat=standing.seat, person=person, order=order, basis=standing.basis_of(person), at=route.now)
            for order, person in enumerate(added, start=len(named))
        ]
        named |= {person.pk: route.now for person in added}
    Candidate.objects.bulk_create(candidates)
    return [candidate.person for candidate in candidates]


def name_candidate(standing: SeatState, person: Person, route: Route) -> None:
    """Record that a person was asked to fill a seat. The database accepts decisions from candidates only."""
    named = route.facts.candidates.get(standing.seat.pk, {})
    if person.pk not in named:  # The approval is locked, so no other transaction adds a candidate now.
        basis = standing.basis_of(person)
        Candidate.objects.create(seat=standing.seat, person=person, order=len(named), basis=basis, at=route.now)


def recipients_of_outcome(submission: Submission, now: datetime) -> list[Person]:
    """Return the people notified of a submission's end: its submitter and the owners of the automation."""
    return [submission.submitted_by, *submission.automation.answering(now)]


def queue_notices(
    step: Step[Any], submission: Submission, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> None:
    """Queue one notice per person about a submission: see `notices`.

    Args:
        step: the running step.
        submission: the submission of the notice.
        people: the recipients.
        event: names the mail templates.
        key: part of the unique key, which stops a second notice.
    """
    outbox.queue(notices(step.now, submission, people, event, key=key, **context))


def notify_builders(step: Step[Any], submission: Submission, event: str, *, key: str, **context: Any) -> None:
    """Queue a notice about a submission for its submitter and the owners of the automation: see `notices`.

    Args:
        step: the running step.
        submission: the submission of the notice.
        event: names the mail templates.
        key: part of the unique key, which stops a second notice.
    """
    queue_notices(step, submission, recipients_of_outcome(submission, step.now), event, key=key, **context)


def notices(
    now: datetime, submission: Submission, people: Iterable[Person], event: str, *, key: str, **context: Any
) -> list[Notice]:
    """Build one notice per person about a submission, not queued yet.

    Args:
        now: business time.
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
        "path": f"/review/{submission.pk}/",
        **context,
    }
    thread = f"submission:{submission.pk}"
    return outbox.notices_for(people, event, thread=thread, key=key, now=now, context=facts)


def show_duplicates(automation: Automation, people: Iterable[Person]) -> None:
    """Let candidates of the app see its possible duplicates in the team, which they must answer."""
    likenesses = Likeness.objects.filter(automation=automation, other__team=automation.team_id).select_related("other")
    for other in {likeness.other_id: likeness.other for likeness in likenesses}.values():
        grant_view(other, people)
