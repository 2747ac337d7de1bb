"""Page of a team: leads, members and their changes by an admin (S8)."""

from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from approvals.grants.views import stops
from approvals.models import Proposal
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.views import proposals
from governance.core.access import Permission, Refusal, access, refuse
from governance.core.models import Team, TeamKind
from governance.core.people.person_field import PersonField
from governance.core.teams.transitions import join_team, leave_team
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages.page import finish, page, timeline_context
from governance.web.requests.request import Request, number


class MemberForm(forms.Form):
    """New member of a team."""

    person = PersonField(label="Add a member")


class FallbackForm(forms.Form):
    """New fallback approver."""

    person = PersonField(label="Who")
    reason = forms.CharField(label="Why", max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))


class LeadForm(FallbackForm):
    """New lead or deputy lead of a team."""

    seat = forms.ChoiceField(label="Which", choices=(("lead", "Lead"), ("deputy_lead", "Deputy")))
    person = PersonField(required=False, label="Who", empty_label="Nobody")
    field_order = ("seat", "person", "reason")


def _load_team(pk: int) -> Team:
    return get_object_or_404(Team.objects.select_related("lead", "deputy_lead", "parent"), pk=pk)


def _valid_data(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        sentence = "Choose a person in the list, and give a reason where one is asked for."
        raise refuse(Refusal("TEAM", "input", sentence, "Go back to the page."))
    return form.cleaned_data


@require_GET
@for_readers_of_the_ledger
def team(request: Request, pk: int) -> HttpResponse:
    """Show a team."""
    team_row, now = _load_team(pk), request.now()
    may_propose = access.may(request.actor, Permission.PROPOSAL_MAKE, None, now=now)
    may_change = leave_team.refusal(team_row, actor=request.actor, now=now) is None
    is_fallback = team_row.kind == TeamKind.FALLBACK
    context = {
        "team": team_row,
        "stop": stops.button(team_row, request.actor, now),
        "leads_form": LeadForm(auto_id="id_lead_%s") if may_propose else None,
        "member_form": MemberForm() if may_change else None,
        "fallback_form": FallbackForm(auto_id="id_fallback_%s") if may_propose and is_fallback else None,
        **timeline_context(team_row, actor=request.actor, now=now),
    }
    return page(request, "portal/teams/team.html", context)


def _propose(request: Request, kind: str, target: str, document: dict[str, Any], reason: str) -> HttpResponse:
    """Create the proposal and redirect to its page."""
    row = Proposal(kind=kind, target=target)
    if kind_kind.kind_of(kind).subject(target) is None:
        raise Http404
    return redirect("proposal", proposals.write(request, row, request.now(), document, reason).pk)


@require_POST
def team_leads(request: Request, pk: int) -> HttpResponse:
    """Propose a lead or deputy lead; a second admin countersigns, and the person accepts (S8)."""
    given = _valid_data(LeadForm(request.POST))
    document = {"person": given["person"].pk if given["person"] is not None else None}
    return _propose(request, "team_lead", f"{_load_team(pk).pk}-{given['seat']}", document, given["reason"])


@require_POST
def team_fallback(request: Request, pk: int) -> HttpResponse:
    """Propose to add or remove a fallback owner (S8)."""
    given = _valid_data(FallbackForm(request.POST))
    document = {"member": request.POST.get("leaves") != "yes"}
    return _propose(request, "fallback_owner", f"{_load_team(pk).pk}-{given['person'].pk}", document, given["reason"])


@require_POST
def team_join(request: Request, pk: int) -> HttpResponse:
    """Add a member."""
    member = _valid_data(MemberForm(request.POST))["person"]
    join_team(_load_team(pk), actor=request.actor, now=request.now(), person=member)
    return finish(request, join_team, "team", pk)


@require_POST
def team_leave(request: Request, pk: int) -> HttpResponse:
    """End a membership."""
    team_row = _load_team(pk)
    member = get_object_or_404(team_row.members, pk=number(request.POST.get("person")) or 0)
    leave_team(team_row, actor=request.actor, now=request.now(), person=member)
    return finish(request, leave_team, "team", pk)
