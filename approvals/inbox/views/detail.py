"""The detail pane of the inbox: the reader's part in one submission, its risk reasons and its progress."""

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from approvals.decisions.rules import bulk_decisions
from approvals.inbox import waiting_for
from approvals.inbox.queries import approvals
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Submission
from approvals.review.dossier import UNSHOWN
from governance.core.access import Actor
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request

#: Maximum number of lines per list; the review page has all.
MOST = 4
LEVEL_ICONS = {"read": "eye", "write": "pen", "execute": "terminal", "admin": "sliders"}


@require_GET
def inbox_detail(request: Request, pk: int) -> HttpResponse:
    """Show the pane of the selected row."""
    now = request.now()
    seen = Submission.objects.visible_to(request.actor, now)
    seen = seen.select_related("automation", "app_approval", "submitted_by").defer(*UNSHOWN)
    submission = get_object_or_404(seen, pk=pk)
    context = {
        "head": {"title": submission.automation.name},
        "part": _part(submission, request.actor, now),
    }
    return page(request, "approvals/inbox/detail.html", context, fragment="part")


def _part(submission: Submission, actor: Actor, now: datetime) -> Shape:
    mine_of_it = approvals.asked_of(actor, now).filter(submission=submission).order_by()
    decidable_ids = set(mine_of_it.values_list("pk", flat=True))
    rows = submission.approvals.select_related("privilege__entitlement__resource", "credential")
    records = list(rows.defer("facts").order_by("stage", "pk"))
    mine = [record for record in records if record.pk in decidable_ids]
    second = [record for record in records if record.stage == 2]
    wanted = mine
    if any(record.stage == 1 for record in mine):  # the approver of an app sees its privileges
        wanted = [*mine, *sorted(second, key=approvals.by_risk)]
    app = submission.app_approval or next((record for record in records if record.stage == 1), None)
    waiting = waiting_for.load_waiting([submission], now)[submission.pk]
    open_ones = [record for record in mine or records if record.state == ApprovalState.OPEN]
    return {
        "submission": submission,
        "asked": [{"icon": _icon(record), "text": approvals.request_words(record)} for record in wanted[:MOST]],
        "is_of_app": wanted is not mine,
        "more": max(len(wanted) - MOST, 0),
        "reasons": _reasons(open_ones or mine or records),
        "is_late": any(record.due_at is not None and record.due_at <= now for record in open_ones),
        "is_half_gone": any(record.is_half_gone(now) for record in open_ones),
        "app": app,
        "app_decision": _last_approval(app) if app is not None else None,
        "second": second,
        "decided": sum(record.has_ended for record in second),
        "waiting": [item.names for item in waiting_for.group_by_people(waiting)],
        "is_together": any(not bulk_decisions.reason_in_row(record) for record in mine),
        "first": mine[0] if mine else None,
    }


def _icon(record: Approval) -> str:
    if record.privilege is not None:
        return LEVEL_ICONS.get(record.granted_level or record.privilege.level, "eye")
    return "key" if record.credential is not None else "file"


def _reasons(records: Sequence[Approval]) -> list[str]:
    """Reasons of the risk, the riskiest first."""
    riskiest = sorted(records, key=lambda record: approvals.TIERS.index(record.tier))
    return list(dict.fromkeys(text for record in riskiest for text in record.reasons))[: MOST - 1]


def _last_approval(app: Approval) -> Decision | None:
    decisions = Decision.objects.standing().filter(approval=app, round=app.round, outcome=DecisionOutcome.APPROVE)
    return decisions.select_related("person").order_by("-pk").first()
