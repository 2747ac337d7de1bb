"""Stopped grants that are asked for again: an extra signature, and no decision by the person who stopped them (G5).
Reads only.

A new approval in stage 2 replaces a stopped grant. Lifting a stop needs two other people, so the replacement needs as
many:
the question has the seats of an earlier refusal, and the people who stopped the grant decide nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import Grant, GrantKind, GrantState, SeatLabel, Submission, grant
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.models.ledger import Outcome
from inventory.importers import privilege_scope
from inventory.models import Automation


def stoppers_by_matter(matters: Mapping[str, str]) -> dict[str, frozenset[int]]:
    """Return the ids of the people who stopped some grants, by `Approval.matter`.

    Two queries if a grant was stopped. Under a delegation both people stopped it (A11).

    Args:
        matters: of `stopped_matters`.
    """
    if not matters:
        return {}
    opaque_ids: dict[str, set[str]] = {key: set() for key in matters.values()}
    for pk, stopper, giver in _stops(matters).values_list("subject_id", "actor_id", "for_id"):
        opaque_ids[matters[pk]] |= {stopper, giver} - {""}
    people = Person.objects.filter(opaque_id__in=set().union(*opaque_ids.values()))
    person_ids = {str(person.opaque_id): person.pk for person in people}
    return {key: frozenset(person_ids[opaque] for opaque in stopped_by) for key, stopped_by in opaque_ids.items()}


def matters_stopped_since(submission: Submission, matters: Mapping[str, str]) -> frozenset[str]:
    """Return the matters (`Approval.matter`) stopped after the submission was made and not approved again (G5).

    Two queries if a grant was stopped. A stop and a submission both lock the automation, so their events are in order.

    Args:
        submission: the submission.
        matters: of its automation, by `stopped_matters`.
    """
    if not matters:
        return frozenset()
    label, pk = ledger_events.name_of(submission)
    made = LedgerEvent.objects.filter(subject_type=label, subject_id=pk, outcome=Outcome.DONE).order_by("pk")
    first = made.values_list("pk", flat=True).first()
    later = _stops(matters) if first is None else _stops(matters).filter(pk__gt=first)
    return frozenset(matters[subject] for subject in later.values_list("subject_id", flat=True))


def stopped_grants() -> QuerySet[Grant]:
    """Return grants that were stopped and not approved again, and all grants of stopped automations."""
    later = Grant.objects.filter(automation=OuterRef("automation"), key=OuterRef("key"), pk__gt=OuterRef("pk"))
    alone = Q(suspended_why=grant.Why.STOPPED) & ~Exists(later.exclude(suspended_why=grant.Why.STOPPED))
    return Grant.objects.filter(alone | (Q(automation__stopped_by__isnull=False) & ~Q(state=GrantState.ENDED)))


def stopped_automation_ids(automations: Iterable[int]) -> set[int]:
    """Return the ids of automations that are stopped or have a stopped grant; one query."""
    return set(stopped_grants().filter(automation__in=automations).order_by().values_list("automation", flat=True))


def stopped_matters(automation: Automation) -> dict[str, str]:
    """Return `Approval.matter` of each stopped grant without a newer approval, by grant id; one query.

    Only an exact match replaces a grant: the same access by another connection or spelling leaves it stopped.
    """
    columns = ("pk", "kind", "key", "suspended_why", "entitlement", "target", "approval__privilege__scope")
    rows = list(Grant.objects.filter(automation=automation).order_by("pk").values_list(*columns))
    newest = {key: why for _, _, key, why, *_ in rows}
    return {
        str(pk): privilege_scope.privilege_matter(entitlement, target, scope or ())
        if kind == GrantKind.PRIVILEGE
        else key
        for pk, kind, key, why, entitlement, target, scope in rows
        if why == grant.Why.STOPPED and newest[key] == grant.Why.STOPPED
    }


def _stops(ids: Iterable[str]) -> QuerySet[LedgerEvent]:
    """Return the stop events of grants."""
    label, _ = ledger_events.name_of(Grant())
    stopped = LedgerEvent.objects.filter(verb="grant.stopped", outcome=Outcome.DONE)
    return stopped.filter(subject_type=label, subject_id__in=ids)


def seats(policy_seats: Sequence[str], current_seats: Sequence[str]) -> list[str]:
    """Return the seats of a question about a stopped grant: one more than the policy's, unless A15 added one.

    Args:
        policy_seats: seats of the policy.
        current_seats: the same with those that an earlier refusal adds (A15).
    """
    if len(current_seats) > len(policy_seats):
        return list(current_seats)
    return [*current_seats, SeatLabel.SECOND if SeatLabel.SECURITY in current_seats else SeatLabel.SECURITY]
