"""Who answers for something is appointed by two people and accepts it: nobody makes themself, or a friend, an approver alone (S8)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import Proposal, ProposalState
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.models import Membership, Person, Team
from governance.core.roles.roles import Role
from governance.core.teams.transitions import found_team
from inventory.models import Resource
from inventory.resources.transitions import resources
from tests.appointments import appoint, record_leaver
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor, give_role, make_person
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]

#: Kind to its target and a document that appoints somebody, each made of the company and that person.
APPOINTING = {
    "role": (lambda c, who: f"{who.pk}-{Role.SECURITY_REVIEWER}", lambda c, who: {"held": True}),
    "team_lead": (lambda c, who: f"{c.people.marketing.pk}-lead", lambda c, who: {"person": who.pk}),
    "fallback_owner": (lambda c, who: f"{c.people.fallback.pk}-{who.pk}", lambda c, who: {"member": True}),
    "resource_owner": (lambda c, who: str(c.slack.pk), lambda c, who: {"owner": who.pk, "deputy": c.people.amara.pk}),
}


def propose(c: Company, kind: str, who: Person, by: Person) -> Proposal:
    target, document = (make(c, who) for make in APPOINTING[kind])
    row = Proposal(kind=kind, target=target)
    proposal = proposal_transitions.propose(
        row, actor=as_actor(by), now=c.now, reason="Somebody has to.", document=document
    )
    return Proposal.objects.get(pk=proposal.pk)


def answer(c: Company, proposal: Proposal, by: Person) -> Proposal:
    return proposal_transitions.approve(proposal, actor=as_actor(by), now=c.now, shown_digest=proposal.digest)


def stands(c: Company, proposal: Proposal) -> dict[str, Any]:
    return kind_kind.kind_of(proposal.kind).current(proposal.target, c.now, proposal.document)


@pytest.mark.parametrize("kind", APPOINTING)
def test_admin_does_not_appoint_or_countersign_for_themself(company: Company, kind: str) -> None:
    n = company.people
    with pytest.raises(DutyConflict) as caught:
        propose(company, kind, n.ines, n.ines)
    assert caught.value.refusal.code == "SOD-8"
    proposal = propose(company, kind, n.karl, n.ines)
    with pytest.raises(DutyConflict) as caught:
        answer(company, proposal, n.karl)
    assert caught.value.refusal.sentence == "You would gain by this."
    assert stands(company, proposal) == proposal.before


@pytest.mark.parametrize("kind", APPOINTING)
def test_admin_does_not_appoint_alone(company: Company, kind: str) -> None:
    n = company.people
    proposal = propose(company, kind, n.tom, n.ines)
    with pytest.raises(DutyConflict, match=r"^SOD-8: You proposed this; a second person countersigns"):
        answer(company, proposal, n.ines)
    with pytest.raises(OutOfTurn, match=r"^STATE: This proposal is open, so this can't"):
        proposal_transitions.accept(proposal, actor=as_actor(n.tom), now=company.now)
    assert stands(company, proposal) == proposal.before


@pytest.mark.parametrize("kind", APPOINTING)
def test_two_admins_and_the_person_together_do(company: Company, kind: str) -> None:
    n = company.people
    proposal = answer(company, propose(company, kind, n.tom, n.ines), n.karl)
    assert (proposal.state, proposal.appointed) == (ProposalState.APPROVED, n.tom)
    assert stands(company, proposal) == proposal.before
    for other in (n.ines, n.karl, n.grace):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            proposal_transitions.accept(proposal, actor=as_actor(other), now=company.now)
    proposal_transitions.accept(proposal, actor=as_actor(n.tom), now=company.now)
    assert stands(company, proposal) == proposal.document
    assert proposal.state == ProposalState.IN_FORCE


@pytest.mark.parametrize("kind", APPOINTING)
def test_declined_appointment_has_no_effect(company: Company, kind: str) -> None:
    n = company.people
    proposal = answer(company, propose(company, kind, n.tom, n.ines), n.karl)
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        proposal_transitions.decline(proposal, actor=as_actor(n.tom), now=company.now)
    proposal_transitions.decline(proposal, actor=as_actor(n.tom), now=company.now, reason="I have no time.")
    assert (proposal.state, stands(company, proposal)) == (ProposalState.REJECTED, proposal.before)


@pytest.mark.parametrize("kind", APPOINTING)
def test_a_security_reviewer_or_a_superuser_does_not_countersign_it(company: Company, kind: str) -> None:
    n = company.people
    proposal = propose(company, kind, n.tom, n.ines)
    root = Person.objects.create_superuser("root@northwind.example", name="Root")
    for person in (n.sana, n.tom, root, n.yuki):
        with pytest.raises(Refused, match=r"^PERMISSION: "):
            answer(company, proposal, person)


@pytest.mark.parametrize("kind", APPOINTING)
def test_leaver_is_not_appointed(company: Company, kind: str) -> None:
    n = company.people
    proposal = answer(company, propose(company, kind, n.tom, n.ines), n.karl)
    record_leaver(n.tom, actor=as_actor(n.ines), now=company.now, reason="Left.")
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        proposal_transitions.accept(proposal, actor=as_actor(Person.objects.get(pk=n.tom.pk)), now=company.now)
    assert stands(company, proposal) == proposal.before


@pytest.mark.parametrize(
    ("kind", "target", "document"),
    [
        ("role", "{person}-emperor", {"held": True}),
        ("role", "{person}-employee", {"held": True}),
        ("role", "{person}-job", {"held": True}),
        ("role", "0-auditor", {"held": True}),
        ("role", "{person}-auditor", {"held": "yes"}),
        ("role", "{person}-auditor", {"held": False}),
        ("team_lead", "{team}-lead", {"person": 10**9}),
        ("team_lead", "{team}-lead", {"person": "x"}),
        ("team_lead", "{team}-boss", {"person": None}),
        ("team_lead", "0-lead", {"person": None}),
        ("team_lead", "x", {}),
        ("fallback_owner", "{team}-{person}", {"member": True}),
        ("fallback_owner", "{fallback}-x", {"member": True}),
        ("fallback_owner", "{fallback}-{person}", {"member": "yes"}),
        ("resource_owner", "{slack}", {"owner": None, "deputy": None}),
        ("resource_owner", "{slack}", "two new ones"),
        ("resource_owner", "{slack}", {"owner": 1}),
        ("resource_owner", "99999999999999999999", {}),
        ("resource_class", "{slack}", {"data_class": "cosmic", "environment": "production"}),
        ("resource_class", "x", {}),
    ],
)
def test_appointment_needs_subject_and_person(company: Company, kind: str, target: str, document: Any) -> None:
    n = company.people
    named = {"team": n.marketing.pk, "fallback": n.fallback.pk, "person": n.tom.pk, "slack": company.slack.pk}
    row = Proposal(kind=kind, target=target.format(**named))
    if document == "two new ones":  # one would be an owner without having accepted
        document = {"owner": n.tom.pk, "deputy": n.grace.pk}
    with pytest.raises(InvalidInput, match=r"^S8: "):
        proposal_transitions.propose(row, actor=as_actor(n.ines), now=company.now, reason="Why.", document=document)


def test_one_person_is_not_lead_and_deputy(company: Company) -> None:
    n = company.people
    row = Proposal(kind="team_lead", target=f"{n.finance_ops.pk}-lead")
    with pytest.raises(InvalidInput, match=r"^TEAM: Lead and deputy lead must be two people\."):
        proposal_transitions.propose(
            row, actor=as_actor(n.ines), now=company.now, reason="Why.", document={"person": n.bram.pk}
        )


def test_only_proposal_changes_leads_and_owners(company: Company) -> None:
    """No operation of an admin's is left that does: the engine refuses each of them."""
    n, ines = company.people, as_actor(company.people.ines)
    team = found_team(Team(name="Logistics"), actor=ines, now=company.now)
    from governance.core.teams import transitions as team_transitions

    public, amara = {"data_class": "public"}, {"person": n.amara}
    for operation, subject, arguments, why in (
        (team_transitions.name_leads, team, {"lead": n.tom, "deputy_lead": None}, "INTERNAL: "),
        (team_transitions.join_fallback, n.fallback, {"person": n.tom}, "INTERNAL: "),
        (team_transitions.join_team, n.fallback, {"person": n.tom}, "S8: Who is a fallback owner"),
        (team_transitions.leave_team, n.fallback, amara, "S8: Who is a fallback owner"),
        (resources.appoint_owner, company.slack, {"owner": n.tom, "deputy": n.amara}, "INTERNAL: "),
        (resources.name_owner, company.slack, {"owner": n.tom, "deputy": n.amara}, "S8: Another owner"),
        (resources.amend_by_proposal, company.slack, {"fields": {**public, "environment": "test"}}, "INTERNAL: "),
        (resources.amend_resource, company.slack, {"fields": public}, "S8: Lowering a data class"),
    ):
        with pytest.raises(Refused, match=f"^{why}"):
            operation(subject, actor=ines, now=company.now, **arguments)
    assert not Membership.objects.filter(team=n.fallback, person=n.tom).exists()
    assert Resource.objects.get(pk=company.slack.pk).owner == n.omar


def test_person_naming_owner_does_not_activate_resource(company: Company) -> None:
    """A builder proposed it, Ines names her friend, who accepts: it takes Karl."""
    n = company.people
    made = resources.propose_resource(
        n.finance_ops,
        actor=as_actor(n.rita),
        now=company.now,
        fields={"name": "Ledger copy", "kind": "data_store", "data_class": "internal", "team": n.finance_ops},
    )
    new = Resource.objects.get(pk=made.pk)
    resources.name_owner(new, actor=as_actor(n.ines), now=company.now, owner=n.tom, deputy=n.amara)
    resources.accept_ownership(new, actor=as_actor(n.tom), now=company.now)
    with pytest.raises(DutyConflict) as caught:
        resources.activate(new, actor=as_actor(n.ines), now=company.now)
    assert caught.value.refusal.sentence == "You named the owner of this resource; another admin activates it."
    resources.activate(new, actor=as_actor(n.karl), now=company.now)


# --- data classes -----------------------------------------------------------------------------------------------------


def lowering(c: Company, by: Person) -> Proposal:
    row, document = (
        Proposal(kind="resource_class", target=str(c.erp.pk)),
        {"data_class": "internal", "environment": c.erp.environment},
    )
    proposal = proposal_transitions.propose(
        row, actor=as_actor(by), now=c.now, reason="It was emptied.", document=document
    )
    return Proposal.objects.get(pk=proposal.pk)


def test_owner_of_affected_automation_neither_proposes_nor_countersigns_lower_class(
    company: Company, chaser_in_force: Any
) -> None:
    n = company.people
    for person, role in ((n.jonas, Role.ADMIN), (n.rita, Role.SECURITY_REVIEWER)):
        give_role(person, role, admins=(n.ines, n.karl))
    with pytest.raises(DutyConflict, match=r"^SOD-8: You would gain by this yourself, so"):
        lowering(company, n.jonas)
    proposal = lowering(company, n.ines)
    assert n.jonas.pk in proposal.gains
    other = make_person("Ada Admin")
    give_role(other, Role.ADMIN, admins=(n.ines, n.karl))
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        answer(company, proposal, other)
    assert answer(company, proposal, n.sana).state == ProposalState.IN_FORCE
    assert Resource.objects.get(pk=company.erp.pk).counted_class == "internal"


def test_raising_class_needs_no_second_person(company: Company) -> None:
    row = Proposal(kind="resource_class", target=str(company.slack.pk))
    with pytest.raises(InvalidInput, match=r"^S8: What only goes upwards needs no second"):
        proposal_transitions.propose(
            row,
            actor=as_actor(company.people.ines),
            now=company.now,
            reason="Why.",
            document={"data_class": "restricted", "environment": "production"},
        )


# --- and by the database ----------------------------------------------------------------------------------------------

#: SQL written past the program, and the answer of the database: leads, fallback owners, first roles.
ALONE = {
    "a lead": ("UPDATE controls_team SET lead_id = {tom} WHERE id = {marketing}", "S8: the leads of team"),
    "a deputy": ("UPDATE controls_team SET deputy_lead_id = {tom} WHERE id = {marketing}", "S8: the leads of team"),
    "no lead": ("UPDATE controls_team SET lead_id = NULL WHERE id = {marketing}", "S8: the leads of team"),
    "a lead since long ago": (
        "UPDATE controls_team SET lead_since = '2020-01-01' WHERE id = {marketing}",
        "S8: the leads of team",
    ),
    "a team with a lead": (
        "INSERT INTO controls_team (name, kind, lead_id) VALUES ('Mine', 'business', {tom})",
        "S8: a team is founded first",
    ),
    "a team that becomes one of fallback owners": (
        "UPDATE controls_team SET kind = 'fallback' WHERE id = {marketing}",
        "S8: team",
    ),
    "a fallback owner": (
        "INSERT INTO controls_membership (team_id, person_id) VALUES ({fallback}, {tom})",
        "S8: somebody becomes a fallback owner",
    ),
    "a member who becomes one": (
        "UPDATE controls_membership SET team_id = {fallback} WHERE person_id = {tom}",
        "S8: who is a fallback owner",
    ),
    "one since long ago": (
        "UPDATE controls_membership SET since = '2020-01-01' WHERE team_id = {fallback}",
        "S8: who is a fallback owner",
    ),
    "no fallback owner": ("DELETE FROM controls_membership WHERE team_id = {fallback}", "S8: somebody stops being"),
    "a third admin of bootstrap": (
        "INSERT INTO controls_roleassignment (person_id, role, proposed_at, confirmed_at, by_bootstrap)"
        " VALUES ({tom}, 'admin', now(), now(), true)",
        "S9: bootstrap",
    ),
    "another role of bootstrap": (
        "INSERT INTO controls_roleassignment (person_id, role, proposed_at, confirmed_at, by_bootstrap)"
        " VALUES ({tom}, 'on_call', now(), now(), true)",
        "S9: bootstrap",
    ),
    "what came of a proposal as bootstrap's": (
        "UPDATE controls_roleassignment SET by_bootstrap = true WHERE person_id = {tom}",
        "S9: bootstrap runs once",
    ),
}


@pytest.mark.rule("S9")
@pytest.mark.parametrize("what", ALONE)
def test_database_refuses_appointment_without_two_people(company: Company, what: str) -> None:
    n, (statement, refused) = company.people, ALONE[what]
    with database_refuses(refused):
        sql(statement.format(tom=n.tom.pk, marketing=n.marketing.pk, fallback=n.fallback.pk))


def test_database_uses_signed_appointment_once(company: Company) -> None:
    """Tom is lead by a proposal, and Grace after him by another: what was signed first does not make him it again."""
    c, n = company, company.people
    for who in (n.tom, n.grace):
        target = f"{n.marketing.pk}-deputy_lead" if who == n.tom else f"{n.finance_ops.pk}-deputy_lead"
        appoint("team_lead", target, {"person": who.pk}, now=c.now)
    appoint("team_lead", f"{n.marketing.pk}-deputy_lead", {"person": None}, now=c.now)
    with database_refuses("S8: the leads of team"):
        sql("UPDATE controls_team SET deputy_lead_id = %s WHERE id = %s", n.tom.pk, n.marketing.pk)
    appoint("fallback_owner", f"{n.fallback.pk}-{n.tom.pk}", {"member": True}, now=c.now)
    appoint("fallback_owner", f"{n.fallback.pk}-{n.tom.pk}", {"member": False}, now=c.now)
    with database_refuses("S8: somebody becomes"):
        sql(
            "INSERT INTO controls_membership (team_id, person_id, since) VALUES (%s, %s, %s)",
            *(n.fallback.pk, n.tom.pk, c.now),
        )
