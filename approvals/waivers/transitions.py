"""Waivers: somebody asks that a conflict be allowed for a while, somebody in security who gains nothing by it says so, and it ends (S7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from approvals.assignment.escalation_chain import Bench
from approvals.conflicts import held_access
from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases
from approvals.conflicts.check.automation import Found
from approvals.models import Conflict, ConflictRule, Waiver, WaiverState
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.policies import rules as policy_rules
from approvals.policies.queries import Policy
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Delegation, Person
from governance.core.notices import outbox
from governance.core.roles.roles import Permission
from governance.core.texts import free_text
from inventory.models import Automation

#: How long before a waiver ends the next can be asked for, and whoever needs it hears of the end.
SOON = timedelta(days=14)


def open_to(automation: Automation, now: datetime) -> list[Found]:
    """The conflicts of an automation of which a waiver can be asked: as it is held, and as its newest version would hold it.

    What is waived is among them where that ends soon and nothing that was granted follows it.

    Args:
        automation: saved.
        now: business time.
    """
    newest = automation.versions.order_by("-number").first()
    versions = {one.pk: one for one in (newest, automation.approved_version) if one is not None}
    found: dict[tuple[str, int], Found] = {}
    for each in check_automation.find_all([cases.of_version(automation, one) for one in versions.values()], now):
        for one in each:
            found.setdefault((one.standing.rule.code, one.subject), one)
    waived = [one.waiver for one in found.values() if one.waiver is not None]
    ending = {one.pk for one in waived if ends_soon(one, now)}
    ending = set(Waiver.objects.filter(pk__in=ending).not_followed().values_list("pk", flat=True)) if ending else set()
    return [one for one in found.values() if one.waiver is None or one.waiver.pk in ending]


def ends_soon(waiver: Waiver, now: datetime) -> bool:
    """Whether a waiver lifts something still, and not for long."""
    return waiver.is_live(now) and waiver.ends_at is not None and waiver.ends_at <= now + SOON


@transition(Automation, event="waiver.asked", permission=Permission.WAIVER_ASK, reason_needed=True)
def ask_waiver(step: Step[Automation], *, code: str, whom: int, control: str, days: int) -> Effect:
    """Somebody who builds or answers for it asks that what is in conflict be allowed for a while, and says what is done instead (S7).

    Args:
        step: the running step.
        code: of the rule.
        whom: id of whom the rule looks at.
        control: what keeps it from doing harm meanwhile.
        days: how long, at most as policy allows.
    """
    automation, control = step.subject, free_text.clean(control)
    found = next((one for one in open_to(automation, step.now) if _is(one, code, whom)), None)
    if found is None:
        raise refuse(Refusal("S7", "state", "There is no such conflict, or it is waived for now.", "Reload the page."))
    if not control:
        raise _wrong("control", "Say what keeps it from doing harm meanwhile.")
    policy = policy_queries.in_force(step.now)
    if not 1 <= days <= policy.waiver_days:
        raise _wrong("days", f"Between 1 and {policy.waiver_days} days.")
    if Waiver.objects.filter(
        code=code, subject=whom, scope=found.standing.rule.scope, state=WaiverState.ASKED
    ).exists():
        raise refuse(Refusal("S7", "state", "A waiver is asked for already.", "Wait for the answer, or withdraw it."))
    made = Waiver(
        code=code,
        scope=found.standing.rule.scope,
        subject=whom,
        automation=automation,
        covers=sorted(found.keys),
        lifts=sorted(held_access.at_most(found.held)),
        rule_digest=found.standing.version.digest,
        reason=step.reason,
        control=free_text.keep(control),
        days=days,
        asked_by=step.actor.person,
        asked_at=step.now,
    )
    made.beneficiaries = sorted({person.pk for person in step.actor.people} | _who_gains(made, step.now))
    _count(made, policy)
    step.save(made)
    _tell(step, made, Bench.load(step.now).security, "waiver_asked", "asked")
    return Effect(subject=made, payload={"rule": code, "days": days, "in_a_row": made.in_a_row})


def _wrong(field: str, sentence: str) -> Exception:
    return refuse(Refusal("S7", "input", sentence, detail=((field, sentence),)))


def _is(found: Found, code: str, whom: int) -> bool:
    return (found.standing.rule.code, found.subject) == (code, whom)


def _count(waiver: Waiver, policy: Policy) -> None:
    """Say what a waiver follows and how many it makes in a row: of those that were granted, whatever was asked for between (S7).

    Raises:
        Refused: it would be one too many.
    """
    same = Waiver.objects.of_the_same(waiver.code, waiver.scope, waiver.subject, waiver.covers)
    before = same.counting(waiver.asked_at).exclude(pk=waiver.pk).order_by("-in_a_row", "-ends_at").first()
    if before is not None and before.in_a_row >= policy.waivers_in_a_row:
        followed = f"{before.in_a_row} waivers followed each other" if before.in_a_row > 1 else "A waiver was granted"
        sentence = f"{followed} here already: what lasts longer is no exception."
        raise refuse(Refusal("S7", "duty", sentence, "Resolve the conflict, or propose another rule."))
    waiver.follows, waiver.in_a_row = before, before.in_a_row + 1 if before is not None else 1


def _as_shown(waiver: Waiver, shown: str | None, now: datetime) -> str:
    """The digest of what the rule says, where that is what somebody read (A6).

    Raises:
        Refused: it says something else now, looks at somebody else, or nobody asks for it any more.
    """
    rule = ConflictRule.objects.in_force(now).filter(code=waiver.code).first()
    if rule is None or rule.scope != waiver.scope:
        sentence = "Its rule was given up, or looks at somebody else now: there is nothing here to waive."
        raise refuse(Refusal("S7", "state", sentence, "What is in conflict now is asked for anew."))
    if rule.digest != (waiver.rule_digest if shown is None else shown):
        raise refuse(
            Refusal("A6", "stale", "Its rule says something else than what you read.", "Read it as it is now.")
        )
    return rule.digest


def _begin(waiver: Waiver, now: datetime) -> datetime:
    """When a waiver begins: where another lifts all of it still, at that one's end, so that there is neither a gap nor more time (S7)."""
    same = Waiver.objects.live(now).of_the_same(waiver.code, waiver.scope, waiver.subject, waiver.covers)
    ends: datetime | None = same.filter(lifts__contains=waiver.lifts, rule_digest=waiver.rule_digest).aggregate(
        last=Max("ends_at")
    )["last"]
    return ends or now


def _who_gains(waiver: Waiver, now: datetime) -> set[int]:
    """Ids of those whose work or responsibility something is that a waiver covers, as it is at ``now`` (S7)."""
    covered = {int(key.partition("/")[0]) for key in waiver.covers} | {waiver.automation_id}
    people: set[int] = set()
    for one in Automation.objects.filter(pk__in=covered).select_related("business_owner", "technical_owner"):
        people |= {who for who, _ in party_queries.standing(one)}
        people |= {person.pk for person in one.answering(now)}
    return people


def _gains(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    gaining = {subject.asked_by_id, *subject.beneficiaries, *_who_gains(subject, now)}
    for person in actor.people:
        if person.pk in gaining:
            who = "You gain" if person == actor.person else f"{person.name}, for whom you stand in, gains"
            return Refusal("S7", "duty", f"{who} by this waiver, so somebody else decides about it.")
    return None


def _not_their_delegate(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    theirs = {subject.asked_by_id, *subject.beneficiaries, *_who_gains(subject, now)}
    people = [person.pk for person in actor.people]
    if Delegation.objects.between(theirs, people).since(subject.asked_at, now).exists():
        sentence = "You and whoever asks, or gains by it, stand in for each other, or did since it was asked for."
        return Refusal("A11", "duty", sentence, "Somebody else in security decides about it.")
    return None


def _interactive(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind != "person" or actor.signed_in_at is None:
        return Refusal("SOD-5", "duty", "Tokens, jobs and commands decide nothing.", "Sign in to the portal.")
    return policy_rules.stale_sign_in(actor, policy_queries.in_force(now), "high", "decision")


def _over(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    if subject.ends_at is None or subject.ends_at > now:
        return Refusal("S7", "state", "Its term is not over.")
    return None


NO_BENEFICIARY = Duty("S7", "S7", "Nobody who gains by a waiver grants it.", _gains, ("waiver_by_nobody_who_gains",))
NOT_THEIR_DELEGATE = Duty(
    "A11",
    "A11",
    "Who stands in for whoever asks for a waiver or gains by it, or for whom these do, does not decide about it.",
    _not_their_delegate,
    ("waiver_decided",),
)
IN_SESSION = Duty("SOD-5", "S5", "A waiver is decided in an interactive session, signed in lately.", _interactive)
OVER = Duty("S7", "S7", "A waiver ends with its term and not before, unless somebody ends it.", _over)


@transition(
    Waiver,
    event="waiver.granted",
    permission=Permission.WAIVER_DECIDE,
    source=(WaiverState.ASKED,),
    target=(WaiverState.GRANTED,),
    duties=(NO_BENEFICIARY, NOT_THEIR_DELEGATE, IN_SESSION),
    reason_needed=True,
)
def grant_waiver(step: Step[Waiver], *, days: int | None = None, shown_digest: str | None = None) -> Effect:
    """Security lets what is in conflict be held for a while (S7).

    Args:
        step: the running step.
        days: how long, no longer than was asked, nor than the policy of now allows; as asked unless said.
        shown_digest: of the rule as it stood on the page; as it stood when it was asked for unless said.
    """
    waiver, policy = step.subject, policy_queries.in_force(step.now)
    waiver.rule_digest = _as_shown(waiver, shown_digest, step.now)
    if days is not None and not 1 <= days <= waiver.days:
        raise _wrong("days", f"A term can be shortened only: 1 to {waiver.days} days.")
    waiver.days = days or waiver.days
    if waiver.days > policy.waiver_days:
        raise _wrong("days", f"By the policy of now a waiver lasts at most {policy.waiver_days} days: shorten it.")
    _count(waiver, policy)  # another may have been granted since it was asked for, and of a chain under another number
    waiver.begins_at = _begin(waiver, step.now)
    waiver.ends_at = waiver.begins_at + timedelta(days=waiver.days)
    _decided(step)
    _tell(step, waiver, _side(waiver, step.now), "waiver_granted", "granted")
    return Effect(payload={"rule": waiver.code, "days": waiver.days})


@transition(
    Waiver,
    event="waiver.refused",
    permission=Permission.WAIVER_DECIDE,
    source=(WaiverState.ASKED,),
    target=(WaiverState.REFUSED,),
    duties=(NO_BENEFICIARY, NOT_THEIR_DELEGATE, IN_SESSION),
    reason_needed=True,
)
def refuse_waiver(step: Step[Waiver]) -> Effect:
    """Security does not let it be held (S7)."""
    _decided(step)
    _tell(step, step.subject, _side(step.subject, step.now), "waiver_refused", "refused")
    return Effect(payload={"rule": step.subject.code})


@transition(
    Waiver,
    event="waiver.withdrawn",
    permission=Permission.WAIVER_ASK,
    source=(WaiverState.ASKED,),
    target=(WaiverState.WITHDRAWN,),
)
def withdraw_waiver(step: Step[Waiver]) -> Effect:
    """Whoever builds or answers for it needs it no more."""
    return Effect(payload={"rule": step.subject.code})


@transition(
    Waiver,
    event="waiver.ended_early",
    permission=Permission.WAIVER_DECIDE,
    source=(WaiverState.GRANTED,),
    target=(WaiverState.ENDED,),
    reason_needed=True,
)
def end_waiver(step: Step[Waiver]) -> Effect:
    """Security ends a waiver before its term is over: that only tightens, so one person does it (S8)."""
    waiver = step.subject
    assert waiver.begins_at is not None
    assert waiver.ends_at is not None  # it is granted
    waiver.ends_at = min(waiver.ends_at, max(step.now, waiver.begins_at + timedelta(seconds=1)))
    _tell(step, waiver, _side(waiver, step.now), "waiver_ended", "ended")
    return Effect(payload={"rule": waiver.code})


@transition(
    Waiver,
    event="waiver.expired",
    permission=Permission.CONFLICT_SCAN,
    source=(WaiverState.GRANTED,),
    target=(WaiverState.ENDED,),
    duties=(OVER,),
)
def expire_waiver(step: Step[Waiver]) -> Effect:
    """Its term is over: what it allowed is a conflict again unless another follows; who answers for it and security hear of that (S7)."""
    waiver = step.subject
    is_held = Conflict.objects.standing("", step.now).allowed_by(waiver).exists()
    people = [*_side(waiver, step.now), *Bench.load(step.now).security]
    _tell(step, waiver, people if is_held else _side(waiver, step.now), "waiver_expired", "expired", is_held=is_held)
    return Effect(payload={"rule": waiver.code, "is_held": is_held})


def _decided(step: Step[Waiver]) -> None:
    """Write down who decided, and who gains by it now: the database compares the two."""
    step.subject.beneficiaries = sorted({*step.subject.beneficiaries, *_who_gains(step.subject, step.now)})
    step.subject.decided_by, step.subject.decided_for = step.actor.person, step.actor.standing_for
    step.subject.decided_at = step.now


def _side(waiver: Waiver, now: datetime) -> list[Person]:
    return [waiver.asked_by, *waiver.automation.answering(now)]


def about(waiver: Waiver) -> dict[str, Any]:
    """What a mail about a waiver says."""
    rule = ConflictRule.objects.filter(code=waiver.code).order_by("-number").first()
    return {
        "rule": rule.title if rule is not None else waiver.code,
        "automation": waiver.automation.name,
        "team": waiver.automation.team.name,
        "days": waiver.days,
        "until": waiver.ends_at.isoformat() if waiver.ends_at else "",
        "asked_by": waiver.asked_by.name,
        "page": ["waiver", waiver.pk],
    }


def _tell(step: Step[Any], waiver: Waiver, people: Collection[Person], event: str, key: str, **more: Any) -> None:
    outbox.queue(notices(waiver, list(people), event, key, step.now, more))


def notices(
    waiver: Waiver, people: Sequence[Person], event: str, key: str, now: datetime, more: dict[str, Any] | None = None
) -> list[Any]:
    """What some people are told about a waiver, each once for a key."""
    context = about(waiver) | (more or {})
    return outbox.each(people, event, thread=f"waiver:{waiver.pk}", key=key, now=now, context=context)
