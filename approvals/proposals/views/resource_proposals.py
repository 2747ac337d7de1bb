"""What of a resource in use takes two people: another owner or deputy, a lower data class, another kind or team (S8). Each is proposed here."""

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
#: Who can be named.
HERE = Person.objects.filter(is_active=True, left_at__isnull=True).order_by("name")


class Why(forms.Form):
    """What every proposal says."""

    use_required_attribute = False

    reason = forms.CharField(
        label="Why", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}), help_text="It stays on record."
    )


class OwnerForm(Why):
    """Who is to answer for a resource."""

    owner = forms.ModelChoiceField(HERE, empty_label="Choose somebody")
    deputy = forms.ModelChoiceField(HERE, empty_label="Choose somebody")
    field_order = ("owner", "deputy", "reason")


class ClassForm(Why):
    """What a resource is to count as."""

    data_class = forms.ChoiceField(label="Data class", choices=DataClass.choices)
    environment = forms.ChoiceField(choices=Environment.choices)
    field_order = ("data_class", "environment", "reason")


class KindForm(Why):
    """What a resource is to be, and whose."""

    kind = forms.ChoiceField(choices=ResourceKind.choices)
    team = forms.ModelChoiceField(Team.objects.all(), empty_label="Choose a team")
    field_order = ("kind", "team", "reason")


#: Each kind that is proposed here: its form, what that is filled in with, and what stands over it.
FORMS: dict[str, tuple[type[Why], Callable[[Resource], dict[str, Any]], str, str]] = {
    "resource_owner": (
        OwnerForm,
        lambda one: {"owner": one.owner_id, "deputy": one.deputy_id},
        "Who answers for it",
        "A second admin countersigns, and whoever is new accepts: one of the two at a time.",
    ),
    "resource_class": (
        ClassForm,
        lambda one: {"data_class": one.counted_class, "environment": one.environment},
        "What it counts as",
        "A security reviewer countersigns. What only goes upwards its owner changes alone.",
    ),
    "resource_kind": (
        KindForm,
        lambda one: {"kind": one.kind, "team": one.team_id},
        "What it is, and whose",
        "A security reviewer countersigns. Conflict rules go by the kind, and the team's leads are asked where owner and deputy can't decide.",
    ),
}


@require_http_methods(["GET", "POST"])
def resource_propose(request: Request, pk: int) -> HttpResponse:
    """Propose who answers for a resource in use, that it counts as less, or what it is and whose."""
    now = business_time.now()
    seen = Resource.objects.visible_to(request.actor, now).filter(state=ResourceState.ACTIVE)
    one = get_object_or_404(seen, pk=pk)
    asked = request.POST.get("kind", "")
    row = Proposal(kind=asked if asked in FORMS else "resource_owner", target=str(pk))
    no = proposal_transitions.propose.refusal(row, actor=request.actor, now=now)
    if no is not None and no.kind == "permission":
        return _refused(request, row, no, now, one.href)
    shown = {
        kind: made(request.POST if kind == asked else None, initial=filled(one), prefix=kind.removeprefix("resource_"))
        for kind, (made, filled, *_) in FORMS.items()
    }
    form = shown.get(asked)
    if form is not None and form.is_valid():
        try:
            said = form.cleaned_data
            made = proposal_transitions.propose(
                row, actor=request.actor, now=now, reason=said["reason"], document=_document(said)
            )
            return redirect("proposal", made.pk)
        except InvalidInput as error:
            form.add_error(None, f"{error.refusal.sentence} {error.refusal.to_do}".strip())
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": one.href, "typed": said["reason"]})
    context = {
        "now": now,
        "crumbs": [
            {"label": "Resources", "href": reverse("resource_list")},
            {"label": one.name, "href": one.href},
            {"label": "Propose a change", "href": ""},
        ],
        "head": {"title": f"Propose a change of {one.name}", "facts": ["a second person countersigns it"]},
        "forms": [
            {"kind": kind, "title": title, "words": words, "form": shown[kind]}
            for kind, (*_, title, words) in FORMS.items()
        ],
        "back_href": one.href,
    }
    return page(request, TEMPLATE, context, status=422 if request.method == "POST" else 200)


def _refused(request: Request, row: Proposal, no: Refusal, now: datetime, back_href: str) -> HttpResponse:
    """Say no; what somebody tried is on record (S5)."""
    if request.method == "POST":
        try:
            proposal_transitions.propose(row, actor=request.actor, now=now, document={})
        except Refused as error:
            no = error.refusal
    return refused(request, no, context={"back_href": back_href})


def _document(said: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in said.items() if name != "reason"}
    return {name: value.pk if isinstance(value, Person | Team) else value for name, value in given.items()}
