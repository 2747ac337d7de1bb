"""Controls of an entitlement: persons, reasons, history, and the forms to state or withdraw one (S6)."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused
from governance.web.pages.confirmation import confirm
from governance.web.pages.page import Shape, page, refused
from governance.web.requests.middleware import Request
from inventory.importers.capabilities import CONTROLS
from inventory.models import Control, Entitlement, Resource
from inventory.resources.transitions import controls as transition_controls

TEMPLATE = "inventory/resources/controls.html"
#: Withdrawn controls that the page lists, the newest first.
MOST = 20


class ControlForm(forms.Form):
    """Control and how it works."""

    use_required_attribute = False

    tag = forms.ChoiceField(
        label="Whoever holds it", widget=forms.RadioSelect, error_messages={"required": "Choose what stands."}
    )
    reason = forms.CharField(
        label="How it is made sure",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say how."},
        help_text="Where that is set, and who would notice if it were not. It stays on record.",
    )


@require_http_methods(["GET", "POST"])
def controls(request: Request, pk: int) -> HttpResponse:
    """Show the controls of an entitlement; the owner of its resource can state one."""
    now = business_time.now()
    entitlement = _find_entitlement(request, pk, now)
    standing = {control.tag for control in entitlement.controls.standing()}
    form = ControlForm(request.POST or None)
    form.fields["tag"].choices = [(tag, words) for tag, (words, _) in CONTROLS.items() if tag not in standing]  # type: ignore[attr-defined]
    if request.method == "POST":
        refusal = transition_controls.state_control.refusal(entitlement, actor=request.actor, now=now)
        if refusal is not None or form.is_valid():
            try:
                initial = {"tag": request.POST.get("tag", ""), "reason": request.POST.get("reason", "")}
                transition_controls.state_control(entitlement, actor=request.actor, now=now, **initial)
                return redirect(entitlement.controls_href)
            except InvalidInput as error:
                form.add_error(None, error.refusal.sentence)
            except Refused as error:
                context = {"back_href": entitlement.controls_href, "typed": request.POST.get("reason", "")}
                return refused(request, error.refusal, context=context)
    return page(request, TEMPLATE, _context(entitlement, form, request.actor, now), status=422 if form.errors else 200)


def _find_entitlement(request: Request, pk: int, now: datetime) -> Entitlement:
    seen = Resource.objects.visible_to(request.actor, now).values("pk")
    related = ("resource__owner", "resource__deputy", "resource__team", "resource__interim__person")
    return get_object_or_404(Entitlement.objects.filter(resource__in=seen).select_related(*related), pk=pk)


def _context(entitlement: Entitlement, form: ControlForm, actor: Actor, now: datetime) -> Shape:
    refusal = transition_controls.state_control.refusal(entitlement, actor=actor, now=now)
    rows = list(entitlement.controls.select_related("said_by", "said_for", "reason", "ended_by", "ended_why"))
    for row in rows:
        row.entitlement = entitlement  # its rules read the entitlement, which is already loaded
    over = [row for row in rows if row.ended_at is not None]
    return {
        "now": now,
        "crumbs": [
            {"label": "Resources", "href": reverse("resource_list")},
            {"label": entitlement.resource.name, "href": entitlement.resource.href},
            {"label": "Controls", "href": ""},
        ],
        "head": {
            "title": f"Controls: {entitlement.sentence}",
            "facts": [{"text": entitlement.resource.name, "href": entitlement.resource.href}, entitlement.code],
        },
        "standing": [_standing(row, actor, now) for row in rows if row.ended_at is None],
        "over": over[:MOST],
        "over_more": max(0, len(over) - MOST),
        "form": form if refusal is None and form.fields["tag"].choices else None,  # type: ignore[attr-defined]
        "locked": _locked_shape(entitlement, refusal) if refusal is not None else None,
    }


def _standing(control: Control, actor: Actor, now: datetime) -> tuple[Control, str]:
    """Control in force, with the address for withdrawing it; empty without permission."""
    may_end = transition_controls.withdraw_control.refusal(control, actor=actor, now=now) is None
    return control, reverse("control_take_back", args=[control.pk]) if may_end else ""


def _locked_shape(entitlement: Entitlement, refusal: Refusal) -> Shape:
    """Refusal for a reader with a part in it; for others, the people who may state a control."""
    if refusal.kind != "permission":
        return {"sentence": refusal.sentence, "code": refusal.code, "to_do": refusal.to_do}
    names = [person.name for person in (entitlement.resource.owner, entitlement.resource.deputy) if person is not None]
    names_text = " or ".join(names) or "nobody yet"
    return {"sentence": f"Whoever answers for the resource says so: {names_text}.", "code": "", "to_do": ""}


@require_http_methods(["GET", "POST"])
def take_back(request: Request, pk: int) -> HttpResponse:
    """Withdraw a control."""
    now = business_time.now()
    seen = Resource.objects.visible_to(request.actor, now).values("pk")
    controls = Control.objects.filter(entitlement__resource__in=seen).select_related("entitlement__resource")
    control = get_object_or_404(controls, pk=pk)
    return confirm(
        request,
        control,
        transition_controls.withdraw_control,
        now,
        title=f"{control.words}: take that back?",
        text="Whatever is in conflict without it is in conflict again from now on: what is asked at once, what is held with the next scan, "
        "and then it has its time to be resolved.",
        label="Take it back",
    )
