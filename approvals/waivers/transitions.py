"""Waivers: someone requests to allow a conflict for a while, security decides, and the waiver ends (S7)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from approvals.assignment.escalation_chain import Bench
from approvals.conflicts.check.find_conflicts import FoundConflict, case_of_version, find_all_conflicts
from approvals.models import Conflict, ConflictRule, Waiver, WaiverState
from approvals.policies import queries as policy_queries
from approvals.waivers import rules as duties
from governance.core.access import Permission, Refusal, invalid, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.texts import free_text
from inventory.models import Automation

#: Declares a decision about a requested waiver.
on_asked = partial(
    transition,
    Waiver,
    permission=Permission.WAIVER_DECIDE,
    source=(WaiverState.ASKED,),
    duties=duties.DECIDING,
    reason_needed=True,
)
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
    version_cases = [case_of_version(automation, version) for version in versions.values()]
    conflict_by_key: dict[tuple[str, int], FoundConflict] = {}
    for conflicts in find_all_conflicts(version_cases, now):
        for conflict in conflicts:
            conflict_by_key.setdefault((conflict.standing.rule.code, conflict.subject), conflict)
    waivers = [conflict.waiver for conflict in conflict_by_key.values() if conflict.waiver is not None]
    ending = {waiver.pk for waiver in waivers if ends_soon(waiver, now)}
    ending = set(Waiver.objects.filter(pk__in=ending).not_followed().values_list("pk", flat=True)) if ending else set()
    return [found for found in conflict_by_key.values() if found.waiver is None or found.waiver.pk in ending]


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
    waivable = {(found.standing.rule.code, found.subject): found for found in waivable_conflicts(automation, step.now)}
    conflict = waivable.get((code, subject_id))
    if conflict is None:
        raise refuse(Refusal("S7", "state", "There is no such conflict, or it is waived for now.", "Reload the page."))
    if not control:
        raise invalid("S7", "control", "Name the control that prevents harm during the waiver.")
    policy = policy_queries.in_force(step.now)
    duties.check_requested_days(days, policy)
    subject = {"code": code, "scope": conflict.standing.rule.scope, "subject": subject_id}
    if Waiver.objects.filter(**subject, state=WaiverState.ASKED).exists():
        raise refuse(Refusal("S7", "state", "A waiver is asked for already.", "Wait for the answer, or withdraw it."))
    waiver = Waiver(
        **subject,
        automation=automation,
        covers=sorted(conflict.keys),
        rule_digest=conflict.standing.version.digest,
        reason=step.reason,
        control=free_text.keep(control),
        days=days,
        asked_by=step.actor.person,
        asked_at=step.now,
    )
    people = {person.pk for person in step.actor.people}
    waiver.beneficiaries = sorted(people | duties.beneficiary_ids(waiver, step.now))
    _set_follows(waiver, policy)
    step.save(waiver)
    queue_notices(waiver, Bench.load(step.now).security, "waiver_asked", "asked", step.now)
    return Effect(subject=waiver, payload={"rule": code, "days": days, "in_a_row": waiver.in_a_row})


def _set_follows(waiver: Waiver, policy: policy_queries.Policy) -> None:
    before = duties.preceding_waiver(waiver, policy)
    waiver.follows, waiver.in_a_row = before, before.in_a_row + 1 if before is not None else 1


def _check_rule(waiver: Waiver, shown: str | None, now: datetime) -> str:
    """Return the digest of the rule, if it is what the reader saw (A6).

    Raises:
        Refused: the rule has changed, has another scope, or was given up.
    """
    rule = ConflictRule.objects.in_force(now).filter(code=waiver.code).first()
    if rule is None or rule.scope != waiver.scope:
        sentence = "Its rule was given up, or looks at somebody else now: there is nothing here to waive."
        raise refuse(Refusal("S7", "state", sentence, "Ask for a new waiver of the present conflict."))
    if rule.digest != (waiver.rule_digest if shown is None else shown):
        sentence = "Its rule says something else than what you read."
        raise refuse(Refusal("A6", "stale", sentence, "Read it as it is now."))
    return rule.digest


def _begin_at(waiver: Waiver, now: datetime) -> datetime:
    """Return the end of a live waiver that covers the same, so that there is no gap; otherwise now (S7)."""
    same = Waiver.objects.live(now).of_the_same(waiver.code, waiver.scope, waiver.subject, waiver.covers)
    same = same.filter(covers__contains=waiver.covers, rule_digest=waiver.rule_digest)
    return max((other.ends_at for other in same if other.ends_at is not None), default=now)


@on_asked(event="waiver.granted", target=(WaiverState.GRANTED,))
def grant_waiver(step: Step[Waiver], *, days: int | None = None, shown_digest: str | None = None) -> Effect:
    """Security grants the waiver (S7).

    Args:
        step: the running step.
        days: the term, at most as requested and as policy allows now. Default: as requested.
        shown_digest: of the rule on the page. Default: as at the request.
    """
    waiver, policy = step.subject, policy_queries.in_force(step.now)
    waiver.rule_digest = _check_rule(waiver, shown_digest, step.now)
    waiver.days = duties.granted_days(waiver, days, policy)
    _set_follows(waiver, policy)  # another may have been granted since the request
    waiver.begins_at = _begin_at(waiver, step.now)
    waiver.ends_at = waiver.begins_at + timedelta(days=waiver.days)
    _set_decider(step)
    _notify_requester(step, "waiver_granted", "granted")
    return Effect(payload={"rule": waiver.code, "days": waiver.days})


@on_asked(event="waiver.refused", target=(WaiverState.REFUSED,))
def refuse_waiver(step: Step[Waiver]) -> Effect:
    """Security refuses the waiver (S7)."""
    _set_decider(step)
    _notify_requester(step, "waiver_refused", "refused")
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
    _notify_requester(step, "waiver_ended", "ended")
    return Effect(payload={"rule": waiver.code})


@transition(
    Waiver,
    event="waiver.expired",
    permission=Permission.CONFLICT_SCAN,
    source=(WaiverState.GRANTED,),
    target=(WaiverState.ENDED,),
    duties=(duties.term_over,),
)
def expire_waiver(step: Step[Waiver]) -> Effect:
    """End a waiver after its term (S7).

    If its conflict remains and no other waiver follows, security is notified too.
    """
    waiver = step.subject
    is_held = Conflict.objects.standing("", step.now).filter(waiver.conflict_filter()).exists()
    people = [*requester_and_owners(waiver, step.now), *(Bench.load(step.now).security if is_held else ())]
    queue_notices(waiver, people, "waiver_expired", "expired", step.now, is_held=is_held)
    return Effect(payload={"rule": waiver.code, "is_held": is_held})


def _set_decider(step: Step[Waiver]) -> None:
    """Set the decider and the people who gain now. A database constraint compares them."""
    waiver = step.subject
    waiver.beneficiaries = sorted(duties.beneficiary_ids(waiver, step.now))
    waiver.decided_by, waiver.decided_for = step.actor.person, step.actor.standing_for
    waiver.decided_at = step.now


def _notify_requester(step: Step[Waiver], event: str, key: str) -> None:
    people = requester_and_owners(step.subject, step.now)
    queue_notices(step.subject, people, event, key, step.now)


def requester_and_owners(waiver: Waiver, now: datetime) -> list[Person]:
    """Return the requester, and the people who answer for the automation."""
    return [waiver.asked_by, *waiver.automation.answering(now)]


def queue_notices(waiver: Waiver, people: Iterable[Person], event: str, key: str, now: datetime, **more: Any) -> int:
    """Queue one notice for each person and key. Return the number of new ones.

    Args:
        waiver: the waiver.
        people: the recipients.
        event: names the mail templates.
        key: part of the unique key.
        now: business time.
    """
    rule = ConflictRule.objects.filter(code=waiver.code).order_by("-number").first()
    context = {
        "rule": rule.title if rule is not None else waiver.code,
        "automation": waiver.automation.name,
        "team": waiver.automation.team.name,
        "days": waiver.days,
        "until": waiver.ends_at.isoformat() if waiver.ends_at else "",
        "asked_by": waiver.asked_by.name,
        "page": ["waiver", waiver.pk],
        **more,
    }
    return outbox.notify(people, event, thread=f"waiver:{waiver.pk}", key=key, now=now, context=context)
