"""Revocation tasks: who removes the access of an ended grant, in which order, and its state in words (G4). Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from approvals.assignment.escalation_chain import Bench, Rung, chain_of_resource
from approvals.models import EnforcedBy, Grant, GrantState, Party, RevocationOutcome, RevocationState, RevocationTask
from governance.core.models import Person
from inventory.models import Level

#: Levels from the lowest to the highest, to see whether a new grant covers an old one.
_ORDER = (Level.READ, Level.WRITE, Level.UNKNOWN, Level.EXECUTE, Level.ADMIN)


def gainer_ids(grant: Grant, now: datetime) -> set[int]:
    """Return the ids of people who gain if the access stays: owners and parties of its submissions (S1)."""
    automation = grant.automation
    owners = {
        automation.business_owner_id,
        automation.technical_owner_id,
        *(person.pk for person in automation.answering(now)),
    }
    rests = (grant.approval.submission_id, grant.app_approval.submission_id)
    parties = Party.objects.filter(submission__in=rests).values_list("person", flat=True)
    return {pk for pk in (*owners, *parties) if pk is not None}


def next_people(task: RevocationTask, now: datetime, without: Collection[int] = ()) -> list[Person]:
    """Return the people of the next rung with an active person who was not asked and does not gain (A9).

    Args:
        task: the task.
        now: business time.
        without: ids of further people to leave out.
    """
    excluded = {*task.asked, *task.gains, *without}
    for rung in _chain(task, now):
        people = [person for person in rung.people if person.is_here and person.pk not in excluded]
        if people:
            return people
    return []


def _chain(task: RevocationTask, now: datetime) -> Iterable[Rung]:
    """Yield credential owner, owner, deputy, lead, fallback owners, security. The groups are read only if needed."""
    credential, resource = task.grant.credential, task.resource
    if task.grant.entitlement_id is None and credential is not None and credential.owner is not None:
        yield Rung("owner of the credential", (credential.owner,))
    if resource is not None:
        yield from chain_of_resource(resource, Bench((), (), now))
    bench = Bench.load(now)
    yield from (Rung("fallback owner", bench.fallback), Rung("security reviewer", bench.security))


def covers(new: Grant, old: Grant) -> bool:
    """Return whether a new grant covers all of an old one. Then the access stays in use and nothing is removed (G2)."""
    same = ("automation_id", "key", "credential_id", "entitlement_id", "target")
    if any(getattr(new, name) != getattr(old, name) for name in same):
        return False
    if _ORDER.index(Level(new.level)) < _ORDER.index(Level(old.level)):
        return False
    return not new.scope or (bool(old.scope) and set(old.scope) <= set(new.scope))


def is_task(grant: Grant) -> bool:
    """Return whether a person has to remove the access, because Countersign can't block it (G4)."""
    return grant.enforcement == EnforcedBy.DETACHED and grant.state == GrantState.ENDED


def state_words(task: RevocationTask, now: datetime) -> tuple[str, str]:
    """Return the state of an ended grant by its task, and the line below it on pages.

    Args:
        task: the task; its words and their people should be prefetched.
        now: business time.
    """
    if task.state == RevocationState.OPEN:
        below = f"a check says: {task.found}" if task.found else ""
        return ("removal_overdue" if task.is_overdue(now) else "removal_open"), below
    if task.outcome == RevocationOutcome.IN_USE:
        return GrantState.ENDED, "the same access was granted again"
    if task.outcome == RevocationOutcome.DRIVER:
        return "removed", f"checked by a driver on {_day(task.closed_at)}"
    people = [word.who for word in task.words.all()]
    return "removed", f"checked by {' and '.join(people)} on {_day(task.closed_at)}"


def _day(at: datetime | None) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}" if at is not None else ""
