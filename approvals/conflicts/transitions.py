"""Conflicts in held access: a scan opens, updates and ends them; overdue conflicts are enforced (S6, S7)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.scan import Part
from approvals.models import Conflict, ConflictRule, ConflictState, Grant, GrantState, Waiver
from approvals.models.conflict_rule import Mode, Scope
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Permission, Refusal, duty
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.models import Automation

#: Why a conflict has ended: the access is no longer held together, or the rule has another scope now.
RESOLVED, RULE_CHANGED = "resolved", "rule_changed"
#: Declares an operation on an open conflict.
on_open = partial(transition, Conflict, source=(ConflictState.OPEN,))
#: Text for access of an automation that the recipient may not see.
UNSEEN = "something of an automation that you don’t see"


def due_at(rule: ConflictRule, now: datetime) -> datetime | None:
    """Return when held access that an enforced rule forbids is suspended; None in another mode (S6)."""
    if rule.mode != Mode.ENFORCE:
        return None
    return now + timedelta(days=policy_queries.in_force(now).resolve_days(rule.rating))


@duty("S6")
def time_is_up(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    """Access held before its rule was enforced has time to be resolved or waived; access that a waiver let in has the
    waiver's.
    """
    is_up = is_overdue(subject, now) or (subject.by_waiver and subject.rule.mode == Mode.ENFORCE)
    return None if is_up else Refusal("S6", "state", "The time to resolve this is not up.")


def is_overdue(conflict: Conflict, now: datetime) -> bool:
    """Whether the time to resolve the conflict is up."""
    return conflict.due_at is not None and conflict.due_at <= now


@duty("S6")
def something_left(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    """A conflict without access in force suspends nothing."""
    return None if grants_to_suspend(subject, now) else Refusal("S6", "state", "Nothing of this is in force.")


def grants_to_suspend(conflict: Conflict, now: datetime) -> list[Grant]:
    """Return the grants to suspend: the newest of the conflict (S6, S7).

    Before the conflict is due, the newest grant that a waiver let in; if there is none, the newest of all. If the
    conflict has no grants (a shared identity), all grants of the newest automation: the one whose first grant began
    last (I5).

    A renewal does not make a grant newer. A grant that is suspended for another reason is not skipped; otherwise the
    older grant would be suspended instead (G5). If all grants are out of force already, the list is empty.
    """
    related = Q(pk__in=conflict.grants) if conflict.grants else Q(automation__in=conflict.automations)
    counted = Grant.objects.standing().filter(related, in_conflict=False).newest_first()
    if not counted.filter(state=GrantState.ACTIVE).exists():
        return []
    if not conflict.grants:
        held = grouped((grant.automation_id, grant) for grant in counted)
        return max(held.values(), key=lambda grants: (grants[-1].first_granted, grants[-1].first_of_it), default=[])
    let_in = [grant for grant in counted if f"{grant.automation_id}/{grant.key}" in conflict.by_waiver]
    return list(counted[:1]) if is_overdue(conflict, now) or not let_in else let_in[:1]


@duty("S7")
def not_waived(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    """A waived conflict suspends nothing."""
    return Refusal("S7", "state", "This is waived.") if waiver_of(subject, now) is not None else None


def waiver_of(conflict: Conflict, now: datetime) -> Waiver | None:
    """Return the waiver that covers all access of a conflict, or None (S7)."""
    same = Waiver.objects.live(now).of_the_same(conflict.code, conflict.scope, conflict.subject, conflict.keys)
    same = same.filter(covers__contains=conflict.keys, rule_digest=conflict.rule.digest)
    return same.order_by("-ends_at").first()


@transition(ConflictRule, event="conflict_rule.scanned", permission=Permission.CONFLICT_SCAN)
def follow_scan(
    step: Step[ConflictRule], *, parts_by_subject: Mapping[int, Sequence[Part]], why: str = RESOLVED
) -> Effect:
    """Update the open conflicts of one rule to match a scan.

    Conflicts of the rule's former scope are not matched, even with the same number: automation 7 is not identity 7.

    Args:
        step: the running step; its subject is the version of the rule.
        parts_by_subject: all parts of each conflict, by subject.
        why: why conflicts that the scan did not find have ended.
    """
    rule = step.subject
    open_now = list(Conflict.objects.filter(code=rule.code, state=ConflictState.OPEN).order_by("pk"))
    open_by_subject = {conflict.subject: conflict for conflict in open_now if conflict.scope == rule.scope}
    other_scopes = [conflict for conflict in open_now if conflict.scope != rule.scope]
    if rule.scope == Scope.CHAIN:
        open_by_subject = _match_chains(open_by_subject, parts_by_subject)
    counts = {"opened": 0, "changed": 0, "ended": 0}
    for subject, parts in sorted(parts_by_subject.items()):
        before = open_by_subject.pop(subject, None)
        if before is None:
            by_waiver, due = _keys_by_waiver(rule, subject, parts, ()), due_at(rule, step.now)
            facts: dict[str, Any] = {"by_waiver": by_waiver, "due_at": due, **_conflict_fields(parts)}
            new = Conflict(rule=rule, code=rule.code, scope=rule.scope, subject=subject, opened_at=step.now, **facts)
            open_conflict(new, actor=step.actor, now=step.now)
            counts["opened"] += 1
        elif before.subject != subject or _differs(before, rule, parts):
            change_conflict(before, actor=step.actor, now=step.now, rule=rule, subject_id=subject, parts=parts)
            counts["changed"] += 1
    for conflict in open_by_subject.values():
        end_conflict(conflict, actor=step.actor, now=step.now, why=why)
    for conflict in other_scopes:
        end_conflict(conflict, actor=step.actor, now=step.now, why=RULE_CHANGED if why == RESOLVED else why)
    counts["ended"] = len(open_by_subject) + len(other_scopes)
    return Effect(payload=counts)


def _match_chains(
    open_by_subject: Mapping[int, Conflict], parts_by_subject: Mapping[int, Sequence[Part]]
) -> dict[int, Conflict]:
    """Match open conflicts of chains to their new numbers.

    A new or removed member changes the number of a chain, not the clock (A16).
    """
    renumbered = {subject: conflict for subject, conflict in open_by_subject.items() if subject in parts_by_subject}
    for subject in sorted(open_by_subject.keys() - renumbered.keys()):
        conflict = open_by_subject[subject]
        same = (
            number
            for number, parts in parts_by_subject.items()
            if number not in renumbered and not {part.covered_as for part in parts}.isdisjoint(conflict.keys)
        )
        renumbered[next(same, subject)] = conflict
    return renumbered


def has_changes(
    rule: ConflictRule, parts_by_subject: Mapping[int, Sequence[Part]], open_now: Sequence[Conflict]
) -> bool:
    """Return whether `follow_scan` would change anything. Reads nothing."""
    open_by_subject = {conflict.subject: conflict for conflict in open_now}
    if open_by_subject.keys() != parts_by_subject.keys() or any(conflict.scope != rule.scope for conflict in open_now):
        return True
    return any(_differs(open_by_subject[subject], rule, parts_by_subject[subject]) for subject in parts_by_subject)


def _differs(conflict: Conflict, rule: ConflictRule, parts: Sequence[Part]) -> bool:
    fields = _conflict_fields(parts)
    return conflict.rule_id != rule.pk or any(getattr(conflict, name) != fields[name] for name in fields)


def _conflict_fields(parts: Sequence[Part]) -> dict[str, list[Any]]:
    return {
        "grants": sorted({part.grant for part in parts if part.grant}),
        "automations": sorted({part.automation for part in parts}),
        "keys": sorted({part.covered_as for part in parts}),
        "held": sorted({part.held for part in parts}),
    }


def _keys_by_waiver(rule: ConflictRule, subject: int, parts: Sequence[Part], before: Sequence[str]) -> list[str]:
    """Return keys of access that came into a conflict under a waiver since the rule is enforced (S6).

    The access is new. Without the waiver, an enforced rule would have refused it.

    Args:
        rule: the rule as it is now.
        subject: the subject of the conflict.
        parts: all parts of the conflict now.
        before: keys of the parts before.
    """
    if rule.mode != Mode.ENFORCE:
        return []
    granted = Waiver.objects.filter(begins_at__isnull=False, ends_at__gt=rule.effective_at, rule_digest=rule.digest)
    same = granted.of_the_same(rule.code, rule.scope, subject, _conflict_fields(parts)["keys"])
    lifted = {key for covers in same.values_list("covers", flat=True) for key in covers} - set(before)
    return sorted({part.covered_as for part in parts if part.covered_as in lifted})


@on_open(event="conflict.opened", permission=None, target=(ConflictState.OPEN,))
def open_conflict(step: Step[Conflict]) -> Effect:
    """Open a conflict. Notify the owners once it has a page; if the rule is enforced, the time to resolve it starts."""
    conflict = step.subject
    payload = {"rule": conflict.code, "version": conflict.rule.number, "grants": conflict.grants}
    return Effect(payload=payload, then=lambda: _notify_owners(step, conflict, "conflict_opened", "opened"))


@on_open(event="conflict.changed", permission=None)
def change_conflict(step: Step[Conflict], *, rule: ConflictRule, subject_id: int, parts: Sequence[Part]) -> Effect:
    """Update a conflict after a change of its access or its rule (S6).

    Enforcing the rule starts the clock; other changes don't stop it. If a waiver no longer lifts the conflict because
    the rule changed, all its access gets the days of the new rule (S7).
    """
    conflict, before = step.subject, step.subject.keys
    has_lost = rule.digest != conflict.rule.digest and waiver_of(conflict, step.now) is not None
    if has_lost:
        conflict.due_at, conflict.by_waiver = None, []
    for name, value in _conflict_fields(parts).items():
        setattr(conflict, name, value)
    conflict.rule, conflict.subject = rule, subject_id
    new_keys = _keys_by_waiver(rule, subject_id, parts, before)
    kept = set(conflict.by_waiver).intersection(conflict.keys) if rule.mode == Mode.ENFORCE else set()
    conflict.by_waiver = sorted(kept.union(new_keys))
    conflict.due_at = (conflict.due_at or due_at(rule, step.now)) if rule.mode == Mode.ENFORCE else None
    step.save(conflict)
    if has_lost:
        _notify_owners(step, conflict, "conflict_opened", f"waived_no_more:{rule.number}")
    return Effect(payload={"version": rule.number, "grants": conflict.grants})


@on_open(event="conflict.ended", permission=None, target=(ConflictState.ENDED,))
def end_conflict(step: Step[Conflict], *, why: str) -> Effect:
    """End a conflict: the access is no longer held together, or the rule no longer forbids it (S6)."""
    step.subject.ended_at, step.subject.ended_why = step.now, why
    return Effect(payload={"why": why})


@on_open(
    event="conflict.enforced", permission=Permission.CONFLICT_SCAN, duties=(time_is_up, not_waived, something_left)
)
def enforce(step: Step[Conflict]) -> Effect:
    """Enforce an overdue conflict. `grants` suspends the newest grant of the conflict, by a hook (S6)."""
    conflict = step.subject
    newest = grants_to_suspend(conflict, step.now)  # not empty: a duty checked it
    _notify_owners(step, conflict, "conflict_enforced", f"enforced:{newest[0].pk}", grants=newest)
    return Effect(payload={"suspended": ", ".join(str(grant.pk) for grant in newest)})


def _recipients(conflict: Conflict, now: datetime) -> Iterable[Person]:
    """Return the recipients of a conflict's notices: the people who answer for an automation in it."""
    concerned = Automation.objects.filter(pk__in=conflict.automations)
    automations = concerned.select_related("business_owner", "technical_owner")
    return {person.pk: person for automation in automations for person in automation.answering(now)}.values()


def _notify_owners(
    step: Step[Conflict], conflict: Conflict, event: str, key: str, grants: Sequence[Grant] = ()
) -> None:
    """Notify the people who answer for an automation in the conflict. Each reads what they may see."""
    notices, thread = [], f"conflict:{conflict.pk}"
    facts = {
        "rule": conflict.rule.title,
        "reason": conflict_queries.parse_version(conflict.rule).rule.reason,
        "mode": conflict.rule.mode,
        "due": ledger_events.instant(conflict.due_at) if conflict.due_at else "",
        "page": ["conflict", conflict.pk],
    }
    for person in _recipients(conflict, step.now):
        visible = Automation.objects.visible_to(Actor.of_person(person), step.now).filter(pk__in=conflict.automations)
        seen = dict(visible.order_by("name").values_list("pk", "name"))
        hidden = len(conflict.automations) - len(seen)
        names = [*list(seen.values())[:3], *([f"{hidden} that you don’t see"] if hidden else [])]
        context = facts | {"automation": ", ".join(names)}
        if grants:
            words = (grant.sentence if grant.automation_id in seen else UNSEEN for grant in grants)
            context["what"] = "; ".join(dict.fromkeys(words))
        notices += outbox.notices_for([person], event, thread=thread, key=key, now=step.now, context=context)
    outbox.queue(notices)
