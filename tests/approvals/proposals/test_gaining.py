"""Who gains is asked again when a proposal is answered, and of whoever stands in for them (S7, S8, A11)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.models import Proposal, ProposalState
from approvals.proposals import counting, gaining
from approvals.transitions import proposing
from governance.controls.models import Delegation, Person
from governance.controls.refusals import DutyConflict
from inventory import registry
from inventory.models import Automation, Resource
from tests import journeys
from tests.approvals import stock
from tests.journeys import Company
from tests.people import as_actor, joins, shares

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def proposed(c: Company, kind: str, target: str, document: dict[str, object], by: Person) -> Proposal:
    made = Proposal(kind=kind, target=target)
    proposing.propose(made, actor=as_actor(by), now=c.now, reason="We decided so.", document=document)
    counting.sweep(c.now)
    return Proposal.objects.get(pk=made.pk)


def approve(c: Company, one: Proposal, by: Person) -> None:
    proposing.approve(one, actor=as_actor(by), now=c.now, shown_digest=one.digest)


def test_whoever_has_come_to_own_what_asks_for_it_does_not_countersign_a_lower_class(company: Company) -> None:
    c, n = company, company.people
    on = Resource.objects.get(pk=c.erp.pk)
    one = proposed(c, "resource_class", str(on.pk), {"data_class": "public", "environment": on.environment}, n.ines)
    assert n.sana.pk not in one.gains
    joins(n.sana, n.finance_ops)
    stock.version(c, business_owner=n.sana)  # a draft: nothing of it is submitted
    with pytest.raises(DutyConflict, match="You would gain by this"):
        approve(c, one, n.sana)
    assert Proposal.objects.get(pk=one.pk).state == ProposalState.OPEN
    approve(c, one, n.viktor)
    assert Resource.objects.get(pk=on.pk).data_class == "public"


@pytest.mark.rule("S1")
def test_whoever_edited_a_draft_that_another_brought_in_does_not_countersign_a_lower_class(company: Company) -> None:
    c, n = company, company.people
    on = Resource.objects.get(pk=c.erp.pk)
    draft = stock.version(c).automation
    joins(n.viktor, n.finance_ops)
    registry.amend(draft, actor=as_actor(n.viktor), now=c.now, fields={"purpose": "Says what is in stock."})
    one = proposed(c, "resource_class", str(on.pk), {"data_class": "public", "environment": on.environment}, n.ines)
    assert n.viktor.pk in one.gains
    with pytest.raises(DutyConflict, match="You would gain by this"):
        approve(c, one, n.viktor)


@pytest.mark.rule("S1")
def test_what_was_edited_before_the_approved_version_was_made_is_decided(company: Company) -> None:
    c, n = company, company.people
    version = stock.version(c)
    mine = Automation.objects.filter(pk=version.automation_id)
    joins(n.tom, n.finance_ops)
    yesterday = c.now - timedelta(days=1)
    registry.amend(
        version.automation, actor=as_actor(n.tom), now=yesterday, fields={"purpose": "Says what is in stock."}
    )
    assert n.tom.pk in gaining._editors(mine)
    journeys.in_force(c, version)
    assert gaining._editors(mine) == set()


def test_who_stands_in_for_whoever_gets_a_role_does_not_countersign_it(company: Company) -> None:
    c, n = company, company.people
    one = proposed(c, "role", f"{n.omar.pk}-auditor", {"held": True}, n.ines)
    shares(n.karl, n.omar)
    Delegation.objects.create(giver=n.omar, taker=n.karl, from_at=c.now, until_at=c.now + timedelta(days=7))
    with pytest.raises(DutyConflict, match="who gains or loses by it, stand in for each other"):
        approve(c, one, n.karl)
