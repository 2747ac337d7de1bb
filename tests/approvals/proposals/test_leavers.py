"""Who decides something is recorded as gone by two admins; one of them keeps them out, and nobody decides in their place by that (S8, R8, A9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.inbox.queries import approvals
from approvals.models import Approval, Proposal, ProposalState, Submission
from approvals.policies import queries as policy_queries
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import end_due
from approvals.proposals.kinds import kind
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict, NotPermitted, OutOfTurn, Refused
from governance.core.models import LedgerEvent, Membership, Person
from governance.core.people.transitions import people as people_transitions
from governance.core.roles.roles import Role
from inventory.models import Resource
from tests import scenarios
from tests.appointments import appoint, end_role
from tests.approvals import stock_report
from tests.people import as_actor, give_role, make_person
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8", "R8")]

HOURS = timedelta(hours=72)


def proposed(c: Company, who: Person, by: Person, *, at_once: bool = True) -> Proposal:
    row = Proposal(kind="leaving", target=str(who.pk))
    arguments = {"now": c.now, "reason": "A new job.", "document": {"left": True}, "at_once": at_once}
    proposal_transitions.propose(row, actor=as_actor(by), **arguments)
    return Proposal.objects.get(pk=row.pk)


def answered(c: Company, proposal: Proposal, by: Person) -> Proposal:
    return proposal_transitions.approve(proposal, actor=as_actor(by), now=c.now, shown_digest=proposal.digest)


def again(person: Person) -> Person:
    return Person.objects.get(pk=person.pk)


def a_role(c: Company, who: Person) -> None:
    give_role(who, Role.ON_CALL, admins=(c.people.ines, c.people.karl))


def a_team(c: Company, who: Person) -> None:
    appoint("team_lead", f"{c.people.marketing.pk}-deputy_lead", {"person": who.pk}, now=c.now)


def a_place(c: Company, who: Person) -> None:
    appoint("fallback_owner", f"{c.people.fallback.pk}-{who.pk}", {"member": True}, now=c.now)


def a_resource(c: Company, who: Person) -> None:
    appoint("resource_owner", str(c.slack.pk), {"owner": who.pk, "deputy": c.slack.deputy_id}, now=c.now)


def to_deputise(c: Company, who: Person) -> None:
    appoint("resource_owner", str(c.slack.pk), {"owner": c.slack.owner_id, "deputy": who.pk}, now=c.now)


HOLDING = (a_role, a_team, a_place, a_resource, to_deputise)


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holds", HOLDING)
def test_leaver_with_decision_rights_needs_two_admins(company: Company, holds: Any) -> None:
    c, n, who = company, company.people, make_person("Uma Deciding")
    holds(c, who)
    for verb in (people_transitions.record_leaver, people_transitions.leave):
        with pytest.raises(Refused) as error:
            verb(who, actor=as_actor(n.ines), now=c.now, reason="Gone.")
        assert error.value.refusal.code in ("S8", "INTERNAL")
    assert again(who).is_here
    proposal = proposed(c, who, n.ines)
    with pytest.raises(DutyConflict, match=r"^SOD-8: You proposed this; a second person countersigns"):
        answered(c, proposal, n.ines)
    assert again(who).left_at is None


@pytest.mark.parametrize("who", ["sana", "theo", "yuki", "rita"])
def test_only_admins_report_and_countersign_leaver(company: Company, who: str) -> None:
    c, n = company, company.people
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        proposed(c, n.omar, getattr(n, who))
    proposal = proposed(c, n.omar, n.ines)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        answered(c, proposal, getattr(n, who))


def test_reported_leaver_does_not_answer_report(company: Company) -> None:
    c, n = company, company.people
    give_role(n.omar, Role.ADMIN, admins=(n.ines, n.karl))
    proposal = proposed(c, n.omar, n.ines, at_once=False)
    for verb in (
        lambda: answered(c, proposal, n.omar),
        lambda: proposal_transitions.reject(proposal, actor=as_actor(n.omar), now=c.now, reason="I am here."),
    ):
        with pytest.raises(DutyConflict, match="You would lose by this"):
            verb()


@pytest.mark.rule("S9")
def test_last_two_admins_cannot_be_reported_as_leavers(company: Company) -> None:
    c, n = company, company.people
    with pytest.raises(OutOfTurn, match="Only 2 governance admins"):
        proposed(c, n.karl, n.ines)
    give_role(n.omar, Role.ADMIN, admins=(n.ines, n.karl))
    proposed(c, n.karl, n.ines)
    with pytest.raises(OutOfTurn, match="Only 2 governance admins"):
        proposed(c, n.omar, n.ines)


def test_an_ended_role_is_no_way_around_it(company: Company) -> None:
    """Who has no role any more and owns nothing is recorded by one; that took two for the role."""
    c, who = company, make_person("Uma Deciding")
    a_role(c, who)
    end_role(who, Role.ON_CALL, now=c.now)
    people_transitions.record_leaver(who, actor=as_actor(c.people.ines), now=c.now, reason="Gone.")
    assert not again(who).is_here


# --- kept out: taken away, and given to nobody ------------------------------------------------------------------------


def test_suspended_leaver_decides_nothing(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    record = stock_report.privilege_on(stage_2, c.slack)
    proposed(c, n.omar, n.ines)
    omar = again(n.omar)
    assert not access.stands_in(as_actor(omar), c.now)
    refused = decide.approve.refusal(record, actor=as_actor(omar), now=c.now)
    assert refused is not None
    assert refused.kind == "permission"


def test_kept_out_their_sessions_are_over(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    c, n = company, company.people
    monkeypatch.setattr(current_time, "now", lambda: c.now)
    client = client_of(n.omar)
    assert client.get(reverse("home")).status_code == 200
    proposed(c, n.omar, n.ines)
    assert client.get(reverse("home")).status_code == 302
    monkeypatch.setattr(current_time, "now", lambda: c.now + HOURS)  # over by itself, whether or not a job runs
    assert client_of(n.omar).get(reverse("home")).status_code == 200


@pytest.mark.rule("A9")
def test_suspended_leaver_is_replaced_only_after_confirmation(company: Company, stock_submitted: Submission) -> None:
    """An admin does not empty an escalation chain until a friend is next: not for three days either."""
    c, n = company, company.people
    record, team = scenarios.app_of(stock_submitted), stock_submitted.automation.team
    lead, deputy = team.lead, team.deputy_lead
    assert lead is not None
    assert deputy is not None
    proposal = proposed(c, lead, n.ines)

    def may(who: Person) -> bool:
        fresh = Approval.objects.get(pk=record.pk)
        return decide.approve.refusal(fresh, actor=as_actor(again(who)), now=c.now) is None

    assert not may(lead)
    assert not may(deputy)
    assert approvals.to_decide(as_actor(deputy), c.now) == []
    answered(c, proposal, n.karl)
    assert again(lead).left_at == c.now
    assert may(deputy)


def test_lapsed_report_restores_all_rights(company: Company) -> None:
    c, n = company, company.people
    proposal = proposed(c, n.omar, n.ines)
    end_due.lapse(proposal, actor=Actor.of_job("approvals.proposals"), now=c.now + HOURS)
    omar = again(n.omar)
    assert (omar.is_here, omar.kept_out_until) == (True, None)
    assert Resource.objects.get(pk=c.slack.pk).owner == omar
    rejected = proposed(c, n.amara, n.ines)
    proposal_transitions.reject(rejected, actor=as_actor(n.karl), now=c.now, reason="She is here.")
    assert again(n.amara).kept_out_until is None
    verbs = LedgerEvent.objects.filter(subject_type="controls.person", subject_id=str(omar.pk), outcome="done")
    assert [event.verb for event in verbs.order_by("pk")][-2:] == ["person.kept_out", "person.let_in"]


def test_failed_reporter_does_not_suspend_again_alone(company: Company) -> None:
    c, n = company, company.people
    proposal = proposed(c, n.omar, n.ines)
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=c.now, reason="He is here.")
    with pytest.raises(DutyConflict, match="nobody countersigned it"):
        proposed(c, n.omar, n.ines)
    assert proposed(c, n.omar, n.ines, at_once=False).state == ProposalState.OPEN


# --- recorded -----------------------------------------------------------------------------------------------------------


def test_leaver_without_decision_rights_needs_one_admin(company: Company) -> None:
    who = make_person("Nils Quiet")
    Membership.objects.create(team=company.people.marketing, person=who)
    people_transitions.record_leaver(who, actor=as_actor(company.people.ines), now=company.now, reason="Gone.")
    assert not again(who).is_here


def test_report_lists_open_tasks_of_leaver(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    proposal = proposed(c, n.omar, n.ines, at_once=False)
    what_if = proposal.what_ifs.get()
    sentences = kind.kind_of(proposal.kind).impact_sentences(what_if)
    assert "would go to the next approver once a second admin countersigns." in sentences[0]
    owned = Resource.objects.filter(owner=n.omar, state="active").count()
    assert sentences[1].startswith(f"{owned:,} resource")


def test_page_suspends_decider_and_records_others(company: Company) -> None:
    n, client = company.people, client_of(company.people.ines)
    address = reverse("person_left", args=[n.omar.pk])
    hours = policy_queries.in_force(current_time.now()).at_once_hours
    assert f"They are kept out at once, for {hours} hours" in client.get(address).content.decode()
    answer = client.post(address, {"reason": "A new job."})
    proposal = Proposal.objects.latest("pk")
    assert (answer.url, proposal.state, proposal.loses) == (proposal.href, ProposalState.AT_ONCE, [n.omar.pk])
    assert "Leaver" in client.get(reverse("person", args=[n.omar.pk])).content.decode()
    quiet = make_person("Nils Quiet")
    client.post(reverse("person_left", args=[quiet.pk]), {"reason": "A new job."})
    assert not again(quiet).is_here
