"""Who holds a submission, in which seat, since when and until when: the same on home, status, automation page, desk and API."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.models import Approval, Submission
from approvals.submissions import jobs as submission_jobs
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.api.programs import Program
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of


def page_text(person: Person, path: str) -> str:
    """What a page says, without its marks."""
    shown = client_of(person).get(path).content.decode()
    return " ".join(re.sub("<[^>]+>", " ", shown).split()).replace(" .", ".").replace(" ;", ";")


def everywhere(person: Person, submission: Submission) -> dict[str, list[str]]:
    """Who it waits for by home, the status and the automation's page, as "who since when", for one reader."""
    pages = {
        "home": reverse("home"),
        "status": reverse("review", args=[submission.pk]),
        "automation": submission.automation.href,
    }
    shape = re.compile(r'Waiting for\s*<.*?(?=</p>|<div>|</div>|<span class="push">)', re.DOTALL)
    waiting = {}
    for name, path in pages.items():
        shown = client_of(person).get(path).content.decode()
        texts = [" ".join(re.sub("<[^>]+>", " ", text).split()) for text in shape.findall(shown)]
        waiting[name] = [line.strip(" .") for text in texts for line in text.removeprefix("Waiting for ").split(";")]
    return waiting


def row_of(person: Person, record: Approval) -> dict[str, Any]:
    """The row of a record as the review page draws it."""
    shown = client_of(person).get(reverse("review", args=[record.submission_id])).context
    return next(row for row in shown["rows"] if row["key"] == str(record.pk))


def ask(record: Approval, person: Person, at: datetime, why: str = "Which rows?") -> None:
    """Somebody sends a record back with a question."""
    digest = scenarios.shown(record)
    decide.ask_for_changes(record, actor=as_actor(person), now=at, reason=why, shown_digest=digest)


@pytest.fixture
def later(company: Company, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The pages are read on the Thursday after everything was asked on Tuesday."""
    at = company.now + timedelta(days=2)
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: at)
    return at


@pytest.mark.rule("A3", "A8", "A14")
def test_all_pages_name_same_people_who_wait(company: Company, chaser: Submission, later: datetime) -> None:
    n, submission = company.people, chaser
    for record in submission.approvals.filter(stage=2, seats__candidates__person=n.omar).distinct().order_by("pk"):
        scenarios.approve(record, n.omar, now=company.now)
    approval = stock_report.privilege_on(submission, company.mail)
    ask(approval, n.mei, later - timedelta(days=1))
    waiting = everywhere(n.rita, submission)
    assert waiting["home"] == waiting["status"] == waiting["automation"]
    assert "Omar Haddad" not in " ".join(waiting["home"])
    assert waiting["home"][0] == "you since yesterday"
    assert any(re.match(r"Mei Tanaka \(\d\) since Tue 24 Nov", line) for line in waiting["home"])
    assert any(re.match(r"(Sana Iqbal|Viktor Lind).* \(\d\d?\) since Tue 24 Nov", line) for line in waiting["home"])


@pytest.mark.rule("A8", "T3")
def test_two_signatures_that_are_both_needed_are_joined_by_and(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.mail)
    assert record.seats.count() == 2
    holder = row_of(company.people.rita, record)["holders"]
    owner, security = holder.split(" and ")
    assert owner == "Mei Tanaka"
    assert set(security.split(" or ")) <= {"Sana Iqbal", "Viktor Lind"}
    scenarios.approve(record, company.people.mei, now=company.now)
    assert row_of(company.people.rita, record)["holders"] == security


@pytest.mark.rule("A10")
def test_deputy_waits_since_day_of_being_asked(
    company: Company, stage_2: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.erp)
    assert record.opened_at is not None
    assert record.due_at is not None
    half = record.opened_at + (record.due_at - record.opened_at) / 2
    assert half.date() > record.opened_at.date()
    submission_jobs.sweep(half)
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: half)
    waiting = everywhere(n.rita, stage_2)
    assert waiting["home"] == waiting["status"] == waiting["automation"]
    assert any(
        line.startswith("Omar Haddad") and line.endswith(", later also Amara Okafor") for line in waiting["home"]
    )
    records = Program.of(n.rita).get(f"/submissions/{stage_2.pk}").said["records"]
    held = next(record["held_by"] for record in records if "scm.stock" in record["sentence"])
    since = {person["name"]: person["since"] for person in held}
    assert datetime.fromisoformat(since["Omar Haddad"]) == record.opened_at
    assert datetime.fromisoformat(since["Amara Okafor"]) == half
    assert {person["seat"] for person in held} == {"owner"}


@pytest.mark.rule("A14")
def test_a_question_is_held_from_the_question_on_until_the_builders_own_deadline(
    company: Company, stage_2: Submission, later: datetime
) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.erp)
    ask(record, n.omar, later)
    record.refresh_from_db()
    due = record.builder_due_at
    assert due is not None
    assert "you since today" in everywhere(n.rita, stage_2)["status"]
    assert row_of(n.omar, record)["approval"].builder_due_at == due
    status = page_text(n.rita, reverse("review", args=[stage_2.pk]))
    assert f"Answer here by {due:%a} {due.day} {due:%b} " in status
    assert f"Answer due {due:%a} {due.day} {due:%b}" in status
    assert f"Answer by {due:%a} {due.day} {due:%b %Y}" in page_text(
        n.rita, reverse("answer", args=[stage_2.pk, record.pk])
    )
    records = Program.of(n.rita).get(f"/submissions/{stage_2.pk}").said["records"]
    (held,) = next(record["held_by"] for record in records if record["state"] == "changes_asked")
    assert (held["name"], held["seat"]) == ("Rita Novak", "builder")
    assert datetime.fromisoformat(held["since"]) == later
    assert datetime.fromisoformat(held["until"]) == due
