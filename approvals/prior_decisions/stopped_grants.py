"""What somebody stopped and is asked again: one signature more, and none of who stopped it (G5). Reads only.

A grant's stop is not lifted; what comes in its place is asked of stage 2. That would be one person's word where lifting asks
two others, so the question has the seats of what was refused before, and whoever stopped it decides nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import Grant, GrantKind, GrantState, SeatLabel, Submission, grant
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.models.ledger import Outcome
from inventory.importers import privilege_scope
from inventory.models import Automation


def stopped(automation: Automation) -> dict[str, frozenset[int]]:
    """By what a record is about (`Approval.matter`): ids of who stopped it, for what was stopped and has not been approved again since.

    Two queries more where something was stopped. Under a delegation both people stopped it (A11).
    """
    about = _matters(automation)
    if not about:
        return {}
    who = [
        (about[pk], {by, given} - {""})
        for pk, by, given in _stops(about).values_list("subject_id", "actor_id", "for_id")
    ]
    named = {opaque for _, people in who for opaque in people}
    known = {str(one.opaque_id): one.pk for one in Person.objects.filter(opaque_id__in=named)}
    return {
        key: frozenset(known[opaque] for other, people in who if other == key for opaque in people)
        for key in about.values()
    }


def since(submission: Submission) -> frozenset[str]:
    """What was stopped after a submission was made and has not been approved again, by `Approval.matter`: it was asked before that (G5).

    Two queries more where something was stopped. A stop and a submission both lock the automation, so their events stand in order.
    """
    about = _matters(submission.automation)
    if not about:
        return frozenset()
    label, pk = ledger_events.name_of(submission)
    made = LedgerEvent.objects.filter(subject_type=label, subject_id=pk, outcome=Outcome.DONE).order_by("pk")
    first = made.values_list("pk", flat=True).first()
    later = _stops(about) if first is None else _stops(about).filter(pk__gt=first)
    return frozenset(about[subject] for subject in later.values_list("subject_id", flat=True))


def standing() -> QuerySet[Grant]:
    """Grants that somebody stopped and of which nothing has been approved since, and all of what runs no more because somebody stopped it."""
    later = Grant.objects.filter(automation=OuterRef("automation"), key=OuterRef("key"), pk__gt=OuterRef("pk"))
    alone = Q(suspended_why=grant.Why.STOPPED) & ~Exists(later.exclude(suspended_why=grant.Why.STOPPED))
    return Grant.objects.filter(alone | (Q(automation__stopped_by__isnull=False) & ~Q(state=GrantState.ENDED)))


def among(automations: Iterable[int]) -> set[int]:
    """Ids of those of some automations of which something is stopped, or that are stopped themselves; one query."""
    return set(standing().filter(automation__in=automations).order_by().values_list("automation", flat=True))


def _matters(automation: Automation) -> dict[str, str]:
    """By id of a grant that was stopped, and in the place of which nothing has been approved since: what it is about.

    In its place is to the letter: what is approved of the same by another connection, or written otherwise, leaves it stopped.
    """
    columns = ("pk", "kind", "key", "suspended_why", "entitlement", "target", "approval__privilege__scope")
    rows = list(Grant.objects.filter(automation=automation).order_by("pk").values_list(*columns))
    newest = {key: why for _, _, key, why, *_ in rows}
    return {
        str(pk): privilege_scope.matter(entitlement, target, scope or ()) if kind == GrantKind.PRIVILEGE else key
        for pk, kind, key, why, entitlement, target, scope in rows
        if why == grant.Why.STOPPED and newest[key] == grant.Why.STOPPED
    }


def _stops(ids: Iterable[str]) -> QuerySet[LedgerEvent]:
    """The events of stopping these grants."""
    label, _ = ledger_events.name_of(Grant())
    return LedgerEvent.objects.filter(
        verb="grant.stopped", subject_type=label, subject_id__in=ids, outcome=Outcome.DONE
    )


def seats(own: Sequence[str], found: Sequence[str]) -> list[str]:
    """The seats of a question about what was stopped: one more than the policy asks, where nothing added one yet.

    Args:
        own: the seats that the policy asks for.
        found: these, with what an earlier refusal adds (A15).
    """
    if len(found) > len(own):
        return list(found)
    return [*found, SeatLabel.SECOND if SeatLabel.SECURITY in found else SeatLabel.SECURITY]
