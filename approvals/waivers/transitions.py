"""Waivers: someone requests to allow a conflict for a while, security decides, and the waiver ends (S7).

Nobody who gains by a waiver decides about it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from approvals.assignment.escalation_chain import Bench
from approvals.conflicts import held_access
from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases
from approvals.conflicts.check.automation import FoundConflict
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

#: How long before its end a waiver can be followed by another, and people are reminded.
FOLLOW_UP_TIME = timedelta(days=14)


def waivable_conflicts(automation: Automation, now: datetime) -> list[FoundConflict]:
    """Return the conflicts of an automation that can be waived: as it is held, and with its newest version.

    Waived conflicts are included if the waiver ends soon and no granted waiver follows it.

    Args:
        automation: saved.
        now: business time.
    """
    newest = automation.versions.order_by("-number").first()
    versions = {version.pk: version for version in (newest, automation.approved_version) if version is not None}
    conflict_by_key: dict[tuple[str, int], FoundConflict] = {}
    for conflicts in check_automation.find_all_conflicts(
        [cases.case_of_version(automation, version) for version in versions.values()], now
    ):
        for conflict in conflicts:
            conflict_by_key.setdefault((conflict.standing.rule.code, conflict.subject), conflict)
    waived = [conflict.waiver for conflict in conflict_by_key.values() if conflict.waiver is not None]
    ending = {waiver.pk for waiver in waived if ends_soon(waiver, now)}
    ending = set(Waiver.objects.filter(pk__in=ending).not_followed().values_list("pk", flat=True)) if ending else set()
    return [
        conflict for conflict in conflict_by_key.values() if conflict.waiver is None or conflict.waiver.pk in ending
    ]


def ends_soon(waiver: Waiver, now: datetime) -> bool:
    """Return whether a waiver is live and ends soon."""
    return waiver.is_live(now) and waiver.ends_at is not None and waiver.ends_at <= now + FOLLOW_UP_TIME


@transition(Automation, event="waiver.asked", permission=Permission.WAIVER_ASK, reason_needed=True)
def ask_waiver(step: Step[Automation], *, code: str, subject_id: int, control: str, days: int) -> Effect:
    """Ask security to allow a conflict for a while, as a builder or owner, with a compensating control (S7).

    Args:
        step: the running step.
        code: of the rule.
        subject_id: id of the conflict's subject.
        control: the compensating control.
        days: the term, at most as policy allows.
    """
    automation, control = step.subject, free_text.clean(control)
    conflict = next(
        (
            candidate
            for candidate in waivable_conflicts(automation, step.now)
            if _is_conflict_of(candidate, code, subject_id)
        ),
        None,
    )
    if conflict is None:
        raise refuse(Refusal("S7", "state", "There is no such conflict, or it is waived for now.", "Reload the page."))
    if not control:
        raise _input_refusal("control", "Say what keeps it from doing harm meanwhile.")
    policy = policy_queries.in_force(step.now)
    if not 1 <= days <= policy.waiver_days:
        raise _input_refusal("days", f"Between 1 and {policy.waiver_days} days.")
    if Waiver.objects.filter(
        code=code, subject=subject_id, scope=conflict.standing.rule.scope, state=WaiverState.ASKED
    ).exists():
        raise refuse(Refusal("S7", "state", "A waiver is asked for already.", "Wait for the answer, or withdraw it."))
    waiver = Waiver(
        code=code,
        scope=conflict.standing.rule.scope,
        subject=subject_id,
        automation=automation,
        covers=sorted(conflict.keys),
        lifts=sorted(held_access.with_lower_words(conflict.held)),
        rule_digest=conflict.standing.version.digest,
        reason=step.reason,
        control=free_text.keep(control),
        days=days,
        asked_by=step.actor.person,
        asked_at=step.now,
    )
    waiver.beneficiaries = sorted({person.pk for person in step.actor.people} | _beneficiary_ids(waiver, step.now))
    _set_follows(waiver, policy)
    step.save(waiver)
    _notify(step, waiver, Bench.load(step.now).security, "waiver_asked", "asked")
    return Effect(subject=waiver, payload={"rule": code, "days": days, "in_a_row": waiver.in_a_row})


def _input_refusal(field: str, sentence: str) -> Exception:
    return refuse(Refusal("S7", "input", sentence, detail=((field, sentence),)))


def _is_conflict_of(conflict: FoundConflict, code: str, subject_id: int) -> bool:
    return (conflict.standing.rule.code, conflict.subject) == (code, subject_id)


def _set_follows(waiver: Waiver, policy: Policy) -> None:
    """Set the waiver that this one follows, and its number in a row. Only granted waivers count (S7).

    Raises:
        Refused: too many in a row.
    """
    same = Waiver.objects.of_the_same(waiver.code, waiver.scope, waiver.subject, waiver.covers)
    before = same.counting(waiver.asked_at).exclude(pk=waiver.pk).order_by("-in_a_row", "-ends_at").first()
    if before is not None and before.in_a_row >= policy.waivers_in_a_row:
        followed = f"{before.in_a_row} waivers followed each other" if before.in_a_row > 1 else "A waiver was granted"
        sentence = f"{followed} here already: what lasts longer is no exception."
        raise refuse(Refusal("S7", "duty", sentence, "Resolve the conflict, or propose another rule."))
    waiver.follows, waiver.in_a_row = before, before.in_a_row + 1 if before is not None else 1


def _check_rule(waiver: Waiver, shown: str | None, now: datetime) -> str:
    """Return the digest of the rule, if it is what the reader saw (A6).

    Raises:
        Refused: the rule has changed, has another scope, or was given up.
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


def _begin_at(waiver: Waiver, now: datetime) -> datetime:
    """Return the end of a live waiver that lifts the same, so that there is no gap; otherwise now (S7)."""
    same = Waiver.objects.live(now).of_the_same(waiver.code, waiver.scope, waiver.subject, waiver.covers)
    ends: datetime | None = same.filter(lifts__contains=waiver.lifts, rule_digest=waiver.rule_digest).aggregate(
        last=Max("ends_at")
    )["last"]
    return ends or now


def _beneficiary_ids(waiver: Waiver, now: datetime) -> set[int]:
    """Return ids of the parties and owners of the automations that a waiver covers, at ``now`` (S7)."""
    covered = {int(key.partition("/")[0]) for key in waiver.covers} | {waiver.automation_id}
    people: set[int] = set()
    for automation in Automation.objects.filter(pk__in=covered).select_related("business_owner", "technical_owner"):
        people |= {person_id for person_id, _ in party_queries.next_parties(automation)}
        people |= {person.pk for person in automation.answering(now)}
    return people


def _refuse_beneficiary(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    gaining = {subject.asked_by_id, *subject.beneficiaries, *_beneficiary_ids(subject, now)}
    for person in actor.people:
        if person.pk in gaining:
            beneficiary = "You gain" if person == actor.person else f"{person.name}, for whom you stand in, gains"
            return Refusal("S7", "duty", f"{beneficiary} by this waiver, so somebody else decides about it.")
    return None


def _refuse_delegate(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    beneficiaries = {subject.asked_by_id, *subject.beneficiaries, *_beneficiary_ids(subject, now)}
    people = [person.pk for person in actor.people]
    if Delegation.objects.between(beneficiaries, people).since(subject.asked_at, now).exists():
        sentence = "You and whoever asks, or gains by it, stand in for each other, or did since it was asked for."
        return Refusal("A11", "duty", sentence, "Somebody else in security decides about it.")
    return None


def _require_session(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind != "person" or actor.signed_in_at is None:
        return Refusal("SOD-5", "duty", "Tokens, jobs and commands decide nothing.", "Sign in to the portal.")
    return policy_rules.stale_sign_in(actor, policy_queries.in_force(now), "high", "decision")


def _require_term_over(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    if subject.ends_at is None or subject.ends_at > now:
        return Refusal("S7", "state", "Its term is not over.")
    return None


NO_BENEFICIARY = Duty(
    "S7", "S7", "Nobody who gains by a waiver grants it.", _refuse_beneficiary, ("waiver_by_nobody_who_gains",)
)
NOT_THEIR_DELEGATE = Duty(
    "A11",
    "A11",
    "Who stands in for whoever asks for a waiver or gains by it, or for whom these do, does not decide about it.",
    _refuse_delegate,
    ("waiver_decided",),
)
IN_SESSION = Duty("SOD-5", "S5", "A waiver is decided in an interactive session, signed in lately.", _require_session)
OVER = Duty("S7", "S7", "A waiver ends with its term and not before, unless somebody ends it.", _require_term_over)


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
    """Security grants the waiver (S7).

    Args:
        step: the running step.
        days: the term, at most as requested and as policy allows now. Default: as requested.
        shown_digest: of the rule on the page. Default: as at the request.
    """
    waiver, policy = step.subject, policy_queries.in_force(step.now)
    waiver.rule_digest = _check_rule(waiver, shown_digest, step.now)
    if days is not None and not 1 <= days <= waiver.days:
        raise _input_refusal("days", f"A term can be shortened only: 1 to {waiver.days} days.")
    waiver.days = days or waiver.days
    if waiver.days > policy.waiver_days:
        raise _input_refusal(
            "days", f"By the policy of now a waiver lasts at most {policy.waiver_days} days: shorten it."
        )
    _set_follows(
        waiver, policy
    )  # another may have been granted since the request, for a chain also under another number
    waiver.begins_at = _begin_at(waiver, step.now)
    waiver.ends_at = waiver.begins_at + timedelta(days=waiver.days)
    _set_decider(step)
    _notify(step, waiver, _requester_and_owners(waiver, step.now), "waiver_granted", "granted")
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
    """Security refuses the waiver (S7)."""
    _set_decider(step)
    _notify(step, step.subject, _requester_and_owners(step.subject, step.now), "waiver_refused", "refused")
    return Effect(payload={"rule": step.subject.code})


@transition(
    Waiver,
    event="waiver.withdrawn",
    permission=Permission.WAIVER_ASK,
    source=(WaiverState.ASKED,),
    target=(WaiverState.WITHDRAWN,),
)
def withdraw_waiver(step: Step[Waiver]) -> Effect:
    """A builder or owner withdraws the request."""
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
    """Security ends a waiver early. That only tightens, so one person may do it (S8)."""
    waiver = step.subject
    assert waiver.begins_at is not None
    assert waiver.ends_at is not None  # set when granted
    waiver.ends_at = min(waiver.ends_at, max(step.now, waiver.begins_at + timedelta(seconds=1)))
    _notify(step, waiver, _requester_and_owners(waiver, step.now), "waiver_ended", "ended")
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
    """End a waiver after its term (S7).

    If its conflict remains and no other waiver follows, owners and security are notified.
    """
    waiver = step.subject
    is_held = Conflict.objects.standing("", step.now).allowed_by(waiver).exists()
    people = [*_requester_and_owners(waiver, step.now), *Bench.load(step.now).security]
    _notify(
        step,
        waiver,
        people if is_held else _requester_and_owners(waiver, step.now),
        "waiver_expired",
        "expired",
        is_held=is_held,
    )
    return Effect(payload={"rule": waiver.code, "is_held": is_held})


def _set_decider(step: Step[Waiver]) -> None:
    """Set the decider and the people who gain now. A database constraint compares them."""
    step.subject.beneficiaries = sorted({*step.subject.beneficiaries, *_beneficiary_ids(step.subject, step.now)})
    step.subject.decided_by, step.subject.decided_for = step.actor.person, step.actor.standing_for
    step.subject.decided_at = step.now


def _requester_and_owners(waiver: Waiver, now: datetime) -> list[Person]:
    return [waiver.asked_by, *waiver.automation.answering(now)]


def mail_context(waiver: Waiver) -> dict[str, Any]:
    """Return the facts for a mail about a waiver."""
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


def _notify(step: Step[Any], waiver: Waiver, people: Collection[Person], event: str, key: str, **more: Any) -> None:
    outbox.queue(notices(waiver, list(people), event, key, step.now, more))


def notices(
    waiver: Waiver, people: Sequence[Person], event: str, key: str, now: datetime, more: dict[str, Any] | None = None
) -> list[Any]:
    """Return notices about a waiver, one for each person and key."""
    context = mail_context(waiver) | (more or {})
    return outbox.each(people, event, thread=f"waiver:{waiver.pk}", key=key, now=now, context=context)
