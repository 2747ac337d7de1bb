"""Transitions of a held batch: both roles agree, or the time runs out; released grants end (G6)."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle
from approvals.models import BatchAnswer, BatchSays, BatchState, EndCause, Grant, HeldBatch, HeldGrant, grant
from approvals.models.circuit_breaker import ANSWERING
from approvals.policies import fresh_sign_in
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Permission, Refusal, Role, access, duty, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Delegation

S = BatchState
#: Declares an operation on an open batch; its cause is locked before.
on_batch = partial(transition, HeldBatch, source=(S.OPEN,), parents=("cause",))


def answering_role(batch: HeldBatch, actor: Actor, now: datetime) -> Role | None:
    """Return the role in which an actor answers: their earlier one, else a free one; None without a role."""
    if actor.person is None:
        return None
    answered_roles = set(batch.answers.values_list("role", flat=True))
    before = batch.answers.filter(person=actor.person).order_by("-pk").values_list("role", flat=True).first()
    if before is not None:
        return Role(before)
    held = [role for role in ANSWERING if role in access.roles_held(actor, now)]
    return next((role for role in held if str(role) not in answered_roles), held[0] if held else None)


@duty("SOD-5")
def in_person(subject: HeldBatch, actor: Actor, now: datetime) -> Refusal | None:
    """A batch is answered in person, in a fresh session."""
    if actor.standing_for is not None:
        return Refusal("SOD-5", "duty", "A delegate can't answer a paused mass revocation.", "Act as yourself.")
    return fresh_sign_in.require_session(actor, policy_queries.in_force(now), "high")


@duty("G6")
def two_people(subject: HeldBatch, actor: Actor, now: datetime) -> Refusal | None:
    """Two people answer a batch. The person who caused it can't answer it."""
    if actor.person is None:
        return None
    if actor.person.pk == subject.cause.person_id:
        return Refusal("G6", "duty", "This is what you ended, so two others look at it.")
    place = answering_role(subject, actor, now)
    others = subject.answers.exclude(role=place).values_list("person", "said_at") if place is not None else ()
    for other_person, at in others:
        if Delegation.objects.between([other_person], [actor.person.pk]).since(at, now).exists():
            return Refusal("G6", "duty", "One of you is the other's delegate, and two independent people must answer.")
    return None


@duty("G6")
def in_time(subject: HeldBatch, actor: Actor, now: datetime) -> Refusal | None:
    """A batch can't be answered after its deadline."""
    return Refusal("G6", "state", "The time to answer this was over.") if subject.answer_by <= now else None


@duty("G6")
def time_is_up(subject: HeldBatch, actor: Actor, now: datetime) -> Refusal | None:
    """A batch lapses once its time is over."""
    return Refusal("G6", "state", "There is time to answer it still.") if subject.answer_by > now else None


@duty("G6")
def goes_through(subject: HeldGrant, actor: Actor, now: datetime) -> Refusal | None:
    """A held grant ends only after its release."""
    if HeldGrant.objects.to_end().filter(pk=subject.pk).exists():
        return None
    return Refusal("G6", "state", "It was not released, or it has ended.")


@transition(EndCause, event="brake.held", permission=Permission.GRANT_END)
def hold_due(step: Step[EndCause], *, due: Sequence[Grant], why: str) -> Effect:
    """Hold all due grants of a sweep that would end too many at once (G6).

    Args:
        step: the running step; its subject is the locked cause.
        due: the due grants.
        why: a value of `grants.Why`.
    """
    unended = circuit_breaker.unended_grants([grant.pk for grant in due])
    if not unended or circuit_breaker.let_through(step.subject, [grant.pk for grant in unended], step.now):
        raise refuse(Refusal("G6", "state", "Nothing has to be paused."))
    batch = circuit_breaker.hold(step, step.subject, unended, why, comes_again=True)
    return Effect(subject=batch, payload={"cause": step.subject.key})


@on_batch(
    event="brake.answered",
    permission=Permission.BRAKE_ANSWER,
    target=(S.OPEN, S.RELEASED, S.DISCARDED),
    duties=(two_people, in_person, in_time),
    reason_needed=True,
)
def answer_batch(step: Step[HeldBatch], *, says: BatchSays) -> Effect:
    """Record the answer of Security or an admin; the batch ends once both agree (G6).

    Args:
        step: the running step.
        says: release or discard.
    """
    batch, place = step.subject, answering_role(step.subject, step.actor, step.now)
    assert place is not None  # the permission asked
    facts = {"role": place, "says": says, "reason": step.reason, "said_at": step.now}
    step.save(BatchAnswer(batch=batch, person=step.actor.person, **facts))
    last = dict(batch.answers.order_by("pk").values_list("role", "says"))
    if len(last) < len(ANSWERING) or len(set(last.values())) > 1:
        return Effect(to=S.OPEN, payload={"says": says, "as": place})
    to = S.RELEASED if says == BatchSays.RELEASE else S.DISCARDED
    _close_batch(step, to)
    return Effect(to=to, payload={"says": says, "as": place})


@on_batch(event="brake.lapsed", permission=Permission.GRANT_END, target=(S.LAPSED,), duties=(time_is_up,))
def lapse_batch(step: Step[HeldBatch]) -> Effect:
    """Lapse a batch without agreement in time: high-risk grants end, the others stay (G6)."""
    _close_batch(step, S.LAPSED)
    return Effect()


def _close_batch(step: Step[HeldBatch], to: BatchState) -> None:
    step.subject.ended_at = step.now
    circuit_breaker.queue_notices(step.subject, "brake_ended", "ended", step.now, became=to)


@transition(
    HeldGrant,
    event="brake.ended",
    permission=Permission.GRANT_END,
    duties=(goes_through,),
    parents=("grant.automation", "grant"),
)
def end_held(step: Step[HeldGrant]) -> Effect:
    """End a released grant for its original reason (G6)."""
    lifecycle.end(step.subject.grant, actor=step.actor, now=step.now, why=grant.Why(step.subject.why))
    return Effect()
