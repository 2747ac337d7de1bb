"""One team: who leads it, who belongs to it, and how an admin changes that (S8)."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.controls import clock, timeline
from governance.controls.models import Person, Team
from governance.controls.refusals import Refusal, refuse
from governance.controls.teams import join_team, leave_team, name_leads
from governance.portal.views.answers import answers_refusals, for_readers_of_the_ledger
from governance.web.asked import number
from governance.web.middleware import Request
from governance.web.pages import page


def _here() -> Any:
    return Person.objects.filter(is_active=True, left_at__isnull=True).order_by("name")


class LeadsForm(forms.Form):
    """Who leads a team, and who deputises."""

    lead = forms.ModelChoiceField(Person.objects.none(), required=False, empty_label="Nobody")
    deputy_lead = forms.ModelChoiceField(Person.objects.none(), required=False, label="Deputy", empty_label="Nobody")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            cast("forms.ModelChoiceField[Person]", field).queryset = _here()


class MemberForm(forms.Form):
    """One person who is to belong to a team."""

    person = forms.ModelChoiceField(Person.objects.none(), label="Add a member", empty_label="Choose somebody")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Person]", self.fields["person"]).queryset = _here()


def _one(pk: int) -> Team:
    return get_object_or_404(Team.objects.select_related("lead", "deputy_lead", "parent"), pk=pk)


def _given(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise refuse(Refusal("TEAM", "input", "Choose somebody of the list.", "Load the page again."))
    return form.cleaned_data


@require_GET
@for_readers_of_the_ledger
def team(request: Request, pk: int) -> HttpResponse:
    """One team."""
    one, now = _one(pk), clock.now()
    may_lead = name_leads.refusal(one, actor=request.actor, now=now) is None
    leave = reverse("team_leave", args=[pk]) if leave_team.refusal(one, actor=request.actor, now=now) is None else ""
    context = {
        "crumbs": [{"label": "People", "href": reverse("people")}, {"label": one.name, "href": ""}],
        "head": {
            "actions": [{"label": "Webhooks", "href": reverse("team_webhooks", args=[pk])}],
            "title": one.name,
            "facts": [one.get_kind_display(), *([f"under {one.parent.name}"] if one.parent else [])],
        },
        "lead": one.lead,
        "deputy": one.deputy_lead,
        "members": [
            {"pk": member.pk, "name": member.name, "title": member.title, "href": reverse("person", args=[member.pk])}
            for member in one.members.order_by("name")
        ],
        "leads_form": LeadsForm(initial={"lead": one.lead_id, "deputy_lead": one.deputy_lead_id}) if may_lead else None,
        "leads_action": reverse("team_leads", args=[pk]),
        "join_form": MemberForm() if leave else None,
        "join_action": reverse("team_join", args=[pk]),
        "leave_action": leave,
        "back": reverse("team", args=[pk]),
        "events": timeline.shapes(one, reader=request.actor.person, limit=30),
        "ledger_href": f"{reverse('ledger')}?about=controls.team:{pk}",
    }
    return page(request, "portal/team.html", context)


@require_POST
@answers_refusals
def team_leads(request: Request, pk: int) -> HttpResponse:
    """Name who leads a team; never oneself."""
    given = _given(LeadsForm(request.POST))
    name_leads(_one(pk), actor=request.actor, now=clock.now(), lead=given["lead"], deputy_lead=given["deputy_lead"])
    return redirect("team", pk)


@require_POST
@answers_refusals
def team_join(request: Request, pk: int) -> HttpResponse:
    """Add a member."""
    join_team(_one(pk), actor=request.actor, now=clock.now(), person=_given(MemberForm(request.POST))["person"])
    return redirect("team", pk)


@require_POST
@answers_refusals
def team_leave(request: Request, pk: int) -> HttpResponse:
    """End a membership."""
    one = _one(pk)
    member = get_object_or_404(one.members, pk=number(request.POST.get("person")) or 0)
    leave_team(one, actor=request.actor, now=clock.now(), person=member)
    return redirect("team", pk)
