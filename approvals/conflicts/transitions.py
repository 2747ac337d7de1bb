"""Conflicts in what is held: opened, followed and ended as a scan finds them; enforced where nobody resolved them in time (S6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q

from approvals.conflicts import held_access
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.scan import Part
from approvals.models import Conflict, ConflictRule, ConflictState, Grant, GrantState, Waiver
from approvals.models.conflict import Mode, Scope
from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.roles.roles import Permission
from inventory.models import Automation

#: Why a conflict has ended: nothing of the kind is held together any more, or its rule looks at somebody else now.
RESOLVED, RULE_CHANGED = "resolved", "rule_changed"
#: What is held by an automation that whoever is told does not see.
UNSEEN = "something of an automation that you don’t see"


@transition(ConflictRule, event="conflict_rule.scanned", permission=Permission.CONFLICT_SCAN)
def follow_scan(step: Step[ConflictRule], *, found: Mapping[int, Sequence[Part]], why: str = RESOLVED) -> Effect:
    """What a scan found of one rule is what its open conflicts say.

    Those of a scope that the rule had before are none of what was found, whatever number they go by: automation 7 is not identity 7.

    Args:
        step: the running step; its subject is the version of the rule that was asked.
        found: all that has a part, by subject.
        why: what is no more has ended.
    """
    rule = step.subject
    open_now = list(Conflict.objects.filter(code=rule.code, state=ConflictState.OPEN).order_by("pk"))
    known = {one.subject: one for one in open_now if one.scope == rule.scope}
    elsewhere = [one for one in open_now if one.scope != rule.scope]
    if rule.scope == Scope.CHAIN:
        known = _under_their_numbers(known, found)
    counts = {"opened": 0, "changed": 0, "ended": 0}
    for subject, parts in sorted(found.items()):
        before = known.pop(subject, None)
        if before is None:
            open_conflict(_new(rule, subject, parts, step.now), actor=step.actor, now=step.now)
            counts["opened"] += 1
        elif before.subject != subject or _differs(before, rule, parts):
            change_conflict(before, actor=step.actor, now=step.now, rule=rule, whom=subject, parts=parts)
            counts["changed"] += 1
    for gone in known.values():
        end_conflict(gone, actor=step.actor, now=step.now, why=why)
    for gone in elsewhere:
        end_conflict(gone, actor=step.actor, now=step.now, why=RULE_CHANGED if why == RESOLVED else why)
    counts["ended"] = len(known) + len(elsewhere)
    return Effect(payload=counts)


def _under_their_numbers(known: Mapping[int, Conflict], found: Mapping[int, Sequence[Part]]) -> dict[int, Conflict]:
    """Open conflicts of chains by the numbers that these have now: who joins or leaves one changes its number, and no clock (A16)."""
    here = {subject: one for subject, one in known.items() if subject in found}
    for one in (one for subject, one in sorted(known.items()) if subject not in found):
        same = (n for n, parts in found.items() if n not in here and not set(_of(parts)["keys"]).isdisjoint(one.keys))
        here[next(same, one.subject)] = one
    return here


def differs(rule: ConflictRule, found: Mapping[int, Sequence[Part]], open_now: Sequence[Conflict]) -> bool:
    """Whether `follow_scan` would have something to do: reads nothing."""
    known = {one.subject: one for one in open_now}
    if known.keys() != found.keys() or any(one.scope != rule.scope for one in open_now):
        return True
    return any(_differs(known[subject], rule, found[subject]) for subject in found)


def _differs(conflict: Conflict, rule: ConflictRule, parts: Sequence[Part]) -> bool:
    return conflict.rule_id != rule.pk or any(getattr(conflict, name) != value for name, value in _of(parts).items())


def _of(parts: Sequence[Part]) -> dict[str, list[Any]]:
    return {
        "grants": sorted({one.grant for one in parts if one.grant}),
        "automations": sorted({one.automation for one in parts}),
        "keys": sorted({one.covered_as for one in parts}),
        "held": sorted({one.held for one in parts}),
    }


def _due(rule: ConflictRule, now: datetime) -> datetime | None:
    if rule.mode != Mode.ENFORCE:
        return None
    return now + timedelta(days=policy_queries.in_force(now).resolve_days(rule.rating))


def _new(rule: ConflictRule, subject: int, parts: Sequence[Part], now: datetime) -> Conflict:
    return Conflict(
        rule=rule,
        code=rule.code,
        scope=rule.scope,
        subject=subject,
        **_of(parts),
        by_waiver=_by_waiver(rule, subject, parts, ()),
        opened_at=now,
        due_at=_due(rule, now),
    )


def _by_waiver(rule: ConflictRule, subject: int, parts: Sequence[Part], before: Sequence[str]) -> list[str]:
    """Keys of what came into a conflict just now, or is more now, and a waiver has allowed since its rule is enforced: else it had not come in (S6).

    Args:
        rule: as it is now.
        subject: whom it looks at.
        parts: all that has a part now.
        before: how what had one before was held.
    """
    if rule.mode != Mode.ENFORCE:
        return []
    granted = Waiver.objects.filter(begins_at__isnull=False, ends_at__gt=rule.effective_at, rule_digest=rule.digest)
    same = granted.of_the_same(rule.code, rule.scope, subject, _of(parts)["keys"])
    lifted = {one for lifts in same.values_list("lifts", flat=True) for one in lifts} - held_access.at_most(before)
    return sorted({one.covered_as for one in parts if one.held in lifted})


@transition(
    Conflict, event="conflict.opened", permission=None, source=(ConflictState.OPEN,), target=(ConflictState.OPEN,)
)
def open_conflict(step: Step[Conflict]) -> Effect:
    """Something is held together that a rule says nobody may: its owners are told, and the clock starts where the rule is enforced."""
    conflict = step.subject
    payload = {"rule": conflict.code, "version": conflict.rule.number, "grants": conflict.grants}
    return Effect(payload=payload, then=partial(_tell_of_new, step))


def _tell_of_new(step: Step[Conflict]) -> dict[str, Any]:
    """Tell of it once it has a page."""
    _tell(step, step.subject, "conflict_opened", "opened")
    return {}


@transition(Conflict, event="conflict.changed", permission=None, source=(ConflictState.OPEN,))
def change_conflict(step: Step[Conflict], *, rule: ConflictRule, whom: int, parts: Sequence[Part]) -> Effect:
    """More of it is held than before, or less, or its rule says it otherwise now; an enforced rule starts the clock, and nothing stops it.

    Where a waiver lifts it no more because the rule changed, all of it was held before what the rule says now, and has the days of that (S6, S7).
    """
    conflict, before = step.subject, step.subject.held
    has_lost = rule.digest != conflict.rule.digest and waiver_of(conflict, step.now) is not None
    if has_lost:
        conflict.due_at, conflict.by_waiver = None, []
    for name, value in _of(parts).items():
        setattr(conflict, name, value)
    conflict.rule, conflict.subject = rule, whom
    came = _by_waiver(rule, whom, parts, before)
    kept = set(conflict.by_waiver).intersection(conflict.keys) if rule.mode == Mode.ENFORCE else set()
    conflict.by_waiver = sorted(kept.union(came))
    conflict.due_at = (conflict.due_at or _due(rule, step.now)) if rule.mode == Mode.ENFORCE else None
    step.save(conflict)
    if has_lost:
        _tell(step, conflict, "conflict_opened", f"waived_no_more:{rule.number}")
    return Effect(payload={"version": rule.number, "grants": conflict.grants})


@transition(
    Conflict, event="conflict.ended", permission=None, source=(ConflictState.OPEN,), target=(ConflictState.ENDED,)
)
def end_conflict(step: Step[Conflict], *, why: str) -> Effect:
    """It is held together no more, or nobody minds any more."""
    step.subject.ended_at, step.subject.ended_why = step.now, why
    return Effect(payload={"why": why})


def _time_is_up(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    if _is_up(subject, now) or (subject.by_waiver and subject.rule.mode == Mode.ENFORCE):
        return None
    return Refusal("S6", "state", "The time to resolve this is not up.")


def _is_up(conflict: Conflict, now: datetime) -> bool:
    return conflict.due_at is not None and conflict.due_at <= now


def _something_left(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    if not to_suspend(subject, now):
        return Refusal("S6", "state", "Nothing of this is in force.")
    return None


def to_suspend(conflict: Conflict, now: datetime) -> list[Grant]:
    """The newest of it; before its time is up, of what a waiver let in, or where that is nothing that could be suspended, of all (S6, S7).

    Where nothing of it is a grant, as of a shared identity, all that the newest of the automations holds: whose first standing grant began last (I5).
    A renewal makes nothing newer, and neither does what else has suspended it: were what somebody stopped passed over, the older would go for it (G5).
    Where all of it is out of force already, there is nothing to suspend.
    """
    of_whom = Q(pk__in=conflict.grants) if conflict.grants else Q(automation__in=conflict.automations)
    counted = Grant.objects.standing().filter(of_whom, in_conflict=False).newest_first()
    if not counted.filter(state=GrantState.ACTIVE).exists():
        return []
    if not conflict.grants:
        held: dict[int, list[Grant]] = {}
        for one in counted:
            held.setdefault(one.automation_id, []).append(one)
        return max(held.values(), key=lambda grants: (grants[-1].first_granted, grants[-1].first_of_it), default=[])
    let_in = [one for one in counted if f"{one.automation_id}/{one.key}" in conflict.by_waiver]
    return list(counted[:1]) if _is_up(conflict, now) or not let_in else let_in[:1]


def _not_waived(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    return Refusal("S7", "state", "This is waived.") if waiver_of(subject, now) is not None else None


def waiver_of(conflict: Conflict, now: datetime) -> Waiver | None:
    """The waiver that covers all that is held of a conflict, or None (S7)."""
    same = Waiver.objects.live(now).of_the_same(conflict.code, conflict.scope, conflict.subject, conflict.keys)
    same = same.filter(lifts__contains=conflict.held, rule_digest=conflict.rule.digest)
    return same.order_by("-ends_at").first()


TIME_IS_UP = Duty(
    "S6",
    "S6",
    "What was held before a rule was enforced has time to be resolved or waived; what a waiver let in has that waiver's.",
    _time_is_up,
)
SOMETHING_LEFT = Duty("S6", "S6", "What is suspended already is not suspended again.", _something_left)
NOT_WAIVED = Duty("S7", "S7", "What is waived is not suspended.", _not_waived)


@transition(
    Conflict,
    event="conflict.enforced",
    permission=Permission.CONFLICT_SCAN,
    source=(ConflictState.OPEN,),
    duties=(TIME_IS_UP, NOT_WAIVED, SOMETHING_LEFT),
)
def enforce(step: Step[Conflict]) -> Effect:
    """Nobody resolved it in time. `grants` suspends the newest grant of the conflict, by a hook (S6)."""
    conflict = step.subject
    newest = to_suspend(conflict, step.now)  # something, as a duty asked
    _tell(step, conflict, "conflict_enforced", f"enforced:{newest[0].pk}", grants=newest)
    return Effect(payload={"suspended": ", ".join(str(one.pk) for one in newest)})


def about(conflict: Conflict, person: Person, now: datetime) -> dict[str, Any]:
    """What a mail about a conflict says to one person: the rule, the automations that they see, until when, and where."""
    return {
        "rule": conflict.rule.title,
        "reason": conflict_queries.of(conflict.rule).rule.reason,
        "automation": _named(conflict, _seen(conflict, person, now)),
        "mode": conflict.rule.mode,
        "due": ledger_events.instant(conflict.due_at) if conflict.due_at else "",
        "page": ["conflict", conflict.pk],
    }


def told(conflict: Conflict, now: datetime) -> list[Person]:
    """Who hears of a conflict: whoever answers for an automation that has a part in it."""
    found: dict[int, Person] = {}
    for one in Automation.objects.filter(pk__in=conflict.automations).select_related(
        "business_owner", "technical_owner"
    ):
        found |= {person.pk: person for person in one.answering(now)}
    return list(found.values())


def _seen(conflict: Conflict, person: Person, now: datetime) -> dict[int, str]:
    """Names of the automations of a conflict that somebody may see, by id, as its page shows them."""
    seen = Automation.objects.visible_to(Actor.of(person), now).filter(pk__in=conflict.automations)
    return dict(seen.order_by("name").values_list("pk", "name"))


def _named(conflict: Conflict, seen: Mapping[int, str]) -> str:
    """The first three that somebody may see; the others are counted."""
    hidden = len(conflict.automations) - len(seen)
    more = [f"{hidden} that you don’t see"] if hidden else []
    return ", ".join([*list(seen.values())[:3], *more])


def _tell(step: Step[Conflict], conflict: Conflict, event: str, key: str, grants: Sequence[Grant] = ()) -> None:
    notices = []
    for person in told(conflict, step.now):
        context = about(conflict, person, step.now)
        if grants:
            seen = _seen(conflict, person, step.now)
            words = (one.sentence if one.automation_id in seen else UNSEEN for one in grants)
            context["what"] = "; ".join(dict.fromkeys(words))
        notices += outbox.each(
            [person], event, thread=f"conflict:{conflict.pk}", key=key, now=step.now, context=context
        )
    outbox.queue(notices)
