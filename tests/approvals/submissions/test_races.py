"""Two people at once: real threads, real commits. The row lock makes one decision of two; without it there are two.

Each round is a record of its own that Amara and Lena, leads of the team that answers for both resources, may both decide.
"""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connections, models
from django.utils import timezone

from approvals.decisions.transitions import decide as transition_decide
from approvals.intake import promotion
from approvals.models import Approval, ApprovalState, Decision, Grant, Submission, SubmissionState
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.transitions import put_in_force
from approvals.submissions.transitions import withdraw as transition_withdraw
from governance.core.duties.refusals import Refused
from governance.core.engine import step
from governance.core.ledger import ledger_export, sealing
from governance.core.models import LedgerEvent, Person
from inventory.models import Automation, ImportItem
from tests import run_lengths, scenarios
from tests.appointments import name_leads
from tests.approvals import stock_report
from tests.people import as_actor, build
from tests.scenarios import Company

pytestmark = [pytest.mark.race, pytest.mark.soak]

#: Records of one submission: as many races can be held on it.
SHEET = 60
#: Seconds after which a thread that waits for the other gives up.
PATIENCE = 30


@pytest.fixture(scope="module")
def firm(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """A company of this module's own, committed: owner and deputy of Slack and ERP are parties, so two leads may decide."""
    with django_db_blocker.unblock():
        c = scenarios.company(build(uuid.uuid4().hex[:8]))
        n = c.people
        name_leads(n.platform, actor=as_actor(n.ines), now=c.now, lead=n.amara, deputy_lead=n.lena)
        stock_report.confirm_connections(c)
        for resource in (c.slack, c.erp):
            stock_report.hand_over(c, resource, n.jonas, n.rita)
        yield c
        connections.close_all()


def of_its_own(channels: int = 0) -> Callable[[dict[str, Any]], None]:
    """An edit: another automation with a channel that nobody else knows, posting to so many channels more."""
    word = uuid.uuid4().hex[:8]

    def edit(export: dict[str, Any]) -> None:
        export["id"] = word
        post = stock_report.node(export, ".slack")
        post["parameters"]["channelId"] = {"__rl": True, "value": f"C{word}", "mode": "id"}
        for number in range(channels):
            more = json.loads(json.dumps(post))
            more |= {"id": str(uuid.uuid4()), "name": f"Post {number}"}
            more["parameters"]["channelId"] = {"__rl": True, "value": f"C{word}{number:04}", "mode": "id"}
            export["nodes"].append(more)

    return edit


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run every call in a thread of its own, all starting together; what each returned or raised, in order."""
    ready, results = threading.Barrier(len(calls), timeout=PATIENCE), [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            ready.wait()
            results[place] = call()
        except BaseException as error:  # handed to the test, which says what it expected
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    return results


def approving(record: Approval, person: Person, c: Company) -> Callable[[], object]:
    """A person's press of the button, as they saw the record just now."""
    shown, fresh = scenarios.shown(record), Approval.objects.get(pk=record.pk)
    return lambda: transition_decide.approve(
        fresh, actor=as_actor(person), now=c.now, shown_digest=shown, reason="Fine."
    )


def refusals(results: list[object]) -> list[str]:
    """The codes of the refusals; any other exception is an error of the test."""
    errors = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(error, Refused) for error in errors), errors
    return [error.refusal.code for error in errors if isinstance(error, Refused)]


@pytest.fixture
def sheets(firm: Company) -> Iterator[Submission]:
    """Submissions in stage 2, one for so many rounds."""
    first = stock_report.in_stage_2(firm, of_its_own(SHEET))
    return itertools.chain([first], (stock_report.in_stage_2(firm, of_its_own(SHEET)) for _ in itertools.count()))


def two_deciders_at_once(firm: Company, rounds: Iterable[int], sheets: Iterator[Submission]) -> None:
    """Rounds of two people who approve one approval at the same time: one decision counts, and the other person is refused."""
    n = firm.people
    records: Iterator[Approval] = iter(())
    for number in rounds:
        if number % SHEET == 0:
            open_ones = next(sheets).approvals.filter(kind="privilege", state=ApprovalState.OPEN)
            records = iter(open_ones.order_by("pk"))
        record = next(records)
        second = n.amara if number % 6 == 5 else n.lena  # every sixth round is one person who presses twice
        results = at_once(approving(record, n.amara, firm), approving(record, second, firm))
        events = LedgerEvent.objects.filter(subject_id=str(record.pk), verb="approval.approved")
        counted = Counter(events.values_list("outcome", flat=True))
        expected = [] if second == n.amara else ["STATE"]
        assert (refusals(results), counted["refused"]) == (expected, len(expected)), f"round {number}"
        assert (Decision.objects.filter(approval=record).count(), counted["done"]) == (1, 1), f"round {number}"


@pytest.mark.full
@pytest.mark.rule("A8", "S5", "H2")
def test_two_deciders_at_once_make_one_decision_in_each_round(
    firm: Company, sheets: Iterator[Submission], request: pytest.FixtureRequest
) -> None:
    two_deciders_at_once(
        firm,
        run_lengths.rounds(request, 6, full=60, soak=1_200, what="races of two deciders, each sixth a double press"),
        sheets,
    )
    sealing.seal_all(at=timezone.now())
    assert ledger_export.verify_database().problems == []


def read_unlocked(row: models.Model) -> models.Model:
    """As the engine reads a row, without FOR UPDATE."""
    return type(row)._base_manager.get(pk=row.pk)


@pytest.mark.rule("A8", "S5")
def test_two_deciders_decide_twice_without_row_lock(firm: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above is worth: it fails when rows are read without FOR UPDATE."""
    n = firm.people
    record = stock_report.privilege_on(stock_report.in_stage_2(firm, of_its_own()), firm.slack)
    calls = approving(record, n.amara, firm), approving(record, n.lena, firm)
    both = threading.Barrier(2, timeout=PATIENCE)
    write_down = transition_decide._record_decision

    def write(*arguments: Any) -> Any:
        both.wait()  # both were told that they may
        made = write_down(*arguments)
        both.wait()  # both have written, and neither has committed
        return made

    monkeypatch.setattr(step, "_read_locked", read_unlocked)
    monkeypatch.setattr(transition_decide, "_record_decision", write)
    assert refusals(at_once(*calls)) == []
    assert Decision.objects.filter(approval=record).count() == 2


@pytest.mark.soak(only=True)
@pytest.mark.rule("A8", "S5")
def test_race_rounds_fail_without_row_lock(
    firm: Company, sheets: Iterator[Submission], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Nobody waits for anybody here: what happens by itself when two press at the same time."""
    done: list[int] = []

    def rounds() -> Iterator[int]:
        for number in range(1_000):
            done.append(number)
            yield number

    monkeypatch.setattr(step, "_read_locked", read_unlocked)
    with pytest.raises(AssertionError, match="round"):
        two_deciders_at_once(firm, rounds(), sheets)
    run_lengths.did(request, f"with the lock taken out the same races fail, at number {len(done)}")


@pytest.mark.full
@pytest.mark.rule("A5", "G1")
def test_the_last_two_records_decided_at_once_put_it_in_force_exactly_once(
    firm: Company, request: pytest.FixtureRequest
) -> None:
    n = firm.people
    for _ in run_lengths.rounds(request, 1, full=2, soak=100, what="races of the last two deciders of a submission"):
        submission = stock_report.in_stage_2(firm, of_its_own())
        last = [stock_report.privilege_on(submission, firm.slack), stock_report.privilege_on(submission, firm.erp)]
        for record in submission.approvals.filter(kind="credential"):
            scenarios.approve(record, n.amara, now=firm.now)
        results = at_once(approving(last[0], n.amara, firm), approving(last[1], n.lena, firm))
        assert refusals(results) == []
        submission.refresh_from_db()
        assert submission.state == SubmissionState.IN_FORCE
        assert Grant.objects.filter(automation=submission.automation).count() == 4
        named = LedgerEvent.objects.filter(subject_type="approvals.submission", subject_id=str(submission.pk))
        assert named.filter(verb="submission.put_in_force").count() == 1
        assert named.filter(verb="submission.decided").count() == 1


@pytest.mark.rule("A14")
def test_two_submissions_at_once_leave_one_open(firm: Company) -> None:
    n = firm.people
    version = stock_report.version(firm, of_its_own())
    results = at_once(*[lambda: scenarios.submitted(firm, version, by=n.rita)] * 2)
    assert refusals(results) == []
    assert results[0] == results[1] == Submission.objects.get(automation=version.automation), "one press, twice"


@pytest.mark.full
@pytest.mark.rule("A14", "A15")
def test_withdrawal_and_decision_exclude_each_other(firm: Company, request: pytest.FixtureRequest) -> None:
    n = firm.people
    for _ in run_lengths.rounds(request, 1, full=3, soak=100, what="races of a withdrawal and a decision"):
        submission = stock_report.submitted(firm, of_its_own())
        app = scenarios.app_of(submission)
        fresh = Submission.objects.get(pk=submission.pk)

        def withdraw(subject: Submission = fresh) -> object:
            return transition_withdraw.withdraw(subject, actor=as_actor(n.rita), now=firm.now, reason="Not needed.")

        results = at_once(approving(app, n.theo, firm), withdraw)
        submission.refresh_from_db()
        app.refresh_from_db()
        assert submission.state == SubmissionState.WITHDRAWN
        decided = Decision.objects.filter(approval=app).count()
        assert (app.state, decided) in ((ApprovalState.WITHDRAWN, 0), (ApprovalState.APPROVED, 1))
        assert refusals(results) == ([] if decided else ["STATE"])
        assert not submission.approvals.filter(state=ApprovalState.OPEN).exists()


@pytest.mark.rule("A5")
def test_accepting_and_declining_a_subset_at_once_is_one_of_both(firm: Company) -> None:
    n = firm.people
    submission = stock_report.in_stage_2(firm, of_its_own())
    for record in submission.approvals.filter(state=ApprovalState.OPEN).order_by("pk"):
        decide = scenarios.reject if record.privilege is None else scenarios.approve
        decide(record, n.amara, now=firm.now)
    jonas = as_actor(n.jonas)
    rows = [Submission.objects.get(pk=submission.pk) for _ in range(3)]
    results = at_once(
        lambda: put_in_force.accept_subset(rows[0], actor=jonas, now=firm.now),
        lambda: transition_withdraw.decline(rows[1], actor=jonas, now=firm.now, reason="No."),
        lambda: put_in_force.accept_subset(rows[2], actor=jonas, now=firm.now),
    )
    submission.refresh_from_db()
    is_accepted = submission.state == SubmissionState.IN_FORCE  # and accepting twice is accepting once
    assert refusals(results) == (["STATE"] if is_accepted else ["STATE", "STATE"])
    assert is_accepted or submission.state == SubmissionState.DECLINED


@pytest.mark.full
@pytest.mark.rule("S5", "A5")
def test_concurrent_deciders_wait_without_deadlock(firm: Company) -> None:
    n = firm.people
    submission = stock_report.in_stage_2(firm, of_its_own(run_lengths.run_length(3, full=6)))
    records = list(submission.approvals.filter(state=ApprovalState.OPEN).order_by("pk"))
    calls = [approving(record, n.amara if number % 2 else n.lena, firm) for number, record in enumerate(records)]
    assert refusals(at_once(*calls, lambda: sweep(firm))) == []
    submission.refresh_from_db()
    assert submission.state == SubmissionState.IN_FORCE


def sweep(c: Company) -> object:
    """The job that reminds and expires, at an hour at which nothing of this is due."""
    return submission_jobs.sweep(c.now)


@pytest.mark.full
@pytest.mark.rule("A8", "A15")
def test_asking_again_twice_at_once_makes_one_draft_in_each_round(
    firm: Company, request: pytest.FixtureRequest
) -> None:
    n = firm.people
    for number in run_lengths.rounds(request, 1, full=3, soak=100, what="races of two who ask again"):
        made = stock_report.submitted(firm, of_its_own())
        transition_withdraw.withdraw(made, actor=as_actor(n.rita), now=firm.now, reason="Not yet.")
        automation = Automation.objects.get(pk=made.automation_id)
        press = partial(promotion.begin_resubmission, automation, actor=as_actor(n.rita), now=firm.now)
        first, second = at_once(press, press)
        assert isinstance(first, ImportItem), first
        assert first == second, f"round {number}"
