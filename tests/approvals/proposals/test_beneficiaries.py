"""The people who gain, and their delegates, are read again when a proposal is answered (S7, S8, A11)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.models import Proposal, ProposalState
from approvals.proposals import beneficiaries, impact_count
from approvals.proposals import transitions as proposal_transitions
from governance.core.duties.refusals import DutyConflict
from governance.core.models import Delegation, Person
from inventory.imports.transitions import confirmation
from inventory.models import Automation, Resource
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor, joins, shares
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def proposed(c: Company, kind: str, target: str, document: dict[str, object], by: Person) -> Proposal:
    made = Proposal(kind=kind, target=target)
    proposal_transitions.propose(made, actor=as_actor(by), now=c.now, reason="We decided so.", document=document)
    impact_count.sweep(c.now)
    return Proposal.objects.get(pk=made.pk)


def approve(c: Company, proposal: Proposal, by: Person) -> None:
    proposal_transitions.approve(proposal, actor=as_actor(by), now=c.now, shown_digest=proposal.digest)


def test_new_owner_of_requesting_automation_does_not_countersign_lower_class(company: Company) -> None:
    c, n = company, company.people
    on = Resource.objects.get(pk=c.erp.pk)
    proposal = proposed(
        c, "resource_class", str(on.pk), {"data_class": "public", "environment": on.environment}, n.ines
    )
    assert n.sana.pk not in proposal.gains
    joins(n.sana, n.finance_ops)
    stock_report.version(c, business_owner=n.sana)  # a draft: nothing of it is submitted
    with pytest.raises(DutyConflict, match="You would gain by this"):
        approve(c, proposal, n.sana)
    assert Proposal.objects.get(pk=proposal.pk).state == ProposalState.OPEN
    approve(c, proposal, n.viktor)
    assert Resource.objects.get(pk=on.pk).data_class == "public"


@pytest.mark.rule("S1")
def test_editor_of_draft_does_not_countersign_lower_class(company: Company) -> None:
    c, n = company, company.people
    on = Resource.objects.get(pk=c.erp.pk)
    draft = stock_report.version(c).automation
    joins(n.viktor, n.finance_ops)
    confirmation.amend_automation(
        draft, actor=as_actor(n.viktor), now=c.now, fields={"purpose": "Says what is in stock."}
    )
    proposal = proposed(
        c, "resource_class", str(on.pk), {"data_class": "public", "environment": on.environment}, n.ines
    )
    assert n.viktor.pk in proposal.gains
    with pytest.raises(DutyConflict, match="You would gain by this"):
        approve(c, proposal, n.viktor)


@pytest.mark.rule("S1")
def test_edits_before_approved_version_do_not_count(company: Company) -> None:
    c, n = company, company.people
    version = stock_report.version(c)
    mine = Automation.objects.filter(pk=version.automation_id)
    joins(n.tom, n.finance_ops)
    yesterday = c.now - timedelta(days=1)
    confirmation.amend_automation(
        version.automation, actor=as_actor(n.tom), now=yesterday, fields={"purpose": "Says what is in stock."}
    )
    assert n.tom.pk in beneficiaries._editors(mine)
    scenarios.in_force(c, version)
    assert beneficiaries._editors(mine) == set()


def test_delegate_of_appointee_does_not_countersign(company: Company) -> None:
    c, n = company, company.people
    proposal = proposed(c, "role", f"{n.omar.pk}-auditor", {"held": True}, n.ines)
    shares(n.karl, n.omar)
    Delegation.objects.create(giver=n.omar, taker=n.karl, from_at=c.now, until_at=c.now + timedelta(days=7))
    with pytest.raises(DutyConflict, match="You share a delegation with its author"):
        approve(c, proposal, n.karl)
