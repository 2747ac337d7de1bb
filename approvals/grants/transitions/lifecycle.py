"""What happens to a grant once it exists: it is stopped, suspended, succeeded, ended (G1, G2, G3, G5).

Making the first grant of a privilege is putting a submission in force and stands with the submissions. When what is due is found
by a job: `expiry`. "Immediate" is `Grant.objects.live(now)`, which every asker reads (G3); nothing else has to be told.

Locks are taken automation first, then grant; a caller that touches several grants of one automation takes them in order
of their keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from approvals.conflicts import transitions as conflict_transitions
from approvals.grants import circuit_breaker
from approvals.models import Conflict, Grant, GrantState
from approvals.models.grant import LONGEST_TERM, WHY_WORDS, Why
from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from inventory.models import Automation
from inventory.risk.tiers import Tier

#: States of a grant that has not ended.
STANDING = (GrantState.ACTIVE, GrantState.SUSPENDED)

#: How many successors may rest on the same two approvals; then stage 2 decides anew (G2).
LONGEST_SUCCESSION = {"low": 2, "standard": 2, "high": 1}


#: How what was stopped comes back: not by a verb, but by a submission (G5).
COMES_BACK = "Submit the automation again: two others decide about it."


def is_stopped(grant: Grant) -> bool:
    """Whether somebody stopped it and nothing took its place (G5)."""
    return grant.state == GrantState.SUSPENDED and grant.suspended_why == Why.STOPPED


def is_held_back(grant: Grant) -> bool:
    """Whether policy approved it and a look did not bear that out (A13), or it is in conflict (S6): only a decision of stage 2 takes its place."""
    return grant.state == GrantState.SUSPENDED and grant.suspended_why in (Why.NOT_FINE, Why.UNSEEN, Why.CONFLICT)


def _not_stopped(subject: Grant, actor: Actor, now: datetime) -> Refusal | None:
    return Refusal("G5", "state", "This grant is stopped already.", COMES_BACK) if is_stopped(subject) else None


def _term_over(subject: Grant, actor: Actor, now: datetime) -> Refusal | None:
    return Refusal("G3", "state", "Its term is not over yet.") if now < subject.ends_at else None


NOT_STOPPED = Duty("G5", "G5", "What is stopped already is not stopped again.", _not_stopped)
TERM_OVER = Duty("G3", "G3", "A grant expires at the end of its term and not before.", _term_over)


@transition(
    Grant,
    event="grant.suspended",
    permission=None,
    source=[GrantState.ACTIVE],
    target=[GrantState.SUSPENDED],
    parents=["automation"],
)
def suspend(step: Step[Grant], *, why: Why) -> Effect:
    """A review takes a grant out of force for the time being."""
    step.subject.suspended_why = why
    return Effect(payload={"why": why})


@transition(
    Grant,
    event="grant.held_back",
    permission=None,
    source=STANDING,
    target=[GrantState.SUSPENDED],
    parents=["automation"],
)
def hold_back(step: Step[Grant], *, why: Why) -> Effect:
    """A look at what policy approved was not fine, or did not happen: out of force, until somebody has decided about it (A13)."""
    if not is_stopped(step.subject):  # what was stopped takes two others, which is more
        step.subject.suspended_why = why
    if why == Why.CONFLICT:
        step.subject.in_conflict = True
    return Effect(payload={"why": why})


@transition(
    Grant,
    event="grant.reinstated",
    permission=None,
    source=[GrantState.SUSPENDED],
    target=[GrantState.ACTIVE],
    parents=["automation"],
)
def reinstate(step: Step[Grant], *, why: Sequence[Why]) -> Effect:
    """What suspended a grant was taken back; only what was suspended for one of these reasons comes back (G5)."""
    grant = step.subject
    if grant.suspended_why not in why:
        raise refuse(_suspended_otherwise(grant))
    if step.now >= grant.ends_at:
        raise refuse(Refusal("G3", "state", "Its term is over: it can't come back.", "Submit the automation again."))
    was, grant.suspended_why = grant.suspended_why, ""
    return Effect(payload={"was": was})


@transition(
    Grant, event="grant.ended", permission=None, source=STANDING, target=[GrantState.ENDED], parents=["automation"]
)
def end(step: Step[Grant], *, why: Why) -> Effect:
    """A grant ends for good because of something else."""
    return _finish(step, why)


@transition(
    Grant,
    event="grant.stopped",
    permission=Permission.GRANT_REVOKE,
    source=STANDING,
    target=[GrantState.SUSPENDED],
    duties=[NOT_STOPPED],
    parents=["automation"],
    reason_needed=True,
)
def stop(step: Step[Grant]) -> Effect:
    """Kill switch: one person suspends one grant at once, with a reason; it does not lift itself (G5)."""
    step.subject.suspended_why = Why.STOPPED
    return Effect(payload={"why": Why.STOPPED})


@transition(
    Grant,
    event="grant.revoked",
    permission=Permission.GRANT_REVOKE,
    source=STANDING,
    target=[GrantState.ENDED, *STANDING],
    parents=["automation"],
    reason_needed=True,
)
def revoke(step: Step[Grant]) -> Effect:
    """Somebody who answers for one of its sides ends a grant for good, with a reason; where they end too much at once it is held (G6)."""
    if not circuit_breaker.ask(step, circuit_breaker.Cause.of(step), [step.subject], Why.REVOKED):
        return Effect(to=step.subject.state, verb="grant.revocation_held")
    return _finish(step, Why.REVOKED)


@transition(
    Grant,
    event="grant.expired",
    permission=Permission.GRANT_END,
    source=STANDING,
    target=[GrantState.ENDED],
    duties=[TERM_OVER],
    parents=["automation"],
)
def expire(step: Step[Grant]) -> Effect:
    """A grant's term is over."""
    return _finish(step, Why.TERM)


@transition(Grant, event="grant.set_to_lapse", permission=None, source=STANDING, parents=["automation"])
def let_lapse(step: Step[Grant]) -> Effect:
    """A review says that a grant is not renewed: it ends on its date and does not come up again (R4)."""
    step.subject.renew = False
    step.save(step.subject)
    return Effect(payload={"ends_at": ledger_events.instant(step.subject.ends_at)})


@transition(Grant, event="grant.cut_short", permission=None, source=STANDING, parents=["automation"])
def cut_short(step: Step[Grant], *, ends_at: datetime) -> Effect:
    """What was granted to another team runs on for a while only; what ends before that stays as it is (L2).

    Args:
        step: the running call.
        ends_at: when it ends now.
    """
    grant = step.subject
    was, grant.ends_at = grant.ends_at, min(grant.ends_at, ends_at)
    grant.review_on = min(grant.review_on or grant.ends_at.date(), grant.ends_at.date())
    step.save(grant)
    return Effect(payload={"was": ledger_events.instant(was), "ends_at": ledger_events.instant(grant.ends_at)})


@transition(Grant, event="grant.tier_raised", permission=None, source=STANDING, parents=["automation"])
def raise_tier(step: Step[Grant], *, tier: Tier, not_before: datetime, review_on: date) -> Effect:
    """What it allows is riskier now than when it was approved: its term shortens to what that tier may have, and it is reviewed (T4).

    Args:
        step: the running call.
        tier: what it has risen to; higher than its present one.
        not_before: it does not end before this, so that its review lies inside its term (R1).
        review_on: the day by which it is reviewed.
    """
    grant = step.subject
    if tier <= Tier.of(grant.counted_tier):
        raise refuse(Refusal("T4", "state", "Its risk is that high already."))
    was, grant.raised_to, grant.raised_at = grant.counted_tier, tier.word, step.now
    longest = grant.begins_at + timedelta(days=LONGEST_TERM[tier.word])
    grant.ends_at = min(grant.ends_at, max(longest, not_before))
    grant.review_on = min(grant.review_on or review_on, review_on)
    step.save(grant)
    return Effect(payload={"was": was, "tier": tier.word, "ends_at": ledger_events.instant(grant.ends_at)})


@transition(Grant, event="grant.succeeded", permission=None, source=STANDING, parents=["automation"])
def succeed(step: Step[Grant], *, answers: Sequence[int], ends_at: datetime) -> Effect:
    """A review renews a grant: its successor begins now, and it ends, in one transaction (G2).

    Args:
        step: the running call.
        answers: ids of the answers that it rests on.
        ends_at: when the successor ends; at most the approved term from now.
    """
    old = step.subject
    no = succession_refusal(old) or over(old, step.now)
    if no is not None:
        raise refuse(no)
    if not step.now < ends_at <= longest_end(old, step.now):
        raise refuse(
            Refusal("G2", "input", "A successor is never longer than the approved term.", "Choose an earlier day.")
        )
    end(old, actor=step.actor, now=step.now, why=Why.SUCCEEDED)
    made = successor(old, step.now, ends_at, policy_queries.in_force(step.now))
    step.save(made)
    return Effect(
        subject=made,
        payload={
            "predecessor": old.pk,
            "answers": list(answers),
            "to": made.state,
            "ends_at": ledger_events.instant(ends_at),
        },
    )


def succession_refusal(grant: Grant) -> Refusal | None:
    """Why a grant can't be renewed by its review, or None: what is needed then is a new submission (G2, G5)."""
    if grant.state == GrantState.ENDED:
        return Refusal("STATE", "state", "This grant has ended.", "Submit the automation again.")
    if grant.state == GrantState.SUSPENDED and grant.suspended_why not in (Why.REVIEW, Why.SILENCE):
        return _suspended_otherwise(grant)
    if not grant.renew:
        to_do = "Leave it to its date, revoke it, or submit the automation again."
        return Refusal("R4", "state", "A review said not to renew it.", to_do)
    if grant.automation.moved_at is not None:
        sentence = "It came to another team, whose lead has not decided about it."
        return Refusal("L2", "state", sentence, "It can be renewed once the app is approved there.")
    length = succession_length(grant)
    if length >= LONGEST_SUCCESSION[grant.counted_tier]:
        renewed = "once" if length == 1 else f"{length} times"
        return Refusal(
            "G2",
            "state",
            f"It was renewed {renewed} on the same two approvals; now stage 2 decides anew.",
            "Submit the automation again before it ends.",
        )
    return None


def over(grant: Grant, now: datetime) -> Refusal | None:
    """Why a grant whose term is over is renewed by no answer, though nothing has ended it yet; None while it runs (G3)."""
    if now < grant.ends_at:
        return None
    return Refusal("G3", "state", "Its term is over: no review renews it.", "Submit the automation again.")


def succession_length(grant: Grant) -> int:
    """How many grants stand between this one and the one that its approvals made; 0 for that one itself."""
    return len(predecessors(grant))


def predecessors(grant: Grant) -> list[Grant]:
    """The grants that this one renews, the latest first."""
    found: list[Grant] = []
    one = grant.predecessor
    while one is not None:
        found.append(one)
        one = one.predecessor
    return found


def longest_end(grant: Grant, now: datetime) -> datetime:
    """The latest end that a successor made at ``now`` may have: the approved term, within its tier's longest (G1, G2)."""
    approved = grant.approval.granted_term_days or grant.approval.term_days
    return now + timedelta(days=min(approved, LONGEST_TERM[grant.counted_tier]))


def end_all(automation: Automation, step: Step[Any]) -> None:
    """End every standing grant of an automation that was retired, within the running operation (L1, G3); too much at once is held (G6).

    Fits `consequences.register("automation.retired", end_all)`.

    Args:
        automation: which is out of force already, whatever is held.
        step: the running step.
    """
    held = list(Grant.objects.filter(automation=automation).standing().credentials_first())
    if not circuit_breaker.ask(step, circuit_breaker.Cause.of(step), held, Why.RETIRED):
        return
    for grant in held:
        end(grant, actor=step.actor, now=step.now, why=Why.RETIRED)


def pass_on_ending(grant: Grant, step: Step[Any]) -> None:
    """Have those who wait for ``grant.ended`` hear of the other ways of ending too."""
    hooks.follow("grant.ended", grant, step)


def register_consequences() -> None:
    """What follows from what, for approvals' `ready()`: a retired automation holds nothing; an ending is an ending (G3)."""
    hooks.register("automation.retired", end_all)
    for event in (revoke.event, expire.event):
        hooks.register(event, pass_on_ending)
    hooks.register("conflict.enforced", suspend_in_conflict)


def suspend_in_conflict(conflict: Conflict, step: Step[Any]) -> None:
    """Suspend the newest grant of an enforced conflict, or what there is of a conflict with a missing part (S6)."""
    for grant in conflict_transitions.to_suspend(conflict, step.now):
        hold_back(grant, actor=step.actor, now=step.now, why=Why.CONFLICT)


def _finish(step: Step[Grant], why: Why) -> Effect:
    step.subject.ended_at, step.subject.ended_why = step.now, why
    return Effect(payload={"why": why})


def _suspended_otherwise(grant: Grant) -> Refusal:
    words = WHY_WORDS.get(grant.suspended_why, "suspended for another reason")
    to_do = "A review does not lift that."
    if is_stopped(grant):
        to_do += f" {COMES_BACK}"
    elif is_held_back(grant):
        to_do += " Submit the automation again: stage 2 decides about it."
    return Refusal("G5", "state", f"This grant is suspended: {words}.", to_do)


def successor(old: Grant, begins_at: datetime, ends_at: datetime, policy: policy_queries.Policy) -> Grant:
    """The same thing for another while, not saved: no wider, and resting on the same two approvals (G2)."""
    review_after = timedelta(days=policy.review_after(old.counted_tier))
    return Grant(
        automation=old.automation,
        kind=old.kind,
        entitlement=old.entitlement,
        credential=old.credential,
        identity_id=old.identity_id,
        key=old.key,
        target=old.target,
        scope=list(old.scope),
        level=old.level,
        held_as=old.held_as,
        tier=old.tier,
        app_approval_id=old.app_approval_id,
        approval=old.approval,
        predecessor=old,
        begins_at=begins_at,
        ends_at=ends_at,
        enforcement=old.enforcement,
        raised_to=old.raised_to,
        review_on=min(ends_at, begins_at + review_after).date(),
    )
