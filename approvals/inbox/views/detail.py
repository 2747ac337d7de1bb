"""What stands beside the queue of the desk: the reader's part in one submission, why it stands there, and where it is."""

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
from approvals.inbox.views.approvals import by_risk, wants
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Submission
from approvals.review.views.dossier import UNSHOWN
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.pages.page import page
from governance.web.requests.middleware import Request

Shape = dict[str, Any]

#: What is said of each; the review has the rest.
MOST = 4
LEVEL_ICONS = {"read": "eye", "write": "pen", "execute": "terminal", "admin": "sliders"}


@require_GET
def desk_part(request: Request, pk: int) -> HttpResponse:
    """The part that follows the row that one is at."""
    now = business_time.now()
    seen = Submission.objects.visible_to(request.actor, now)
    seen = waiting_for.told(seen).select_related("automation", "app_approval", "submitted_by").defer(*UNSHOWN)
    submission = get_object_or_404(seen, pk=pk)
    context = {
        "crumbs": [{"label": "Desk", "href": reverse("desk")}, {"label": submission.automation.name, "href": ""}],
        "head": {"title": submission.automation.name},
        "part": _part(submission, request.actor, now),
    }
    return page(request, "approvals/inbox/detail.html", context, fragment="part")


def _part(submission: Submission, actor: Actor, now: datetime) -> Shape:
    own = {one.pk for one in approvals.to_decide(actor, now) if one.submission_id == submission.pk}
    read = submission.approvals.select_related("privilege__entitlement__resource", "credential")
    records = list(read.defer("facts").order_by("stage", "pk"))
    mine = [one for one in records if one.pk in own]
    asked = mine
    if any(one.stage == 1 for one in mine):  # who says that an app may exist sees what it would touch
        asked = [*mine, *sorted((one for one in records if one.stage == 2), key=by_risk)]
    automation = submission.automation
    return {
        "key": submission.pk,
        "tier": submission.tier,
        "name": automation.name,
        "about": f"{automation.get_kind_display()}, {automation.get_environment_display().lower()}. {automation.asked['purpose']}",
        "asked": [{"icon": _icon(one), "text": wants(one)} for one in asked[:MOST]],
        "asked_title": "Your part" if asked is mine else "Your part: the app, and what it would touch",
        "more": max(len(asked) - MOST, 0),
        "why": _why(mine or records, now),
        "steps": _steps(submission, records, now),
        "href": reverse("review", args=[submission.pk]),
        "together_href": _together(submission, mine),
        "ask_href": _ask(submission, mine),
    }


def _together(submission: Submission, mine: Sequence[Approval]) -> str:
    """Where it is decided in few words, unless each is decided on its own page (A7, A15)."""
    if all(one.tier == "high" or one.earlier_id is not None for one in mine):
        return ""
    return f"{reverse('decide_together')}?{urlencode({'of': submission.pk})}"


def _ask(submission: Submission, mine: Sequence[Approval]) -> str:
    """Where the first of what is asked of the reader is sent back with a question (A14): its row, opened, or the app's column."""
    if not mine:
        return ""
    here, first = reverse("review", args=[submission.pk]), mine[0]
    return f"{here}#app" if first.stage == 1 else f"{here}?open={first.pk}#row-{first.pk}"


def _icon(record: Approval) -> str:
    if record.privilege is not None:
        return LEVEL_ICONS.get(record.granted_level or record.privilege.level, "eye")
    return "key" if record.credential is not None else "file"


def _why(records: Sequence[Approval], now: datetime) -> list[Shape]:
    """What makes it as risky as it is, and how its time stands."""
    open_ones = [one for one in records if one.state == ApprovalState.OPEN]
    riskiest = sorted(open_ones or records, key=lambda one: ("high", "standard", "low").index(one.tier))
    texts = list(dict.fromkeys(text for one in riskiest for text in one.reasons))[: MOST - 1]
    found: list[Shape] = [{"icon": "warning", "text": text} for text in texts]
    if any(one.due_at is not None and one.due_at <= now for one in open_ones):
        found.append({"icon": "clock", "text": "Its time is over; it ends as rejected if nobody decides."})
    elif any(one.is_half_gone(now) for one in open_ones):
        found.append({"icon": "clock", "text": "Half of its time is gone; deputies are asked too."})
    return found


def _steps(submission: Submission, records: Sequence[Approval], now: datetime) -> list[Shape]:
    """Who signed the app, how much of the rest is decided, and with whom it is."""
    found: list[Shape] = [{"icon": "upload", "tone": "", "text": "Submitted", "at": submission.submitted_at}]
    app = submission.app_approval or next((one for one in records if one.stage == 1), None)
    if app is not None:
        signed = Decision.objects.standing().filter(approval=app, round=app.round, outcome=DecisionOutcome.APPROVE)
        last = signed.select_related("person").order_by("-pk").first()
        if last is not None:
            words = "App approved" if app.state == ApprovalState.APPROVED else "App signed"
            found.append({"icon": "check", "tone": "ok", "text": f"{words}, {last.person.name}", "at": last.at})
    second = [one for one in records if one.stage == 2]
    is_open = app is None or app.state == ApprovalState.APPROVED
    decided = f"{sum(one.has_ended for one in second)} of {len(second)} decided" if is_open else "The app is asked"
    return [*found, {"icon": "arrow", "tone": "acc", "text": f"{decided}{_with_whom(submission, now)}", "at": None}]


def _with_whom(submission: Submission, now: datetime) -> str:
    """Who holds it."""
    names = [one.names for one in waiting_for.together(waiting_for.of(submission, now))]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"; with {', '.join(names[:3])}{more}" if names else ""
