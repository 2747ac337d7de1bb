"""What was refused or withdrawn and is asked again: who said what, and when one signature more is needed (A15). Reads only.

The preview asks it before there is a submission, and submitting asks the same of the records that it makes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from approvals.models import (
    APP_KEY,
    Approval,
    ApprovalState,
    Decision,
    DecisionOutcome,
    SeatLabel,
    SubmissionState,
    credential_key,
)
from approvals.policies import Policy
from inventory.models import Automation


def refused(automation: Automation, policy: Policy, now: datetime) -> QuerySet[Approval]:
    """Records of an automation that were rejected or withdrawn within the policy's days, the newest first.

    What was approved in a submission that was withdrawn was withdrawn with it: nothing came of the yes, and another lead or owner
    does not say it instead of whoever said it. A submission that a newer one continues was not withdrawn: its records only go on there.
    """
    since = now - timedelta(days=policy.resubmission_days)
    ended = Q(state__in=(ApprovalState.REJECTED, ApprovalState.WITHDRAWN), ended_at__gte=since)
    ended |= Q(
        state=ApprovalState.APPROVED, submission__state=SubmissionState.WITHDRAWN, submission__ended_at__gte=since
    )
    found = Approval.objects.filter(ended, submission__automation=automation)
    continued = Q(submission__continued_by__isnull=False) & ~Q(state=ApprovalState.REJECTED)
    return found.exclude(continued).order_by("-ended_at", "-pk")


@dataclass(frozen=True)
class Earlier:
    """What became of a question before.

    Args:
        record: id of the record that bears the last word; where nobody ever said one, of the newest.
        word: the last no; where nobody said no, whatever was decided last; None for nothing.
    """

    record: int
    word: Decision | None


def earlier(automation: Automation, policy: Policy, now: datetime) -> dict[str, Earlier]:
    """What became of each question that was refused or withdrawn before, by the question's key: two queries.

    A record that was withdrawn undecided, or whose decision carried over to it, has none of its own: the one that it asked
    again, or carried over, has it. So nobody sheds a no by asking once more and taking that back.
    """
    newest: dict[str, int] = {}
    records: set[int] = set()
    for pk, privilege, credential, asked_again in refused(automation, policy, now).values_list(
        "pk", "privilege__key", "credential", "earlier"
    ):
        newest.setdefault(_key(privilege, credential), pk)
        records |= {pk} if asked_again is None else {pk, asked_again}
    found = {key: Earlier(pk, None) for key, pk in newest.items()}
    for word in sorted(_said(records), key=lambda word: (word.outcome == DecisionOutcome.REJECT, word.pk)):
        found[word.approval.key] = Earlier(word.approval_id, word)
    return found


def _said(records: Collection[int]) -> QuerySet[Decision]:
    """What was decided on some records or carried over to them; a decision carries over to the same question only."""
    counted = Q(approval__in=records) | Q(carried_to__approval__in=records)
    rows = Decision.objects.filter(counted).select_related("person", "for_person", "seat", "approval__privilege")
    return rows.defer("approval__facts", "approval__reasons").order_by()


def last_words(automation: Automation, policy: Policy, now: datetime) -> dict[str, Decision]:
    """What was decided last about each question that was refused before, by the question's key: two queries."""
    return {key: one.word for key, one in earlier(automation, policy, now).items() if one.word is not None}


def _key(privilege: str | None, credential: int | None) -> str:
    """What `Approval.key` says, of a row's values."""
    return privilege or (credential_key(credential) if credential is not None else APP_KEY)


def seats(labels: Sequence[str], last: Decision | None, *, may_be_asked: bool) -> list[str]:
    """The seats of a question: the policy's, and one more where who refused it before can't be asked again as then.

    Args:
        labels: the seats that the policy asks for.
        last: what was decided last about the same; None for what was not refused before.
        may_be_asked: whether who decided that is here and without a conflict.
    """
    found = list(labels)
    if last is None:
        return found
    if not may_be_asked:
        found.append(SeatLabel.SECOND if SeatLabel.SECURITY in found else SeatLabel.SECURITY)
    elif last.seat.label not in found:
        found.append(last.seat.label)
    return found
