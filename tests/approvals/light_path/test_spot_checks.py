"""A change of source that stage 1 was not asked about is noted, drawn by a seal, and looked at by somebody apart (A12, A13)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.assignment.escalation_chain import Bench
from approvals.light_path import jobs as light_path_jobs
from approvals.light_path import rules
from approvals.light_path.transitions import spot_checks as transitions
from approvals.models import Approval, Sample, SampleState, Submission
from approvals.models.submission import Capacity, Party
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.engine.transition import Transition
from governance.core.mail.mail_text import write
from governance.core.models import LedgerEvent, Notice, Person
from governance.recertification.items.answer_deadlines import review_instant
from governance.recertification.models import AnswerKind, Asks, ItemOutcome
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, AutomationState
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build
from tests.approvals.light_path.spot_checks import JOBS, changed, sealed
from tests.approvals.refusals import database_refuses, sql
from tests.ledger_records import recorded
from tests.matrix.cast_and_states import inside
from tests.people import as_actor, as_delegate
from tests.recertification.review_steps import opened, question, submit_answer
from tests.scenarios import Company
from tests.signed_in_client import client_of


def automation_of(sample: Sample) -> Automation:
    return Automation.objects.get(pk=sample.submission.automation_id)


def look(sample: Sample, actor: Any, verb: Transition[Sample] = transitions.find_fine, *, now: datetime) -> Sample:
    return verb(sample, actor=actor, now=now, reason="It mails the list out now.")


def no_verdict(sample: Sample) -> bool:
    sample.refresh_from_db()
    return sample.state == SampleState.OPEN and sample.looked_by is None


# --- who may not ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A12", "S1")
@pytest.mark.parametrize("verb", [transitions.find_fine, transitions.find_not_fine])
def test_a_party_does_not_look_at_it_and_the_attempt_is_on_record(
    company: Company, stock_drawn: Submission, verb: Transition[Sample]
) -> None:
    sample, sana = stock_drawn.samples.get(), company.people.sana
    Party.objects.create(submission=sample.submission, person=sana, capacity=Capacity.EDITOR)
    with pytest.raises(DutyConflict) as caught:
        look(sample, as_actor(sana), verb, now=company.now)
    assert caught.value.refusal.code == "SOD-1"
    assert "Viktor" in caught.value.refusal.to_do
    last = LedgerEvent.objects.latest("pk")
    assert (last.verb, last.outcome, last.code) == (verb.event, "refused", "SOD-1")
    assert no_verdict(sample)


@pytest.mark.rule("A12", "S1", "A11")
def test_delegate_of_reviewer_who_is_party_does_not_check(company: Company, stock_drawn: Submission) -> None:
    sample, n = stock_drawn.samples.get(), company.people
    Party.objects.create(submission=sample.submission, person=n.viktor, capacity=Capacity.EDITOR)
    with pytest.raises(DutyConflict) as caught:
        look(sample, as_delegate(n.viktor, giver=n.sana), now=company.now)
    assert caught.value.refusal.code == "SOD-1"
    assert no_verdict(sample)


@pytest.mark.rule("A12", "S2")
def test_privilege_decider_does_not_check_source_change(company: Company, live: Submission) -> None:
    n = company.people
    stock_report.hand_over(company, company.slack, n.sana, n.amara)
    newer = stock_report.submitted(company, stock_report.one_more_channel)
    scenarios.approve(newer.approvals.get(), n.sana, now=company.now)
    with sealed():
        sample = transitions.draw(newer.samples.get(), actor=JOBS, now=company.now)
    assert sample.asked == [n.viktor.pk]
    with pytest.raises(DutyConflict) as caught:
        look(sample, as_actor(n.sana), now=company.now)
    assert caught.value.refusal.code == "SOD-2"
    assert no_verdict(sample)


@pytest.mark.rule("A12", "S5")
def test_token_and_job_do_not_check(company: Company, stock_drawn: Submission) -> None:
    sample = stock_drawn.samples.get()
    with pytest.raises(DutyConflict) as caught:
        look(sample, as_actor(company.people.sana, None), now=company.now)
    assert caught.value.refusal.code == "SOD-5"
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        look(sample, JOBS, now=company.now)
    assert no_verdict(sample)


def fallback_of(company: Company) -> list[Person]:
    """Who may look where no reviewer is free."""
    return list(Bench.load(company.now).fallback)


@pytest.mark.rule("A12", "A9")
def test_a_fallback_owner_looks_only_where_no_reviewer_is_free(company: Company, stock_drawn: Submission) -> None:
    sample, n = stock_drawn.samples.get(), company.people
    fallback = fallback_of(company)[0]
    with pytest.raises(DutyConflict) as caught:
        look(sample, as_actor(fallback), now=company.now)
    assert caught.value.refusal.code == "A9"
    for reviewer in (n.sana, n.viktor):
        Party.objects.create(submission=sample.submission, person=reviewer, capacity=Capacity.EDITOR)
    assert light_path_jobs.pass_on_due(company.now, JOBS) == 1
    assert light_path_jobs.pass_on_due(company.now, JOBS) == 0
    assert Notice.objects.filter(event="sample_drawn", recipient=fallback).count() == 1
    sample.refresh_from_db()
    assert look(sample, as_actor(fallback), now=company.now).state == SampleState.FINE


@pytest.mark.rule("A12")
def test_failed_check_needs_reason_and_right(company: Company, stock_drawn: Submission) -> None:
    sample = stock_drawn.samples.get()
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        transitions.find_not_fine(sample, actor=as_actor(company.people.sana), now=company.now)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        look(sample, as_actor(company.people.theo), transitions.find_not_fine, now=company.now)
    assert no_verdict(sample)
    assert automation_of(sample).state == AutomationState.LIVE


@pytest.mark.rule("S5", "S1")
def test_the_database_refuses_a_partys_look_and_a_second_draw(company: Company, stock_drawn: Submission) -> None:
    sample = stock_drawn.samples.get()
    write_look = "UPDATE approvals_sample SET state = 'fine', looked_by_id = %s, looked_at = now() WHERE id = %s"
    with database_refuses("SOD-1: a party cannot spot-check submission #"):
        sql(write_look, company.people.rita.pk, sample.pk)
    with database_refuses("A13: spot check # was drawn and stays as it was"):
        sql("UPDATE approvals_sample SET drawn_from_seal = 8 WHERE id = %s", sample.pk)
    for undone in ("state = 'waiting'", "state = 'not_drawn'", "due_at = due_at + interval '1 year'", "due_at = NULL"):
        with database_refuses("A13: spot check # was drawn and stays as it was"):
            sql(f"UPDATE approvals_sample SET {undone} WHERE id = %s", sample.pk)
    with database_refuses("Cannot delete"):
        sql("DELETE FROM approvals_sample WHERE id = %s", sample.pk)
    with database_refuses("sample_verdict_has_its_looker"):
        sql("UPDATE approvals_sample SET state = 'fine' WHERE id = %s", sample.pk)
    look(sample, as_actor(company.people.sana), now=company.now)
    with database_refuses("A13: spot check # was drawn and stays as it was"):
        sql("UPDATE approvals_sample SET state = 'open', looked_by_id = NULL WHERE id = %s", sample.pk)


# --- what is noted and drawn ------------------------------------------------------------------------------------------


@pytest.mark.rule("A12")
def test_change_decided_in_stage_1_or_without_source_change_is_not_noted(company: Company, live: Submission) -> None:
    assert not Sample.objects.exists(), "the first version was asked about"
    newer = scenarios.decide_all(company, stock_report.submitted(company, stock_report.started_by_hand))
    assert newer.approvals.filter(stage=1).exists()
    assert not Sample.objects.exists()


@pytest.mark.rule("A12")
def test_a_source_that_changes_along_with_a_privilege_is_noted_too(company: Company, live: Submission) -> None:
    newer = stock_report.decide_rest(company, stock_report.submitted(company, stock_report.one_more_channel))
    (sample,) = newer.samples.all()
    assert (sample.state, sample.before) == (SampleState.WAITING, live.version)
    events = LedgerEvent.objects.filter(verb="sample.noted", about__contains=[f"approvals.submission:{newer.pk}"])
    assert events.get().payload["after"] == newer.version.source_digest


@pytest.mark.rule("A12", "A13")
def test_draw_waits_for_seal_without_refusal(company: Company, live: Submission) -> None:
    sample = changed(company)
    assert light_path_jobs.draw_spot_checks(company.now, JOBS) == 0
    assert not LedgerEvent.objects.filter(outcome="refused", actor_kind="job").exists()
    with pytest.raises(OutOfTurn, match=r"^A13: The ledger is not sealed so far"):
        transitions.draw(sample, actor=JOBS, now=company.now)


@pytest.mark.rule("A12", "A13")
def test_undrawn_change_is_settled(company: Company, live: Submission) -> None:
    sample = changed(company)
    with sealed(falls=False):
        assert light_path_jobs.draw_spot_checks(company.now, JOBS) == 1
        assert light_path_jobs.draw_spot_checks(company.now, JOBS) == 0
    sample.refresh_from_db()
    assert (sample.state, sample.drawn_from_seal, sample.asked) == (SampleState.NOT_DRAWN, 7, [])
    payload = recorded("sample.drawn", sample, by=JOBS)
    assert payload == {"seal": 7, "one_in": 10, "from": "waiting", "to": "not_drawn"}
    assert not LedgerEvent.objects.filter(verb="sample.opened").exists()
    assert not Notice.objects.filter(event="sample_drawn").exists()


@pytest.mark.rule("A13")
def test_one_in_ten_is_drawn_deterministically_per_seal() -> None:
    def numbers_drawn(word: bytes) -> set[int]:
        seal = hashlib.sha256(word).hexdigest()
        return {number for number in range(1, 1001) if rules.is_selected(seal, str(number), 10)}

    first, second = numbers_drawn(b"one"), numbers_drawn(b"two")
    assert 60 <= len(first) <= 140
    assert numbers_drawn(b"one") == first
    assert len(first & second) < 30


@pytest.mark.rule("A12", "A13", "H8")
def test_independent_reviewers_are_asked_for_five_days(company: Company, stock_drawn: Submission) -> None:
    sample, n = stock_drawn.samples.get(), company.people
    assert sample.asked == [n.sana.pk, n.viktor.pk]
    payload = recorded("sample.drawn", sample, by=JOBS)
    assert payload["asked"] == [str(n.sana.opaque_id), str(n.viktor.opaque_id)]
    assert recorded("sample.opened", sample, by=JOBS) == {}
    assert sample.due_at is not None
    assert 5 <= (sample.due_at - company.now).days <= 8
    letter = write(Notice.objects.get(event="sample_drawn", recipient=n.sana), None)
    assert "drawn by chance" in " ".join(letter.text.split())
    assert f"/samples/{sample.pk}/" in letter.text
    later = company.now + (sample.due_at - company.now) * 0.6
    assert (light_path_jobs.remind(later), light_path_jobs.remind(later)) == (2, 0)
    assert light_path_jobs.remind(sample.due_at - timedelta(hours=3)) == 2


# --- what comes of it -------------------------------------------------------------------------------------------------


@pytest.mark.rule("A12")
def test_passed_check_names_reviewer(company: Company, stock_drawn: Submission) -> None:
    sample, sana = stock_drawn.samples.get(), company.people.sana
    look(sample, as_actor(sana), now=company.now)
    assert (sample.state, sample.looked_by) == (SampleState.FINE, sana)
    assert automation_of(sample).state == AutomationState.LIVE
    with pytest.raises(OutOfTurn, match=r"^STATE: This sample is fine, so this can't"):
        look(sample, as_actor(company.people.viktor), transitions.find_not_fine, now=company.now)


@pytest.mark.rule("A12", "A11")
def test_a_stand_in_looks_for_the_reviewer_and_both_are_named(company: Company, stock_drawn: Submission) -> None:
    sample, n = stock_drawn.samples.get(), company.people
    look(sample, as_delegate(n.viktor, giver=n.sana), now=company.now)
    assert (sample.looked_by, sample.looked_for) == (n.viktor, n.sana)


def not_fine(company: Company) -> Sample:
    sample = Sample.objects.get()
    return look(sample, as_actor(company.people.sana), transitions.find_not_fine, now=company.now)


def unseen(company: Company) -> Sample:
    sample = Sample.objects.get()
    assert sample.due_at is not None
    assert light_path_jobs.lapse_due(sample.due_at - timedelta(seconds=1), JOBS) == 0
    assert light_path_jobs.lapse_due(sample.due_at, JOBS) == 1
    assert light_path_jobs.lapse_due(sample.due_at, JOBS) == 0
    sample.refresh_from_db()
    return sample


@pytest.mark.rule("A12", "A13")
@pytest.mark.parametrize(
    ("ended", "state", "mail"),
    [
        (not_fine, SampleState.NOT_FINE, "sample_not_fine"),
        (unseen, SampleState.UNANSWERED, "sample_unseen"),
    ],
)
def test_failed_or_overdue_check_suspends_until_stage_1(
    company: Company, stock_drawn: Submission, ended: Callable[[Company], Sample], state: str, mail: str
) -> None:
    sample, n = ended(company), company.people
    automation = automation_of(sample)
    assert (sample.state, automation.state) == (state, AutomationState.SUSPENDED)
    by, why = (n.sana, "sample") if ended is not_fine else (JOBS, "sample_silence")
    assert recorded("automation.suspended", automation, by=by) == {"why": why, "from": "live", "to": "suspended"}
    assert Notice.objects.filter(event=mail, recipient=n.jonas).count() == 1
    at = sample.due_at or company.now
    with pytest.raises(Refused, match=r"^G5: It isn't stopped: a spot check suspended it until"):
        lifecycle.resume(automation, actor=as_actor(n.jonas), now=at, reason="Please.")
    with inside(automation, JOBS, at):
        lifecycle.reinstate(automation, actor=JOBS, now=at)
    assert automation_of(sample).state == AutomationState.SUSPENDED, "a review's answer does not lift it"
    again = scenarios.submitted(company, sample.submission.version, now=at + timedelta(hours=1))
    app: Approval = scenarios.app_of(again)
    assert app.reasons == ["A look at what changed suspended it."]
    scenarios.approve(app, n.theo, now=at + timedelta(hours=2))
    assert automation_of(sample).state == AutomationState.LIVE


@pytest.mark.rule("A13", "S5")
def test_check_after_deadline_is_refused_before_sweep(company: Company, stock_drawn: Submission) -> None:
    sample = stock_drawn.samples.get()
    assert sample.due_at is not None
    with pytest.raises(OutOfTurn) as caught:
        look(sample, as_actor(company.people.sana), now=sample.due_at)
    assert caught.value.refusal.code == "A13"


@pytest.mark.rule("A12", "R4")
def test_recertification_does_not_lift_failed_check(company: Company, live: Submission) -> None:
    sample, automation = changed(company), Automation.objects.get(pk=live.automation_id)
    assert automation.review_on is not None
    at = review_instant(automation.review_on) - timedelta(days=20)
    item = opened(automation, at)
    with sealed():
        transitions.draw(sample, actor=JOBS, now=at)
    look(sample, as_actor(company.people.sana), transitions.find_not_fine, now=at)
    submit_answer(question(item, Asks.NEEDED), AnswerKind.KEEP, now=at)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.KEPT
    assert automation_of(sample).state == AutomationState.SUSPENDED


@pytest.mark.rule("A12", "L1")
def test_retired_automation_is_not_checked(company: Company, stock_drawn: Submission) -> None:
    sample = stock_drawn.samples.get()
    lifecycle.retire(automation_of(sample), actor=as_actor(company.people.jonas), now=company.now, reason="Gone.")
    sample.refresh_from_db()
    assert sample.state == SampleState.NOT_APPLICABLE
    payload = recorded("sample.closed", sample, by=company.people.jonas)
    assert payload == {"from": "open", "to": "not_applicable"}
    assert sample.due_at is not None
    assert light_path_jobs.lapse_due(sample.due_at, JOBS) == 0


@pytest.mark.rule("A12", "A13")
def test_later_stage_1_decision_replaces_check(company: Company, stock_drawn: Submission) -> None:
    sample = stock_drawn.samples.get()

    def another_source_and_trigger(export: dict[str, Any]) -> None:
        stock_report.started_by_hand(export)
        stock_report.node(export, ".postgres")["parameters"]["options"]["outputColumns"] = ["sku", "on_hand"]

    stock_report.in_force(company, another_source_and_trigger)
    sample.refresh_from_db()
    assert sample.state == SampleState.NOT_APPLICABLE
    assert sample.due_at is not None
    assert light_path_jobs.lapse_due(sample.due_at + timedelta(days=1), JOBS) == 0
    with pytest.raises(OutOfTurn, match=r"^STATE: This sample is not applicable, so this"):
        look(sample, as_actor(company.people.sana), transitions.find_not_fine, now=company.now)
    assert automation_of(sample).state == AutomationState.LIVE


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A12")
def test_all_pages_show_check_with_changes_to_reviewers(
    company: Company, stock_drawn: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now)
    sample, n = stock_drawn.samples.get(), company.people
    reviewer, party = client_of(n.sana), client_of(n.rita)
    for page in ("/", "/approvals/"):
        assert f"/samples/{sample.pk}/" in reviewer.get(page).content.decode()
        assert f"/samples/{sample.pk}/" not in party.get(page).content.decode()
    shown = reviewer.get(f"/samples/{sample.pk}/").content.decode()
    assert "From version 1 to 2" in shown
    assert "Not fine: suspend it" in shown
    locked = party.get(f"/samples/{sample.pk}/").content.decode()
    assert "Not fine: suspend it" not in locked
    assert "It takes somebody who may do this spot check." in locked
    automation = party.get(f"/automations/{sample.submission.automation_id}/?tab=timeline").content.decode()
    assert "was drawn for a spot check" in automation


@pytest.mark.rule("A12", "A13")
def test_the_preview_says_that_it_may_be_drawn(
    company: Company, live: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now)
    rita = Build.by(company.people.rita)
    sentence = "One such change in 10 gets a spot check"
    assert sentence in rita.see(rita.import_item(content=stock_report.source(stock_report.another_order)))
    assert sentence not in rita.see(rita.import_item(content=stock_report.source(stock_report.without_slack)))


@pytest.mark.rule("A12")
def test_the_page_says_that_another_version_is_in_force_by_now(company: Company, stock_drawn: Submission) -> None:
    sample, sana = stock_drawn.samples.get(), client_of(company.people.sana)
    number = sample.submission.version.number
    assert f"version {number} is in force" in sana.get(sample.href).content.decode()

    def both(export: dict[str, Any]) -> None:
        stock_report.another_order(export)
        stock_report.started_by_hand(export)

    newer = stock_report.submitted(company, both)
    scenarios.approve(scenarios.app_of(newer), company.people.theo, now=company.now)
    page = sana.get(sample.href).content.decode()
    assert f"version {number} was in force" in page
    assert f"version {number} is in force" not in page


@pytest.mark.rule("A12")
def test_check_form_keeps_input_and_names_missing_fields(
    company: Company, stock_drawn: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now)
    sample, client = stock_drawn.samples.get(), client_of(company.people.sana)
    path = f"/samples/{sample.pk}/"
    answer = client.post(path, {"verdict": "not_fine", "reason": " "})
    assert (answer.status_code, no_verdict(sample)) == (422, True)
    answer = client.post(path, {"verdict": "", "reason": "Half a thought"})
    assert answer.status_code == 422
    assert "Half a thought" in answer.content.decode()
    assert client.post(path, {"verdict": "not_fine", "reason": "It mails customers."}).status_code == 302
    assert automation_of(sample).state == AutomationState.SUSPENDED
    assert "It mails customers." in client.get(path).content.decode()
