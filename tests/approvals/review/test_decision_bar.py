"""The decision bar: several approvals with one reason, each bound to what was shown, and what the page says before and after (A6, A7, A8, S6)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Approval, ApprovalState, ConflictSignature, Decision, Submission
from approvals.review.views import decision_bar
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.decisions.test_extra_approval import DECIDED, WITH_ONE_UNDECIDED, in_conflict
from tests.approvals.review.test_focus_after_decision import FOUR_OPEN
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


def press(person: Person, records: list[Approval], decision: str = "approve", **fields: Any) -> Any:
    """Press a button of the bar with some approvals selected, with scripts."""
    form = {"decision": decision, "reason": "Needed for the report.", "approval": [record.pk for record in records]}
    form |= {f"shown_digest-{record.pk}": scenarios.shown(record) for record in records}
    where = reverse("decide", args=[records[0].submission_id])
    return client_of(person).post(where, {**form, **fields}, headers={"HX-Request": "true", "HX-Target": "rows"})


def states(records: list[Approval]) -> list[str]:
    """The present states of some approvals."""
    return list(
        Approval.objects.filter(pk__in=[record.pk for record in records]).order_by("pk").values_list("state", flat=True)
    )


def page_of(person: Person, submission: Submission, query: str = "") -> str:
    """The review page as a person reads it."""
    page = client_of(person).get(reverse("review", args=[submission.pk]) + query).content.decode()
    return re.sub(r"\s+", " ", page)


@pytest.fixture
def records(start: Submission) -> list[Approval]:
    """The approvals of stage 2, as they stand on the page."""
    return list(start.approvals.filter(stage=2).order_by("pk"))


@pytest.mark.rule("A7")
@FOUR_OPEN
def test_several_need_a_selection_a_reason_and_approvals_of_this_submission(
    company: Company, records: list[Approval]
) -> None:
    omar = company.people.omar
    nothing = press(omar, records, approval=[])
    assert nothing.status_code == 422
    assert "Select at least one approval." in nothing.content.decode()
    unsaid = press(omar, records, reason=" ")
    assert unsaid.status_code == 422
    assert "Say why: the reason stands with each decision." in unsaid.content.decode()
    other = scenarios.app_of(submitted_script(company, "Beta", 3))
    assert press(omar, records, approval=[records[0].pk, other.pk]).status_code == 404
    assert press(company.people.theo, records).status_code == 409
    assert set(states(records)) == {ApprovalState.OPEN}


@pytest.mark.rule("A6")
@FOUR_OPEN
def test_a_changed_row_among_several_decides_nothing_and_keeps_what_was_typed(
    company: Company, records: list[Approval]
) -> None:
    answer = press(company.people.omar, records, **{f"shown_digest-{records[2].pk}": "0" * 64})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert set(states(records)) == {ApprovalState.OPEN}
    row = page.partition(f'id="row-{records[2].pk}"')[2].partition('id="row-')[0]
    assert "This changed after the page was shown to you" in row
    assert "Needed for the report." in page.partition('id="reason"')[2].partition("</textarea>")[0]
    assert len(re.findall(r"data-row-select[^>]* checked", page)) == len(records)


@pytest.mark.rule("A7", "A8")
@FOUR_OPEN
def test_several_are_one_bulk_decision_and_rows_stay_in_place(company: Company, records: list[Approval]) -> None:
    answer = press(company.people.omar, records[:2], kept=[str(record.pk) for record in records])
    page = answer.content.decode()
    assert states(records) == [*[ApprovalState.APPROVED] * 2, *[ApprovalState.OPEN] * 2]
    assert len(set(Decision.objects.filter(approval__in=records).values_list("batch", "reason__text"))) == 1
    assert re.findall(r'id="row-(\d+)"', page) == [str(record.pk) for record in records]
    assert page.count("<span>You approved</span>") == 2
    assert "Approved 2." in page
    assert "Undo all 2<" in page
    assert "Yours to decide <span>2 remaining</span>" in page
    reloaded = page_of(company.people.omar, records[0].submission)
    assert re.findall(r'id="row-(\d+)"', reloaded)[0] == str(records[2].pk), "until the next page load"
    single = press(company.people.omar, records[2:3]).content.decode()
    assert ("Approved." in single, "Undo all" in single) == (True, False)


@pytest.mark.rule("A7")
def test_high_risk_is_left_out_of_several_and_the_page_says_so_before(
    company: Company, chaser_in_stage_2: Submission
) -> None:
    omar = company.people.omar
    page = page_of(omar, chaser_in_stage_2)
    mine = chaser_in_stage_2.approvals.filter(pk__in=re.findall(r'name="approval" value="(\d+)"', page)).order_by("pk")
    high = [record for record in mine if record.tier == "high"]
    assert high
    assert page.count('data-alone="high risk"') == len(high)
    refused = press(omar, high[:2]) if len(high) > 1 else None
    assert refused is None or refused.status_code == 409
    answer = press(omar, list(mine), "rest", approval=[])
    assert answer.status_code in (200, 422)
    assert set(states(high)) == {ApprovalState.OPEN}


@pytest.mark.rule("S6")
@DECIDED
def test_answer_to_an_extra_approval_redraws_the_conflicts_and_the_count_in_the_menu(
    plain: Company, start: Submission
) -> None:
    def count(page: str) -> str:
        """The number beside Approvals in the sidebar."""
        entry = page.partition('id="main-nav-entries"')[2].partition(">Approvals</span>")[2]
        return "".join(re.findall(r'^<span class="count">(\d+)', entry))

    before = page_of(plain.people.sana, start)
    assert ("Give the extra approval" in before, count(before)) == (True, "1")
    after = press(plain.people.sana, in_conflict(start)[:1]).content.decode()
    assert re.search(r'id="conflicts"[^>]* hx-swap-oob="true"', after)
    assert ("Give the extra approval" in after, count(after)) == (False, "")
    assert 'id="main-nav-entries" hx-swap-oob="true"' in after


@pytest.mark.rule("A7")
@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ([], ""),
        (["part of a conflict"], "1 is decided alone: part of a conflict"),
        (["high risk"] * 3, "3 are decided alone: high risk"),
        (["high risk", "somebody objected"], "2 are decided alone: high risk, somebody objected"),
    ],
)
def test_bar_says_how_many_are_left_out_and_why(reasons: list[str], words: str) -> None:
    assert decision_bar._apart_words(reasons) == words


@pytest.mark.rule("S6", "A7")
@DECIDED
def test_approvals_in_a_conflict_are_marked_as_such(plain: Company, start: Submission) -> None:
    assert page_of(plain.people.sana, start).count('data-alone="part of a conflict"') == 2


@pytest.mark.rule("A7")
@FOUR_OPEN
def test_term_of_a_row_opens_its_narrowing_for_the_approver_only(company: Company, records: list[Approval]) -> None:
    first = records[0]
    for person, expected in ((company.people.omar, 1), (company.people.rita, 0)):
        row = page_of(person, first.submission).partition(f'id="row-{first.pk}"')[2].partition('id="row-')[0]
        assert f"{first.term_days} days" in row
        assert len(re.findall(rf'<a class="fact-chip" href="[^"]*open={first.pk}#row-{first.pk}"', row)) == expected


@pytest.mark.rule("S6", "A8")
@WITH_ONE_UNDECIDED
def test_toast_of_an_extra_approval_counts_what_undo_takes_back(
    plain: Company, start: tuple[Submission, list[Approval]]
) -> None:
    sana, (made, waiting) = plain.people.sana, start
    answer = press(sana, waiting[:1]).content.decode()
    assert "Approved. The approval covers all 2 in the conflict." in answer
    assert "Undo all 2<" in answer
    given = Decision.objects.get(approval=waiting[0], seat__label="conflict")
    undo = reverse("undo", args=[made.pk, waiting[0].pk])
    undone = client_of(sana).post(undo, {"decision": given.pk, "all": "1"}, headers={"HX-Request": "true"})
    assert "Undone. You can decide again." in undone.content.decode()
    assert set(states(waiting)) == {ApprovalState.OPEN}


@pytest.mark.rule("A10")
def test_stepper_names_the_first_due_date_where_there_are_several(
    company: Company, chaser_in_stage_2: Submission
) -> None:
    dues = set(chaser_in_stage_2.approvals.filter(stage=2).values_list("due_at", flat=True))
    page = page_of(company.people.omar, chaser_in_stage_2)
    assert ("First due:" in page) == (len(dues) > 1)
    assert len(dues) > 1


@pytest.mark.rule("S6", "A7")
@DECIDED
def test_a_conflict_selected_as_a_whole_is_signed_once(plain: Company, start: Submission) -> None:
    waiting = in_conflict(start)
    page = page_of(plain.people.sana, start)
    assert page.count("data-signs") == len(waiting) == 2
    assert "Approve all in the conflict" in page
    assert press(plain.people.sana, waiting, reason="").status_code == 422
    assert press(plain.people.sana, waiting).status_code == 200
    assert set(states(waiting)) == {ApprovalState.APPROVED}
    assert ConflictSignature.objects.count() == 1
    given = Decision.objects.filter(approval__in=waiting, seat__label="conflict")
    assert set(given.values_list("batch", flat=True)) == {None}


@pytest.mark.rule("A8")
def test_a_row_that_the_reader_decided_says_who_is_next_and_shows_no_lock(
    company: Company, chaser_in_stage_2: Submission
) -> None:
    n, record = company.people, stock_report.privilege_on(chaser_in_stage_2, company.mail)
    scenarios.approve(record, n.mei, now=company.now)
    row = page_of(n.mei, chaser_in_stage_2).partition(f'id="row-{record.pk}"')[2].partition('id="row-')[0]
    assert re.search(r"You approved · waiting for [^<]*Sana Iqbal[^<]*\(security\)", row)
    assert "Not yours to decide" not in row


def two_open(c: Company) -> list[Approval]:
    """Two submissions in stage 2, each with one privilege that waits for Omar; of the second the approval."""
    made = [submitted_script(c, name, 1) for name in ("Beta", "Gamma")]
    for submission in made:
        scenarios.decide_app(c, submission)
    return [submission.approvals.get(stage=2) for submission in made]


@pytest.mark.rule("A8")
@starting_point("company", two_open)
def test_the_next_submission_of_the_queue_opens_after_the_last_decision(
    company: Company, start: list[Approval]
) -> None:
    omar, (first, second) = company.people.omar, start
    answer = press(omar, [second]).content.decode()
    assert f'href="{reverse("review", args=[first.submission_id])}">Next: Beta' in answer
    end = press(omar, [first]).content.decode()
    assert "You have decided everything of yours here." in end
    assert "Back to approvals" in end


@pytest.mark.rule("S6", "A7")
@DECIDED
@pytest.mark.parametrize("decision", ["reject", "ask"])
def test_parts_of_a_conflict_are_rejected_or_sent_back_one_by_one(
    plain: Company, start: Submission, decision: str
) -> None:
    waiting = in_conflict(start)
    page = press(plain.people.sana, waiting, decision).content.decode()
    assert set(states(waiting)) == {ApprovalState.OPEN}
    assert page.count("This is not decided together with others: part of a conflict.") == 2
    press(plain.people.sana, waiting[:1], decision)
    assert states(waiting)[0] == {"reject": ApprovalState.REJECTED, "ask": ApprovalState.CHANGES_ASKED}[decision]
