"""Button that resubmits an automation: it opens a prefilled preview (A10, A15, G5)."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from approvals.intake import resubmission
from governance.core.duties.refusals import Refused
from governance.web.pages.page import refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import visible_row
from inventory.models import Automation


@require_POST
def submit_again(request: Request, pk: int) -> HttpResponse:
    """Go to a preview of the newest version of an automation, with its earlier answers."""
    automation, now = visible_row(request, Automation, pk)
    try:
        item = resubmission.begin(automation, actor=request.actor, now=now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": automation.href})
    return redirect("import_preview", pk=item.pk)
