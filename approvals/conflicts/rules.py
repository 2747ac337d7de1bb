"""When held access in conflict is suspended, and which grants (S6, S7)."""

from datetime import datetime, timedelta

from django.db.models import Q

from approvals.models import Conflict, ConflictRule, Grant, GrantState, Waiver
from approvals.models.conflict_rule import Mode
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Refusal, duty


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
    if is_overdue(subject, now) or (subject.by_waiver and subject.rule.mode == Mode.ENFORCE):
        return None
    return Refusal("S6", "state", "The time to resolve this is not up.")


def is_overdue(conflict: Conflict, now: datetime) -> bool:
    """Whether the time to resolve the conflict is up."""
    return conflict.due_at is not None and conflict.due_at <= now


@duty("S6")
def something_left(subject: Conflict, actor: Actor, now: datetime) -> Refusal | None:
    """A conflict without access in force suspends nothing."""
    if not grants_to_suspend(subject, now):
        return Refusal("S6", "state", "Nothing of this is in force.")
    return None


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
        held: dict[int, list[Grant]] = {}
        for grant in counted:
            held.setdefault(grant.automation_id, []).append(grant)
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
