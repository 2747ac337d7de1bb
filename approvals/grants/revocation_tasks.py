"""Who takes away what an ended grant left where it is held, in which order they are asked, and how that is told (G4). Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from approvals.assignment.escalation_chain import Bench, Rung, resource_ladder
from approvals.models import (
    EnforcedBy,
    Grant,
    GrantState,
    Party,
    RevocationOutcome,
    RevocationState,
    RevocationTask,
    WordSaid,
)
from inventory.models import Level

#: What follows from which level, so that one that is granted again is known to carry on another.
_ORDER = (Level.READ, Level.WRITE, Level.UNKNOWN, Level.EXECUTE, Level.ADMIN)


def who_gains(grant: Grant, now: datetime) -> set[int]:
    """Ids of whoever gains by the access staying: the automation's owners, and the parties of what it rests on (S1)."""
    automation = grant.automation
    owners = {
        automation.business_owner_id,
        automation.technical_owner_id,
        *(one.pk for one in automation.answering(now)),
    }
    rests = (grant.approval.submission_id, grant.app_approval.submission_id)
    parties = Party.objects.filter(submission__in=rests).values_list("person", flat=True)
    return {pk for pk in (*owners, *parties) if pk is not None}


def next_rung(task: RevocationTask, now: datetime) -> Rung | None:
    """Whoever is asked next: the highest rung of the ladder with somebody who was not asked, is here and does not gain by it (A9)."""
    taken = {*task.asked, *task.gains}
    for rung in _ladder(task, now):
        people = tuple(one for one in rung.people if one.is_here and one.pk not in taken)
        if people:
            return Rung(rung.basis, people)
    return None


def _ladder(task: RevocationTask, now: datetime) -> Iterable[Rung]:
    """Owner of the credential, owner, deputy, lead, fallback owners, security: the groups are read where nobody nearer is left."""
    credential, resource = task.grant.credential, task.resource
    if task.grant.entitlement_id is None and credential is not None and credential.owner is not None:
        yield Rung("owner of the credential", (credential.owner,))
    if resource is not None:
        yield from resource_ladder(resource, Bench((), (), now))
    bench = Bench.load(now)
    yield from (Rung("fallback owner", bench.fallback), Rung("security reviewer", bench.security))


def covers(new: Grant, old: Grant) -> bool:
    """Whether what is held by one grant is all that another left: then nothing is taken away, for it stays in use (G2)."""
    same = ("automation_id", "key", "credential_id", "entitlement_id", "target")
    if any(getattr(new, name) != getattr(old, name) for name in same):
        return False
    if _ORDER.index(Level(new.level)) < _ORDER.index(Level(old.level)):
        return False
    return not new.scope or (bool(old.scope) and set(old.scope) <= set(new.scope))


def is_task(grant: Grant) -> bool:
    """Whether its end has to be seen through by somebody: nothing of ours stands in its way (G4)."""
    return grant.enforcement == EnforcedBy.DETACHED and grant.state == GrantState.ENDED


def where(task: RevocationTask) -> str:
    """Where what is to be taken away is held, in words; never a secret."""
    grant, resource = task.grant, task.resource
    on = f" on {resource.name}" if resource is not None else ""
    credential = grant.credential
    if credential is None:
        return f"The access was set up{on} itself: no credential of the register opens it."
    kept = credential.kept_in
    if kept is not None:
        return f"The credential {credential} is kept in {kept.name}."
    place = credential.platform_instance
    return f"The credential {credential} is kept by {place}." if place else f"The credential {credential} opens it{on}."


def to_do(task: RevocationTask) -> list[str]:
    """What to do, in words, in order."""
    grant, resource = task.grant, task.resource
    on = resource.name if resource is not None else "the system"
    if grant.entitlement_id is None:
        return [
            f"Delete the credential {grant.credential} where it is kept, or renew it so that the old value opens nothing.",
            f"See on {on} that the old value is refused.",
            "Say here what you did and where you looked.",
        ]
    held = grant.sentence.removeprefix("May ")
    steps = [f"On {on}, take away that {grant.automation.name} may {held[:1].lower()}{held[1:]}."]
    if grant.credential is not None:
        steps.append(f"If nothing else needs the credential {grant.credential}, delete it where it is kept.")
    return [*steps, f"See on {on} that it is refused now.", "Say here what you did and where you looked."]


def words_of(task: RevocationTask, now: datetime) -> tuple[str, str]:
    """What a grant that ended is called as far as its task has come: a state of ``grant`` as pages word it, and what stands below.

    Args:
        task: with its words and their people, prefetched where there are many.
        now: business time.
    """
    if task.state == RevocationState.OPEN:
        below = f"a check says: {task.found}" if task.found else ""
        return ("removal_overdue" if task.is_overdue(now) else "removal_open"), below
    if task.outcome == RevocationOutcome.IN_USE:
        return GrantState.ENDED, "the same access was granted again"
    if task.outcome == RevocationOutcome.DRIVER:
        return "removed", f"checked by a driver on {_day(task.closed_at)}"
    people = [one.who for one in task.words.all() if one.says == WordSaid.REMOVED]
    return "removed", f"checked by {' and '.join(people)} on {_day(task.closed_at)}"


def _day(at: datetime | None) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}" if at is not None else ""
