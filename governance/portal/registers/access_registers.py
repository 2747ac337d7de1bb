"""Registers of grants, submissions and people."""

from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Concat

from approvals.grants.queries import ENDS_SOON, NOT_LIVE, WITHOUT_CREDENTIAL
from approvals.models import Decision, EnforcedBy, Grant, GrantState, Submission, SubmissionKind, SubmissionState
from approvals.models.grant import WHY_WORDS, touching, usable_condition
from governance.core.access import ROLE_WORDS, Actor
from governance.core.models import Person, RoleAssignment, Team
from governance.core.roles.roles import ASSIGNABLE
from governance.portal.registers.declarations import RISK, choices, class_filter, declare, text_case, visible_rows
from governance.web.registers.register import Filter, Register
from inventory.models import Automation, Environment, Resource

#: How the end of a grant takes effect (G4). Nothing is stopped at the source yet: no source has an acting account.
EFFECTS = {effect.value: (effect.label, Q(enforcement=effect)) for effect in EnforcedBy} | {
    "source": ("At the source", Q(pk__in=()))
}


def grants(actor: Actor, now: datetime) -> Register:
    """Grants with both approvals; their state as it counts at ``now`` (G3)."""
    ended = Q(state=GrantState.ENDED) | Q(ends_at__lte=now)
    stopped = Q(state=GrantState.SUSPENDED) | Q(automation__state__in=NOT_LIVE) | ~usable_condition(now)
    why = [(Q(ended_why=code) | Q(ended_why="", suspended_why=code), words) for code, words in WHY_WORDS.items()]
    why += [(ended, WHY_WORDS["term"]), *((Q(automation__state=state), words) for state, words in NOT_LIVE.items())]
    standing = ~Q(state=GrantState.ENDED)
    owns = Q(business_owner=OuterRef("pk")) | Q(technical_owner=OuterRef("pk"))
    owners = Person.objects.filter(Exists(Automation.objects.visible_to(actor, now).filter(owns)))
    soon = Q(ends_at__gt=now, ends_at__lte=now + ENDS_SOON) & standing
    return declare(
        "grant_list",
        visible_rows(Grant.objects.all(), actor, now, "automation"),
        {state: Q(shown_state=state) for state in GrantState.values},
        (
            Filter("risk", "Risk", {tier: (words, counted(tier)) for tier, (words, _) in RISK.choices.items()}),
            choices("level", "Level", [(level, level.capitalize()) for level in ("admin", "execute", "write", "read")]),
            class_filter("entitlement__resource__data_class"),
            choices("environment", "Environment", Environment.choices, "automation__environment"),
            Filter("effect", "How its end takes effect", EFFECTS),
            Filter("ends", "Ends", {"30": ("Ends in 30 days", soon), "open": ("Not ended", standing)}, order="until"),
        ),
        state=text_case((ended, "ended"), (stopped, "suspended"), default="active"),
        references={
            "team": ("automation__team", "team_name"),
            "automation": ("automation", "automation_name"),
            "resource": (touching, Resource.objects.visible_to(actor, now)),
            "owner": (lambda key: Q(automation__business_owner=key) | Q(automation__technical_owner=key), owners),
            "identity": ("identity", "identity_name"),
        },
        risk=text_case((Q(raised_to=""), F("tier")), default=F("raised_to")),
        drawn_level=text_case((Q(entitlement=None), "secret"), default=F("level")),
        resource_id=Coalesce("entitlement__resource", "credential__opens", "approval__decided_on"),
        resource_name=Coalesce("entitlement__resource__name", "credential__opens__name", "approval__decided_on__name"),
        why=text_case(*why, (stopped, WITHOUT_CREDENTIAL), default=""),
        app_approvers=approvers("app_approval"),
        approvers=approvers("approval"),
    )


def counted(tier: str) -> Q:
    """The condition for grants of a tier, as approved or as risen since (T4)."""
    return Q(raised_to=tier) | Q(raised_to="", tier=tier)


def approvers(approval: str) -> ArraySubquery:
    """Names of the people whose decisions approved it, made on it or carried over: "X for Y" for a delegate (A11, A14)."""
    made, carried = (
        Q(approval=OuterRef(approval), round=F("approval__round")),
        Q(carried_to__approval=OuterRef(approval)),
    )
    for_another = Concat("person__name", Value(" for "), "for_person__name")
    name = text_case((Q(for_person=None), F("person__name")), default=for_another)
    decisions = Decision.objects.standing().filter(made | carried, outcome="approve").annotate(name=name)
    return ArraySubquery(decisions.order_by("name").values("name").distinct())


def submissions(actor: Actor, now: datetime) -> Register:
    """Submissions, the newest first."""
    return declare(
        "submission_list",
        visible_rows(Submission.objects.all(), actor, now, "automation"),
        {state: Q(state=state) for state in SubmissionState.values},
        (
            RISK,
            choices("kind", "Kind", SubmissionKind.choices),
            Filter("by", "Submitted by", {"me": ("Me", Q(submitted_by=actor.person))}),
        ),
        references={"team": ("automation__team", "team_name"), "automation": ("automation", "automation_name")},
    )


def people(actor: Actor, now: datetime) -> Register:
    """People with their teams and present roles. The view admits readers of the ledger only."""
    held = RoleAssignment.objects.filter(Q(until=None) | Q(until__gt=now))
    words = text_case(*((Q(role=role), ROLE_WORDS[role]) for role in ASSIGNABLE), default=F("role"))
    of_person = held.filter(person=OuterRef("pk")).order_by("role")
    teams = Team.objects.filter(memberships__person=OuterRef("pk")).order_by("name")
    roles = {
        role.value: (ROLE_WORDS[role], Q(pk__in=held.filter(role=role, until=None).values("person")))
        for role in ASSIGNABLE
    }
    return declare(
        "people",
        Person.objects.all(),
        {"here": Q(left_at=None), "left": Q(left_at__isnull=False)},
        (Filter("role", "Role", roles),),
        state=text_case((Q(left_at=None), "here"), default="left"),
        team_names=ArraySubquery(teams.values("name")),
        role_names=ArraySubquery(of_person.values(words=words)),
    )
