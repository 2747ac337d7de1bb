"""Who approves for whom so often that security is told, and what high risk takes then: a third signature from outside both teams (S10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals import pairs, policies, signal_sweeps, transitions
from approvals.models import Approval, ApprovalState, Submission
from approvals.pairs import Signal
from governance.controls.jobs import run_job
from governance.controls.mail_text import write
from governance.controls.models import JobRun, LedgerEvent, Notice
from governance.controls.refusals import DutyConflict, InvalidInput
from governance.controls.roles import Role
from tests import journeys
from tests.appointing import leave_fallback
from tests.approvals import mutually, stock
from tests.approvals.attempts import refused
from tests.approvals.bring_in.building import Build, connect
from tests.approvals.lightly import another, both
from tests.approvals.mutually import of_rita
from tests.approvals.test_alike import more_channels
from tests.ground import starting_point
from tests.journeys import Company
from tests.people import as_actor, as_delegate, give_role, joins, make_person
from tests.portal.signed_in import client_of

QUARTER = timedelta(days=90)


def found(c: Company, now: Any = None) -> list[Signal]:
    at = now or c.now
    return pairs.found(policies.in_force(at), at)


def apps_more(c: Company) -> list[Submission]:
    """Theo approved five apps of Rita's; policy approved the rest of the first."""
    edits = (both(another(f"rita{number}"), more_channels(more)) for number, more in enumerate((1, 1, 1, 2)))
    return [stock.app_approved(c, stock.submitted(c, edit)) for edit in edits]


APPS_MORE = starting_point("light_in_force", apps_more)


def rest_by_omar(c: Company) -> None:
    """And Omar approved all else of the four, but for one credential: 20 of 25 approvals."""
    for record in Approval.objects.filter(stage=2, state=ApprovalState.OPEN).order_by("pk")[:20]:
        journeys.approve(record, c.people.omar, now=c.now)


FOUR_FIFTHS = starting_point(APPS_MORE, rest_by_omar)


def chaser_of_four_times(c: Company) -> Submission:
    """High risk of Rita's, submitted when she and Theo have a signal."""
    return journeys.submitted(c)


OF_A_SIGNAL = starting_point("four_times", chaser_of_four_times)


# --- what is none -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10")
def test_approving_for_each_other_three_times_is_no_signal(company: Company, three_times: Submission) -> None:
    assert found(company) == []
    of_rita(company, "rita2")
    assert [one.kind for one in found(company)] == ["mutual"], "the fourth time is"
    assert found(company, company.now + QUARTER) == [], "and not for longer than the policy's days"


@pytest.mark.rule("S10", "A8")
def test_what_was_taken_back_counts_no_more(company: Company, four_times: Submission) -> None:
    record = stock.privilege_on(four_times, company.slack)
    journeys.retract(record, company.people.rita, now=company.now, reason="Not mine to say.")
    assert found(company) == []


@pytest.mark.rule("S10", "A14")
def test_what_carried_over_to_a_newer_version_was_said_once(company: Company, three_times: Submission) -> None:
    newer = stock.submitted(company, both(another("rita1"), stock.one_more_channel))
    assert newer.approvals.get(stage=1).carried_decisions.count() == 1
    assert found(company) == []


@pytest.mark.rule("S10")
def test_all_approvals_of_one_submission_are_no_signal(company: Company, stock_in_force: Submission) -> None:
    assert not found(company)


@pytest.mark.rule("S10")
@FOUR_FIFTHS
def test_four_fifths_of_a_builders_approvals_are_no_signal(company: Company) -> None:
    assert not found(company), "Omar gave 20 of 25"


@pytest.mark.rule("S10", "A13")
@APPS_MORE
def test_what_policy_approved_nobody_did(company: Company) -> None:
    (signal,) = found(company)
    assert (signal.kind, signal.times) == ("leaning", (5, 5)), "Theo decided the apps, policy what was low"


# --- what is one ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10")
def test_two_who_approve_for_each_other_four_times_are_a_signal(company: Company, four_times: Submission) -> None:
    made, n = Submission.objects.all(), company.people
    (signal,) = found(company)
    assert (signal.kind, signal.people, signal.times) == ("mutual", (n.rita.pk, n.theo.pk), (2, 2))
    assert signal.submissions == tuple(sorted((one.pk for one in made), reverse=True))
    policy = policies.in_force(company.now)
    assert pairs.partners((n.rita.pk,), policy, company.now) == {n.theo.pk}
    assert pairs.partners((n.theo.pk,), policy, company.now) == {n.rita.pk}
    assert pairs.partners((n.jonas.pk,), policy, company.now) == frozenset()
    said = pairs.words(signal, {n.rita.pk: n.rita.name, n.theo.pk: n.theo.name}, 90)
    assert said == "Rita Novak approved for Theo Brandt twice and Theo Brandt for Rita Novak twice in 90 days."


@pytest.mark.rule("S10", "A11")
def test_a_delegate_and_whom_they_stand_in_for_have_both_approved(company: Company, three_times: Submission) -> None:
    n = company.people
    made = stock.submitted(company, another("more"))
    app, actor = journeys.app_of(made), as_delegate(n.grace, giver=n.theo)
    transitions.approve(app, actor=actor, now=company.now, shown_digest=journeys.shown(app))
    (signal,) = found(company)
    assert signal.people == (n.rita.pk, n.theo.pk)


@pytest.mark.rule("S10")
@FOUR_FIFTHS
def test_more_than_four_fifths_from_one_person_are_a_signal(company: Company) -> None:
    n = company.people
    record = Approval.objects.get(stage=2, state=ApprovalState.OPEN)
    journeys.approve(record, n.omar, now=company.now)
    (signal,) = found(company)
    assert (signal.kind, signal.people, signal.times) == ("leaning", (n.omar.pk, n.rita.pk), (21, 26))
    assert pairs.partners((n.rita.pk,), policies.in_force(company.now), company.now) == {n.omar.pk}
    assert pairs.partners((n.omar.pk,), policies.in_force(company.now), company.now) == frozenset()


# --- who is told ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10", "R9")
def test_security_is_told_once_a_night_and_once_a_window(
    company: Company, four_times: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, at = company.people, company.now
    told = Notice.objects.filter(event=signal_sweeps.EVENT)
    monkeypatch.setattr("governance.controls.clock.now", lambda: at)
    run_job(signal_sweeps.JOB, signal_sweeps.sweep)
    assert {notice.recipient for notice in told} == {n.sana, n.viktor}
    letter = write(told.get(recipient=n.sana), None)
    assert "Rita Novak and Theo Brandt" in letter.subject
    assert "/signals/" in letter.text
    assert JobRun.objects.get(job=signal_sweeps.JOB).counts == {"looked": 1, "signals": 1, "told": 2}
    assert not signal_sweeps.is_due(at + timedelta(hours=3))
    assert signal_sweeps.sweep(at + timedelta(hours=3)) == {}
    next_night = at + timedelta(days=1)
    assert signal_sweeps.is_due(next_night)
    assert signal_sweeps.flag(next_night) == (1, 0), "whoever was told is not told again"


@pytest.mark.rule("S10")
def test_the_page_says_who_how_often_and_where_to_security_and_auditors_alone(
    company: Company, four_times: Submission, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("governance.controls.clock.now", lambda: company.now)
    n = company.people
    for person in (n.rita, n.theo, n.ines):
        assert client_of(person).get("/signals/").status_code == 403
    for person in (n.sana, n.yuki):
        client = client_of(person)
        with django_assert_max_num_queries(14):
            page = " ".join(client.get("/signals/").content.decode().split())
        assert "Rita Novak approved for Theo Brandt twice" in page
        assert all(f"/review/{one.pk}/" in page for one in Submission.objects.all())
    assert "/signals/" in client_of(n.sana).get("/ledger/").content.decode()
    assert "/signals/" not in client_of(n.ines).get("/ledger/").content.decode()


# --- the third signature ----------------------------------------------------------------------------------------------


def labels(record: Approval) -> list[str]:
    return list(record.seats.order_by("pk").values_list("label", flat=True))


@pytest.mark.rule("S10", "A9")
@OF_A_SIGNAL
def test_nobody_of_either_team_gives_the_third_signature(
    company: Company, start: Submission, django_assert_max_num_queries: Any
) -> None:
    made, n = start, company.people
    app = journeys.app_of(made)
    assert labels(app) == ["lead", "security", "outside"]
    journeys.approve(app, n.theo, now=company.now)
    journeys.approve(app, n.viktor, now=company.now)
    assert app.state == ApprovalState.OPEN, "two signatures are not enough"
    no = refused(transitions.approve, app, as_actor(n.bram), "A9", now=company.now)
    assert n.amara.name in no.to_do, "Bram is of Theo's and Rita's team, though he is a fallback owner"
    amara, path = client_of(n.amara), f"/review/{made.pk}/"
    amara.get(path)
    with django_assert_max_num_queries(26):  # who is of either team, and who has a signal, takes five
        page = amara.get(path).content.decode()
    assert "Your decision" in page
    journeys.approve(app, n.amara, now=company.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("S10", "A9")
@OF_A_SIGNAL
def test_nobody_who_has_such_a_signal_gives_it_either(
    company: Company, start: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    app = journeys.app_of(start)
    journeys.approve(app, n.theo, now=company.now)
    journeys.approve(app, n.viktor, now=company.now)
    mutually.as_if(monkeypatch, n.theo, n.amara)
    refused(transitions.approve, app, as_actor(n.amara), "A9", now=company.now)


@pytest.mark.rule("S10")
def test_it_is_asked_for_and_foreseen_whoever_of_them_submits(company: Company, four_times: Submission) -> None:
    n = company.people
    colleague = joins(make_person("Cole Ager"), n.finance_ops)
    version = journeys.brought_in(company)  # Rita's work
    build = Build.by(colleague)
    item = build.import_item("invoice-chaser.json", (journeys.EXPORTS / "invoice-chaser.json").read_bytes())
    build.post(item, build.typed(item, n.jonas))
    assert "from outside both teams" in build.see(item)
    assert labels(journeys.app_of(journeys.submitted(company, version, by=colleague))) == [
        "lead",
        "security",
        "outside",
    ]


@pytest.mark.rule("S10", "A9")
def test_where_nobody_is_left_for_the_third_signature_it_is_not_submitted(
    company: Company, four_times: Submission
) -> None:
    n = company.people
    leave_fallback(n.fallback, n.amara, now=company.now)
    with pytest.raises(InvalidInput) as caught:  # both reviewers sign the app then, and nobody is left for stage 2
        journeys.submitted(company)
    assert caught.value.refusal.code == "A9"
    rita = Build.by(n.rita)
    data = (journeys.EXPORTS / "invoice-chaser.json").read_bytes()
    item = rita.import_item("invoice-chaser.json", data)
    rita.post(item, rita.typed(item, n.jonas))
    assert "Not enough different people." in rita.see(item)


@pytest.mark.rule("S10")
@OF_A_SIGNAL
def test_what_is_not_high_risk_and_what_others_decide_takes_no_third(company: Company, start: Submission) -> None:
    standard = stock.submitted(company, another("standard"))
    assert all("outside" not in labels(record) for record in standard.approvals.all())
    high = start.approvals.filter(stage=2, tier="high", privilege__entitlement__resource=company.erp)
    assert high.exists()
    assert all(labels(record) == ["owner", "security"] for record in high), "Omar has no signal with Rita"


@pytest.mark.rule("S10", "A1")
def test_a_signal_that_comes_up_before_stage_2_opens_adds_a_third_and_its_end_takes_none_away(
    company: Company, chaser_submitted: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, n = chaser_submitted, company.people
    give_role(n.grace, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    record = made.approvals.get(privilege__entitlement__resource=company.erp, tier="high")
    assert labels(record) == ["owner", "security"]
    mutually.as_if(monkeypatch, n.omar)
    journeys.decide_app(company, made)
    assert labels(record) == ["owner", "security", "outside"]
    assert LedgerEvent.objects.filter(verb="approval.third_asked", subject_id=str(record.pk)).exists()
    monkeypatch.undo()
    record.refresh_from_db()
    journeys.approve(record, n.omar, now=company.now)
    journeys.approve(record, n.sana, now=company.now)
    assert record.state == ApprovalState.OPEN
    with pytest.raises(DutyConflict, match=r"^A9: Somebody before you on the ladder decides"):
        journeys.approve(record, n.amara, now=company.now)  # Omar's lead
    with pytest.raises(DutyConflict, match=r"^A9: Somebody before you on the ladder decides"):
        journeys.approve(record, n.bram, now=company.now)  # of Rita's team
    journeys.approve(record, n.grace, now=company.now)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("S10", "A9")
def test_the_preview_names_who_gives_it(company: Company, four_times: Submission) -> None:
    rita = Build.by(company.people.rita)
    data = (journeys.EXPORTS / "invoice-chaser.json").read_bytes()
    connect(company, data)
    item = rita.import_item("invoice-chaser.json", data)
    rita.post(item, rita.typed(item, company.people.jonas))
    page = " ".join(rita.see(item).split())
    assert "from outside both teams" in page
    assert company.people.amara.name in page


def partners_of_rita(c: Company) -> pairs.Partners:
    """Who has a signal with Rita, read a day later."""
    return pairs.Partners(frozenset({c.people.rita.pk}), policies.in_force(c.now), c.now + timedelta(days=1))


@pytest.mark.rule("S10")
def test_who_never_signed_often_is_not_asked_about_further(
    company: Company, three_times: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "partners", lambda *_: pytest.fail("everybody's decisions were read"))
    assert not partners_of_rita(company).has([company.people.theo])
    assert not partners_of_rita(company).has([company.people.omar])


@pytest.mark.rule("S10")
def test_who_signed_once_more_has_a_signal(company: Company, four_times: Submission) -> None:
    assert partners_of_rita(company).has([company.people.theo])
    assert not partners_of_rita(company).has([company.people.omar])
