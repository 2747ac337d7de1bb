"""A run of the sweep routes approvals touched since the run before, and all where anybody's turn may have come (A9, R9)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from approvals.assignment import jobs as assignment_jobs
from approvals.decisions import jobs as decision_jobs
from approvals.decisions.transitions import comment
from approvals.models import Approval, ApprovalState, Candidate, Submission
from approvals.submissions import jobs as submission_jobs
from governance.core.jobs import job_runs
from governance.core.ledger import ledger_events, sealing
from governance.core.models import JobRun, Seal
from governance.core.roles.roles import Role
from inventory.resources.transitions import resources
from tests import scenarios
from tests.appointments import end_role, join_fallback, leave_fallback, name_leads, record_leaver
from tests.approvals import stock_report
from tests.people import as_actor, build, give_role
from tests.processes import until
from tests.scenarios import Company

pytestmark = pytest.mark.race


@dataclass
class Office:
    """A committed company with two submissions, and a run of the sweep that has seen all of it."""

    company: Company
    waiting: Submission
    second: Submission
    began: datetime = field(default_factory=timezone.now)

    def look(self, at: datetime | None = None) -> None:
        """A run that ended well, well after a seal over all that happened before it."""
        until(
            self.is_sealed,
            "everything that happened is sealed: whatever else runs on the server may hold that up a moment",
        )
        self.began = Seal.objects.latest("number").at + 2 * assignment_jobs.MARGIN
        began = {"began_at": self.began, "seen_at": self.began}
        JobRun.objects.create(job=submission_jobs.JOB, started_at=at or self.now, ended_at=at or self.now, **began)

    @staticmethod
    def is_sealed() -> bool:
        """Whether a seal is over everything that happened."""
        sealing.seal_all(at=timezone.now())
        return not sealing.events_after(Seal.objects.latest("number")).exists()

    @property
    def now(self) -> datetime:
        """Business time, at the start of a period."""
        return self.company.now.replace(minute=0, second=0)

    def routed(self, later: timedelta = timedelta()) -> set[int]:
        """Keys of the rows that the next run checks."""
        return {approval.pk for approval in assignment_jobs.approvals_to_route(submission_jobs.JOB, self.now + later)}


def is_open(**facts: Any) -> set[int]:
    """Keys of open records."""
    return set(Approval.objects.filter(state=ApprovalState.OPEN, **facts).values_list("pk", flat=True))


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any) -> Iterator[Office]:
    """One for all tests of the file: one submission before stage 1, one in stage 2."""
    with django_db_blocker.unblock():
        c = scenarios.company(build(uuid.uuid4().hex[:8]))
        yield Office(
            c, stock_report.submitted(c), stock_report.in_stage_2(c, lambda export: export.update(id="second"))
        )
        connections.close_all()


@pytest.fixture
def office(built: Office, committed: None) -> Office:
    """The office, just looked at."""
    built.look()
    return built


@pytest.mark.rule("A9", "R9")
def test_untouched_approvals_are_routed_once_in_ten_minutes(office: Office) -> None:
    everything = is_open()
    assert len(everything) >= 5
    rest = assignment_jobs.PERIOD - timedelta(seconds=1)
    assert [office.routed(later) for later in (timedelta(), timedelta(minutes=5), rest)] == [set(), set(), set()]
    assert office.routed(assignment_jobs.PERIOD) == everything
    assert office.routed(-timedelta(seconds=1)) == everything, "a clock that was set back says nothing"


def a_word(office: Office) -> set[int]:
    """A comment on a submission."""
    c = office.company
    comment.comment(office.waiting, actor=as_actor(c.people.rita), now=c.now, reason="Any news?")
    return is_open(submission=office.waiting)


def another_name(office: Office) -> set[int]:
    """The facts of one resource change, also for approvals that wait before stage 1."""
    c = office.company
    resources.amend_resource(c.slack, actor=as_actor(c.people.omar), now=c.now, fields={"about": f"{uuid.uuid4()}"})
    return is_open()


def an_automation(office: Office) -> set[int]:
    """Something about an automation alone."""
    ledger_events.append(
        actor=as_actor(office.company.people.ines),
        verb="automation.noted",
        subject=office.second.automation,
        now=office.now,
    )
    return is_open(submission=office.second)


@pytest.mark.rule("A9", "R9")
@pytest.mark.parametrize("way", [a_word, another_name, an_automation], ids=lambda way: way.__name__)
@pytest.mark.parametrize("is_sealed", [False, True])
def test_touched_approval_is_routed_before_its_event_is_sealed(
    office: Office, way: Callable[[Office], set[int]], is_sealed: bool
) -> None:
    wanted = way(office)
    if is_sealed:
        sealing.seal_all(at=office.began + timedelta(seconds=3))
    assert office.routed() == wanted != set()


@pytest.mark.rule("A9", "R9")
def test_event_sealed_just_before_a_run_counts_as_unseen(office: Office) -> None:
    wanted = a_word(office)
    sealing.seal_all(at=office.began - assignment_jobs.MARGIN / 2)
    assert office.routed() == wanted


@pytest.mark.rule("R9")
def test_all_approvals_are_routed_if_too_many_are_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment_jobs, "MAX_NAMES", 3)
    names = [f"inventory.automation:{number}" for number in range(10**6, 10**6 + 70_000)]
    person = office.company.people.ines
    ledger_events.append(actor=as_actor(person), verb="toy.seen", subject=person, now=office.now, about_rows=names[:3])
    assert office.routed() == set()
    ledger_events.append(actor=as_actor(person), verb="toy.seen", subject=person, now=office.now, about_rows=names)
    assert office.routed() == is_open()


def a_lead(c: Company) -> None:
    """The team gets another deputy lead."""
    n = c.people
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.theo, deputy_lead=n.grace)


def a_role(c: Company) -> None:
    """Somebody accepts a role."""
    give_role(c.people.tom, Role.AUDITOR, admins=(c.people.ines, c.people.karl), now=c.now)


def a_role_that_ends(c: Company) -> None:
    """That role ends."""
    end_role(c.people.tom, Role.AUDITOR, now=c.now)


def a_member(c: Company) -> None:
    """Somebody joins the fallback owners."""
    join_fallback(c.people.fallback, c.people.piet, now=c.now)


def a_member_who_goes(c: Company) -> None:
    """And leaves them."""
    leave_fallback(c.people.fallback, c.people.piet, now=c.now)


def a_leaver(c: Company) -> None:
    """Somebody leaves who has no part in anything."""
    record_leaver(c.people.nadia, actor=as_actor(c.people.ines), now=c.now, reason="Left.")


@pytest.mark.rule("A9", "R8", "R9")
@pytest.mark.parametrize(
    "way", [a_lead, a_role, a_role_that_ends, a_member, a_member_who_goes, a_leaver], ids=lambda way: way.__name__
)
def test_all_approvals_are_routed_after_general_changes(office: Office, way: Callable[[Company], None]) -> None:
    way(office.company)
    assert office.routed() == is_open()


@pytest.mark.rule("A9", "R9")
def test_all_approvals_are_routed_if_last_run_is_unknown(office: Office) -> None:
    JobRun.objects.create(job=submission_jobs.JOB, started_at=office.now, began_at=timezone.now())
    assert office.routed() == set(), "a run that has not ended hides none that has"
    JobRun.objects.filter(job=submission_jobs.JOB).update(error="OperationalError")
    assert office.routed() == is_open(), "no run ended well"
    JobRun.objects.filter(job=submission_jobs.JOB).delete()
    office.look()
    assert office.routed() == set()
    JobRun.objects.filter(job=submission_jobs.JOB).update(began_at=Seal.objects.earliest("number").at)
    assert office.routed() == is_open(), "no seal is that old"


@pytest.mark.rule("A9", "R9")
def test_run_routes_only_touched_approvals(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    c, n = office.company, office.company.people
    looked_at: list[int] = []
    routing = assignment_jobs.load_batches
    monkeypatch.setattr(assignment_jobs, "load_batches", lambda keys, now: looked_at.extend(keys) or routing(keys, now))
    monkeypatch.setattr(decision_jobs, "remind", lambda now: 0)
    stock_report.hand_over(c, c.slack, n.piet, n.amara)
    run = job_runs.run_job(submission_jobs.JOB, lambda _: submission_jobs.sweep(office.now))
    assert run is not None
    assert run.counts["asked_next"] == 1
    assert set(looked_at) == is_open(), "both have to do with it"
    on_it = is_open(submission=office.second, decided_on=c.slack) | is_open(
        submission=office.second, privilege__entitlement__resource=c.slack
    )
    candidates = Candidate.objects.filter(person=n.piet).values_list("seat__approval", flat=True)
    assert set(candidates) == on_it
