"""Transitions of a grant: suspend, succeed, end (G1, G2, G3); its stop is in `stops`.

The first grant of a privilege is made when a submission comes into force (`submissions.transitions.put_in_force`). The job is
`grants.jobs.expire_due`. An end takes effect at once, because `Grant.objects.live(now)` is read each time (G3).

Locks are taken on the automation first, then on the grant. Several grants of one automation are locked in order of
their ids.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from approvals.grants import circuit_breaker
from approvals.models import Conflict, Grant, GrantState
from approvals.models.grant import LONGEST_TERM, WHY_WORDS, Why
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Permission, Refusal, duty, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from inventory.models import Automation
from inventory.risk.tiers import Tier

#: States of a grant that has not ended.
STANDING = (GrantState.ACTIVE, GrantState.SUSPENDED)
#: Declares an operation on a grant that has not ended; its automation is locked before.
on_grant = partial(transition, Grant, parents=["automation"], source=STANDING)

#: How long reviews may renew a grant after the last decision of stage 2 (G2).
STAGE_2_AGAIN = timedelta(days=365)


#: What is left to a reviewer of a grant that no review renews (G2, R4).
KEPT_TO_ITS_END = "Keep it until its end at the latest, revoke it, or submit the automation again."

#: How a stopped grant comes back: by a new submission (G5).
COMES_BACK = "Submit the automation again: two others decide about it."


def is_stopped(grant: Grant) -> bool:
    """Return whether a grant was stopped and not replaced (G5)."""
    return grant.state == GrantState.SUSPENDED and grant.suspended_why == Why.STOPPED


def is_held_back(grant: Grant) -> bool:
    """Return whether a spot check (A13) or a conflict (S6) suspended the grant. Only stage 2 can replace it."""
    return grant.state == GrantState.SUSPENDED and grant.suspended_why in (Why.NOT_FINE, Why.UNSEEN, Why.CONFLICT)


@duty("G5")
def not_stopped(subject: Grant, actor: Actor, now: datetime) -> Refusal | None:
    """What is stopped already is not stopped again."""
    return Refusal("G5", "state", "This grant is stopped already.", COMES_BACK) if is_stopped(subject) else None


@duty("G3")
def term_over(subject: Grant, actor: Actor, now: datetime) -> Refusal | None:
    """A grant expires at the end of its term and not before."""
    return Refusal("G3", "state", "Its term is not over yet.") if now < subject.ends_at else None


@on_grant(event="grant.suspended", permission=None, source=[GrantState.ACTIVE], target=[GrantState.SUSPENDED])
def suspend(step: Step[Grant], *, why: Why) -> Effect:
    """Suspend a grant by a review."""
    step.subject.suspended_why = why
    return Effect(payload={"why": why})


@on_grant(event="grant.held_back", permission=None, target=[GrantState.SUSPENDED])
def hold_back(step: Step[Grant], *, why: Why) -> Effect:
    """Suspend an auto-approved grant whose spot check failed or is missing, until stage 2 decides (A13)."""
    if not is_stopped(step.subject):  # a stop needs two others, which is stricter
        step.subject.suspended_why = why
    if why == Why.CONFLICT:
        step.subject.in_conflict = True
    return Effect(payload={"why": why})


@on_grant(event="grant.reinstated", permission=None, source=[GrantState.SUSPENDED], target=[GrantState.ACTIVE])
def reinstate(step: Step[Grant], *, why: Sequence[Why]) -> Effect:
    """Reinstate a suspended grant if one of these reasons suspended it (G5)."""
    grant = step.subject
    if grant.suspended_why not in why:
        raise refuse(_other_suspension_refusal(grant))
    if step.now >= grant.ends_at:
        raise refuse(Refusal("G3", "state", "Its term is over: it can't come back.", "Submit the automation again."))
    was, grant.suspended_why = grant.suspended_why, ""
    return Effect(payload={"was": was})


@on_grant(event="grant.ended", permission=None, target=[GrantState.ENDED])
def end(step: Step[Grant], *, why: Why) -> Effect:
    """End a grant because of another change."""
    return _end_now(step, why)


@on_grant(
    event="grant.revoked", permission=Permission.GRANT_REVOKE, target=[GrantState.ENDED, *STANDING], reason_needed=True
)
def revoke(step: Step[Grant]) -> Effect:
    """End a grant finally, with a reason, by a person who answers for one of its sides (G6).

    Too many at once are held.
    """
    if not circuit_breaker.ask_or_hold(step, [step.subject], Why.REVOKED):
        return Effect(to=step.subject.state, verb="grant.revocation_held")
    return _end_now(step, Why.REVOKED)


@on_grant(event="grant.expired", permission=Permission.GRANT_END, target=[GrantState.ENDED], duties=[term_over])
def expire(step: Step[Grant]) -> Effect:
    """End a grant whose term is over."""
    return _end_now(step, Why.TERM)


@on_grant(event="grant.set_to_lapse", permission=None)
def let_lapse(step: Step[Grant], *, ends_at: datetime) -> Effect:
    """End a grant on the date that its review named, without another review (R4).

    Args:
        step: the running call.
        ends_at: the named end; an earlier end stays.
    """
    grant = step.subject
    grant.renew, grant.ends_at = False, min(grant.ends_at, ends_at)
    step.save(grant)
    return Effect(payload={"ends_at": ledger_events.instant(grant.ends_at)})


@on_grant(event="grant.cut_short", permission=None)
def cut_short(step: Step[Grant], *, ends_at: datetime) -> Effect:
    """Shorten the grants of an automation that moved to another team; earlier ends stay (L2).

    Args:
        step: the running call.
        ends_at: the new end.
    """
    grant = step.subject
    was, grant.ends_at = grant.ends_at, min(grant.ends_at, ends_at)
    grant.review_on = min(grant.review_on or grant.ends_at.date(), grant.ends_at.date())
    step.save(grant)
    return Effect(payload={"was": ledger_events.instant(was), "ends_at": ledger_events.instant(grant.ends_at)})


@on_grant(event="grant.tier_raised", permission=None)
def raise_tier(step: Step[Grant], *, tier: Tier, not_before: datetime, review_on: date) -> Effect:
    """Raise the tier of a grant whose risk grew: its term shortens to the tier's longest, and a review is due (T4).

    Args:
        step: the running call.
        tier: the new tier; higher than the current one.
        not_before: the earliest end, so that the review lies inside the term (R1).
        review_on: the day of the review at the latest.
    """
    grant = step.subject
    if tier <= Tier.from_word(grant.counted_tier):
        raise refuse(Refusal("T4", "state", "Its risk is that high already."))
    was, grant.raised_to, grant.raised_at = grant.counted_tier, tier.word, step.now
    longest = grant.begins_at + timedelta(days=LONGEST_TERM[tier.word])
    grant.ends_at = min(grant.ends_at, max(longest, not_before))
    grant.review_on = min(grant.review_on or review_on, review_on)
    step.save(grant)
    return Effect(payload={"was": was, "tier": tier.word, "ends_at": ledger_events.instant(grant.ends_at)})


@on_grant(event="grant.succeeded", permission=None)
def succeed(step: Step[Grant], *, answers: Sequence[int], ends_at: datetime, renew: bool = True) -> Effect:
    """Renew a grant after a review: its successor begins and the grant ends in one transaction (G2).

    Args:
        step: the running call.
        answers: ids of the review answers that it rests on.
        ends_at: when the successor ends; at most the approved term from now.
        renew: whether a later review may renew the successor; not if a review named its end (R4).
    """
    old = step.subject
    refusal = succession_refusal(old, step.now) or term_refusal(old, step.now)
    if refusal is not None:
        raise refuse(refusal)
    if not step.now < ends_at <= longest_end(old, step.now):
        sentence = "A successor is never longer than the approved term."
        raise refuse(Refusal("G2", "input", sentence, "Choose an earlier day."))
    end(old, actor=step.actor, now=step.now, why=Why.SUCCEEDED)
    new_grant = successor(old, step.now, ends_at, policy_queries.in_force(step.now))
    new_grant.renew = renew
    step.save(new_grant)
    payload = {"predecessor": old.pk, "answers": list(answers), "to": new_grant.state}
    return Effect(subject=new_grant, payload={**payload, "ends_at": ledger_events.instant(ends_at)})


def succession_refusal(grant: Grant, now: datetime) -> Refusal | None:
    """Return why a review can't renew a grant, or None. A new submission is needed then (G2, G5)."""
    if grant.state == GrantState.ENDED:
        return Refusal("STATE", "state", "This grant has ended.", "Submit the automation again.")
    if grant.state == GrantState.SUSPENDED and grant.suspended_why not in (Why.REVIEW, Why.SILENCE):
        return _other_suspension_refusal(grant)
    if not grant.renew:
        return Refusal("R4", "state", "A review named the day on which this access ends.", KEPT_TO_ITS_END)
    if grant.automation.moved_at is not None:
        sentence = "It came to another team, whose lead has not decided about it."
        return Refusal("L2", "state", sentence, "It can be renewed once the app is approved there.")
    if now >= (grant.approval.ended_at or grant.begins_at) + STAGE_2_AGAIN:
        sentence = "Stage 2 approved this more than a year ago and has to decide again."
        return Refusal("G2", "state", sentence, KEPT_TO_ITS_END)
    return None


def term_refusal(grant: Grant, now: datetime) -> Refusal | None:
    """Return why a grant past its term can't be renewed, even before the job ended it; None while it runs (G3)."""
    if now < grant.ends_at:
        return None
    return Refusal("G3", "state", "Its term is over: no review renews it.", "Submit the automation again.")


def longest_end(grant: Grant, now: datetime) -> datetime:
    """Return the latest end of a successor made at ``now``: the approved term, at most the tier's longest (G1, G2)."""
    approved = grant.approval.granted_term_days or grant.approval.term_days
    return now + timedelta(days=min(approved, LONGEST_TERM[grant.counted_tier]))


def end_all(automation: Automation, step: Step[Any]) -> None:
    """End all standing grants of a retired automation in the running operation; too many at once are held (L1, G3, G6).

    Args:
        automation: the retired automation; none of its grants is live any more.
        step: the running step.
    """
    held = list(Grant.objects.filter(automation=automation).standing().credentials_first())
    if not circuit_breaker.ask_or_hold(step, held, Why.RETIRED):
        return
    for grant in held:
        end(grant, actor=step.actor, now=step.now, why=Why.RETIRED)


def follow_end(grant: Grant, step: Step[Any]) -> None:
    """Run the consequences of ``grant.ended`` after the other ways to end too (G3)."""
    hooks.follow("grant.ended", grant, step)


def suspend_in_conflict(conflict: Conflict, step: Step[Any]) -> None:
    """Suspend the grants that an enforced conflict names in its event (S6)."""
    ids = [int(number) for number in step.payload["suspended"].split(", ")]
    for grant in Grant.objects.filter(pk__in=ids).order_by("pk"):
        hold_back(grant, actor=step.actor, now=step.now, why=Why.CONFLICT)


def _end_now(step: Step[Grant], why: Why) -> Effect:
    step.subject.ended_at, step.subject.ended_why = step.now, why
    return Effect(payload={"why": why})


def _other_suspension_refusal(grant: Grant) -> Refusal:
    words = WHY_WORDS.get(grant.suspended_why, "suspended for another reason")
    to_do = "A review does not lift that."
    if is_stopped(grant):
        to_do += f" {COMES_BACK}"
    elif is_held_back(grant):
        to_do += " Submit the automation again: stage 2 decides about it."
    return Refusal("G5", "state", f"This grant is suspended: {words}.", to_do)


#: Columns that a successor takes over.
TAKEN_OVER = (
    *("automation", "kind", "entitlement", "credential", "identity_id", "key", "target", "scope", "level", "sentence"),
    *("held_as", "tier", "app_approval_id", "approval", "enforcement", "raised_to"),
)


def successor(old: Grant, begins_at: datetime, ends_at: datetime, policy: policy_queries.Policy) -> Grant:
    """Build the unsaved successor of a grant: no wider, on the same two approvals (G2).

    Args:
        old: the grant that ends.
        begins_at: start of the new term.
        ends_at: end of the new term.
        policy: the policy in force, for the longest term.
    """
    review_after = timedelta(days=policy.review_after(old.counted_tier))
    return Grant(
        **{name: getattr(old, name) for name in TAKEN_OVER},
        predecessor=old,
        begins_at=begins_at,
        ends_at=ends_at,
        review_on=min(ends_at, begins_at + review_after).date(),
    )
