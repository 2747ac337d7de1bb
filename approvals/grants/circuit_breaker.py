"""The circuit breaker: too many ends of grants by one cause within an hour are held in a batch (G6).

Each cause has a row that is locked while its ends are counted, so that two transactions never both find room. Not
counted: kill switches, which suspend; the end of a term; replacements by a submission in force, which people decided
one by one.

A cause that asks again by itself (a review that closes) is let through, or leaves held grants alone. For any other
cause (a retired automation) a job ends the released grants.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import BatchState, EndCause, Grant, GrantState, HeldBatch, HeldGrant, LetThrough
from approvals.models.circuit_breaker import ANSWERING, GOES_THROUGH
from approvals.policies import queries as policy_queries
from governance.core.access import Refusal
from governance.core.database.querysets import among
from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.models import Notice, Person
from governance.core.notices import outbox

#: The period in which the policy limits ends of grants (G6).
PERIOD = timedelta(hours=1)
#: Fewer ends are never held: a twentieth of a small company's grants is one automation (docs/decisions/0032).
NEVER_HELD = 10
#: How long a repeating cause leaves grants alone after its batch was discarded, or lapsed without an answer.
REST_PERIODS = {BatchState.DISCARDED: timedelta(days=30), BatchState.LAPSED: timedelta(days=1)}

#: Rows of one statement: PostgreSQL limits the values of a statement, and a campaign may end any number of grants.
AT_ONCE = 1000

HELD = Refusal(
    "G6",
    "state",
    "This would end too much at once, so it is paused until security and an admin answer.",
    "Stop it if it must not wait: a stop is never paused.",
)


def lock(cause: EndCause) -> EndCause:
    """Lock the row of a cause, saved or not, until the transaction ends.

    A second transaction waits and then sees the count of the first.
    """
    row, _ = EndCause.objects.get_or_create(key=cause.key, defaults={"title": cause.title, "person": cause.person})
    return EndCause.objects.select_for_update(of=("self",)).get(pk=row.pk)


def blocked_grants(now: datetime) -> QuerySet[HeldGrant]:
    """Return held grants that their cause must leave alone at ``now``: unanswered, or discarded or lapsed recently."""
    rests = Q(pk__in=())
    for state, how_long in REST_PERIODS.items():
        rests |= Q(batch__state=state, batch__ended_at__gt=now - how_long)
    return HeldGrant.objects.filter(Q(batch__state=BatchState.OPEN) | rests).filter(~GOES_THROUGH)


def is_blocked(column: str, cause: Any, now: datetime) -> Exists:
    """Build the expression whether a row's grant is held from a cause.

    Args:
        column: the column with the grant's id.
        cause: the key of the cause, or an expression of it.
        now: business time.
    """
    return Exists(blocked_grants(now).filter(grant=OuterRef(column), batch__cause__key=cause))


def were_let(cause: EndCause, ids: Collection[int]) -> bool:
    """Return whether a cause was already let end all of these grants, by id."""
    return LetThrough.objects.filter(among(ids, "grant"), cause__key=cause.key).count() == len(set(ids))


def released(cause: str, ids: Collection[int]) -> set[int]:
    """Return the ids of grants that were held from a cause and released; the cause is given by its key."""
    held = HeldGrant.objects.released().filter(among(ids, "grant"), batch__cause__key=cause)
    return set(held.values_list("grant", flat=True))


def let_through(row: EndCause, ids: Collection[int], now: datetime) -> bool:
    """Count the grants for a cause and return True if it may end them all; else count none.

    Args:
        row: the row of the cause, locked by `lock`.
        ids: ids of grants.
        now: business time.
    """
    already_let = set(LetThrough.objects.filter(among(ids, "grant"), cause=row).values_list("grant", flat=True))
    new = sorted(set(ids) - already_let)
    freed = released(row.key, new)
    counted = len(new) - len(freed)
    if counted and not _has_room(row, counted, now):
        return False
    let_go = (LetThrough(cause=row, grant_id=pk, at=now, by_release=pk in freed) for pk in new)
    LetThrough.objects.bulk_create(let_go, AT_ONCE)
    return True


def _has_room(row: EndCause, number: int, now: datetime) -> bool:
    held = HeldGrant.objects.waiting().filter(batch__cause=row, batch__opened_at__gt=now - PERIOD).count()
    lately = recent_ends(row, now)
    total = lately + held + number
    if total <= NEVER_HELD:
        return True
    policy = policy_queries.in_force(now)
    return total < policy.brake_grants and 100 * total <= policy.brake_share * (count_live(now) + lately)


def recent_ends(row: EndCause, now: datetime) -> int:
    """Return how many grants a cause was let end within the last hour, without released ones."""
    return LetThrough.objects.filter(cause=row, at__gt=now - PERIOD, by_release=False).count()


def count_live(now: datetime) -> int:
    """Return the number of live grants."""
    return Grant.objects.live(now).count()


def ask_or_hold(step: Step[Any], grants: Sequence[Grant], why: str) -> bool:
    """Check within an operation whether its actor may end grants; if not, hold them and notify the people who answer.

    Returns:
        Whether all of them end now; else none does.
    """
    if not grants:
        return True
    person, job = step.actor.person, step.actor.job
    by_job = EndCause(key=f"job:{job}", title=f"The job {job}")
    row = lock(EndCause(key=f"person:{person.pk}", person=person) if person is not None else by_job)
    if let_through(row, [grant.pk for grant in grants], step.now):
        return True
    hold(step, row, grants, why, comes_again=False)
    return False


def hold(step: Step[Any], row: EndCause, grants: Sequence[Grant], why: str, *, comes_again: bool) -> HeldBatch:
    """Hold grants in the open batch of the cause if it has no answer yet, else in a new one.

    Args:
        step: the running step.
        row: the cause.
        grants: the grants to hold.
        why: the reason of the revocation.
        comes_again: whether the cause tries again by itself later.
    """
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
            live=count_live(step.now),
            lately=recent_ends(row, step.now),
        )
        step.save(batch)
    waiting = HeldGrant.objects.waiting().filter(among([grant.pk for grant in grants], "grant"), batch__cause=row)
    waiting_ids = set(waiting.values_list("grant", flat=True))
    new = [grant for grant in grants if grant.pk not in waiting_ids]
    held = (HeldGrant(batch=batch, grant=grant, tier=grant.counted_tier, why=str(why)) for grant in new)
    HeldGrant.objects.bulk_create(held, AT_ONCE)
    step.record("brake.held", batch, {"cause": row.key, "grants": len(new), "why": str(why)})
    queue_notices(batch, "brake_held", "held", step.now)
    return batch


def people_who_answer(batch: HeldBatch, now: datetime) -> list[Person]:
    """Return the people who may answer a batch: security reviewers and admins, without the person who caused it."""
    people = {person.pk: person for role in ANSWERING for person in Person.objects.with_role(role, now).order_by("pk")}
    return [person for person in people.values() if person.pk != batch.cause.person_id]


def queue_notices(batch: HeldBatch, event: str, key: str, now: datetime, **more: Any) -> list[Notice]:
    """Notify the people who may answer a batch, and the person who caused it, because their grants have not ended.

    Args:
        batch: the batch.
        event: names the mail templates.
        key: part of the unique key.
        now: business time.
    """
    facts = {"cause": batch.cause.words, "number": batch.number, "due": ledger_events.instant(batch.answer_by), **more}
    thread, people, causer = f"brake:{batch.pk}", people_who_answer(batch, now), batch.cause.person
    context = {**facts, "page": ["held_batch", batch.pk]}
    notices = outbox.notices_for(people, event, thread=thread, key=key, now=now, context=context)
    if causer is not None and causer.is_here:
        first = batch.held.select_related("grant").order_by("pk")[0]
        theirs = {"yours": True, "by_hand": not batch.cause.title, "page": ["automation", first.grant.automation_id]}
        notices += outbox.notices_for([causer], event, thread=thread, key=key, now=now, context={**facts, **theirs})
    return outbox.queue(notices)


def unended_grants(ids: Collection[int]) -> list[Grant]:
    """Return the grants with these ids that have not ended."""
    return list(Grant.objects.filter(among(ids)).exclude(state=GrantState.ENDED).order_by("pk"))
