"""What was proposed comes up where its reader looks: at home and on the desk, in the digest, and for as many queries as without (S8)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.mail import daily_digest
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.roles.roles import Role
from tests.appointments import propose_role
from tests.approvals.proposals.policy_proposals import looser, propose
from tests.inventory.automations.test_register_pages import cost
from tests.people import as_actor, as_delegate, give_role, make_person
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8"), pytest.mark.database]


def at_home(person: Person) -> dict[str, list[str]]:
    """Titles of the proposals that somebody's home shows, by group."""
    groups = client_of(person).get(reverse("home")).context["groups"]
    shown = {group.key: [row.name for row in group.shown_tasks] for group in groups}
    return {key: shown[key] for key in ("proposals", "proposed") if key in shown}


def test_proposal_is_shown_as_task_to_eligible_people_only(company: Company) -> None:
    n, now = company.people, company.now
    propose_role(n.karl, Role.SECURITY_REVIEWER, by=n.ines, now=now)  # Karl gains, and nobody else is an admin
    propose(n.ines, looser(), now=now)
    for person in (n.karl, n.rita, n.yuki, n.theo):
        assert at_home(person) == {}
    assert at_home(n.ines) == {"proposed": ["Role: Security reviewer: Karl Jensen", "Policy: The policy"]}


@pytest.mark.rule("A11")
def test_delegate_of_author_is_not_asked(company: Company) -> None:
    n, now = company.people, company.now
    give_role(n.omar, Role.ADMIN, admins=(n.ines, n.karl), now=now)
    propose_role(n.tom, Role.AUDITOR, by=n.ines, now=now)
    assert at_home(n.omar) == {"proposals": ["Role: Auditor: Tom Ashby"]}
    as_delegate(n.omar, giver=n.ines)
    assert at_home(n.omar) == {}
    assert at_home(n.karl) == {"proposals": ["Role: Auditor: Tom Ashby"]}


def test_proposal_waits_for_countersigner_then_appointee(company: Company) -> None:
    n, now = company.people, company.now
    proposal = propose_role(n.tom, Role.AUDITOR, by=n.ines, now=now)
    assert at_home(n.karl) == {"proposals": ["Role: Auditor: Tom Ashby"]}
    assert at_home(n.tom) == {}
    html = client_of(n.ines).get(reverse("home")).content.decode()
    assert "Waits for a governance admin" in html
    assert not re.search(r"(?<!Nothing )needs? you", html), "what waits for others does not"
    proposal_transitions.approve(proposal, actor=as_actor(n.karl), now=now, shown_digest=proposal.digest)
    assert at_home(n.karl) == {}
    assert at_home(n.tom) == {"proposals": ["Role: Auditor: Tom Ashby"]}
    assert "Waits for Tom Ashby" in client_of(n.ines).get(reverse("home")).content.decode()


def test_every_kind_has_a_title_there(company: Company) -> None:
    n, now = company.people, company.now
    rows: tuple[tuple[str, str, dict[str, Any], str], ...] = (
        ("role", f"{n.tom.pk}-auditor", {"held": True}, "Role: Auditor: Tom Ashby"),
        ("team_lead", f"{n.marketing.pk}-deputy_lead", {"person": n.tom.pk}, "Team lead: deputy lead of Marketing"),
        (
            "fallback_owner",
            f"{n.fallback.pk}-{n.tom.pk}",
            {"member": True},
            "Fallback owner: Fallback owners: Tom Ashby",
        ),
        (
            "resource_owner",
            str(company.slack.pk),
            {"owner": n.tom.pk, "deputy": company.slack.deputy_id},
            f"Resource owner: {company.slack.name}",
        ),
    )
    for kind, target, document, _ in rows:
        row = Proposal(kind=kind, target=target)
        proposal_transitions.propose(row, actor=as_actor(n.ines), now=now, reason="Why.", document=document)
    assert sorted(at_home(n.karl)["proposals"]) == sorted(title for *_, title in rows)


def costs(c: Company) -> dict[tuple[str, str], int]:
    """Queries of home and desk, by who looks."""
    people = (c.people.karl, c.people.sana, c.people.ines)
    pages = [(who, path) for who in people for path in ("home", "approvals")]
    return {(who.name, path): cost(client_of(who), reverse(path))[0] for who, path in pages}


@pytest.fixture
def costs_of_one(company: Company) -> dict[tuple[str, str], int]:
    """What they cost while one role and one policy are proposed."""
    propose(company.people.ines, looser(), now=company.now)
    propose_role(make_person("Newcomer"), Role.BUILDER, by=company.people.ines, now=company.now)
    return costs(company)


def test_home_and_desk_cost_as_many_queries_for_many_as_for_one(
    company: Company, costs_of_one: dict[tuple[str, str], int]
) -> None:
    n, now = company.people, company.now
    for number in range(12):
        propose_role(make_person(f"Newcomer {number}"), Role.BUILDER, by=n.ines, now=now)
    assert costs(company) == costs_of_one
    assert max(costs_of_one.values()) <= 15
    assert len(at_home(n.karl)["proposals"]) == 8


def test_the_digest_names_it_as_long_as_it_waits(company: Company) -> None:
    n, now = company.people, company.now
    proposal = propose_role(n.tom, Role.AUDITOR, by=n.ines, now=now)
    notice = outbox.notice(
        recipient=n.karl, event="proposal_made", thread=f"proposal:{proposal.pk}", key="x", now=now, context={}
    )

    def waits_for(person: Person, at: datetime) -> bool:
        return bool(daily_digest._what_is_open(person, [notice], at)[1])

    assert waits_for(n.karl, now)
    assert not waits_for(n.ines, now)
    assert not waits_for(n.karl, proposal.lapses_at), "its time is up"
    proposal_transitions.approve(proposal, actor=as_actor(n.karl), now=now, shown_digest=proposal.digest)
    assert not waits_for(n.karl, now)
    assert waits_for(n.tom, now)
