"""Whoever comes in while a submission is under way becomes a party of it, and what was before them passes on (S1, A1, A9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals import transitions
from approvals.models import Approval, ApprovalState, Submission
from governance.controls.models import LedgerEvent, Notice, Person
from inventory import registry
from tests import journeys
from tests.approvals import stock
from tests.approvals.attempts import database_refuses, insert_decision, refused
from tests.journeys import Company
from tests.people import as_actor, as_delegate


def an_editor(c: Company, submission: Submission) -> None:
    """Theo, who leads the team, says what it is for in words of his own."""
    fields = {"purpose": "Says what is in stock.", "escalation_contact": "Theo"}
    registry.amend(submission.automation, actor=as_actor(c.people.theo), now=c.now, fields=fields)


def an_importer(c: Company, submission: Submission) -> None:
    """Theo brings in a newer version."""
    journeys.brought_in(c, stock.EXPORT, content=stock.source(stock.one_more_channel), by=c.people.theo)


def a_business_owner(c: Company, submission: Submission) -> None:
    """Rita names Theo."""
    named(c, submission, business_owner=c.people.theo)


def a_technical_owner(c: Company, submission: Submission) -> None:
    """Rita names Theo."""
    named(c, submission, technical_owner=c.people.theo)


def named(c: Company, submission: Submission, **owners: Person) -> None:
    """Rita names owners."""
    registry.amend(submission.automation, actor=as_actor(c.people.rita), now=c.now, fields=owners)


WAYS = (an_editor, an_importer, a_business_owner, a_technical_owner)


@pytest.mark.rule("S1", "S5", "A1", "A9")
@pytest.mark.parametrize("come_in", WAYS, ids=[way.__name__ for way in WAYS])
def test_whoever_comes_in_after_it_was_submitted_approves_nothing_in_it(
    company: Company, come_in: Callable[[Company, Submission], None]
) -> None:
    c, n = company, company.people
    submission = stock.submitted(c)
    app = journeys.app_of(submission)
    clock = app.due_at
    come_in(c, submission)
    refused(transitions.approve, app, as_actor(n.theo), "SOD-1", now=c.now)
    refused(transitions.approve, app, as_delegate(n.tom, giver=n.theo), "SOD-1", now=c.now)
    with database_refuses("SOD-1"):
        insert_decision(app, n.theo, now=c.now)
    assert LedgerEvent.objects.filter(
        verb="submission.parties_joined", payload__parties=[str(n.theo.opaque_id)], payload__short=0
    ).exists()
    assert Notice.objects.filter(recipient=n.bram, event="stage_1_opened").count() == 1, (
        "the next on the ladder is asked"
    )
    app = Approval.objects.get(pk=app.pk)
    assert app.due_at == clock, "and has what is left of the time"
    journeys.approve(app, n.bram, now=c.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("S1", "S3", "A9")
def test_a_resources_owner_who_becomes_owner_of_the_automation_does_not_approve_on_it(
    company: Company, stage_2: Submission
) -> None:
    c, n = company, company.people
    record = stock.privilege_on(stage_2, c.slack)
    named(c, stage_2, technical_owner=n.omar)
    refused(transitions.approve, record, as_actor(n.omar), "SOD-3", now=c.now)
    with database_refuses("SOD-1"):
        insert_decision(record, n.omar, now=c.now)
    notice = Notice.objects.get(recipient=n.amara, event="stage_2_opened")
    assert notice.context["count"] == 4, "all four of Omar's in one mail"
    journeys.approve(record, n.amara, now=c.now)


@pytest.mark.rule("S1", "A11")
def test_who_changes_it_for_somebody_makes_both_parties(company: Company) -> None:
    c, n = company, company.people
    submission = stock.submitted(c)
    tom = as_delegate(n.tom, giver=n.theo)
    registry.amend(submission.automation, actor=tom, now=c.now, fields={"purpose": "Says what is in stock."})
    assert set(submission.parties.filter(capacity="editor", person__in=[n.tom, n.theo]).values_list("person")) == {
        (n.tom.pk,),
        (n.theo.pk,),
    }
    refused(transitions.approve, journeys.app_of(submission), as_actor(n.theo), "SOD-1", now=c.now)


@pytest.mark.rule("S1")
def test_who_brought_in_a_newer_version_before_the_older_was_submitted_is_a_party_too(company: Company) -> None:
    c, n = company, company.people
    older = stock.version(c)
    an_importer(c, Submission(automation=older.automation))
    submission = journeys.submitted(c, older)
    refused(transitions.approve, journeys.app_of(submission), as_actor(n.theo), "SOD-1", now=c.now)


@pytest.mark.rule("A9", "S1")
def test_where_nobody_is_left_after_that_its_builders_are_told(company: Company, chaser: Submission) -> None:
    c, n = company, company.people
    named(c, chaser, technical_owner=n.sana)  # Viktor signed for security in stage 1
    told = Notice.objects.filter(event="nobody_left")
    assert {notice.recipient for notice in told} == {n.rita, n.jonas}
    high = chaser.approvals.filter(stage=2, tier="high")
    assert all(str(record.privilege or record.credential) in told[0].context["what"] for record in high)
    event = LedgerEvent.objects.get(verb="submission.parties_joined")
    assert event.payload["short"] == high.count()
    no = refused(transitions.approve, stock.privilege_on(chaser, c.mail), as_actor(n.sana), "SOD-1", now=c.now)
    assert no.to_do


@pytest.mark.rule("S1")
def test_who_is_a_party_already_joins_once_and_nobody_is_told_again(company: Company, stage_2: Submission) -> None:
    before = Notice.objects.count()
    named(company, stage_2, technical_owner=company.people.jonas)
    assert not LedgerEvent.objects.filter(verb="submission.parties_joined").exists()
    assert stage_2.parties.filter(person=company.people.jonas, capacity="technical_owner").count() == 1
    assert Notice.objects.count() == before
