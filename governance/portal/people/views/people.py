"""People, what each is trusted with, and how that changes: for governance admins, and read by auditors and reviewers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.models import Proposal
from approvals.policies import queries as policy_queries
from approvals.proposals import rules as proposal_rules
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.kinds import leaver
from approvals.proposals.views import rows as proposal_rows
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, refuse
from governance.core.models import Person, RoleAssignment, Team, TeamKind
from governance.core.people.transitions import add_person, record_leaver
from governance.core.roles.roles import ASSIGNABLE, ROLE_WORDS, Role
from governance.core.sign_in import password_links
from governance.core.teams.transitions import found_team
from governance.core.timeline import queries as timeline_queries
from governance.portal.erasure.views import about_erasure, asking, erasures_that_wait
from governance.portal.leavers import views as leaver_views
from governance.portal.people.views.profile import about_person
from governance.portal.sign_in.views.passwords import about_invitation
from governance.portal.tokens.views import of_person
from governance.portal.view_guards.decorators import answers_refusals, for_readers_of_the_ledger
from governance.web.pages import pager
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request

Shape = dict[str, Any]

#: The roles that there are to give, in words.
GIVEN = ", ".join(ROLE_WORDS[one] for one in ASSIGNABLE)


@require_GET
@for_readers_of_the_ledger
def people(request: Request) -> HttpResponse:
    """Everybody by name, what is proposed of them, the erasures that wait for a second admin, and the teams."""
    now, path = business_time.now(), reverse("people")
    rows = Person.objects.all()
    for word in pager.words_of(request.GET):
        rows = rows.filter(Q(name__icontains=word) | Q(email__icontains=word) | Q(title__icontains=word))
    if request.GET.get("role") in list(ASSIGNABLE):
        held = RoleAssignment.objects.filter(role=request.GET["role"], until__isnull=True)
        rows = rows.filter(pk__in=held.values("person"))
    paged = pager.by_name(rows.prefetch_related("teams", "role_assignments"), request.GET, path)
    teams = Team.objects.select_related("lead", "deputy_lead", "parent").order_by("name")
    may_add = add_person.refusal(Person(), actor=request.actor, now=now) is None
    actions = [
        {"label": "Who left", "href": reverse("leavers")},
        {"label": "Webhooks", "href": reverse("webhooks")},
        {"label": "Add a person", "icon": "plus", "kind": "filled", "href": reverse("person_add")},
    ]
    context = {
        "head": {"title": "People", "facts": [], "actions": actions if may_add else actions[:2]},
        "chips": pager.chips(path, request.GET, "role", [("", "All"), *((r, ROLE_WORDS[r]) for r in ASSIGNABLE)]),
        "filters": {
            "action": path,
            "words": request.GET.get("q", ""),
            "words_label": "Name, address or title",
            "kept": {"role": request.GET.get("role", "")},
        },
        "people": [_line(one, now) for one in paged.rows],
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "empty": {"sentence": "Nobody fits.", "href": path, "action": "Show everybody"},
        "proposals": _proposed(request.actor, now),
        "erasures": erasures_that_wait(),
        "teams": [_team(one) for one in teams[:200]],
        "found": reverse("team_found") if may_add else "",
    }
    return page(request, "portal/people/people.html", context, fragment="people")


def _line(one: Person, now: datetime) -> Shape:
    held = [row for row in one.role_assignments.all() if row.until is None or row.until > now]
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


#: Kinds of proposals that are about people.
OF_PEOPLE = ("role", "team_lead", "fallback_owner", "leaving")


def _proposed(actor: Actor, now: datetime, of: int | None = None) -> list[Shape]:
    """What is proposed of people, or of one of them by their key, and nobody has answered or accepted it."""
    found = Proposal.objects.visible_to(actor, now).unanswered().filter(kind__in=OF_PEOPLE)
    if of is not None:
        found = found.filter(Q(kind="role", target__startswith=f"{of}-") | Q(kind="leaving", target=str(of)))
    return proposal_rows.listed(found)


def _role(row: RoleAssignment, actor: Actor, now: datetime) -> Shape:
    """One role that is held, with where the reader may propose that it ends."""
    ending = Proposal(kind="role", target=f"{row.person_id}-{row.role}")
    may_end = proposal_transitions.propose.refusal(ending, actor=actor, now=now) is None
    return {
        "id": row.pk,
        "name": ROLE_WORDS[Role(row.role)],
        "person": row.person.name,
        "since": row.confirmed_at,
        "by": row.proposed_by.name if row.proposed_by else "",
        "how": "came back" if row.restores_id else "named when the portal was set up",
        "end": reverse("role_end", args=[row.pk]) if may_end else "",
    }


def _to_propose(one: Person, held: set[str], actor: Actor, now: datetime) -> Shape:
    """The form in which a role is proposed, or why the reader can't propose any."""
    under_way = Proposal.objects.unanswered().filter(kind="role", target__startswith=f"{one.pk}-")
    taken = held | {target.partition("-")[2] for target in under_way.values_list("target", flat=True)}
    free = [role for role in ASSIGNABLE if role not in taken]
    asked = Proposal(kind="role", target=f"{one.pk}-{free[0]}") if free else None
    no = proposal_transitions.propose.refusal(asked, actor=actor, now=now) if asked is not None else None
    return {
        "action": reverse("role_propose", args=[one.pk]),
        "options": [{"value": str(role), "label": ROLE_WORDS[role]} for role in free],
        "why_not": no or proposal_rules.own_gain(actor, [one.pk]),
    }


@require_GET
@for_readers_of_the_ledger
def person(request: Request, pk: int) -> HttpResponse:
    """One person: roles, teams, what they answer for, what they did."""
    one, now = get_object_or_404(Person, pk=pk), business_time.now()
    roles = one.role_assignments.filter(until__isnull=True).select_related("person", "proposed_by").order_by("pk")
    may_leave = one.is_here and _no_leaving(one, request.actor, now) is None
    leave = {"label": "Record that they left", "href": reverse("person_left", args=[pk])}
    context = {
        **about_person(one, now),
        "crumbs": [{"label": "People", "href": reverse("people")}, {"label": one.name, "href": ""}],
        "roles": [_role(row, request.actor, now) for row in roles],
        "propose": _to_propose(one, {row.role for row in roles}, request.actor, now),
        "proposals": _proposed(request.actor, now, of=pk),
        "events": timeline_queries.shapes(one, reader=request.actor.person, limit=30),
        "ledger_href": f"{reverse('ledger')}?{urlencode({'about': f'controls.person:{pk}'})}",
    }
    context["invitation"] = about_invitation(one, request.actor, now)
    context |= {"tokens": of_person(one, request.actor, now), "back": reverse("person", args=[pk])}
    context["erasure"] = about_erasure(one, request.actor, now) if one.left_at is not None else {}
    left = [] if one.left_at is None else [{"label": "What they left", "href": leave["href"]}]
    context["head"]["actions"] = [leave] if may_leave else [*left, *asking(one, request.actor, now)]
    return page(request, "portal/people/person.html", context)


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
    _tried_only_when_filled_in(form, add_person.refusal(Person(), actor=request.actor, now=business_time.now()))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        new = Person(subject=given["email"].lower(), **given)
        new.set_unusable_password()
        try:
            made = add_person(new, actor=request.actor, now=business_time.now())
        except InvalidInput as no:
            form.add_error(no.refusal.detail[0][0] if no.refusal.detail else "email", no.refusal.sentence)
        else:
            password_links.invite(made, actor=request.actor, now=business_time.now())
            messages.success(request, f"{made.name} is added. A mail with a link to set their password is on its way.")
            return redirect("person", made.pk)
    context = {
        "head": {"title": "Add a person", "facts": []},
        "form": form,
        "label": "Add",
        "back_href": reverse("people"),
    }
    return page(request, "components/short_form_page.html", context, status=422 if form.errors else 200)


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
    _tried_only_when_filled_in(form, found_team.refusal(Team(), actor=request.actor, now=business_time.now()))
    if request.method == "POST" and form.is_valid():
        made = found_team(Team(**form.cleaned_data), actor=request.actor, now=business_time.now())
        return redirect("team", made.pk)
    context = {
        "head": {"title": "Found a team", "facts": []},
        "form": form,
        "label": "Found",
        "back_href": reverse("people"),
    }
    return page(request, "components/short_form_page.html", context, status=422 if form.errors else 200)


@require_POST
@answers_refusals
def role_propose(request: Request, pk: int) -> HttpResponse:
    """Propose a role for a person: a second admin countersigns it, and they accept (S8)."""
    one = get_object_or_404(Person, pk=pk)
    made = _propose(request, f"{one.pk}-{request.POST.get('role', '')}", request.POST.get("reason", ""), held=True)
    return redirect("proposal", made.pk)


def _propose(request: Request, target: str, reason: str, *, held: bool) -> Proposal:
    row, document = Proposal(kind="role", target=target[:64]), {"held": held}
    if kind_kind.of("role").about(target) is None:
        raise refuse(Refusal("S8", "input", "There is no such role to give.", f"It is one of: {GIVEN}."))
    now, at_once = business_time.now(), not held
    return proposal_transitions.propose(
        row, actor=request.actor, now=now, reason=reason, document=document, at_once=at_once
    )


@require_http_methods(["GET", "POST"])
@answers_refusals
def role_end(request: Request, pk: int) -> HttpResponse:
    """Propose that a role ends, with a reason: it ends at once, and comes back unless a second admin countersigns it (S8)."""
    row, now = (
        get_object_or_404(RoleAssignment.objects.select_related("person"), pk=pk, until=None),
        business_time.now(),
    )
    target, hours = f"{row.person_id}-{row.role}", policy_queries.in_force(now).at_once_hours
    ask = {
        "id": "end",
        "title": f"End {row.person.name}’s role as {ROLE_WORDS[Role(row.role)].lower()}",
        "text": f"It ends at once, and is theirs again after {hours} hours unless a second admin countersigns it. What they "
        "decided stays, and so does their part in it.",
        "action": reverse("role_end", args=[pk]),
        "label": "End it",
        "kind": "danger",
    }

    def act(reason: str) -> Proposal:
        return _propose(request, target, reason, held=False)

    no = proposal_transitions.propose.refusal(Proposal(kind="role", target=target), actor=request.actor, now=now)
    return _with_reason(request, ask, act, no, row.person_id)


@require_http_methods(["GET", "POST"])
@answers_refusals
def person_left(request: Request, pk: int) -> HttpResponse:
    """Record that a person left, or what they left where they have (R8); who decides something is kept out at once and gone once a second admin says so too (S8)."""
    one, now = get_object_or_404(Person, pk=pk), business_time.now()
    if request.method == "GET" and one.left_at is not None:
        return leaver_views.of_person(request, one, now)
    by_two = one.is_here and leaver.deciding(one, now)
    hours = policy_queries.in_force(now).at_once_hours
    ask = {
        "id": "left",
        "title": f"Record that {one.name} left",
        "text": f"They decide something, so a second admin countersigns it. They are kept out at once, for {hours} hours, and nobody"
        " decides in their place before that."
        if by_two
        else "They can't sign in any more and fill no seat. What they own waits for a new owner; their record stays.",
        "action": reverse("person_left", args=[pk]),
        "label": "They left",
        "kind": "danger",
    }

    def act(reason: str) -> Person | Proposal:
        if not by_two:
            return record_leaver(one, actor=request.actor, now=now, reason=reason)
        row, said = Proposal(kind="leaving", target=str(pk)), {"document": {"left": True}, "at_once": True}
        return proposal_transitions.propose(row, actor=request.actor, now=now, reason=reason, **said)

    return _with_reason(request, ask, act, _no_leaving(one, request.actor, now), pk)


def _no_leaving(one: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Why the reader does not record that somebody left, be it alone or with a second admin; None where they do."""
    no = record_leaver.refusal(one, actor=actor, now=now)
    if no is None or no.kind != "duty":
        return no
    return proposal_transitions.propose.refusal(Proposal(kind="leaving", target=str(one.pk)), actor=actor, now=now)


def _with_reason(
    request: Request, ask: Shape, act: Callable[[str], Person | Proposal], no: Refusal | None, person_pk: int
) -> HttpResponse:
    """Ask for a reason on a page of its own; nothing typed is lost when it is refused for its wording."""
    back_href, error = reverse("person", args=[person_pk]), ""
    if request.method == "POST":
        try:
            made = act(request.POST.get("reason", ""))
            return redirect(made.href if isinstance(made, Proposal) else back_href)
        except InvalidInput as refusal:
            error = refusal.refusal.sentence
    elif no is not None:
        return refused(request, no, context={"back_href": back_href})
    ask["reason"] = {"label": "Reason", "required": True, "value": request.POST.get("reason", ""), "error": error}
    return page(
        request, "components/confirm_page.html", {"ask": ask, "back_href": back_href}, status=422 if error else 200
    )
