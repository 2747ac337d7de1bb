"""Any order of submitting, deciding, asking, withdrawing, amending, leaving and waiting: what holds of a submission after each step."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from approvals.decisions.transitions import comment, undo
from approvals.decisions.transitions import decide as transition_decide
from approvals.models import (
    Approval,
    ApprovalState,
    Candidate,
    Comment,
    Decision,
    DecisionPerson,
    Grant,
    HeldGrant,
    Party,
    Submission,
    SubmissionState,
)
from approvals.models.approval import ENDED
from approvals.models.submission import UNFINISHED
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.transitions import put_in_force, withdraw
from governance.core.actors.actor import Actor
from governance.core.models import LedgerEvent, Person
from inventory.automations.transitions import lifecycle
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, Version
from tests import run_lengths, scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.state_machines import Undone

#: A few a run; other orders come up in other runs, and many in a soak.
EXAMPLES, STEPS = run_lengths.run_length(1, full=8, soak=150), run_lengths.run_length(8, full=12)

#: Builder's side, both leads, both resources' owner and deputy, security, and somebody with nothing to do with it.
PEOPLE = ("rita", "jonas", "theo", "bram", "omar", "amara", "sana", "viktor", "tom")
EDITS = (
    None,
    stock_report.one_more_channel,
    stock_report.without_slack,
    stock_report.another_order,
    stock_report.started_by_hand,
)
#: Edits of a low-risk automation. Some keep it on the light path, others do not (A13).
LIGHT_EDITS = (
    None,
    low_risk_report.reads_more(1),
    low_risk_report.reads_more(9),
    stock_report.another_order,
    stock_report.started_by_hand,
)

#: What the ledger calls a decision, and that somebody came in who is a party from then on.
DECIDED = ("approval.approved", "approval.rejected", "approval.changes_asked")

people = st.sampled_from(PEOPLE)


class Review(Undone):
    """One automation, from its first submission on. Anybody tries any operation; a refusal changes nothing."""

    company: ClassVar[Company]
    edits: ClassVar[Sequence[low_risk_report.Edit | None]] = EDITS
    is_light: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.c = copy.deepcopy(self.company)
        self.now = self.c.now
        self.automation = stock_report.newest(self.c).automation

    # --- steps --------------------------------------------------------------------------------------------------------

    def person(self, name: str) -> Person:
        person: Person = Person.objects.get(pk=getattr(self.c.people, name).pk)
        return person

    def facts(self) -> tuple[Any, ...]:
        """Everything that a step can change."""
        mine = {"submission__automation": self.automation}
        return (
            list(Submission.objects.filter(automation=self.automation).order_by("pk").values_list("pk", "state")),
            list(
                Approval.objects.filter(**mine).order_by("pk").values_list("pk", "state", "round", "granted_term_days")
            ),
            list(
                Decision.objects.filter(approval__submission__automation=self.automation)
                .order_by("pk")
                .values_list("pk", "retraction")
            ),
            list(Party.objects.filter(**mine).order_by("pk").values_list("person", "capacity")),
            list(Grant.objects.filter(automation=self.automation).order_by("pk").values_list("pk", "state")),
        )

    def records(self, *states: str) -> list[Approval]:
        """Records of the newest submission in some states."""
        newest = Submission.objects.filter(automation=self.automation).order_by("-pk").first()
        return list(newest.approvals.filter(state__in=states).order_by("pk")) if newest is not None else []

    def submission(self) -> Submission | None:
        submission: Submission | None = Submission.objects.filter(automation=self.automation).order_by("-pk").first()
        return submission

    @rule(who=st.sampled_from(["rita", "rita", "theo", "bram"]), number=st.integers(0, len(EDITS) - 1))
    def submit(self, who: str, number: int) -> None:
        edit = self.edits[number]

        def act() -> None:
            latest = self.automation.versions.latest("number")
            version: Version = self.brought_in(edit) if edit is not None else latest
            scenarios.submitted(self.c, version, by=self.person(who), now=self.now)

        self.attempt(act)

    def brought_in(self, edit: low_risk_report.Edit) -> Version:
        if self.is_light:
            return scenarios.brought_in(self.c, stock_report.EXPORT, content=low_risk_report.content(edit))
        return stock_report.version(self.c, edit)

    @precondition(lambda self: self.records(ApprovalState.WAITING))
    @rule(who=st.sampled_from(["omar", "amara", "tom"]))
    def somebody_objects(self, who: str) -> None:
        record, actor = self.records(ApprovalState.WAITING)[0], as_actor(self.person(who))
        self.attempt(lambda: comment.object_to(record, actor=actor, now=self.now, reason="Why?"))

    @precondition(lambda self: self.records(ApprovalState.OPEN))
    @rule(data=st.data(), who=people, verb=st.sampled_from(["approve", "approve", "reject", "ask_for_changes"]))
    def anybody_decides(self, data: st.DataObject, who: str, verb: str) -> None:
        record = data.draw(st.sampled_from(self.records(ApprovalState.OPEN)), label="record")
        self.decide(record, as_actor(self.person(who)), verb)

    @precondition(lambda self: self.records(ApprovalState.OPEN))
    @rule(
        data=st.data(), verb=st.sampled_from(["approve", "approve", "approve", "approve", "reject", "ask_for_changes"])
    )
    def somebody_whose_turn_it_is_decides(self, data: st.DataObject, verb: str) -> None:
        record = data.draw(st.sampled_from(self.records(ApprovalState.OPEN)), label="record")
        eligible = self.eligible(record)
        if eligible:
            who = data.draw(st.sampled_from(eligible), label="who")
            done = self.decide(record, as_actor(self.person(who)), verb)
            assert done or verb == "ask_for_changes", "the rule said yes"

    def eligible(self, record: Approval) -> list[str]:
        """The people who may approve an approval now, by the rule."""
        fresh = Approval.objects.get(pk=record.pk)
        may = transition_decide.approve.refusal
        return [name for name in PEOPLE if may(fresh, actor=as_actor(self.person(name)), now=self.now) is None]

    @precondition(lambda self: self.records(ApprovalState.OPEN))
    @rule(but=st.sampled_from([0, 0, 0, 1]), amended=st.booleans())
    def everything_open_is_approved(self, but: int, amended: bool) -> None:
        if amended:
            self.amend({"purpose": f"Other, since {self.now:%d %B}."})
        for _ in ("stage 1", "stage 2"):
            for record in self.records(ApprovalState.OPEN)[but:]:
                for name in self.eligible(record)[:1]:
                    assert self.decide(record, as_actor(self.person(name)), "approve")

    @precondition(lambda self: self.records(ApprovalState.OPEN))
    @rule(data=st.data(), giver=people, taker=people)
    def a_delegate_decides(self, data: st.DataObject, giver: str, taker: str) -> None:
        record = data.draw(st.sampled_from(self.records(ApprovalState.OPEN)), label="record")
        self.attempt(
            lambda: self.decide(
                record, as_delegate(self.person(taker), giver=self.person(giver), now=self.now, days=1), "approve"
            )
        )

    def decide(self, record: Approval, actor: Actor, verb: str) -> bool:
        shown = scenarios.shown(record)
        act = {
            "approve": transition_decide.approve,
            "reject": transition_decide.reject,
            "ask_for_changes": transition_decide.ask_for_changes,
        }[verb]
        return self.attempt(lambda: act(record, actor=actor, now=self.now, reason="So.", shown_digest=shown))

    @precondition(lambda self: self.decisions())
    @rule(data=st.data(), who=st.one_of(st.none(), people))
    def somebody_takes_a_decision_back(self, data: st.DataObject, who: str | None) -> None:
        decision = data.draw(st.sampled_from(self.decisions()), label="decision")
        person = decision.person if who is None else self.person(who)
        self.attempt(
            lambda: undo.retract(decision.approval, actor=as_actor(person), now=self.now, decision=decision.pk)
        )

    def decisions(self) -> list[Decision]:
        """What was decided in the newest submission."""
        decisions = Decision.objects.filter(approval__submission=self.submission())
        return list(decisions.select_related("approval", "person").order_by("pk"))

    @precondition(lambda self: self.records(ApprovalState.CHANGES_ASKED))
    @rule(who=people)
    def somebody_answers(self, who: str) -> None:
        record = self.records(ApprovalState.CHANGES_ASKED)[0]
        self.attempt(
            lambda: transition_decide.answer(record, actor=as_actor(self.person(who)), now=self.now, reason="Thus.")
        )

    @precondition(lambda self: self.submission() is not None)
    @rule(who=st.sampled_from(["rita", "theo", "jonas"]))
    def somebody_withdraws(self, who: str) -> None:
        subject = self.submission()
        self.attempt(lambda: withdraw.withdraw(subject, actor=as_actor(self.person(who)), now=self.now, reason="No."))

    @precondition(lambda self: self.submission() is not None)
    @rule(
        verb=st.sampled_from(["accept_subset", "accept_subset", "decline"]),
        who=st.sampled_from(["jonas", "theo", "rita"]),
    )
    def somebody_accepts_or_declines(self, verb: str, who: str) -> None:
        subject = self.submission()
        act = {"accept_subset": put_in_force.accept_subset, "decline": withdraw.decline}[verb]
        self.attempt(lambda: act(subject, actor=as_actor(self.person(who)), now=self.now, reason="So."))

    @rule(
        fields=st.sampled_from(
            [
                {"purpose": "Other."},
                {"business_owner": "theo"},
                {"business_owner": "jonas"},
                {"technical_owner": "bram"},
            ]
        )
    )
    def the_team_amends(self, fields: dict[str, str]) -> None:
        self.amend(fields)

    def amend(self, fields: dict[str, str]) -> None:
        """Rita changes its details."""
        given = {name: self.person(value) if value in PEOPLE else value for name, value in fields.items()}
        self.attempt(
            lambda: confirmation.amend_automation(
                self.automation, actor=as_actor(self.person("rita")), now=self.now, fields=given
            )
        )

    @rule(days=st.sampled_from([1, 5, 20, 120]))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        submission_jobs.sweep(self.now)

    @rule(who=st.sampled_from(["omar", "theo", "viktor"]))
    def somebody_leaves(self, who: str) -> None:
        if Person.objects.filter(left_at__isnull=False).count() < 2:
            self.attempt(
                lambda: record_leaver(
                    self.person(who), actor=as_actor(self.person("ines")), now=self.now, reason="Left."
                )
            )

    @rule(verb=st.sampled_from(["stop", "retire"]), sure=st.integers(0, 3))
    def an_owner_stops_or_retires(self, verb: str, sure: int) -> None:
        if sure == 0:
            act = getattr(lifecycle, verb)
            self.attempt(lambda: act(self.automation, actor=as_actor(self.person("jonas")), now=self.now, reason="So."))


class Holds(Review):
    """What is true after each step."""

    @invariant()
    def it_says_how_far_it_is(self) -> None:
        Review.taken += 1
        run_lengths.going(self.request, f"{self.taken:,} steps")

    @invariant()
    def no_grant_rests_on_less_than_two_approved_records_decided_by_different_people(self) -> None:
        for grant in Grant.objects.filter(automation=self.automation).select_related(
            "approval__submission", "app_approval"
        ):
            app, approval = grant.app_approval, grant.approval
            assert (app.state, approval.state) == (ApprovalState.APPROVED, ApprovalState.APPROVED)
            assert approval.submission.app_approval_id == app.pk
            assert who_decided(app)
            assert who_decided(approval) or approval.by_policy_id == approval.submission.policy_id
            assert not who_decided(app) & who_decided(approval)

    @invariant()
    def policy_has_approved_nothing_but_what_was_low_through_and_through_and_asked_of_nobody(self) -> None:
        for record in Approval.objects.filter(by_policy__isnull=False).select_related("submission__app_approval"):
            whole, app = record.submission, record.submission.app_approval
            assert (record.tier, record.stage, record.state) == ("low", 2, ApprovalState.APPROVED)
            assert (whole.tier, whole.light_path, record.by_policy_id) == ("low", True, whole.policy_id)
            assert app.submission_id == whole.pk
            assert not Candidate.objects.filter(seat__approval=record).exists()
            assert not Comment.objects.filter(submission=whole, is_objection=True).exists()
            assert {other.by_policy_id for other in whole.approvals.filter(stage=2)} == {whole.policy_id}
        lately = list(Approval.objects.filter(by_policy__isnull=False).values_list("ended_at", flat=True))
        for at in lately:
            assert sum(at - timedelta(days=30) < other <= at for other in lately) <= 10

    @invariant()
    def no_party_has_decided_anything(self) -> None:
        for submission in Submission.objects.filter(automation=self.automation):
            decided = DecisionPerson.objects.filter(submission=submission).values("person")
            assert not submission.parties.filter(person__in=decided).exists()

    @invariant()
    def whoever_submits_brings_in_owns_or_would_own_is_a_party(self) -> None:
        for submission in Submission.objects.filter(automation=self.automation).select_related("version"):
            parties = set(submission.parties.values_list("person", flat=True))
            owner_ids = [
                submission.asked[name] for name in ("business_owner", "technical_owner") if submission.asked[name]
            ]
            assert parties >= set(Person.objects.filter(opaque_id__in=owner_ids).values_list("pk", flat=True))
            assert parties >= {submission.submitted_by_id, submission.version.imported_by_id}

    @invariant()
    def what_is_open_names_everybody_who_was_asked(self) -> None:
        for record in Approval.objects.filter(submission__automation=self.automation, state=ApprovalState.OPEN):
            named = Candidate.objects.filter(seat__approval=record).values_list("person", flat=True)
            assert sorted(record.asked) == sorted(set(named))

    @invariant()
    def nobody_spans_the_stages_of_one_submission(self) -> None:
        for submission in Submission.objects.filter(automation=self.automation):
            by_stage = DecisionPerson.objects.filter(submission=submission).values_list("stage", "person")
            assert not {p for s, p in by_stage if s == 1} & {p for s, p in by_stage if s == 2}

    @invariant()
    def every_seat_of_what_is_approved_is_filled_by_somebody_of_its_own(self) -> None:
        approved = Approval.objects.filter(submission__automation=self.automation, state=ApprovalState.APPROVED)
        for record in approved.filter(by_policy__isnull=True):
            decisions = [d for d in counted(record) if d.outcome == "approve"]
            assert {d.seat.label for d in decisions} == {seat.label for seat in record.seats.all()}
            used = [who for d in decisions for who in (d.person_id, d.for_person_id) if who]
            assert len(used) == len(set(used))

    @invariant()
    def nothing_is_open_or_approved_that_somebody_refused_or_asked_about_and_what_is_open_has_its_time(self) -> None:
        states = (ApprovalState.OPEN, ApprovalState.APPROVED)
        for record in Approval.objects.filter(submission__automation=self.automation, state__in=states):
            assert {d.outcome for d in counted(record)} <= {"approve"}
            if record.state == ApprovalState.OPEN:
                assert record.due_at is not None
                assert record.expires_at is not None

    @invariant()
    def at_most_one_submission_is_under_way_and_an_open_one_has_something_open(self) -> None:
        unfinished = list(Submission.objects.filter(automation=self.automation, state__in=UNFINISHED))
        assert len(unfinished) <= 1
        for submission in Submission.objects.filter(automation=self.automation):
            states = set(submission.approvals.values_list("state", flat=True))
            if submission.state == SubmissionState.OPEN:
                assert states & {ApprovalState.OPEN, ApprovalState.CHANGES_ASKED}, states
            else:
                assert states <= set(ENDED), (submission.state, states)

    @invariant()
    def stage_2_is_decided_only_under_an_approved_app(self) -> None:
        for record in Approval.objects.filter(submission__automation=self.automation, stage=2).select_related(
            "submission__app_approval"
        ):
            if record.state in (ApprovalState.OPEN, ApprovalState.CHANGES_ASKED, ApprovalState.APPROVED):
                assert record.submission.app_approval.state == ApprovalState.APPROVED

    @invariant()
    def what_is_live_is_the_last_that_was_put_in_force(self) -> None:
        automation = Automation.objects.get(pk=self.automation.pk)
        last = automation.submissions.filter(state=SubmissionState.IN_FORCE).order_by("-ended_at", "-pk").first()
        assert automation.approved_version_id == (last.version_id if last else None)
        if automation.state == AutomationState.LIVE:
            assert last is not None
            keys = set(last.version.privileges.values_list("key", flat=True))
            keys |= {f"credential:{pk}" for pk in last.version.version_credentials.values_list("credential", flat=True)}
            assert set(Grant.objects.live(self.now).filter(automation=automation).values_list("key", flat=True)) <= keys
            assert last.asked["purpose"] == automation.purpose
        if automation.state == AutomationState.RETIRED:
            held = HeldGrant.objects.values("grant")  # of more than ten that would end at once (G6)
            assert not automation.grants.standing().exclude(pk__in=held).exists()
            assert not automation.submissions.filter(state__in=UNFINISHED).exists()

    @invariant()
    def each_decision_is_in_the_ledger(self) -> None:
        decided = Decision.objects.filter(approval__submission__automation=self.automation).count()
        subject = f"inventory.automation:{self.automation.pk}"
        assert (
            LedgerEvent.objects.filter(verb__in=DECIDED, outcome="done", about__contains=[subject]).count() == decided
        )


def counted(record: Approval) -> list[Decision]:
    """The decisions that count for a record: of its last round and not taken back, and carried over."""
    decisions = list(record.decisions.filter(retraction=None, round=record.round).select_related("seat"))
    return decisions + [
        carried.decision
        for carried in record.carried_decisions.filter(round=record.round).select_related("decision__seat")
    ]


def who_decided(record: Approval) -> set[int]:
    """All people used up by the decisions of an approval."""
    return {who for d in counted(record) for who in (d.person_id, d.for_person_id) if who}


@pytest.mark.full
@run_lengths.proves("A1", "A2", "A4", "A5", "A8", "A10", "A12", "A14", "A15", "G1", "S1", "S2", "H1", "H2")
@pytest.mark.soak
def test_submission_invariants_hold_in_any_order_of_events(
    company: Company, stock_submitted: Submission, request: pytest.FixtureRequest
) -> None:
    walk(Holds, company, request)
    run_lengths.did(
        request, f"{Review.taken:,} steps of submissions, no more than {STEPS} on end, each ledger verified"
    )


class HoldsOfWhatIsLow(Holds):
    """The same of something low, on the light path to begin with."""

    edits, is_light = LIGHT_EDITS, True


@pytest.mark.full("a second walk of the state machine above")
@run_lengths.proves("A13", "A1", "A3", "A4", "A8", "G1", "S1")
@pytest.mark.soak
def test_only_light_path_is_auto_approved_in_any_order_of_events(
    company: Company, light_submitted: Submission, request: pytest.FixtureRequest
) -> None:
    walk(HoldsOfWhatIsLow, company, request)
    run_lengths.did(request, f"{Review.taken:,} steps of submissions of something low, each ledger verified")


def walk(machine: type[Holds], company: Company, request: pytest.FixtureRequest) -> None:
    """Take steps, as many as this run is to take."""
    Review.company, Review.request, Review.taken = company, request, 0
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
