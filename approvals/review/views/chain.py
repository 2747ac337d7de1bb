"""Connected automations of a submission (A16): a part of the review page and a page of its own."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.models import Submission
from approvals.models.submission import UNFINISHED
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, visible_row
from inventory.chains import queries as chain_queries
from inventory.chains import views as chain_views


@require_GET
def review_chain(request: Request, pk: int) -> HttpResponse:
    """Show the version's connections, or the automation's once the submission has ended."""
    submission, now = visible_row(request, Submission, pk, "automation", "version__automation")
    automation, would = submission.automation, submission.state in UNFINISHED
    chain = chain_queries.chain_with_version(submission.version) if would else chain_views.chain_of(automation)
    context: Shape = {
        "submission": submission,
        "head": {"title": f"What {automation.name} would be connected with", "facts": []},
        "chain": chain_views.chain_shape(chain, automation.name, request.actor, now, would=would),
    }
    return page(request, "inventory/chains/chain.html", context, fragment="chain")
