"""The detail pane of the inbox: the reader's part in one submission, its risk reasons and its progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.inbox import waiting_for
from approvals.inbox.queries import approvals
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Submission
from approvals.review.views.dossier import UNSHOWN
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.pages.page import page
from governance.web.requests.middleware import Request

Shape = dict[str, Any]

#: Maximum number of lines per list; the review page has all.
MOST = 4
LEVEL_ICONS = {"read": "eye", "write": "pen", "execute": "terminal", "admin": "sliders"}


@require_GET
def inbox_detail(request: Request, pk: int) -> HttpResponse:
    """Show the pane of the selected row."""
    now = business_time.now()
    seen = Submission.objects.visible_to(request.actor, now)
    seen = seen.select_related("automation", "app_approval", "submitted_by").defer(*UNSHOWN)
    submission = get_object_or_404(seen, pk=pk)
    context = {
        "crumbs": [
            {"label": "Approvals", "href": reverse("approvals")},
            {"label": submission.automation.name, "href": ""},
        ],
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
    wanted = mine
    if any(record.stage == 1 for record in mine):  # the approver of an app sees its privileges
        wanted = [*mine, *sorted((record for record in records if record.stage == 2), key=approvals.by_risk)]
    automation = submission.automation
    return {
        "key": f"submission-{submission.pk}",
        "tier": submission.tier,
        "name": automation.name,
        "about": f"{automation.get_kind_display()}, {automation.get_environment_display().lower()}. {automation.asked['purpose']}",
        "asked": [{"icon": _icon(record), "text": approvals.request_words(record)} for record in wanted[:MOST]],
        "asked_title": "Your part" if wanted is mine else "Your part: the app, and what it would touch",
        "more": max(len(wanted) - MOST, 0),
        "why": _why(mine or records, now),
        "steps": _steps(submission, records, now),
        "href": reverse("review", args=[submission.pk]),
        "together_href": _bulk_href(submission, mine),
        "ask_href": _question_href(submission, mine),
    }


def _bulk_href(submission: Submission, mine: Sequence[Approval]) -> str:
    """URL of the bulk decision. Empty if each approval needs its own page (A7, A15)."""
    if all(record.tier == "high" or record.earlier_id is not None for record in mine):
        return ""
    return f"{reverse('decide_together')}?{urlencode({'of': submission.pk})}"


def _question_href(submission: Submission, mine: Sequence[Approval]) -> str:
    """URL for asking a question about the reader's first approval (A14): its open row, or the app's column."""
    if not mine:
        return ""
    review_href, first = reverse("review", args=[submission.pk]), mine[0]
    return f"{review_href}#app" if first.stage == 1 else f"{review_href}?open={first.pk}#row-{first.pk}"


def _icon(record: Approval) -> str:
    if record.privilege is not None:
        return LEVEL_ICONS.get(record.granted_level or record.privilege.level, "eye")
    return "key" if record.credential is not None else "file"


def _why(records: Sequence[Approval], now: datetime) -> list[Shape]:
    """Reasons of the risk, and the state of the deadline."""
    open_ones = [record for record in records if record.state == ApprovalState.OPEN]
    riskiest = sorted(open_ones or records, key=lambda record: ("high", "standard", "low").index(record.tier))
    texts = list(dict.fromkeys(text for record in riskiest for text in record.reasons))[: MOST - 1]
    lines: list[Shape] = [{"icon": "warning", "text": text} for text in texts]
    if any(record.due_at is not None and record.due_at <= now for record in open_ones):
        lines.append({"icon": "clock", "text": "Its time is over; it expires if nobody decides."})
    elif any(record.is_half_gone(now) for record in open_ones):
        lines.append({"icon": "clock", "text": "Half of its time is gone; deputies are asked too."})
    return lines


def _steps(submission: Submission, records: Sequence[Approval], now: datetime) -> list[Shape]:
    """Progress: submission, approval of the app, decided approvals and who holds the open ones."""
    steps: list[Shape] = [{"icon": "upload", "tone": "", "text": "Submitted", "at": submission.submitted_at}]
    app = submission.app_approval or next((record for record in records if record.stage == 1), None)
    if app is not None:
        signed = Decision.objects.standing().filter(approval=app, round=app.round, outcome=DecisionOutcome.APPROVE)
        last = signed.select_related("person").order_by("-pk").first()
        if last is not None:
            words = "App approved" if app.state == ApprovalState.APPROVED else "App signed"
            steps.append({"icon": "check", "tone": "ok", "text": f"{words}, {last.person.name}", "at": last.at})
    stage_2 = [record for record in records if record.stage == 2]
    is_open = app is None or app.state == ApprovalState.APPROVED
    decided = (
        f"{sum(record.has_ended for record in stage_2)} of {len(stage_2)} decided" if is_open else "The app is asked"
    )
    return [
        *steps,
        {"icon": "arrow", "tone": "acc", "text": f"{decided}{_holders_in_words(submission, now)}", "at": None},
    ]


def _holders_in_words(submission: Submission, now: datetime) -> str:
    """Say who holds the submission."""
    waiting = waiting_for.load_waiting([submission], now)[submission.pk]
    names = [item.names for item in waiting_for.group_by_people(waiting)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"; with {', '.join(names[:3])}{more}" if names else ""
