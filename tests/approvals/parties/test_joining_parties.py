"""A person who joins during a submission becomes a party to it, and their open approvals pass on (S1, A1, A9)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.submissions.transitions import put_in_force
from governance.core.duties.refusals import DutyConflict
from governance.core.models import LedgerEvent, Notice, Person
from inventory.imports import manual_description
from inventory.imports.transitions import confirmation
from inventory.models import Automation, VersionAuthor
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build
from tests.approvals.refusals import database_refuses, insert_decision, refused, sql
from tests.ledger_records import recorded
from tests.manual_descriptions import registered
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of


def an_editor(c: Company, submission: Submission) -> None:
    """Theo, who leads the team, says what it is for in words of his own."""
    fields = {"purpose": "Says what is in stock.", "escalation_contact": "Theo"}
    confirmation.amend_automation(submission.automation, actor=as_actor(c.people.theo), now=c.now, fields=fields)


def an_importer(c: Company, submission: Submission) -> None:
    """Theo brings in a newer version."""
    scenarios.brought_in(
        c, stock_report.EXPORT, content=stock_report.source(stock_report.one_more_channel), by=c.people.theo
    )


def named(c: Company, submission: Submission, **owners: Person) -> None:
    """Rita names owners."""
    confirmation.amend_automation(submission.automation, actor=as_actor(c.people.rita), now=c.now, fields=owners)


WAYS = (an_editor, an_importer)


@pytest.mark.rule("S1", "S5", "A1", "A9")
@pytest.mark.parametrize("come_in", WAYS, ids=[way.__name__ for way in WAYS])
def test_later_contributor_does_not_approve(
    company: Company, stock_submitted: Submission, come_in: Callable[[Company, Submission], None]
) -> None:
    c, n = company, company.people
    submission = stock_submitted
    app = scenarios.app_of(submission)
    clock = app.due_at
    come_in(c, submission)
    refused(decide.approve, app, as_actor(n.theo), "SOD-1", now=c.now)
    refused(decide.approve, app, as_delegate(n.tom, giver=n.theo), "SOD-1", now=c.now)
    with database_refuses("SOD-1: a party decides nothing in submission #"):
        insert_decision(app, n.theo, now=c.now)
    assert LedgerEvent.objects.filter(
        verb="submission.parties_joined", payload__parties=[str(n.theo.opaque_id)], payload__short=0
    ).exists()
    assert Notice.objects.filter(recipient=n.bram, event="stage_1_opened").count() == 1, (
        "the next on the escalation chain is asked"
    )
    app = Approval.objects.get(pk=app.pk)
    assert app.due_at == clock, "and has what is left of the time"
    scenarios.approve(app, n.bram, now=c.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("S1", "A11")
def test_change_by_delegate_makes_both_parties(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    submission = stock_submitted
    tom = as_delegate(n.tom, giver=n.theo)
    confirmation.amend_automation(
        submission.automation, actor=tom, now=c.now, fields={"purpose": "Says what is in stock."}
    )
    assert set(submission.parties.filter(capacity="editor", person__in=[n.tom, n.theo]).values_list("person")) == {
        (n.tom.pk,),
        (n.theo.pk,),
    }
    named = recorded("submission.parties_named", submission, by=n.tom)["parties"]
    assert sorted(named) == sorted(f"{person.opaque_id} editor" for person in (n.tom, n.theo))
    refused(decide.approve, scenarios.app_of(submission), as_actor(n.theo), "SOD-1", now=c.now)


@pytest.mark.rule("S1")
def test_importer_of_newer_version_is_party_of_older_submission(company: Company) -> None:
    c, n = company, company.people
    older = stock_report.version(c)
    an_importer(c, Submission(automation=older.automation))
    submission = scenarios.submitted(c, older)
    refused(decide.approve, scenarios.app_of(submission), as_actor(n.theo), "SOD-1", now=c.now)


@pytest.mark.rule("A9", "S1")
def test_builders_are_notified_if_no_approver_is_left(company: Company, chaser: Submission) -> None:
    c, n = company, company.people
    export = json.loads((scenarios.EXPORTS / "invoice-chaser.json").read_text())
    export["shared"] = [{"role": "workflow:owner", "user": {"email": n.sana.email}}]
    record_leaver(n.viktor, actor=as_actor(n.ines), now=c.now, reason="Left.")  # the other reviewer
    scenarios.brought_in(c, content=json.dumps(export).encode())
    notices = Notice.objects.filter(event="nobody_left")
    assert {notice.recipient for notice in notices} == {n.rita, n.jonas}
    high = chaser.approvals.filter(stage=2, tier="high")
    assert all(str(record.privilege or record.credential) in notices[0].context["what"] for record in high)
    event = LedgerEvent.objects.get(verb="submission.parties_joined")
    assert event.payload["short"] == high.count()
    refusal = refused(decide.approve, stock_report.privilege_on(chaser, c.mail), as_actor(n.sana), "SOD-1", now=c.now)
    assert refusal.to_do


@pytest.mark.rule("S1")
def test_party_joins_once_without_second_notice(company: Company, stage_2: Submission) -> None:
    before = Notice.objects.count()
    named(company, stage_2, technical_owner=company.people.jonas)
    assert not LedgerEvent.objects.filter(verb="submission.parties_joined").exists()
    assert stage_2.parties.filter(person=company.people.jonas, capacity="technical_owner").count() == 1
    assert Notice.objects.count() == before


# --- who has decided does not come in ---------------------------------------------------------------------------------


def as_editor(c: Company, who: Person) -> None:
    """They change its details."""
    automation = stock_report.newest(c).automation
    confirmation.amend_automation(
        automation, actor=as_actor(who), now=c.now, fields={"purpose": "Says what is in stock."}
    )


def as_importer(c: Company, who: Person) -> None:
    """They import a newer version."""
    scenarios.brought_in(c, stock_report.EXPORT, content=stock_report.source(stock_report.one_more_channel), by=who)


def as_owner(c: Company, who: Person) -> None:
    """Rita names them its technical owner."""
    named(c, stock_report.newest(c), technical_owner=who)


def as_owner_of_a_newer_version(c: Company, who: Person) -> None:
    """Rita names them its business owner while she brings in a newer version."""
    stock_report.version(c, stock_report.one_more_channel, business_owner=who)


def as_author(c: Company, who: Person) -> None:
    """Rita brings in a file whose platform names them as its owner."""
    stock_report.version(
        c, lambda export: export.update(shared=[{"role": "workflow:owner", "user": {"email": who.email}}])
    )


COMING_IN = (as_editor, as_importer, as_owner, as_owner_of_a_newer_version, as_author)


@pytest.mark.rule("S1", "S5", "H1")
@pytest.mark.parametrize("come_in", COMING_IN, ids=[way.__name__ for way in COMING_IN])
def test_decider_becomes_no_party(
    company: Company, stage_2: Submission, come_in: Callable[[Company, Person], None]
) -> None:
    c, theo = company, company.people.theo  # who approved the app
    before = standing(stage_2)
    with pytest.raises(DutyConflict) as caught:
        come_in(c, theo)
    assert caught.value.refusal.code == "SOD-1"
    event = LedgerEvent.objects.latest("pk")
    assert (event.outcome, event.code) == ("refused", "SOD-1")
    assert standing(stage_2) == before, "nothing of it was kept"
    assert not stage_2.parties.filter(person=theo).exists()


def standing(submission: Submission) -> tuple[object, ...]:
    """All that somebody who came in could have changed."""
    automation = Automation.objects.get(pk=submission.automation_id)
    return (
        automation.amendment,
        automation.purpose,
        automation.technical_owner,
        automation.versions.count(),
        submission.parties.count(),
        VersionAuthor.objects.count(),
    )


@pytest.mark.rule("S1", "S5")
def test_decider_does_not_rewrite_description(company: Company) -> None:
    c, n = company, company.people
    manifest = manual_description.describe_manually(
        name="Stock", kind="script", platform="cron", privileges=[], external_id="stock-1"
    )
    fields = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Counts."}
    version = registered(n.finance_ops, actor=as_actor(n.rita), now=c.now, manifest=manifest, fields=fields)
    made = scenarios.submitted(c, version)
    decide.ask_for_changes(
        scenarios.app_of(made),
        actor=as_actor(n.theo),
        now=c.now,
        reason="Of what?",
        shown_digest=scenarios.shown(scenarios.app_of(made)),
    )
    with pytest.raises(DutyConflict) as caught:
        registered(
            n.finance_ops,
            actor=as_actor(n.theo),
            now=c.now,
            manifest=manifest,
            fields={"purpose": "Counts what is in stock."},
        )
    assert caught.value.refusal.code == "SOD-1"
    assert not made.parties.filter(person=n.theo).exists()


@pytest.mark.rule("S1", "A11")
def test_nobody_writes_as_delegate_around_a_decision(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    fields = {"purpose": "Says what is in stock."}
    for_theo = as_delegate(n.tom, giver=n.theo)
    with pytest.raises(DutyConflict) as caught:
        confirmation.amend_automation(stage_2.automation, actor=for_theo, now=c.now, fields=fields)
    assert n.theo.name in caught.value.refusal.sentence
    scenarios.approve(stock_report.privilege_on(stage_2, c.slack), n.omar, now=c.now)
    for_bram = as_delegate(n.omar, giver=n.bram)
    with pytest.raises(DutyConflict, match=r"^SOD-1: You decided in its open submission. A person"):
        confirmation.amend_automation(stage_2.automation, actor=for_bram, now=c.now, fields=fields)


@pytest.mark.rule("S1", "A14")
def test_decider_does_not_resubmit(company: Company, stage_2: Submission) -> None:
    newer = stock_report.version(company, stock_report.one_more_channel)
    with pytest.raises(DutyConflict) as caught:
        scenarios.submitted(company, newer, by=company.people.theo)
    assert caught.value.refusal.code == "SOD-1"
    stage_2.refresh_from_db()
    assert stage_2.state == SubmissionState.OPEN
    assert scenarios.submitted(company, newer, by=company.people.bram).continues == stage_2


@pytest.mark.rule("S1")
def test_decider_is_barred_until_submission_is_in_force(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    scenarios.reject(stock_report.privilege_on(stage_2, c.slack), n.omar, now=c.now)
    stock_report.decide_rest(c, stage_2)
    assert stage_2.state == SubmissionState.DECIDED
    with pytest.raises(DutyConflict, match=r"^SOD-1: You decided in its open submission. A person"):
        as_editor(c, n.theo)
    put_in_force.accept_subset(stage_2, actor=as_actor(n.jonas), now=c.now)
    as_editor(c, n.theo)
    assert Automation.objects.get(pk=stage_2.automation_id).amendment == {"purpose": "Says what is in stock."}


@pytest.mark.rule("S1")
def test_earlier_decider_may_write_and_becomes_party(company: Company, live: Submission) -> None:
    c, theo = company, company.people.theo
    newer = stock_report.submitted(c, stock_report.one_more_channel)  # rests on the app that Theo approved
    as_editor(c, theo)
    assert newer.parties.filter(person=theo, capacity="editor").exists()


@pytest.mark.rule("S1", "S5")
def test_database_refuses_decider_as_party(company: Company, stage_2: Submission) -> None:
    insert = "INSERT INTO approvals_party (submission_id, person_id, capacity) VALUES (%s, %s, 'editor')"
    with database_refuses("SOD-1: an approver of submission # cannot become a party of it"):
        sql(insert, stage_2.pk, company.people.theo.pk)
    sql(insert, stage_2.pk, company.people.bram.pk)


@pytest.mark.rule("S1")
def test_page_offers_decider_no_change_and_preview_explains(
    company: Company, stage_2: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    c, n = company, company.people
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: c.now)
    change = f"/automations/{stage_2.automation_id}/amend/"
    assert change in client_of(n.bram).get(f"/automations/{stage_2.automation_id}/").content.decode()
    assert change not in client_of(n.theo).get(f"/automations/{stage_2.automation_id}/").content.decode()
    theo = Build.by(n.theo)
    again = theo.import_item(content=stock_report.source(stock_report.one_more_channel))
    assert "You decided in its open submission" in theo.see(again)
    same = theo.import_item(content=stock_report.source())
    assert "You decided in its open submission" not in theo.see(same), "the same file again changes nothing"
