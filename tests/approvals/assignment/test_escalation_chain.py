"""Whose turn it is, so that what is submitted can be decided to its end: nobody is asked into a dead end (A8, A9, S2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.assignment.context import load_context
from approvals.assignment.escalation_chain import Eligibility, Rung, next_approvers
from approvals.assignment.matching import Question, shortage, shortage_after
from approvals.assignment.seat_state import SeatState
from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Seat, Submission, SubmissionState
from governance.core.models import Person
from tests import scenarios
from tests.appointments import name_leads, record_leaver
from tests.approvals import stock_report
from tests.approvals.proposals import policy_proposals
from tests.approvals.refusals import refused
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import given as given_to


def leaves(c: Company, *people: Person) -> None:
    """People leave."""
    for person in people:
        record_leaver(person, actor=as_actor(c.people.ines), now=c.now, reason="Left.")


def seats(c: Company, record: Approval) -> dict[str, SeatState]:
    """How the seats of a record stand."""
    fresh = Approval.objects.get(pk=record.pk)
    return {seat.label: seat for seat in load_context(fresh.submission, c.now).route.standing(fresh)}


@pytest.mark.rule("A9", "S2")
def test_deputy_may_decide_app_if_lead_is_needed_for_privilege(company: Company, for_theo_alone: Submission) -> None:
    c, n = company, company.people
    app = scenarios.app_of(for_theo_alone)
    refused(decide.approve, app, as_actor(n.mei), "PERMISSION", now=c.now, kind="permission")
    scenarios.approve(app, n.bram, now=c.now)
    assert app.seats.get().candidates.get(person=n.bram).basis == "deputy lead"
    for record in app.submission.approvals.filter(stage=2).order_by("pk"):
        assert record.state == ApprovalState.OPEN
        scenarios.finish(c, record, now=c.now)
    assert Submission.objects.get(pk=app.submission_id).state == SubmissionState.IN_FORCE


@pytest.mark.rule("A9")
def test_both_are_asked_from_the_beginning_and_the_lead_is_not_locked_out(
    company: Company, for_theo_alone: Submission
) -> None:
    c, n = company, company.people
    app = scenarios.app_of(for_theo_alone)
    candidates = app.seats.get().candidates.order_by("order").values_list("person__name", "basis")
    assert list(candidates) == [("Theo Brandt", "lead"), ("Bram Visser", "deputy lead")]
    assert decide.approve.refusal(app, actor=as_actor(n.theo), now=c.now) is None


@pytest.mark.rule("A9")
def test_deputy_is_not_asked_if_lead_leaves_enough_people(company: Company) -> None:
    c, n = company, company.people
    stock_report.hand_over(c, c.slack, n.theo, n.rita)  # and after Theo there is Amara, who leads the owner's team
    app = scenarios.app_of(stock_report.submitted(c))
    refused(decide.approve, app, as_actor(n.bram), "A9", now=c.now)
    assert app.seats.get().candidates.get().person == n.theo


@pytest.mark.rule("A9")
def test_only_first_is_asked_if_no_assignment_is_complete(company: Company, for_theo_alone: Submission) -> None:
    c, n = company, company.people
    app = scenarios.app_of(for_theo_alone)
    leaves(c, n.theo)  # the approval on Slack is lost under every decision
    app = Approval.objects.get(pk=app.pk)
    standing = seats(c, app)["lead"]
    assert (standing.basis, standing.may_decide, standing.beside) == ("deputy lead", (n.bram,), None)
    assert load_context(app.submission, c.now).route.would_strand(app, as_actor(n.bram)), (
        "and reads it before the click"
    )


@pytest.mark.rule("A9", "A11")
def test_a_delegates_decision_uses_up_both_so_the_warning_counts_both(
    company: Company, for_theo_alone: Submission
) -> None:
    c, n = company, company.people
    app = scenarios.app_of(for_theo_alone)
    stand_in = as_delegate(n.theo, giver=n.bram)
    assert load_context(app.submission, c.now).route.would_strand(app, as_actor(n.bram)) == []
    assert load_context(app.submission, c.now).route.would_strand(app, stand_in)


@pytest.mark.rule("A9")
def test_the_page_says_why_both_are_asked_and_warns_the_first_before_the_click(
    company: Company, for_theo_alone: Submission
) -> None:
    n = company.people
    app = scenarios.app_of(for_theo_alone)
    why = "Bram Visser (deputy lead) may decide this too: if Theo Brandt does, nobody is left to decide “Post"
    warning = "If you decide this, nobody is left to decide “Post"

    def page(reader: Person) -> str:
        answer = client_of(reader).get(f"/review/{app.submission_id}/")
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))

    assert why in page(n.rita)
    assert "Approve the app" not in page(n.rita)
    for reader, is_warned in ((n.theo, True), (n.bram, False)):
        text = page(reader)
        assert why in text
        assert "Approve the app" in text
        assert (warning in text) == is_warned


def of_sana(c: Company) -> Submission:
    """The invoice chaser in stage 2, where Sana owns the mailbox; Viktor has signed the app for security, and is used up."""
    policy_proposals.security_signs_apps(c)
    stock_report.hand_over(c, c.mail, c.people.sana, c.people.amara)
    made = scenarios.submitted(c)
    scenarios.decide_app(c, made)
    return made


@pytest.mark.rule("A8", "A9")
@starting_point("company", of_sana)
@pytest.mark.parametrize("owner_first", [True, False])
def test_person_indispensable_for_a_seat_fills_that_seat(
    company: Company, start: Submission, owner_first: bool
) -> None:
    """Sana owns the mailbox and is the only reviewer who may sign for security: the owner's signature is its deputy's."""
    c, n, chaser = company, company.people, start
    record = chaser.approvals.filter(tier="high", privilege__entitlement__resource=c.mail).earliest("pk")
    refused(decide.approve, record, as_actor(n.viktor), "SOD-2", now=c.now)
    standing = seats(c, record)
    assert (standing["owner"].may_decide, standing["security"].may_decide) == ((n.amara,), (n.sana,))
    assert [(skipped.person, skipped.code) for skipped in standing["owner"].skipped] == [(n.sana, "A8")]
    for person in (n.amara, n.sana) if owner_first else (n.sana, n.amara):
        scenarios.approve(record, person, now=c.now)
    assert record.state == ApprovalState.APPROVED


def led_by_viktor(c: Company) -> Submission:
    """A high-risk report, as Slack holds restricted data, of a team that Viktor leads, who reviews security too."""
    n = c.people
    policy_proposals.security_signs_apps(c)
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.viktor, deputy_lead=n.bram)
    given_to(c.slack, data_class="restricted")
    return stock_report.submitted(c)


LED_BY_VIKTOR = starting_point("company", led_by_viktor)


def signed_by_both(c: Company) -> Submission:
    """Viktor signed the app for security, and Bram as deputy lead."""
    made = stock_report.newest(c)
    for person in (c.people.viktor, c.people.bram):
        scenarios.approve(scenarios.app_of(made), person, now=c.now)
    return made


@pytest.mark.rule("A8", "A9", "S2")
@LED_BY_VIKTOR
def test_person_with_two_seats_fills_the_safer_one(company: Company, start: Submission) -> None:
    """Viktor leads the team too. As lead he would need Sana beside him, and nobody would be left to sign for stage 2's security."""
    c, n = company, company.people
    app = scenarios.app_of(start)
    refused(decide.approve, app, as_actor(n.amara), "A9", now=c.now)
    assert seats(c, app)["lead"].may_decide == (n.viktor, n.bram)
    scenarios.approve(app, n.viktor, now=c.now)
    assert app.decisions.get().seat.label == "security"
    scenarios.approve(app, n.bram, now=c.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("A8", "A9", "S2")
@starting_point(LED_BY_VIKTOR, signed_by_both)
def test_backup_assignment_leaves_enough_approvers(company: Company, start: Submission) -> None:
    c = company
    assert start.approvals.filter(stage=2, tier="high", state=ApprovalState.OPEN).count() == 2
    for record in start.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
        scenarios.finish(c, record, now=c.now)
    assert Submission.objects.get(pk=start.pk).state == SubmissionState.IN_FORCE


# --- whatever the escalation chains: enough people on paper are enough people in fact ------------------------------------------


def person(number: int) -> Person:
    return Person(pk=number, name=f"Person {number}")


escalation_chains = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=2), min_size=1, max_size=3).map(
    lambda rungs: [Rung(f"rung {n}", tuple(map(person, dict.fromkeys(who)))) for n, who in enumerate(rungs)]
)
records = st.lists(escalation_chains, min_size=1, max_size=2)


class Play:
    """Stage 1 and stage 2, each seat decided by somebody whose turn it is; a party is nobody here.

    Args:
        app: the escalation chains of stage 1's seats.
        second: those of each record of stage 2.
    """

    def __init__(self, app: list[list[Rung]], second: list[list[list[Rung]]]) -> None:
        self.escalation_chains = {(1, 0): app, **{(2, n): chain for n, chain in enumerate(second)}}
        self.filled: dict[tuple[int, int], dict[str, int]] = {key: {} for key in self.escalation_chains}

    def gone(self, key: tuple[int, int]) -> set[int]:
        """Who may not decide a record: who filled another seat of it, or a seat of the other stage."""
        stage_1 = set(self.filled[1, 0].values())
        return set(self.filled[key].values()) | (stage_1 if key[0] == 2 else set())

    def question(self, key: tuple[int, int]) -> Question:
        """What is open of a record."""
        left = [
            (str(n), rungs) for n, rungs in enumerate(self.escalation_chains[key]) if str(n) not in self.filled[key]
        ]
        free = [
            (label, tuple(person for rung in rungs for person in rung.people if person.pk not in self.gone(key)))
            for label, rungs in left
        ]
        return Question(str(key), key[0], tuple((label, who) for label, who in free))

    def open(self) -> Iterator[tuple[tuple[int, int], str]]:
        """Open seats of stage 1; of stage 2 once that is decided."""
        for key, seats in self.escalation_chains.items():
            if key[0] == 1 or len(self.filled[1, 0]) == len(self.escalation_chains[1, 0]):
                yield from ((key, str(n)) for n in range(len(seats)) if str(n) not in self.filled[key])

    def good(self, key: tuple[int, int], label: str) -> list[Person]:
        """Whose turn it is in a seat and who are not warned."""
        others = [self.question(other) for other in self.escalation_chains if other[0] == 2] if key[0] == 1 else []
        question = self.question(key)

        def short_after(person: Person) -> list[str]:
            return shortage_after(question, label, [person], others)

        judge = Eligibility(
            lambda person: ("X", "") if person.pk in self.gone(key) else None,
            lambda person: question.needs(label, person),
            short_after,
        )
        approvers = next_approvers(Seat(label=label), self.escalation_chains[key][int(label)], judge)
        return [person for person in approvers.may_decide if not short_after(person)]


@pytest.mark.rule("A9", "A8", "S2")
@given(records, st.lists(records, max_size=3), st.randoms(use_true_random=False))
def test_every_submission_that_passes_check_can_be_decided(app: list, second: list, dice: Any) -> None:
    play = Play(app, second)
    if shortage([play.question(key) for key in play.escalation_chains]):
        return
    while seats := list(play.open()):
        key, label = dice.choice(seats)
        good = play.good(key, label)
        assert good, f"nobody's turn in seat {label} of {key}, after {play.filled}"
        play.filled[key][label] = dice.choice(good).pk
