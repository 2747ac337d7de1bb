"""Prefilled previews of a registered version: promoted to the next environment, or submitted again (I10, A10, A15, G5)."""

from types import SimpleNamespace
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.intake import registered_version
from approvals.intake.views.forms import offer
from governance.core.access import Refused
from governance.web.pages.page import form_page, refused
from governance.web.requests.request import Request, visible_row
from inventory.automations import lineages
from inventory.models import Automation, Environment


class Where(forms.Form):
    """The environments above its own."""

    environment = forms.ChoiceField(label="To")

    def __init__(self, *args: Any, targets: list[str], **more: Any) -> None:
        super().__init__(*args, **more)
        offer(self, "environment", [(target, Environment(target).label) for target in targets])


@require_http_methods(["GET", "POST"])
def promote(request: Request, pk: int) -> HttpResponse:
    """Go to a preview of an automation in a higher environment, with its answers in this one."""
    automation, now = visible_row(request, Automation, pk, "team", "approved_version")
    version = registered_version.version_to_promote(automation)
    if version is None:
        raise Http404("There is no version of it yet.")
    environment = automation.get_environment_display().lower()

    def begin(answers: dict[str, Any]) -> SimpleNamespace:
        item = registered_version.begin_promotion(automation, answers["environment"], actor=request.actor, now=now)
        return SimpleNamespace(href=reverse("import_preview", args=[item.pk]))

    stands = "as it is approved" if version.pk == automation.approved_version_id else "which is not approved"
    return form_page(
        request,
        Where(request.POST or None, targets=lineages.environments_above(automation)),
        begin,
        now=now,
        title=f"Promote {automation.name}",
        text=f"Version {version.number}, {stands} in {environment}, becomes a "
        "preview with what was said about it here. An approval counts in its own environment, so it is decided anew. Where the other "
        "environment is an installation of its own, import its export instead and choose there what it is promoted from.",
        label="Go on to the preview",
        back=automation.href,
        refusal=registered_version.promotion_refusal(automation, actor=request.actor, now=now),
    )


@require_POST
def submit_again(request: Request, pk: int) -> HttpResponse:
    """Go to a preview of the newest version of an automation, with its earlier answers."""
    automation, now = visible_row(request, Automation, pk)
    try:
        item = registered_version.begin_resubmission(automation, actor=request.actor, now=now)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": automation.href})
    return redirect("import_preview", pk=item.pk)
