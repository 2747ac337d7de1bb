"""What an ended detached grant left is taken away by people, and called revoked once two others looked (G4): refused first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from approvals.grants import jobs as grant_jobs
from approvals.grants import queries as grant_queries
from approvals.grants import revocation_drivers
from approvals.grants.revocation_drivers import CheckResult
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import revocation_tasks
from approvals.models import (
    EnforcedBy,
    Grant,
    RevocationOutcome,
    RevocationState,
    RevocationTask,
    RevocationWord,
    Submission,
)
from approvals.models.grant import Why
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice
from inventory.automations.transitions import lifecycle
from tests.approvals import stock_report
from tests.approvals.grants.test_lifecycle import caused
from tests.approvals.refusals import database_refuses
from tests.ledger_records import recorded
from tests.people import as_actor, as_delegate
from tests.scenarios import Company

pytestmark = pytest.mark.django_db

JOB = Actor.of_job("approvals.sweep")


@pytest.fixture
def company(company: Company, stock_in_force: Submission) -> Company:
    """Northwind with Weekly stock report in force."""
    return company


@pytest.fixture
def grant(company: Company) -> Grant:
    """A standard grant of it, on Omar's ERP."""
    return Grant.objects.get(entitlement__resource=company.erp)


@pytest.fixture
def task(grant: Grant, company: Company) -> RevocationTask:
    """Its owner has revoked it."""
    transition_lifecycle.revoke(grant, actor=as_actor(company.people.jonas), now=company.now, reason="Not needed.")
    return RevocationTask.objects.get(grant=grant)


def removed(task: RevocationTask, who: Any, company: Company, *, now: Any = None) -> RevocationTask:
    """Somebody says that it is gone."""
    actor = who if isinstance(who, Actor) else as_actor(who)
    return revocation_tasks.say_removed(task, actor=actor, now=now or company.now, reason="Looked at pg_roles: gone.")


@pytest.mark.rule("G4")
def test_beneficiary_and_uninvolved_person_do_not_confirm_removal(task: RevocationTask, company: Company) -> None:
    n = company.people
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        removed(task, n.tom, company)
    for program, code in ((as_actor(n.omar, None), "SOD-5"), (JOB, "PERMISSION")):
        with pytest.raises((DutyConflict, NotPermitted), match=f"^{code}: "):
            removed(task, program, company)
    stock_report.hand_over(
        company, company.erp, n.rita, n.omar
    )  # a party and owner of the automation answers for the resource now
    task = RevocationTask.objects.get(pk=task.pk)
    with pytest.raises(DutyConflict) as caught:
        removed(task, n.rita, company)
    assert caught.value.refusal.code == "G4"
    assert not RevocationWord.objects.exists()
    assert LedgerEvent.objects.filter(verb="revocation.said_removed", outcome="refused").count() == 4


@pytest.mark.rule("G4")
def test_one_person_and_their_delegate_are_not_two_people(task: RevocationTask, company: Company) -> None:
    n = company.people
    removed(task, n.omar, company)
    with pytest.raises(DutyConflict, match=r"^G4: You have confirmed the removal already; a"):
        removed(task, n.omar, company)
    with pytest.raises(DutyConflict, match=r"^G4: You have confirmed the removal already; a"):
        removed(task, as_delegate(n.amara, giver=n.omar), company)
    with pytest.raises(
        DutyConflict, match=r"^G4: You and the first person are delegates"
    ):  # for themself too: each is the other's delegate
        removed(task, n.amara, company)
    assert task.state == RevocationState.OPEN
    assert removed(task, n.sana, company).state == RevocationState.CLOSED


@pytest.mark.rule("G4")
def test_confirmation_states_where_person_looked(task: RevocationTask, company: Company) -> None:
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        revocation_tasks.say_removed(task, actor=as_actor(company.people.omar), now=company.now, reason=" ")


@pytest.mark.rule("G4")
def test_database_refuses_beneficiary_and_single_confirmation(task: RevocationTask, company: Company) -> None:
    n = company.people
    removed(task, n.omar, company)
    word = task.words.get()
    gains, second = (
        "G4: a person who gains by the access cannot confirm its removal",
        "G4: another person gives the second confirmation",
    )
    for who, why in ((n.rita, gains), (n.jonas, gains), (n.omar, second)):
        with database_refuses(why):
            RevocationWord.objects.create(task=task, person=who, text=word.text, said_at=company.now)
    with database_refuses("G4: two people confirm a removal"):
        RevocationTask.objects.filter(pk=task.pk).update(
            state="closed", outcome=RevocationOutcome.CHECKED, closed_at=company.now
        )
    removed(task, n.sana, company)
    with database_refuses("G4: revocation task # is closed"):
        RevocationTask.objects.filter(pk=task.pk).update(state="open", outcome="", closed_at=None)
    with database_refuses("STATE: revocation task # is closed"):
        RevocationWord.objects.create(task=task, person=n.viktor, text=word.text, said_at=company.now)


@pytest.mark.rule("G4")
def test_revocation_opens_one_task_due_in_a_day(task: RevocationTask, company: Company) -> None:
    n = company.people
    assert (task.owner, task.asked, task.due_at) == (n.omar, [n.omar.pk], company.now + timedelta(hours=24))
    assert n.rita.pk in task.gains
    assert n.jonas.pk in task.gains
    notices = Notice.objects.filter(event="revocation_opened")
    assert [notice.recipient for notice in notices] == [n.omar]
    # The credential, which nothing else uses, ends with it: a task of its own, and no mail more.
    assert LedgerEvent.objects.filter(verb="revocation.opened", outcome="done").count() == 2
    assert grant_queries.state_words(task, company.now)[0] == "removal_open"
    assert grant_queries.state_words(task, task.due_at)[0] == "removal_overdue"


@pytest.mark.rule("G4")
@pytest.mark.parametrize("why", [Why.REVIEW, Why.SILENCE, Why.RETIRED])
def test_however_it_ends_a_task_is_opened(why: Why, grant: Grant, company: Company) -> None:
    caused(grant, transition_lifecycle.end, company, why=why)
    assert RevocationTask.objects.get(grant__kind="privilege").grant == grant


@pytest.mark.rule("G4", "L1")
def test_a_retired_automation_opens_a_task_for_each_and_writes_once_to_each(company: Company) -> None:
    automation = Grant.objects.first().automation  # type: ignore[union-attr]
    lifecycle.retire(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Replaced.")
    assert RevocationTask.objects.count() == Grant.objects.count() == 4
    recipients = list(Notice.objects.filter(event="revocation_opened").values_list("recipient", flat=True))
    assert len(recipients) == len(set(recipients))


@pytest.mark.rule("G4", "G3")
def test_a_term_that_is_over_opens_one(grant: Grant, company: Company) -> None:
    transition_lifecycle.expire(grant, actor=JOB, now=grant.ends_at)
    assert RevocationTask.objects.get(grant=grant).opened_at == grant.ends_at


@pytest.mark.rule("G4")
def test_brokered_access_opens_no_task(grant: Grant, company: Company) -> None:
    Grant.objects.update(enforcement=EnforcedBy.GATED)
    grant.refresh_from_db()
    caused(grant, transition_lifecycle.end, company, why=Why.REVIEW)
    assert not RevocationTask.objects.exists()


@pytest.mark.rule("G4", "G2")
def test_renewed_access_opens_no_task(grant: Grant, company: Company) -> None:
    ends_at = company.now + timedelta(days=30)
    caused(grant, transition_lifecycle.succeed, company, answers=[], ends_at=ends_at)
    assert not RevocationTask.objects.exists()


@pytest.mark.rule("G4", "A12")
def test_a_version_that_does_without_it_opens_one_and_asking_again_closes_it_as_in_use(company: Company) -> None:
    stock_report.submitted(company, stock_report.without_slack)  # nothing new is asked: it is in force at once
    open_now = list(RevocationTask.objects.open())
    assert {task.resource for task in open_now} == {company.slack}
    later = stock_report.decide_rest(company, stock_report.submitted(company))
    assert later.state == "in_force"
    done = RevocationTask.objects.filter(pk__in=[task.pk for task in open_now])
    assert {(task.state, task.outcome) for task in done} == {("closed", "in_use")}
    assert grant_queries.state_words(done[0], company.now) == ("ended", "the same access was granted again")
    for task in done:
        assert recorded("revocation.in_use_again", task, by=company.people.omar) == {"from": "open", "to": "closed"}


@pytest.mark.rule("G4")
def test_two_people_call_it_revoked_and_their_names_stand(task: RevocationTask, company: Company) -> None:
    n = company.people
    removed(task, n.omar, company)
    assert Notice.objects.filter(event="revocation_second").exclude(recipient=n.omar).exists()
    assert grant_queries.state_words(task, company.now)[0] == "removal_open"
    removed(task, n.amara, company)
    assert (task.outcome, sorted(task.closed_by)) == (RevocationOutcome.CHECKED, sorted([n.omar.pk, n.amara.pk]))
    state, below = grant_queries.state_words(task, company.now)
    assert (state, below) == ("removed", "checked by Omar Haddad and Amara Okafor on Tue 24 Nov 2026")
    with pytest.raises(OutOfTurn, match=r"^STATE: This revocation task is closed, so this"):
        removed(task, n.sana, company)


@pytest.mark.rule("G4", "A9")
def test_unanswered_task_escalates_daily(task: RevocationTask, company: Company) -> None:
    n, day = company.people, timedelta(days=1)
    early = company.now + timedelta(hours=23)
    assert grant_jobs.follow_revocation_tasks(early, JOB) == {
        "checked": 0,
        "revocations_escalated": 0,
        "revocations_reminded": 0,
    }
    asked_counts = []
    for number in range(1, 6):
        for _ in range(2):  # twice is once
            grant_jobs.follow_revocation_tasks(company.now + number * day, JOB)
        task.refresh_from_db()
        asked_counts.append(len(task.asked))
    assert task.asked[:2] == [n.omar.pk, n.amara.pk]
    assert {n.sana.pk, n.viktor.pk} <= set(task.asked)
    assert n.rita.pk not in task.asked
    assert asked_counts == sorted(asked_counts)
    assert task.escalate_at is None
    omar = Notice.objects.filter(event="revocation_overdue", recipient=n.omar, thread=f"revocation:{task.pk}")
    assert omar.count() == 5


class Looks:
    """A driver of the tests: returns given findings."""

    name = "looks"

    def __init__(self, *results: Any) -> None:
        self.found = list(results)

    def handles(self, grant: Grant) -> bool:
        """A privilege, however it is enforced."""
        return grant.kind == "privilege"

    def check(self, grant: Grant) -> CheckResult:
        """The next given value; an exception is raised."""
        result = self.found.pop(0)
        if isinstance(result, Exception):
            raise result
        return CheckResult(result, "role stock_reader is gone" if result else "role stock_reader can still log in")


@pytest.mark.rule("G4")
def test_a_driver_that_sees_it_keeps_the_task_open_and_one_that_does_not_closes_it(
    task: RevocationTask, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation_drivers, "_drivers", {})
    revocation_drivers.register(Looks(OSError("no route"), False, True))
    at = company.now
    grant_jobs.check_due(at, JOB)  # it could not look
    task.refresh_from_db()
    assert (task.state, task.checked_at) == (RevocationState.OPEN, None)
    assert grant_jobs.check_due(at, JOB) == 1
    task.refresh_from_db()
    assert grant_queries.state_words(task, at) == (
        "removal_open",
        "a check says: role stock_reader can still log in",
    )
    assert grant_jobs.check_due(at, JOB) == 0  # it looked just now
    assert grant_jobs.check_due(at + timedelta(hours=1), JOB) == 1
    task.refresh_from_db()
    assert (task.state, task.outcome) == (RevocationState.CLOSED, RevocationOutcome.DRIVER)
    assert grant_queries.state_words(task, at)[0] == "removed"


@pytest.mark.rule("G4")
def test_a_task_that_cannot_be_opened_takes_the_end_back(grant: Grant, company: Company, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(revocation_tasks, "gainer_ids", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        transition_lifecycle.revoke(grant, actor=as_actor(company.people.jonas), now=company.now, reason="Not needed.")
    assert Grant.objects.get(pk=grant.pk).state == "active"
