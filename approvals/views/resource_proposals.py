"""What of a resource in use takes two people: another owner or deputy, and a lower data class (S8). Each is proposed here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.models import Proposal
from approvals.transitions import proposing
from governance.controls import clock
from governance.controls.models import Person
from governance.controls.refusals import InvalidInput, Refusal, Refused
from governance.web.middleware import Request
from governance.web.pages import page, refused
from inventory.models import DataClass, Environment, Resource, ResourceState

TEMPLATE = "approvals/resource_proposal.html"
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


@require_http_methods(["GET", "POST"])
def resource_propose(request: Request, pk: int) -> HttpResponse:
    """Propose who answers for a resource in use, or that it counts as less."""
    now = clock.now()
    seen = Resource.objects.visible_to(request.actor, now).filter(state=ResourceState.ACTIVE)
    one = get_object_or_404(seen, pk=pk)
    rows = {kind: Proposal(kind=kind, target=str(pk)) for kind in ("resource_owner", "resource_class")}
    no = proposing.propose.refusal(rows["resource_owner"], actor=request.actor, now=now)
    kind = request.POST.get("kind", "")
    if no is not None and no.kind == "permission":
        return _refused(request, rows.get(kind, rows["resource_owner"]), no, now, one.href)
    sent = request.POST if request.method == "POST" else None
    of_owner = OwnerForm(
        sent if kind == "resource_owner" else None,
        initial={"owner": one.owner_id, "deputy": one.deputy_id},
        prefix="owner",
    )
    of_class = ClassForm(
        sent if kind == "resource_class" else None,
        initial={"data_class": one.counted_class, "environment": one.environment},
        prefix="class",
    )
    form = of_owner if kind == "resource_owner" else of_class
    if sent is not None and kind in rows and form.is_valid():
        try:
            said = form.cleaned_data
            made = proposing.propose(
                rows[kind], actor=request.actor, now=now, reason=said["reason"], document=_document(said)
            )
            return redirect("proposal", made.pk)
        except InvalidInput as error:
            form.add_error(None, f"{error.refusal.sentence} {error.refusal.to_do}".strip())
        except Refused as error:
            return refused(
                request, error.refusal, context={"back_href": one.href, "typed": form.cleaned_data["reason"]}
            )
    context = {
        "now": now,
        "crumbs": [
            {"label": "Resources", "href": reverse("resource_list")},
            {"label": one.name, "href": one.href},
            {"label": "Propose a change", "href": ""},
        ],
        "head": {"title": f"Propose a change of {one.name}", "facts": ["a second person countersigns it"]},
        "forms": [
            {
                "kind": "resource_owner",
                "title": "Who answers for it",
                "words": "A second admin countersigns, and whoever is new accepts: one of the two at a time.",
                "form": of_owner,
            },
            {
                "kind": "resource_class",
                "title": "What it counts as",
                "words": "A security reviewer countersigns. What only goes upwards its owner changes alone.",
                "form": of_class,
            },
        ],
        "back_href": one.href,
    }
    return page(request, TEMPLATE, context, status=422 if sent is not None else 200)


def _refused(request: Request, row: Proposal, no: Refusal, now: datetime, back_href: str) -> HttpResponse:
    """Say no; what somebody tried is on record (S5)."""
    if request.method == "POST":
        try:
            proposing.propose(row, actor=request.actor, now=now, document={})
        except Refused as error:
            no = error.refusal
    return refused(request, no, context={"back_href": back_href})


def _document(said: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in said.items() if name != "reason"}
    return {name: value.pk if isinstance(value, Person) else value for name, value in given.items()}
