"""Earlier answers to a question that was refused or withdrawn, and when they cost an extra signature (A15). Reads only.

The preview asks before the submission exists; `submit` asks the same about the new approvals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet

from approvals.models import APP_KEY, Approval, ApprovalState, SubmissionState, credential_key
from approvals.models.approval import CarriedDecision, Decision, DecisionOutcome
from approvals.policies.queries import Policy
from governance.core.models import Person
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
    withdrawing removes neither a
    rejection nor an extra signature.
    """
    newest: dict[str, int] = {}
    records: set[int] = set()
    automation_ids = {*alike, *([automation.pk] if automation is not None else [])}
    if not automation_ids:
        return {}
    for pk, entitlement, target, scope, credential, asked_again in refused(automation_ids, policy, now).values_list(
        "pk", "privilege__entitlement", "privilege__target", "privilege__scope", "credential", "earlier"
    ):
        newest.setdefault(_matter(entitlement, target, scope, credential), pk)
        records |= {pk} if asked_again is None else {pk, asked_again}
    words_by_matter: dict[str, list[Decision]] = {}
    for decision in _decisions_on(records):
        words_by_matter.setdefault(decision.approval.matter, []).append(decision)
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


def _matter(entitlement: int | None, target: str | None, scope: Sequence[str] | None, credential: int | None) -> str:
    """Compute `Approval.matter` from a row's values."""
    if entitlement is not None:
        return privilege_scope.privilege_matter(entitlement, target or "", scope or ())
    return credential_key(credential) if credential is not None else APP_KEY
