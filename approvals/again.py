"""What was refused or withdrawn and is asked again: who said what, and when one signature more is needed (A15). Reads only.

The preview asks it before there is a submission, and submitting asks the same of the records that it makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from approvals.models import Approval, ApprovalKind, ApprovalState, Decision, SeatLabel
from approvals.policies import Policy
from inventory.models import Automation

#: The key of stage 1's question; those of stage 2 are the keys of the grants that they would become.
APP = "app"


def refused(automation: Automation, policy: Policy, now: datetime) -> QuerySet[Approval]:
    """Records of an automation that were rejected or withdrawn within the policy's days, the newest first.

    A submission that a newer one continues was not withdrawn: its records only go on there.
    """
    found = Approval.objects.filter(
        submission__automation=automation,
        state__in=(ApprovalState.REJECTED, ApprovalState.WITHDRAWN),
        ended_at__gte=now - timedelta(days=policy.resubmission_days),
    )
    continued = Q(state=ApprovalState.WITHDRAWN, submission__continued_by__isnull=False)
    return found.exclude(continued).order_by("-ended_at", "-pk")


def last_words(automation: Automation, policy: Policy, now: datetime) -> dict[str, Decision]:
    """What was decided last about each question that was refused before, by the question's key: two queries."""
    newest: dict[str, int] = {}
    for pk, kind, privilege, credential in refused(automation, policy, now).values_list(
        "pk", "kind", "privilege__key", "credential_id"
    ):
        key = APP if kind == ApprovalKind.APP else privilege or f"credential:{credential}"
        newest.setdefault(key, pk)
    rows = Decision.objects.filter(approval__in=newest.values()).select_related("person", "for_person", "seat")
    said = {row.approval_id: row for row in rows.order_by("pk")}
    return {key: said[pk] for key, pk in newest.items() if pk in said}


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
