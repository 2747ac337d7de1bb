"""What sort of thing a resource in use is, and whose team's, changes by a proposal of two people; the database takes nothing else (S8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Proposal, ProposalState
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted
from governance.core.models import Person
from governance.core.roles.roles import Role
from inventory.models import Resource
from inventory.resources.transitions import resources
from tests.appointments import appoint
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor, give_role
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def proposed(c: Company, by: Person, **document: Any) -> Proposal:
    row = Proposal(kind="resource_kind", target=str(c.erp.pk))
    values = {"kind": c.erp.kind, "team": c.erp.team_id, **document}
    made = proposal_transitions.propose(row, actor=as_actor(by), now=c.now, reason="It moved.", document=values)
    return Proposal.objects.get(pk=made.pk)


def answered(c: Company, proposal: Proposal, by: Person) -> Proposal:
    return proposal_transitions.approve(proposal, actor=as_actor(by), now=c.now, shown_digest=proposal.digest)


def erp(c: Company) -> Resource:
    return Resource.objects.get(pk=c.erp.pk)


@pytest.mark.parametrize("field", ["kind", "team"])
def test_owner_and_admin_do_not_change_kind_alone(company: Company, field: str) -> None:
    c, n = company, company.people
    other = {"kind": "secret_store", "team": n.marketing}[field]
    for who in (c.erp.owner, n.ines):
        with pytest.raises(InvalidInput, match="second person") as error:
            resources.amend_resource(erp(c), actor=as_actor(who), now=c.now, fields={field: other})
        assert error.value.refusal.detail[0][0] == field
    with pytest.raises(NotPermitted, match="Nobody"):
        resources.amend_by_proposal(
            erp(c), actor=as_actor(n.ines), now=c.now, fields={"kind": "secret_store", "team": n.marketing}
        )
    assert (erp(c).kind, erp(c).team_id) == (c.erp.kind, c.erp.team_id)


def test_unchanged_kind_is_amended_by_one_person(company: Company) -> None:
    c = company
    fields = {"kind": c.erp.kind, "team": c.erp.team, "about": "Where orders are."}
    resources.amend_resource(erp(c), actor=as_actor(c.erp.owner), now=c.now, fields=fields)
    assert erp(c).about == "Where orders are."


def test_only_disinterested_security_countersigns_kind(company: Company, chaser_in_force: Any) -> None:
    c, n = company, company.people
    proposal = proposed(c, n.ines, kind="secret_store")
    assert (proposal.tightens, proposal.needs, proposal.appointed) == (False, Role.SECURITY_REVIEWER, None)
    assert n.jonas.pk in proposal.gains  # his automation holds something on it
    give_role(n.jonas, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        answered(c, proposal, n.karl)
    with pytest.raises(DutyConflict, match="You would gain"):
        answered(c, proposal, n.jonas)
    assert answered(c, proposal, n.sana).state == ProposalState.IN_FORCE
    assert erp(c).kind == "secret_store"


def test_change_of_kind_never_acts_at_once(company: Company) -> None:
    row = Proposal(kind="resource_kind", target=str(company.erp.pk))
    document = {"kind": "secret_store", "team": company.erp.team_id}
    with pytest.raises(InvalidInput, match="Only what tightens"):
        proposal_transitions.propose(
            row,
            actor=as_actor(company.people.ines),
            now=company.now,
            reason="Quick.",
            document=document,
            at_once=True,
        )


def test_future_approver_neither_proposes_nor_countersigns_kind(company: Company) -> None:
    """Grace leads marketing: an admin who leads a team does not take a resource into it, nor does a reviewer who does."""
    c, n = company, company.people
    give_role(n.grace, Role.ADMIN, admins=(n.ines, n.karl))
    with pytest.raises(DutyConflict, match="You would gain"):
        proposed(c, n.grace, team=n.marketing.pk)
    give_role(n.grace, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    proposal = proposed(c, n.ines, team=n.marketing.pk)
    with pytest.raises(DutyConflict, match="You would gain"):
        answered(c, proposal, n.grace)
    answered(c, proposal, n.sana)
    assert erp(c).team == n.marketing


@pytest.mark.parametrize(
    "document", [{"kind": "spoon"}, {"kind": None}, {"team": 10**9}, {"team": "x"}, {"team": None}, {"team": True}, {}]
)
def test_empty_change_of_kind_is_not_proposed(company: Company, document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"^S8: "):
        proposed(company, company.people.ines, **document)


def test_proposal_names_approvers_for_new_team(company: Company) -> None:
    c, n = company, company.people
    proposal = proposed(c, n.ines, kind="secret_store", team=n.marketing.pk)
    impact_count.sweep(c.now)
    impact = impact_count.latest(proposal)
    assert impact is not None
    sentences = kind_kind.kind_of(proposal.kind).impact_sentences(impact)
    assert f"the leads of Marketing decide instead of those of {c.erp.team}" in sentences[1]
    changes = kind_kind.kind_of(proposal.kind).changes(proposal.target, proposal.before, proposal.document)
    assert next((each.before, each.after) for each in changes) == (c.erp.get_kind_display(), "Secret store")
    page = client_of(n.sana).get(proposal.href).content.decode()
    assert "Marketing" in page
    assert "Secret store" in page


@pytest.mark.parametrize("field", ["kind", "team"])
def test_page_offers_change_of_kind_and_shows_errors(company: Company, field: str) -> None:
    c, n = company, company.people
    client, address = client_of(n.ines), reverse("resource_propose", args=[c.erp.pk])
    form = {"kind": "resource_kind", "kind-kind": c.erp.kind, "kind-team": c.erp.team_id, "kind-reason": "It moved."}
    same = client.post(address, form)
    assert (same.status_code, b"Nothing would be different" in same.content) == (422, True)
    form[f"kind-{field}"] = {"kind": "secret_store", "team": n.marketing.pk}[field]
    assert client.post(address, form).status_code == 302
    assert Proposal.objects.latest("pk").kind == "resource_kind"


# --- and by the database ----------------------------------------------------------------------------------------------

CHANGES = {
    "its kind": ("kind = 'secret_store'", "S8: kind and team of resource"),
    "its team": ("team_id = {n.marketing.pk}", "S8: kind and team of resource"),
    "no team": ("team_id = NULL", "S8: kind and team of resource"),
    "a lower class": ("data_class = 'public'", "is classified lower"),
    "a lesser place": ("environment = 'test'", "is classified lower"),
    "another owner": ("owner_id = {n.tom.pk}", "S8: the owners of resource"),
    "another deputy": ("deputy_id = {n.tom.pk}", "S8: the owners of resource"),
    "since when": ("accepted_at = accepted_at - interval '1 year'", "the owners of resource"),
    "out of use": ("state = 'proposed'", "was in use"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_database_refuses_change_of_kind_by_one_person(company: Company, change: str) -> None:
    n = company.people
    what, refused = CHANGES[change]
    with database_refuses(refused):
        sql(f"UPDATE inventory_resource SET {what.format(n=n)} WHERE id = %s", company.erp.pk)


def test_database_refuses_change_for_owned_new_resource(company: Company) -> None:
    with database_refuses("S8: a new resource starts"):
        Resource.objects.create(
            name="Mine", kind="data_store", created_at=company.now, owner=company.people.tom, state="proposed"
        )
    made = Resource.objects.create(name="Mine", kind="data_store", created_at=company.now)
    with database_refuses("S8: only the people named for resource #"):
        sql("UPDATE inventory_resource SET owner_id = %s WHERE id = %s", company.people.tom.pk, made.pk)


def test_database_ignores_older_proposal(company: Company) -> None:
    """To a store of secrets and back: what was signed first is no reason to go there again."""
    c = company
    was = c.erp.kind
    for kind in ("secret_store", was):
        proposal = proposed(c, c.people.ines, kind=kind)
        answered(c, proposal, c.people.sana)
        c.erp.refresh_from_db()
    with database_refuses("S8: kind and team of resource"):
        sql("UPDATE inventory_resource SET kind = 'secret_store' WHERE id = %s", c.erp.pk)


def test_database_lowers_class_once_per_proposal(company: Company) -> None:
    c = company
    document = {"data_class": "public", "environment": c.erp.environment}
    row = Proposal(kind="resource_class", target=str(c.erp.pk))
    proposal_transitions.propose(row, actor=as_actor(c.people.ines), now=c.now, reason="Emptied.", document=document)
    before = erp(c).data_class
    answered(c, Proposal.objects.get(pk=row.pk), c.people.sana)
    resources.amend_resource(erp(c), actor=as_actor(c.erp.owner), now=c.now, fields={"data_class": before})
    with database_refuses("S8: resource"):
        sql("UPDATE inventory_resource SET data_class = 'public' WHERE id = %s", c.erp.pk)


def test_an_owner_by_two_people_is_taken(company: Company) -> None:
    c, n = company, company.people
    appoint("resource_owner", str(c.slack.pk), {"owner": n.tom.pk, "deputy": c.slack.deputy_id}, now=c.now)
    assert Resource.objects.get(pk=c.slack.pk).owner == n.tom


def test_resource_activated_during_renaming_keeps_owner_rules(company: Company) -> None:
    """Named once more after the first one accepted: it is put to use when they have accepted, not before."""
    c, n = company, company.people
    made = resources.register_resource(
        n.platform,
        actor=as_actor(n.ines),
        now=c.now,
        fields={"name": "Copy", "kind": "data_store", "data_class": "internal"},
        owner=n.omar,
        deputy=n.amara,
    )
    new = Resource.objects.get(pk=made.pk)
    resources.accept_ownership(new, actor=as_actor(n.omar), now=c.now)
    resources.name_owner(new, actor=as_actor(n.ines), now=c.now, owner=n.tom, deputy=n.amara)
    refusal = resources.activate.refusal(new, actor=as_actor(n.karl), now=c.now)
    assert refusal is not None
    assert refusal.sentence == f"{n.tom.name} was named since and has not accepted yet."
    with database_refuses("I8: resource"):
        sql("UPDATE inventory_resource SET state = 'active' WHERE id = %s", new.pk)
