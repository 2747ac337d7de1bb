"""A person who loses by a proposal can't answer it: a rejection would give them back what it takes (S5, S8, A11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.inbox.queries import tasks
from approvals.models import Proposal, ProposalState
from approvals.proposals import rules as proposal_rules
from approvals.proposals import transitions as proposal_transitions
from governance.core.access import access
from governance.core.duties.refusals import DutyConflict, Refused
from governance.core.models import Delegation, Person
from governance.core.roles.roles import Role
from tests.appointments import appoint
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor, give_role, shares
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8", "S5")]

#: What takes something from Omar, who is an admin too: kind, and target and document of the company.
TAKING = {
    "role": lambda c, who: (f"{who.pk}-{Role.ADMIN}", {"held": False}),
    "another role": lambda c, who: (f"{who.pk}-{Role.AUDITOR}", {"held": False}),
    "team_lead": lambda c, who: (f"{c.people.marketing.pk}-lead", {"person": c.people.tom.pk}),
    "fallback_owner": lambda c, who: (f"{c.people.fallback.pk}-{who.pk}", {"member": False}),
    "resource_owner": lambda c, who: (str(c.slack.pk), {"owner": c.people.tom.pk, "deputy": c.slack.deputy_id}),
    "change of places": lambda c, who: (str(c.slack.pk), {"owner": c.slack.deputy_id, "deputy": who.pk}),
}
KINDS = {"another role": "role", "change of places": "resource_owner"}


@pytest.fixture
def omar(company: Company) -> Person:
    """He owns Slack; now he is an admin and an auditor, leads a team and is a fallback owner."""
    c, n = company, company.people
    for role in (Role.ADMIN, Role.AUDITOR):
        give_role(n.omar, role, admins=(n.ines, n.karl))
    appoint("team_lead", f"{n.marketing.pk}-lead", {"person": n.omar.pk}, now=c.now)
    appoint("fallback_owner", f"{n.fallback.pk}-{n.omar.pk}", {"member": True}, now=c.now)
    return n.omar


def taking(c: Company, what: str, who: Person, **more: Any) -> Proposal:
    target, document = TAKING[what](c, who)
    row = Proposal(kind=KINDS.get(what, what), target=target)
    arguments = {"now": c.now, "reason": "He does no more.", "document": document}
    proposal_transitions.propose(row, actor=as_actor(c.people.ines), **arguments, **more)
    return Proposal.objects.get(pk=row.pk)


def answers(c: Company, proposal: Proposal) -> tuple[Any, Any]:
    return (
        lambda actor: proposal_transitions.reject(proposal, actor=actor, now=c.now, reason="I stay."),
        lambda actor: proposal_transitions.approve(proposal, actor=actor, now=c.now, shown_digest=proposal.digest),
    )


@pytest.mark.parametrize("what", TAKING)
def test_person_losing_right_neither_rejects_nor_countersigns(company: Company, omar: Person, what: str) -> None:
    c, proposal = company, taking(company, what, omar)
    assert proposal.loses == [omar.pk]
    for verb in answers(c, proposal):
        with pytest.raises(Refused) as error:
            verb(as_actor(omar))
        assert error.value.refusal.code in ("SOD-8", "PERMISSION")
    assert omar not in proposal_rules.people_who_may_answer(proposal, c.now)
    assert proposal.pk not in [task.pk for task in tasks.proposals(as_actor(omar), c.now)]
    assert Proposal.objects.get(pk=proposal.pk).state == ProposalState.OPEN


def test_person_does_not_restore_own_ended_role(company: Company, omar: Person) -> None:
    """He is an admin still, and an auditor no more until another admin says so."""
    c, proposal = company, taking(company, "another role", omar, at_once=True)
    with pytest.raises(DutyConflict, match="You would lose by this") as error:
        proposal_transitions.reject(proposal, actor=as_actor(omar), now=c.now, reason="I stay.")
    assert error.value.refusal.code == "SOD-8"
    assert Role.AUDITOR not in access.roles_of(omar, c.now)
    proposal_transitions.reject(proposal, actor=as_actor(c.people.karl), now=c.now, reason="He is needed.")
    assert Role.AUDITOR in access.roles_of(omar, c.now)


@pytest.mark.rule("A11")
@pytest.mark.parametrize("giver", ["omar", "karl"])
def test_delegate_of_loser_does_not_restore_role(company: Company, omar: Person, giver: str) -> None:
    c, karl = company, company.people.karl
    taker = karl if giver == "omar" else omar
    if taker == karl:  # a delegate holds the giver's roles
        give_role(karl, Role.AUDITOR, admins=(c.people.ines, omar))
    shares(taker, getattr(c.people, giver))
    arguments = {"from_at": c.now, "until_at": c.now + timedelta(days=7)}
    Delegation.objects.create(giver=getattr(c.people, giver), taker=taker, **arguments)
    proposal = taking(c, "another role", omar, at_once=True)
    for verb in answers(c, proposal):
        with pytest.raises(DutyConflict, match="a person who gains or loses"):
            verb(as_actor(karl))
    with database_refuses("A11: a delegate of the author, or of a person who gains or"):
        sql(
            "UPDATE approvals_proposal SET state = 'rejected', answered_by_id = %s, answered_at = %s WHERE id = %s",
            *(karl.pk, c.now, proposal.pk),
        )


def test_database_refuses_answer_of_person_losing_right(company: Company, omar: Person) -> None:
    c, proposal = company, taking(company, "another role", omar, at_once=True)
    for state in ("rejected", "in_force"):
        with database_refuses("who_loses_is_apart"):
            sql(
                "UPDATE approvals_proposal SET state = %s, answered_by_id = %s, answered_at = %s, ended_at = %s WHERE id = %s",
                *(state, omar.pk, c.now, c.now, proposal.pk),
            )
