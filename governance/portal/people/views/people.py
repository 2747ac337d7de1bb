"""People and their roles: changed by governance admins, read by auditors and reviewers."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.inbox.queries import approvals
from approvals.models import Proposal
from approvals.policies import queries as policy_queries
from approvals.proposals import rules as proposal_rules
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.kinds.people import is_decider
from approvals.proposals.views import proposals as proposal_views
from governance.core.access import ROLE_WORDS, Actor, Refusal, refuse
from governance.core.clock import current_time
from governance.core.erasure.transitions import ask_erasure
from governance.core.models import Person, RoleAssignment, Team
from governance.core.people.transitions.people import add_person, record_leaver
from governance.core.roles.roles import ASSIGNABLE
from governance.core.sign_in import transitions as sign_in_transitions
from governance.core.teams.transitions import found_team
from governance.portal.dashboard import queries as home_queries
from governance.portal.erasure.views import erasure_part, open_erasures
from governance.portal.leavers import views as leaver_views
from governance.portal.people.forms import PersonForm, TeamForm
from governance.portal.people.views.profile import current_delegations, person_facts
from governance.portal.registers.views import register_list
from governance.portal.sign_in.views.sign_in import invitation_part
from governance.portal.tokens.views import tokens_of_person
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages import navigation
from governance.web.pages.page import Shape, ask, form_page, page, timeline_context
from governance.web.requests.request import Request

#: Assignable roles, in words.
ASSIGNABLE_WORDS = ", ".join(ROLE_WORDS[role] for role in ASSIGNABLE)


@require_GET
@for_readers_of_the_ledger
def people(request: Request) -> HttpResponseBase:
    """List people, proposals about them, requested erasures, and teams."""
    now, is_part = request.now(), request.headers.get("HX-Request") == "true"
    teams = Team.objects.select_related("lead", "deputy_lead", "parent").order_by("name")[:200]
    context: Shape = {
        "proposals": [] if is_part else _proposals_about(request.actor, now),
        "erasures": [] if is_part else open_erasures(),
        "teams": [] if is_part else teams,
        "before_template": "portal/people/proposed.html",
        "after_template": "portal/people/teams.html",
        "siblings": [
            {"label": "People", "href": reverse("people"), "current": True},
            {"label": "Who left", "href": reverse("leavers")},
        ],
    }
    if add_person.refusal(Person(), actor=request.actor, now=now) is None:
        action = {"label": "Add a person", "icon": "plus", "kind": "filled", "href": reverse("person_add")}
        context |= {"may_add": True, "action": action}
        context["siblings"].append({"label": "Upload lists", "href": reverse("lists")})
    return register_list(request, "people", **context)


#: Kinds of proposals about people.
OF_PEOPLE = ("role", "team_lead", "fallback_owner", "leaving")


def _proposals_about(actor: Actor, now: datetime, of: int | None = None) -> list[proposal_views.ProposalLine]:
    """Unanswered proposals about people, or about one person."""
    proposals = Proposal.objects.visible_to(actor, now).unanswered().filter(kind__in=OF_PEOPLE)
    if of is not None:
        proposals = proposals.filter(Q(kind="role", target__startswith=f"{of}-") | Q(kind="leaving", target=str(of)))
    return proposal_views.list_rows(proposals)


def _role_form(person: Person, held: set[str], actor: Actor, now: datetime) -> Shape:
    """Form to propose a role, or the reason why the reader can't."""
    under_way = Proposal.objects.unanswered().filter(kind="role", target__startswith=f"{person.pk}-")
    unavailable = held | {target.partition("-")[2] for target in under_way.values_list("target", flat=True)}
    free = [role for role in ASSIGNABLE if role not in unavailable]
    refusal = _role_refusal(person, free[0], actor, now) if free else None
    return {
        "options": [{"value": str(role), "label": ROLE_WORDS[role]} for role in free],
        "why_not": refusal or proposal_rules.self_gain_refusal(actor, [person.pk]),
    }


def _role_refusal(person: Person, role: str, actor: Actor, now: datetime) -> Refusal | None:
    """Why the reader can't propose a role or its end, or None."""
    proposal = Proposal(kind="role", target=f"{person.pk}-{role}")
    return proposal_transitions.propose.refusal(proposal, actor=actor, now=now)


@require_GET
@for_readers_of_the_ledger
def person(request: Request, pk: int) -> HttpResponse:
    """Show a person: roles, teams, responsibilities and activity."""
    person_row, now = get_object_or_404(Person, pk=pk), request.now()
    roles = person_row.role_assignments.filter(until__isnull=True).select_related("proposed_by").order_by("pk")
    context = {
        **person_facts(person_row),
        "may_leave": person_row.is_here and _leaving_refusal(person_row, request.actor, now) is None,
        "may_erase": ask_erasure.refusal(person_row, actor=request.actor, now=now) is None,
        "delegations": current_delegations(person_row, now),
        "roles": [
            {"row": row, "may_end": _role_refusal(person_row, row.role, request.actor, now) is None} for row in roles
        ],
        "propose": _role_form(person_row, {row.role for row in roles}, request.actor, now),
        "proposals": _proposals_about(request.actor, now, of=pk),
        "invitation": invitation_part(person_row, request.actor, now),
        "tokens": tokens_of_person(person_row, request.actor, now),
        "back": person_row.href,
        "real": current_time.real(),
        "erasure": erasure_part(person_row, request.actor, now) if person_row.left_at is not None else {},
        **timeline_context(person_row, actor=request.actor, now=now),
    }
    return page(request, "portal/people/person.html", context)


@require_GET
@for_readers_of_the_ledger
def person_tasks(request: Request, pk: int) -> HttpResponse:
    """Show the tasks that wait for a person, as their home does."""
    subject, now = get_object_or_404(Person, pk=pk), request.now()
    them, under_way = Actor.of_person(subject), approvals.unfinished_submissions(subject, now)
    questions, counts = approvals.load_questions(under_way), navigation.counts_of(them)
    groups = home_queries.load_groups(them, subject, now, under_way, questions, counts)
    tasks = home_queries.sort_tasks(groups, "all")
    return page(request, "portal/people/person_tasks.html", {"subject": subject, "tasks": tasks}, fragment="tasks")


@require_http_methods(["GET", "POST"])
def person_add(request: Request) -> HttpResponse:
    """Add a person without roles, and invite them."""
    now = request.now()

    def add(given: dict[str, Any]) -> object:
        new = Person(subject=given["email"].lower(), **given)
        new.set_unusable_password()
        made = add_person(new, actor=request.actor, now=now)
        sign_in_transitions.invite(made, actor=request.actor, now=now)
        messages.success(request, f"{made.name} is added. A mail with a link to set their password is on its way.")
        return made

    return form_page(
        request,
        PersonForm(request.POST or None),
        add,
        title="Add a person",
        label="Add",
        back=reverse("people"),
        refusal=add_person.refusal(Person(), actor=request.actor, now=now),
    )


@require_http_methods(["GET", "POST"])
def team_found(request: Request) -> HttpResponse:
    """Found a team."""
    now = request.now()
    return form_page(
        request,
        TeamForm(request.POST or None),
        lambda given: found_team(Team(**given), actor=request.actor, now=now),
        title="Found a team",
        label="Found",
        back=reverse("people"),
        refusal=found_team.refusal(Team(), actor=request.actor, now=now),
        message=lambda: "The team is founded. Propose its lead next.",
    )


@require_POST
def role_propose(request: Request, pk: int) -> HttpResponse:
    """Propose a role: a second admin countersigns, and the person accepts (S8)."""
    person_row = get_object_or_404(Person, pk=pk)
    target = f"{person_row.pk}-{request.POST.get('role', '')}"
    made = _propose(request, target, request.POST.get("reason", ""), held=True)
    return redirect("proposal", made.pk)


def _propose(request: Request, target: str, reason: str, *, held: bool) -> Proposal:
    if kind_kind.kind_of("role").subject(target) is None:
        raise refuse(Refusal("S8", "input", "There is no such role to give.", f"It is one of: {ASSIGNABLE_WORDS}."))
    row, now = Proposal(kind="role", target=target[:64]), request.now()
    return proposal_views.write(request, row, now, {"held": held}, reason, at_once=not held)


@require_http_methods(["GET", "POST"])
def role_end(request: Request, pk: int) -> HttpResponse:
    """Propose the end of a role, with a reason. It ends at once and returns without a second admin (S8)."""
    rows, now = RoleAssignment.objects.select_related("person"), request.now()
    row = get_object_or_404(rows, pk=pk, until=None)
    target, hours = f"{row.person_id}-{row.role}", policy_queries.in_force(now).at_once_hours
    return ask(
        request,
        lambda reason: _propose(request, target, reason, held=False),
        lambda: _role_refusal(row.person, row.role, request.actor, now),
        title=f"End {row.person.name}’s role as {row.words.lower()}",
        text=f"It ends at once, and is theirs again after {hours} hours unless a second admin countersigns it. What they "
        "decided stays, and so does their part in it.",
        label="End it",
        back=reverse("person", args=[row.person_id]),
    )


@require_http_methods(["GET", "POST"])
def person_left(request: Request, pk: int) -> HttpResponseBase:
    """Record that a person left, or show what they left (R8).

    Approvers are blocked at once, and have left after a second admin's confirmation (S8).
    """
    person_row, now = get_object_or_404(Person, pk=pk), request.now()
    if request.method == "GET" and person_row.left_at is not None:
        return leaver_views.leaver_page(request, person_row, now)
    by_two = person_row.is_here and is_decider(person_row, now)
    hours = policy_queries.in_force(now).at_once_hours

    def record(reason: str) -> object:
        if not by_two:
            return record_leaver(person_row, actor=request.actor, now=now, reason=reason)
        row = Proposal(kind="leaving", target=str(pk))
        return proposal_views.write(request, row, now, {"left": True}, reason, at_once=True)

    return ask(
        request,
        record,
        lambda: _leaving_refusal(person_row, request.actor, now),
        title=f"Record that {person_row.name} left",
        text=f"They decide something, so a second admin countersigns it. They are kept out at once, for {hours} hours, and nobody"
        " decides in their place before that."
        if by_two
        else "They can't sign in any more and fill no seat. What they own waits for a new owner; their record stays.",
        label="They left",
        message="" if by_two else "Recorded. They can't sign in any more.",
        back=reverse("person", args=[pk]),
    )


def _leaving_refusal(person: Person, actor: Actor, now: datetime) -> Refusal | None:
    """Why the reader can't record a departure, alone or with a second admin; None if they can."""
    refusal = record_leaver.refusal(person, actor=actor, now=now)
    if refusal is None or refusal.kind != "duty":
        return refusal
    return proposal_transitions.propose.refusal(Proposal(kind="leaving", target=str(person.pk)), actor=actor, now=now)
