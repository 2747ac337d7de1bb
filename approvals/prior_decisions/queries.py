"""Earlier answers to a question that was refused or withdrawn (A15), and stopped grants that are asked for again (G5).

Both can need an extra signature. The preview asks before the submission exists; `submit` asks the same about the new
approvals. Reads only.

A new approval in stage 2 replaces a stopped grant. Lifting a stop needs two other people, so the replacement needs as
many: the question has the seats of an earlier refusal, and the people who stopped the grant decide nothing about it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import Approval, ApprovalState, SeatLabel, Submission, SubmissionState
from approvals.models.approval import CarriedDecision, Decision, DecisionOutcome
from approvals.models.grant import Grant, GrantKind, GrantState, Why
from approvals.policies.queries import Policy
from governance.core.database.grouping import grouped
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.models.ledger import Outcome
from inventory.importers import privilege_scope
from inventory.models import Automation


def refused(automations: Collection[int], policy: Policy, now: datetime) -> QuerySet[Approval]:
    """Return approvals of automations that were rejected or withdrawn within the policy's days, the newest first.

    An approval in a withdrawn submission counts as withdrawn, so another lead or owner can't replace the first
    approver.
    A submission that a newer one continues does not count as withdrawn.
    """
    since = now - timedelta(days=policy.resubmission_days)
    ended = Q(state__in=(ApprovalState.REJECTED, ApprovalState.WITHDRAWN), ended_at__gte=since)
    withdrawn = Q(submission__state=SubmissionState.WITHDRAWN, submission__ended_at__gte=since)
    ended |= withdrawn & Q(state=ApprovalState.APPROVED)
    approvals = Approval.objects.filter(ended, submission__automation__in=automations)
    continued = Q(submission__continued_by__isnull=False) & ~Q(state=ApprovalState.REJECTED)
    return approvals.exclude(continued).order_by("-ended_at", "-pk")


@dataclass(frozen=True)
class EarlierOutcome:
    """The earlier outcome of a question.

    Args:
        record: id of the approval with the last rejection; without one, the last decision; without any decision,
            the newest approval.
        words: the last decision in each seat of that approval, the newest last. Its maker is asked first in that seat.
        counted: decisions whose makers must be asked again, or an extra signature is needed: the rejection; without
            one, the last decision in each seat over all approvals.
    """

    record: int
    words: tuple[Decision, ...] = ()
    counted: tuple[Decision, ...] = ()


def earlier_outcomes(
    automation: Automation | None, policy: Policy, now: datetime, alike: Collection[int] = ()
) -> dict[str, EarlierOutcome]:
    """Return the earlier outcome of each refused or withdrawn question, by `Approval.matter`: two queries.

    Covers the automation (None if there is none yet) and its possible duplicates ``alike`` (I9).

    An approval withdrawn undecided takes the decision of the approval that it repeated. So asking again and
    withdrawing removes neither a rejection nor an extra signature.

    Args:
        automation: the automation.
        policy: the policy in force, for the days that count.
        now: business time.
        alike: automations that count as the same.
    """
    newest: dict[str, int] = {}
    records: set[int] = set()
    automation_ids = {*alike, *([automation.pk] if automation is not None else [])}
    if not automation_ids:
        return {}
    for approval in refused(automation_ids, policy, now).select_related("privilege").defer("facts", "reasons"):
        newest.setdefault(approval.matter, approval.pk)
        records |= {approval.pk} if approval.earlier_id is None else {approval.pk, approval.earlier_id}
    words_by_matter = grouped((decision.approval.matter, decision) for decision in _decisions_on(records))
    return {
        key: _outcome(words_by_matter[key], records) if key in words_by_matter else EarlierOutcome(pk)
        for key, pk in newest.items()
    }


def _decisions_on(records: Collection[int]) -> QuerySet[Decision]:
    """Return standing decisions on approvals or carried over to them, oldest first.

    ``over`` holds the approvals that a decision carried over to. A decision carries over to the same question only.
    """
    links = CarriedDecision.objects.filter(approval__in=records)
    over = ArraySubquery(links.filter(decision=OuterRef("pk")).order_by("approval").values("approval"))
    counted = Q(approval__in=records) | Q(pk__in=links.values("decision"))
    rows = Decision.objects.standing().filter(counted).annotate(over=over)
    related = rows.select_related("person", "for_person", "seat", "approval__privilege")
    return related.defer("approval__facts", "approval__reasons").order_by("pk")


def _outcome(decisions: Sequence[Decision], records: Collection[int]) -> EarlierOutcome:
    """Return the outcome from all decisions about one question, oldest first."""
    rejections = [decision for decision in decisions if decision.outcome == DecisionOutcome.REJECT]
    last = (rejections or decisions)[-1]
    record = _bearers(last, records)[-1]
    by_seat = {decision.seat.label: decision for decision in decisions if record in _bearers(decision, records)}
    counted = {(_bearers(decision, records)[-1], decision.seat.label): decision for decision in decisions}
    return EarlierOutcome(record, in_order(by_seat.values()), (last,) if rejections else in_order(counted.values()))


def _bearers(decision: Decision, records: Collection[int]) -> list[int]:
    """Return the approvals that a decision counts for; the approval that it was made on is last."""
    over: list[int] = decision.over  # type: ignore[attr-defined]
    return [*over, *([decision.approval_id] if decision.approval_id in records else [])]


def in_order(words: Iterable[Decision]) -> tuple[Decision, ...]:
    """Sort decisions by time."""
    return tuple(sorted(words, key=lambda word: word.pk))


def decider_in_seat(label: str, words: Iterable[Decision]) -> Person | None:
    """Return the maker of the decision in a seat, or the giver of a delegation (A11); None if nobody decided."""
    return next((decider(word) for word in words if word.seat.label == label), None)


def decider(word: Decision) -> Person:
    """Return the maker of a decision, or the giver of the delegation (A11)."""
    return word.for_person or word.person


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
    alone = Q(suspended_why=Why.STOPPED) & ~Exists(later.exclude(suspended_why=Why.STOPPED))
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
        if why == Why.STOPPED and newest[key] == Why.STOPPED
    }


def _stops(ids: Iterable[str]) -> QuerySet[LedgerEvent]:
    """Return the stop events of grants, without those undone later: nobody has stopped those grants."""
    label, _ = ledger_events.name_of(Grant())
    done = LedgerEvent.objects.filter(subject_type=label, subject_id__in=ids, outcome=Outcome.DONE)
    undone = done.filter(verb="grant.stop_undone", subject_id=OuterRef("subject_id"), pk__gt=OuterRef("pk"))
    return done.filter(~Exists(undone), verb="grant.stopped")


def seats_if_stopped(policy_seats: Sequence[str], current_seats: Sequence[str]) -> list[str]:
    """Return the seats of a question about a stopped grant: one more than the policy's, unless A15 added one.

    Args:
        policy_seats: seats of the policy.
        current_seats: the same with those that an earlier refusal adds (A15).
    """
    if len(current_seats) > len(policy_seats):
        return list(current_seats)
    return [*current_seats, SeatLabel.SECOND if SeatLabel.SECURITY in current_seats else SeatLabel.SECURITY]
