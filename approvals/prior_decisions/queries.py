"""What was refused or withdrawn and is asked again: who said what, and when one signature more is needed (A15). Reads only.

The preview asks it before there is a submission, and submitting asks the same of the records that it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet

from approvals.models import (
    APP_KEY,
    Approval,
    ApprovalState,
    CarriedDecision,
    Decision,
    DecisionOutcome,
    SeatLabel,
    SubmissionState,
    credential_key,
)
from approvals.policies.queries import Policy
from governance.core.models import Person
from inventory.importers import privilege_scope
from inventory.models import Automation


def refused(automations: Collection[int], policy: Policy, now: datetime) -> QuerySet[Approval]:
    """Records of automations that were rejected or withdrawn within the policy's days, the newest first.

    What was approved in a submission that was withdrawn was withdrawn with it: nothing came of the yes, and another lead or owner
    does not say it instead of whoever said it. A submission that a newer one continues was not withdrawn: its records only go on there.
    """
    since = now - timedelta(days=policy.resubmission_days)
    ended = Q(state__in=(ApprovalState.REJECTED, ApprovalState.WITHDRAWN), ended_at__gte=since)
    ended |= Q(
        state=ApprovalState.APPROVED, submission__state=SubmissionState.WITHDRAWN, submission__ended_at__gte=since
    )
    found = Approval.objects.filter(ended, submission__automation__in=automations)
    continued = Q(submission__continued_by__isnull=False) & ~Q(state=ApprovalState.REJECTED)
    return found.exclude(continued).order_by("-ended_at", "-pk")


@dataclass(frozen=True)
class Earlier:
    """What became of a question before.

    Args:
        record: id of the record that bears the last word: the last no; where nobody said no, whatever was decided last; where
            nobody ever said a word, of the newest.
        words: what was said last in each seat of that record, the newest last. Whoever said it is asked first in that seat.
        counted: the words whose speakers have to be asked again, lest one signature more is needed: the no; where nobody said
            no, what was said last in each seat whenever it was asked.
    """

    record: int
    words: tuple[Decision, ...] = ()
    counted: tuple[Decision, ...] = ()


def earlier(
    automation: Automation | None, policy: Policy, now: datetime, alike: Collection[int] = ()
) -> dict[str, Earlier]:
    """What became of each question that was refused or withdrawn before, by `Approval.matter`: two queries.

    Of the automation, None where there is none yet, and of those with the ids in ``duplicates``, which it may be the same as (I9).

    A record that was withdrawn undecided has no word of its own: the one that it asked again has it. So nobody sheds a no, or a
    signature more, by asking once more and taking that back.
    """
    newest: dict[str, int] = {}
    records: set[int] = set()
    of = {*alike, *([automation.pk] if automation is not None else [])}
    if not of:
        return {}
    for pk, entitlement, target, scope, credential, asked_again in refused(of, policy, now).values_list(
        "pk", "privilege__entitlement", "privilege__target", "privilege__scope", "credential", "earlier"
    ):
        newest.setdefault(_matter(entitlement, target, scope, credential), pk)
        records |= {pk} if asked_again is None else {pk, asked_again}
    said: dict[str, list[Decision]] = {}
    for word in _said(records):
        said.setdefault(word.approval.matter, []).append(word)
    return {key: _weigh(said[key], records) if key in said else Earlier(pk) for key, pk in newest.items()}


def _said(records: Collection[int]) -> QuerySet[Decision]:
    """What was decided on some records or carried over to them, oldest first, each with ``over``: the records that it carried over to.

    A decision carries over to the same question only.
    """
    links = CarriedDecision.objects.filter(approval__in=records)
    over = ArraySubquery(links.filter(decision=OuterRef("pk")).order_by("approval").values("approval"))
    counted = Q(approval__in=records) | Q(pk__in=links.values("decision"))
    rows = Decision.objects.standing().filter(counted).annotate(over=over)
    related = rows.select_related("person", "for_person", "seat", "approval__privilege")
    return related.defer("approval__facts", "approval__reasons").order_by("pk")


def _weigh(said: Sequence[Decision], records: Collection[int]) -> Earlier:
    """What counts of all that was said about one question, oldest first."""
    noes = [word for word in said if word.outcome == DecisionOutcome.REJECT]
    last = (noes or said)[-1]
    record = _bearers(last, records)[-1]
    words = {word.seat.label: word for word in said if record in _bearers(word, records)}
    counted = {(_bearers(word, records)[-1], word.seat.label): word for word in said}
    return Earlier(record, in_order(words.values()), (last,) if noes else in_order(counted.values()))


def _bearers(word: Decision, records: Collection[int]) -> list[int]:
    """Which of the records a word counts for; the one that it was said about stands last."""
    return [*word.__dict__["over"], *([word.approval_id] if word.approval_id in records else [])]


def in_order(words: Iterable[Decision]) -> tuple[Decision, ...]:
    """Words as they were said."""
    return tuple(sorted(words, key=lambda word: word.pk))


def said_in(label: str, words: Iterable[Decision]) -> Person | None:
    """Who spoke in a seat, or for whom they stood in; None for nobody (A11)."""
    return next((speaker(word) for word in words if word.seat.label == label), None)


def speaker(word: Decision) -> Person:
    """Whose word it is: who spoke, or for whom they stood in (A11)."""
    return word.for_person or word.person


def _matter(entitlement: int | None, target: str | None, scope: Sequence[str] | None, credential: int | None) -> str:
    """What `Approval.matter` says, of a row's values."""
    if entitlement is not None:
        return privilege_scope.matter(entitlement, target or "", scope or ())
    return credential_key(credential) if credential is not None else APP_KEY


def seats(labels: Sequence[str], before: Earlier | None, *, may_be_asked: Callable[[Person], bool]) -> list[str]:
    """The seats of a question: the policy's, and one more where who spoke about it before can't be asked again as then.

    Args:
        labels: the seats that the policy asks for.
        before: what became of the same before; None for what was not refused or withdrawn.
        may_be_asked: whether a person is here and without a conflict.
    """
    found = list(labels)
    if before is None or not before.counted:
        return found
    if not all(may_be_asked(speaker(word)) for word in before.counted):
        return [*found, SeatLabel.SECOND if SeatLabel.SECURITY in found else SeatLabel.SECURITY]
    return list(dict.fromkeys([*found, *(word.seat.label for word in before.counted)]))
