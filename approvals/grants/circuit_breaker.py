"""The brake: before a cause ends grants it is asked how many that would be within the hour; too many are held in a batch (G6).

Each cause has a row that is locked while its endings are counted, so that two at once never both find room. Never asked of: kill switches, which
suspend; the end of a term; what a submission that came into force replaces or does without, which people decided one by one.

What asks again by itself (a review that closes) is let through, or finds its grants held and leaves them; what does not (somebody retires an
automation) leaves them here, and a job ends what is released.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import (
    BatchState,
    EndCause,
    Grant,
    GrantState,
    HeldBatch,
    HeldGrant,
    LetThrough,
)
from approvals.models.circuit_breaker import ANSWERING, GOES_THROUGH
from approvals.policies import queries as policy_queries
from governance.core.database.key_filters import among
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.people.transitions import people_with

#: Within which the policy says how many are too much (G6).
WITHIN = timedelta(hours=1)
#: Fewer are never held: a twentieth of what a small company holds is one automation (docs/decisions/0032).
FEW = 10
#: For how long a cause that asks again leaves what it was not let end: after people said so; after nobody said anything.
RESTS = {BatchState.DISCARDED: timedelta(days=30), BatchState.LAPSED: timedelta(days=1)}

#: Rows of one statement: PostgreSQL takes so many values in one, and a campaign may end any number of grants.
AT_ONCE = 1000

HELD = Refusal(
    "G6",
    "state",
    "Too much would end at once by this, so its end is held until security and an admin have looked.",
    "Stop it where it must not wait: that is never held.",
)


@dataclass(frozen=True)
class Cause:
    """What ends grants.

    Args:
        key: what makes it one.
        title: what people call it, unless somebody ends them themself.
        person: whose doing it is, or who opened what ends them: they don't answer for it.
    """

    key: str
    title: str = ""
    person: Person | None = None

    @classmethod
    def of(cls, step: Step[Any]) -> Cause:
        """Whoever acts: a person, or a job."""
        person = step.actor.person
        if person is not None:
            return cls(f"person:{person.pk}", person=person)
        return cls(f"job:{step.actor.job}", title=f"The job {step.actor.job}")


def lock(cause: Cause) -> EndCause:
    """The cause's row, locked until the transaction ends: whoever comes second waits and then sees what the first was let do."""
    row, _ = EndCause.objects.get_or_create(key=cause.key, defaults={"title": cause.title, "person": cause.person})
    return EndCause.objects.select_for_update(of=("self",)).get(pk=row.pk)


def blocked(now: datetime) -> QuerySet[HeldGrant]:
    """Held grants that their cause leaves alone at ``now``: nobody has answered, or they were let be not long ago."""
    rests = Q(pk__in=())
    for state, how_long in RESTS.items():
        rests |= Q(batch__state=state, batch__ended_at__gt=now - how_long)
    return HeldGrant.objects.filter(Q(batch__state=BatchState.OPEN) | rests).filter(~GOES_THROUGH)


def is_blocked(way: str, cause: Any, now: datetime) -> Exists:
    """Of rows: whether the grant at the end of a way is held from a cause.

    Args:
        way: the column with the grant's key.
        cause: the key of the cause, or an expression of it.
        now: business time.
    """
    return Exists(blocked(now).filter(grant=OuterRef(way), batch__cause__key=cause))


def are_let(cause: Cause, ids: Collection[int]) -> bool:
    """Whether a cause was let end all of some grants, by key, already."""
    return LetThrough.objects.filter(among(ids, "grant"), cause__key=cause.key).count() == len(set(ids))


def released(cause: str, ids: Collection[int]) -> set[int]:
    """Of some grants, by key, those that were held from a cause, by its key, and go through."""
    held = HeldGrant.objects.released().filter(among(ids, "grant"), batch__cause__key=cause)
    return set(held.values_list("grant", flat=True))


def let(row: EndCause, ids: Collection[int], now: datetime) -> bool:
    """Whether a cause may end these too; then that is counted. All of them or none.

    Args:
        row: the cause's, locked by `lock`.
        ids: of grants.
        now: business time.
    """
    known = set(LetThrough.objects.filter(among(ids, "grant"), cause=row).values_list("grant", flat=True))
    new = sorted(set(ids) - known)
    freed = released(row.key, new)
    counted = len(new) - len(freed)
    if counted and not _has_room(row, counted, now):
        return False
    let_go = (LetThrough(cause=row, grant_id=pk, at=now, by_release=pk in freed) for pk in new)
    LetThrough.objects.bulk_create(let_go, AT_ONCE)
    return True


def _has_room(row: EndCause, number: int, now: datetime) -> bool:
    held = HeldGrant.objects.waiting().filter(batch__cause=row, batch__opened_at__gt=now - WITHIN).count()
    lately = lately_of(row, now)
    would = lately + held + number
    if would <= FEW:
        return True
    policy = policy_queries.in_force(now)
    return would < policy.brake_grants and 100 * would <= policy.brake_share * (live(now) + lately)


def lately_of(row: EndCause, now: datetime) -> int:
    """How many a cause was let end within the last hour, without what was released."""
    return LetThrough.objects.filter(cause=row, at__gt=now - WITHIN, by_release=False).count()


def live(now: datetime) -> int:
    """How many grants are live."""
    return Grant.objects.live(now).count()


def ask(step: Step[Any], cause: Cause, grants: Sequence[Grant], why: str) -> bool:
    """Ask from within an operation that would end grants; what is not let end is held, and whoever answers is told at once.

    Returns:
        Whether they end now; all of them, or none.
    """
    if not grants:
        return True
    row = lock(cause)
    if let(row, [one.pk for one in grants], step.now):
        return True
    hold(step, row, grants, why, comes_again=False)
    return False


def hold(step: Step[Any], row: EndCause, grants: Sequence[Grant], why: str, *, comes_again: bool) -> HeldBatch:
    """Hold grants: in the batch of the cause that nobody has answered anything of, else in a new one."""
    batch = (
        HeldBatch.objects.filter(cause=row, state=BatchState.OPEN, comes_again=comes_again, answers__isnull=True)
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if batch is None:
        batch = HeldBatch(
            cause=row,
            opened_at=step.now,
            answer_by=step.now + timedelta(hours=policy_queries.in_force(step.now).brake_hours),
            comes_again=comes_again,
            live=live(step.now),
            lately=lately_of(row, step.now),
        )
        step.save(batch)
    waiting = HeldGrant.objects.waiting().filter(among([one.pk for one in grants], "grant"), batch__cause=row)
    there = set(waiting.values_list("grant", flat=True))
    new = [one for one in grants if one.pk not in there]
    held = (HeldGrant(batch=batch, grant=one, tier=one.counted_tier, why=str(why)) for one in new)
    HeldGrant.objects.bulk_create(held, AT_ONCE)
    step.record("brake.held", batch, {"cause": row.key, "grants": len(new), "why": str(why)})
    tell(batch, "brake_held", "held", step.now)
    return batch


def answering(batch: HeldBatch, now: datetime) -> list[Person]:
    """Whoever may answer a batch: security reviewers and admins, without who caused it."""
    found = {one.pk: one for role in ANSWERING for one in people_with(role, now).order_by("pk")}
    return [one for one in found.values() if one.pk != batch.cause.person_id]


def tell(batch: HeldBatch, event: str, key: str, now: datetime, **more: Any) -> list[Notice]:
    """Tell whoever may answer a batch, at once; and whoever caused it, for what they ended has not ended."""
    facts = {"cause": batch.cause.words, "number": batch.number, "due": ledger_events.instant(batch.answer_by), **more}
    thread, people, causer = f"brake:{batch.pk}", answering(batch, now), batch.cause.person
    context = {**facts, "page": ["held_batch", batch.pk]}
    found = outbox.each(people, event, thread=thread, key=key, now=now, context=context)
    if causer is not None and causer.is_here:
        first = batch.held.select_related("grant").order_by("pk")[0]
        own = {
            **facts,
            "yours": True,
            "by_hand": not batch.cause.title,
            "page": ["automation", first.grant.automation_id],
        }
        found += outbox.each([causer], event, thread=thread, key=key, now=now, context=own)
    return outbox.queue(found)


def standing(ids: Collection[int]) -> list[Grant]:
    """Of some grants those that have not ended."""
    return list(Grant.objects.filter(among(ids)).exclude(state=GrantState.ENDED).order_by("pk"))
