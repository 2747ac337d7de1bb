"""Connected automations of a submission (A16): a part of the review page and a page of its own."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.assignment.context import SubmissionContext
from approvals.models import Submission
from approvals.models.submission import UNFINISHED
from approvals.review.views.reader import Shape
from governance.core.clock import business_time
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.chains import queries as chain_queries
from inventory.chains import views as chain_views


@require_GET
def review_chain(request: Request, pk: int) -> HttpResponse:
    """Show the version's connections, or the automation's once the submission has ended."""
    now = business_time.now()
    seen = Submission.objects.visible_to(request.actor, now).select_related("automation", "version__automation")
    submission = get_object_or_404(seen, pk=pk)
    would = submission.state in UNFINISHED
    connected = (
        chain_queries.chain_with_version(submission.version) if would else chain_views.chain_of(submission.automation)
    )
    name = submission.automation.name
    context: Shape = {
        "crumbs": [
            {"label": "Approvals", "href": reverse("approvals")},
            {"label": f"Submission {submission.reference}", "href": reverse("review", args=[pk])},
            {"label": "Joined with", "href": ""},
        ],
        "head": {"title": f"What {name} would be joined with", "facts": []},
        "chain": chain_views.chain_shape(connected, name, request.actor, now, would=would),
    }
    return page(request, "inventory/chains/chain.html", context, fragment="chain")


def panels(context: SubmissionContext) -> list[Shape]:
    """Panel of the review page with the connections of an unfinished submission, if there are any."""
    submission = context.submission
    if submission.state not in UNFINISHED or not (context.facts.chain.links or context.facts.chain.unknown):
        return []
    return [
        {"href": reverse("review_chain", args=[submission.pk]), "title": "What it would be joined with", "id": "chain"}
    ]
