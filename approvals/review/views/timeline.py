"""Timeline of a submission: a part of the review page and a page of its own."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.models import Submission
from governance.web.pages.page import page, timeline_context
from governance.web.requests.request import Request, visible_row


@require_GET
def review_timeline(request: Request, pk: int) -> HttpResponse:
    """Show what happened with a submission, the newest first."""
    submission, now = visible_row(request, Submission, pk, "automation")
    context = {
        "submission": submission,
        "head": {"title": f"Activity of {submission.automation.name}", "facts": []},
        **timeline_context(submission, actor=request.actor, now=now, limit=40),
    }
    return page(request, "approvals/review/timeline.html", context, fragment="timeline")
