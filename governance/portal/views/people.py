"""People, what each is trusted with, and how that changes: for governance admins, and read by auditors and reviewers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.controls import clock, timeline
from governance.controls.actors import Actor
from governance.controls.models import Person, RoleAssignment, Team, TeamKind
from governance.controls.people import add_person, confirm_role, end_role, propose_role, record_leaver
from governance.controls.refusals import InvalidInput, Refusal, refuse
from governance.controls.roles import ASSIGNABLE, ROLE_WORDS, Role
from governance.controls.teams import found_team
from governance.portal.views.answers import answers_refusals, for_readers_of_the_ledger
from governance.portal.views.erasing import about_erasure, asking, erasures_that_wait
from governance.portal.views.profile import about_person
from governance.portal.views.tokens import of_person
from governance.web.middleware import Request
from governance.web.pages import page, refused
from inventory.views import paging

Shape = dict[str, Any]


@require_GET
@for_readers_of_the_ledger
def people(request: Request) -> HttpResponse:
    """Everybody by name, the roles and erasures that wait for a second admin, and the teams."""
    now, path = clock.now(), reverse("people")
    rows = Person.objects.all()
    for word in paging.words_of(request.GET):
        rows = rows.filter(Q(name__icontains=word) | Q(email__icontains=word) | Q(title__icontains=word))
    if request.GET.get("role") in list(ASSIGNABLE):
        held = RoleAssignment.objects.filter(role=request.GET["role"], until__isnull=True)
        rows = rows.filter(pk__in=held.values("person"))
    paged = paging.by_name(rows.prefetch_related("teams", "role_assignments"), request.GET, path)
    waiting = RoleAssignment.objects.filter(confirmed_at__isnull=True, until__isnull=True)
    teams = Team.objects.select_related("lead", "deputy_lead", "parent").order_by("name")
    may_add = add_person.refusal(Person(), actor=request.actor, now=now) is None
    actions = [
        {"label": "Webhooks", "href": reverse("webhooks")},
        {"label": "Add a person", "icon": "plus", "kind": "filled", "href": reverse("person_add")},
    ]
    context = {
        "head": {"title": "People", "facts": [], "actions": actions if may_add else actions[:1]},
        "chips": paging.chips(path, request.GET, "role", [("", "All"), *((r, ROLE_WORDS[r]) for r in ASSIGNABLE)]),
        "filters": {
            "action": path,
            "words": request.GET.get("q", ""),
            "words_label": "Name, address or title",
            "kept": {"role": request.GET.get("role", "")},
        },
        "people": [_line(one, now) for one in paged.rows],
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "empty": {"sentence": "Nobody fits.", "href": path, "action": "Show everybody"},
        "waiting": [_role(one, request.actor, now) for one in waiting.select_related("person", "proposed_by")[:50]],
        "erasures": erasures_that_wait(),
        "teams": [_team(one) for one in teams[:200]],
        "found": reverse("team_found") if may_add else "",
    }
    return page(request, "portal/people.html", context, fragment="people")


def _line(one: Person, now: datetime) -> Shape:
    held = [row for row in one.role_assignments.all() if row.confirmed_at and (row.until is None or row.until > now)]
    return {
        "href": reverse("person", args=[one.pk]),
        "name": one.name,
        "title": one.title,
        "teams": ", ".join(team.name for team in one.teams.all()),
        "roles": ", ".join(ROLE_WORDS[Role(row.role)] for row in held),
        "left_at": one.left_at,
    }


def _team(one: Team) -> Shape:
    return {
        "href": reverse("team", args=[one.pk]),
        "name": one.name,
        "under": one.parent.name if one.parent else "",
        "lead": one.lead.name if one.lead else "",
        "deputy": one.deputy_lead.name if one.deputy_lead else "",
        "kind": one.get_kind_display(),
    }


def _role(row: RoleAssignment, actor: Actor, now: datetime) -> Shape:
    """One role that is held or waits, with what the reader may do about it and, where not, why."""
    waits = row.confirmed_at is None
    no = confirm_role.refusal(row, actor=actor, now=now) if waits else None
    return {
        "id": row.pk,
        "name": ROLE_WORDS[Role(row.role)],
        "person": row.person.name,
        "person_href": reverse("person", args=[row.person_id]),
        "waits": waits,
        "since": row.confirmed_at or row.proposed_at,
        "by": row.proposed_by.name if row.proposed_by else "bootstrap",
        "confirm": reverse("role_confirm", args=[row.pk]) if waits and no is None else "",
        "why_not": no if waits else None,
        "end": reverse("role_end", args=[row.pk]) if end_role.refusal(row, actor=actor, now=now) is None else "",
    }


@require_GET
@for_readers_of_the_ledger
def person(request: Request, pk: int) -> HttpResponse:
    """One person: roles, teams, what they answer for, what they did."""
    one, now = get_object_or_404(Person, pk=pk), clock.now()
    roles = one.role_assignments.filter(until__isnull=True).select_related("person", "proposed_by").order_by("pk")
    no = propose_role.refusal(one, actor=request.actor, now=now)
    may_leave = one.is_here and record_leaver.refusal(one, actor=request.actor, now=now) is None
    leave = {"label": "Record that they left", "href": reverse("person_left", args=[pk])}
    free = [role for role in ASSIGNABLE if role not in {row.role for row in roles}]
    context = {
        **about_person(one, now),
        "crumbs": [{"label": "People", "href": reverse("people")}, {"label": one.name, "href": ""}],
        "roles": [_role(row, request.actor, now) for row in roles],
        "propose": {
            "action": reverse("role_propose", args=[pk]),
            "options": [{"value": str(role), "label": ROLE_WORDS[role]} for role in free],
            "why_not": no,
        },
        "events": timeline.shapes(one, reader=request.actor.person, limit=30),
        "ledger_href": f"{reverse('ledger')}?{urlencode({'about': f'controls.person:{pk}'})}",
    }
    context |= {"tokens": of_person(one, request.actor, now), "back": reverse("person", args=[pk])}
    context["erasure"] = about_erasure(one, request.actor, now) if one.left_at is not None else {}
    context["head"]["actions"] = [leave] if may_leave else asking(one, request.actor, now)
    return page(request, "portal/person.html", context)


class PersonForm(forms.Form):
    """A person of the local sign-in."""

    name = forms.CharField(max_length=120)
    email = forms.EmailField(
        label="Mail address", help_text="They sign in with it. Their name and address stay out of the ledger."
    )
    title = forms.CharField(max_length=120, required=False)


@require_http_methods(["GET", "POST"])
@for_readers_of_the_ledger
@answers_refusals
def person_add(request: Request) -> HttpResponse:
    """Enter a person, who holds no role yet."""
    form = PersonForm(request.POST or None)
    _tried_only_when_filled_in(form, add_person.refusal(Person(), actor=request.actor, now=clock.now()))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        new = Person(subject=given["email"].lower(), **given)
        new.set_unusable_password()
        try:
            made = add_person(new, actor=request.actor, now=clock.now())
        except InvalidInput as no:
            form.add_error(no.refusal.detail[0][0] if no.refusal.detail else "email", no.refusal.sentence)
        else:
            return redirect("person", made.pk)
    context = {
        "head": {"title": "Add a person", "facts": []},
        "form": form,
        "label": "Add",
        "back_href": reverse("people"),
    }
    return page(request, "portal/form.html", context, status=422 if form.errors else 200)


def _tried_only_when_filled_in(form: forms.Form, no: Refusal | None) -> None:
    """Show no form to whoever may not send it. One that was sent filled in is tried all the same: that stands on record (H1).

    Raises:
        Refused: the reader may not.
    """
    if no is not None and not form.is_valid():
        raise refuse(no)


class TeamForm(forms.Form):
    """A team, whose leads are named afterwards."""

    name = forms.CharField(max_length=120)
    parent = forms.ModelChoiceField(
        Team.objects.order_by("name"), label="Under", required=False, empty_label="Nothing: it is a root"
    )
    kind = forms.ChoiceField(choices=TeamKind)


@require_http_methods(["GET", "POST"])
@for_readers_of_the_ledger
@answers_refusals
def team_found(request: Request) -> HttpResponse:
    """Found a team."""
    form = TeamForm(request.POST or None)
    _tried_only_when_filled_in(form, found_team.refusal(Team(), actor=request.actor, now=clock.now()))
    if request.method == "POST" and form.is_valid():
        made = found_team(Team(**form.cleaned_data), actor=request.actor, now=clock.now())
        return redirect("team", made.pk)
    context = {
        "head": {"title": "Found a team", "facts": []},
        "form": form,
        "label": "Found",
        "back_href": reverse("people"),
    }
    return page(request, "portal/form.html", context, status=422 if form.errors else 200)


@require_POST
@answers_refusals
def role_propose(request: Request, pk: int) -> HttpResponse:
    """Propose a role for a person; it counts once a second admin confirms it (S8)."""
    one = get_object_or_404(Person, pk=pk)
    role = request.POST.get("role", "")
    propose_role(one, actor=request.actor, now=clock.now(), role=Role(role) if role in list(Role) else role)
    return redirect("person", pk)


@require_POST
@answers_refusals
def role_confirm(request: Request, pk: int) -> HttpResponse:
    """Confirm a role that another admin proposed (S8)."""
    row = get_object_or_404(RoleAssignment, pk=pk)
    confirm_role(row, actor=request.actor, now=clock.now())
    return redirect("person", row.person_id)


@require_http_methods(["GET", "POST"])
@answers_refusals
def role_end(request: Request, pk: int) -> HttpResponse:
    """End a role, or take a proposal back, with a reason."""
    row = get_object_or_404(RoleAssignment.objects.select_related("person"), pk=pk)
    ask = {
        "id": "end",
        "title": f"End {row.person.name}’s role as {ROLE_WORDS[Role(row.role)].lower()}",
        "text": "It ends at once. What they decided stays, and so does their part in it.",
        "action": reverse("role_end", args=[pk]),
        "label": "End it",
        "kind": "danger",
    }

    def act(reason: str) -> object:
        return end_role(row, actor=request.actor, now=clock.now(), reason=reason)

    return _with_reason(request, ask, act, end_role.refusal(row, actor=request.actor, now=clock.now()), row.person_id)


@require_http_methods(["GET", "POST"])
@answers_refusals
def person_left(request: Request, pk: int) -> HttpResponse:
    """Record that a person left (R8)."""
    one = get_object_or_404(Person, pk=pk)
    ask = {
        "id": "left",
        "title": f"Record that {one.name} left",
        "text": "They can't sign in any more and fill no seat. What they own waits for a new owner; their record stays.",
        "action": reverse("person_left", args=[pk]),
        "label": "They left",
        "kind": "danger",
    }

    def act(reason: str) -> object:
        return record_leaver(one, actor=request.actor, now=clock.now(), reason=reason)

    return _with_reason(request, ask, act, record_leaver.refusal(one, actor=request.actor, now=clock.now()), pk)


def _with_reason(
    request: Request, ask: Shape, act: Callable[[str], object], no: Refusal | None, person_pk: int
) -> HttpResponse:
    """Ask for a reason on a page of its own; nothing typed is lost when it is refused for its wording."""
    back_href, error = reverse("person", args=[person_pk]), ""
    if request.method == "POST":
        try:
            act(request.POST.get("reason", ""))
            return redirect(back_href)
        except InvalidInput as refusal:
            error = refusal.refusal.sentence
    elif no is not None:
        return refused(request, no, context={"back_href": back_href})
    ask["reason"] = {"label": "Reason", "required": True, "value": request.POST.get("reason", ""), "error": error}
    return page(request, "confirm.html", {"ask": ask, "back_href": back_href}, status=422 if error else 200)
