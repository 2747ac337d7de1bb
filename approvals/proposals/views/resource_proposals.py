"""Pages that propose a change of an active resource: owner or deputy, a lower data class, kind or team (S8)."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from approvals.models import Proposal
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.views import proposals
from governance.core.access import InvalidInput
from governance.core.models import Team
from governance.core.people.person_field import PersonField
from governance.web.pages.page import page
from governance.web.requests.request import Request
from inventory.models import DataClass, Environment, Resource, ResourceKind, ResourceState

TEMPLATE = "approvals/proposals/resource_proposal.html"
#: Each kind proposed here: title, explanation, and the form field of each field of its document.
FORMS: dict[str, tuple[str, str, dict[str, forms.Field]]] = {
    "resource_owner": (
        "Who answers for it",
        "A second admin countersigns, and the new person accepts. Change one of the two at a time.",
        {name: PersonField() for name in ("owner", "deputy")},
    ),
    "resource_class": (
        "What it counts as",
        "A security reviewer countersigns. What only goes upwards its owner changes alone.",
        {
            "data_class": forms.ChoiceField(label="Data class", choices=DataClass.choices),
            "environment": forms.ChoiceField(choices=Environment.choices),
        },
    ),
    "resource_kind": (
        "What it is, and whose",
        "A security reviewer countersigns. Conflict rules go by the kind, and the team's leads decide if owner and backup approver can't.",
        {
            "kind": forms.ChoiceField(choices=ResourceKind.choices),
            "team": forms.ModelChoiceField(Team.objects.all(), empty_label="Choose a team"),
        },
    ),
}


class ChangeForm(forms.Form):
    """The document of a proposal, and its reason."""

    use_required_attribute = False

    reason = proposals.reason_field()

    def document(self) -> dict[str, Any]:
        """Return the document that was filled in."""
        return {name: getattr(value, "pk", value) for name, value in self.cleaned_data.items() if name != "reason"}


def _form(kind: str, target: str, now: datetime, data: Any) -> ChangeForm:
    made = type("KindForm", (ChangeForm,), dict(FORMS[kind][2]))
    initial = kind_kind.kind_of(kind).current(target, now, {})
    order = (*FORMS[kind][2], "reason")
    form: ChangeForm = made(data, initial=initial, prefix=kind.removeprefix("resource_"), field_order=order)
    return form


@require_http_methods(["GET", "POST"])
def resource_propose(request: Request, pk: int) -> HttpResponse:
    """Propose owner and deputy, a lower class, or kind and team of an active resource."""
    now = request.now()
    seen = Resource.objects.visible_to(request.actor, now).filter(state=ResourceState.ACTIVE)
    resource = get_object_or_404(seen, pk=pk)
    kind = request.POST.get("kind", "")
    row = Proposal(kind=kind if kind in FORMS else "resource_owner", target=str(pk))
    refusal = proposals.refusal(request, row, now)
    if refusal is not None and refusal.kind == "permission":
        return proposals.show_refusal(request, row, refusal, now, resource.href)
    shown = {code: _form(code, str(pk), now, request.POST if code == kind else None) for code in FORMS}
    form = shown.get(kind)
    if form is not None and form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            return redirect("proposal", proposals.write(request, row, now, form.document(), reason).pk)
        except InvalidInput as error:
            form.add_error(None, error.refusal.words)
    context = {
        "resource": resource,
        "forms": [(code, *FORMS[code][:2], form) for code, form in shown.items()],
        "back_href": resource.href,
    }
    return page(request, TEMPLATE, context, status=422 if request.method == "POST" else 200)
