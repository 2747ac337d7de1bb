"""Pages that propose a change of an active resource: owner or deputy, a lower data class, kind or team (S8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused
from governance.core.models import Person, Team
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from inventory.models import DataClass, Environment, Resource, ResourceKind, ResourceState

TEMPLATE = "approvals/proposals/resource_proposal.html"
#: People who can be named.
HERE = Person.objects.filter(is_active=True, left_at__isnull=True).order_by("name")


class Why(forms.Form):
    """The reason of a proposal."""

    use_required_attribute = False

    reason = forms.CharField(
        label="Why", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}), help_text="It stays on record."
    )


class OwnerForm(Why):
    """Owner and deputy of a resource."""

    owner = forms.ModelChoiceField(HERE, empty_label="Choose somebody")
    deputy = forms.ModelChoiceField(HERE, empty_label="Choose somebody")
    field_order = ("owner", "deputy", "reason")


class ClassForm(Why):
    """Data class and environment of a resource."""

    data_class = forms.ChoiceField(label="Data class", choices=DataClass.choices)
    environment = forms.ChoiceField(choices=Environment.choices)
    field_order = ("data_class", "environment", "reason")


class KindForm(Why):
    """Kind and team of a resource."""

    kind = forms.ChoiceField(choices=ResourceKind.choices)
    team = forms.ModelChoiceField(Team.objects.all(), empty_label="Choose a team")
    field_order = ("kind", "team", "reason")


#: Each kind proposed here: form, initial values, title and explanation.
FORMS: dict[str, tuple[type[Why], Callable[[Resource], dict[str, Any]], str, str]] = {
    "resource_owner": (
        OwnerForm,
        lambda resource: {"owner": resource.owner_id, "deputy": resource.deputy_id},
        "Who answers for it",
        "A second admin countersigns, and whoever is new accepts: one of the two at a time.",
    ),
    "resource_class": (
        ClassForm,
        lambda resource: {"data_class": resource.counted_class, "environment": resource.environment},
        "What it counts as",
        "A security reviewer countersigns. What only goes upwards its owner changes alone.",
    ),
    "resource_kind": (
        KindForm,
        lambda resource: {"kind": resource.kind, "team": resource.team_id},
        "What it is, and whose",
        "A security reviewer countersigns. Conflict rules go by the kind, and the team's leads are asked where owner and deputy can't decide.",
    ),
}


@require_http_methods(["GET", "POST"])
def resource_propose(request: Request, pk: int) -> HttpResponse:
    """Propose owner and deputy, a lower class, or kind and team of an active resource."""
    now = business_time.now()
    seen = Resource.objects.visible_to(request.actor, now).filter(state=ResourceState.ACTIVE)
    resource = get_object_or_404(seen, pk=pk)
    kind_code = request.POST.get("kind", "")
    row = Proposal(kind=kind_code if kind_code in FORMS else "resource_owner", target=str(pk))
    refusal = proposal_transitions.propose.refusal(row, actor=request.actor, now=now)
    if refusal is not None and refusal.kind == "permission":
        return _refused(request, row, refusal, now, resource.href)
    shown = {
        kind: made(
            request.POST if kind == kind_code else None, initial=filled(resource), prefix=kind.removeprefix("resource_")
        )
        for kind, (made, filled, *_) in FORMS.items()
    }
    form = shown.get(kind_code)
    if form is not None and form.is_valid():
        try:
            cleaned = form.cleaned_data
            made = proposal_transitions.propose(
                row, actor=request.actor, now=now, reason=cleaned["reason"], document=_document(cleaned)
            )
            return redirect("proposal", made.pk)
        except InvalidInput as error:
            form.add_error(None, f"{error.refusal.sentence} {error.refusal.to_do}".strip())
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": resource.href, "typed": cleaned["reason"]})
    context = {
        "now": now,
        "crumbs": [
            {"label": "Resources", "href": reverse("resource_list")},
            {"label": resource.name, "href": resource.href},
            {"label": "Propose a change", "href": ""},
        ],
        "head": {"title": f"Propose a change of {resource.name}", "facts": ["a second person countersigns it"]},
        "forms": [
            {"kind": kind, "title": title, "words": words, "form": shown[kind]}
            for kind, (*_, title, words) in FORMS.items()
        ],
        "back_href": resource.href,
    }
    return page(request, TEMPLATE, context, status=422 if request.method == "POST" else 200)


def _refused(request: Request, row: Proposal, refusal: Refusal, now: datetime, back_href: str) -> HttpResponse:
    """Show the refusal; record an attempted write (S5)."""
    if request.method == "POST":
        try:
            proposal_transitions.propose(row, actor=request.actor, now=now, document={})
        except Refused as error:
            refusal = error.refusal
    return refused(request, refusal, context={"back_href": back_href})


def _document(cleaned: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in cleaned.items() if name != "reason"}
    return {name: value.pk if isinstance(value, Person | Team) else value for name, value in given.items()}
