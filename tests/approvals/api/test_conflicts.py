"""Conflicts by the API: the same facts for the same readers as on pages (S6, S7)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.conflicts.check.find_conflicts import Case, find_conflicts
from approvals.conflicts.rows import list_rows
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import ConflictRule, Submission, Waiver
from approvals.submissions.transitions import withdraw
from approvals.waivers import transitions as waiver_transitions
from inventory.models import Automation
from tests.approvals import stock_report
from tests.approvals.api.programs import Program
from tests.approvals.api.test_imports import new
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.intake.builder import connect
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import Ground, starting_point


def connected(c: Company) -> Program:
    """Rita's pipeline, in a company with no rules but a test's own."""
    connect(c, stock_report.EXPORT)
    return Program.of(c.people.rita, c.people.finance_ops)


CONNECTED = starting_point("plain", connected)

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S7", "S5"), CONNECTED]


@pytest.fixture
def rita(ground: Ground) -> Program:
    """Rita's pipeline."""
    return ground.made(CONNECTED.args[0])


def forbid(company: Company, mode: str, **more: Any) -> ConflictRule:
    """That what reads the ERP tells of it."""
    return conflict_rules.rule(
        on(company.erp), on(company.slack), now=company.now, mode=mode, resolve="Tell nobody.", **more
    )


def brought(rita: Program, company: Company) -> dict[str, Any]:
    """The stock report, brought in."""
    body: dict[str, Any] = new(rita, company).said
    return body


def submit(rita: Program, imported: dict[str, Any]) -> Any:
    """Submit what was imported."""
    rows = {row["key"]: "Planners read it." for row in imported["preview"]["rows"] if row["kind"] == "privilege"}
    body = {"purpose": "Sends planners the stock.", "justifications": rows}
    return rita.post(f"/automations/{imported['automation']['id']}/submissions", body)


def forbidden(c: Company) -> dict[str, Any]:
    """The stock report is imported under an enforced rule."""
    forbid(c, "enforce")
    return brought(Program.of(c.people.rita, c.people.finance_ops), c)


def recorded(c: Company) -> dict[str, Any]:
    """The stock report is submitted under a rule that only records."""
    forbid(c, "record")
    rita = Program.of(c.people.rita, c.people.finance_ops)
    made: dict[str, Any] = submit(rita, brought(rita, c)).said["submission"]
    return made


FORBIDDEN = starting_point(CONNECTED, forbidden)
RECORDED = starting_point(CONNECTED, recorded)


@FORBIDDEN
def test_submission_in_enforced_conflict_is_refused_as_previewed(rita: Program, start: dict[str, Any]) -> None:
    body = start
    (conflict,) = body["preview"]["conflicts"]
    assert (conflict["rule"], conflict["mode"], conflict["refused"], conflict["waiver"]) == (
        "read-and-tell",
        "enforce",
        True,
        None,
    )
    assert "resolve 1 conflict" in body["preview"]["missing"]
    answer = submit(rita, body)
    assert (answer.status, answer.said["code"]) == (422, "I8")
    assert "esolve 1 conflict" in answer.said["detail"]
    assert not Submission.objects.exists()


def test_preview_names_rows_rule_reason_and_remedy_of_a_conflict(company: Company, rita: Program) -> None:
    rule = forbid(company, "approval")
    shown = rita.post("/preview", stock_report.source()).said
    (conflict,) = shown["conflicts"]
    assert (conflict["rating"], conflict["scope"], conflict["version"], conflict["refused"]) == (
        "medium",
        "automation",
        1,
        False,
    )
    assert conflict["sentence"] == "Read stock and tell of it: What is read could be told to the wrong people."
    assert conflict["does"] == "Needs one more approval, from Security."
    assert conflict["resolve"] == "Tell nobody. Or ask for a waiver."
    assert conflict["page"].endswith(rule.href)
    sentences = {row["key"]: row["sentence"] for row in shown["rows"]}
    things = [thing for leg in conflict["legs"] for thing in leg["things"]]
    assert len(conflict["legs"]) == 2
    assert things
    assert all(sentences[thing["row"]] == thing["sentence"] for thing in things)


@RECORDED
def test_a_submission_says_them_while_it_is_under_way_and_not_once_it_is_over(
    company: Company, rita: Program, start: dict[str, Any]
) -> None:
    made = start
    (conflict,) = made["conflicts"]
    assert (conflict["mode"], [leg["name"] for leg in conflict["legs"]]) == ("record", ["Leg 1", "Leg 2"])
    assert all(thing["sentence"] for leg in conflict["legs"] for thing in leg["things"])
    submission = Submission.objects.get(pk=made["id"])
    withdraw.withdraw(submission, actor=as_actor(company.people.rita), now=company.now, reason="Not now.")
    assert rita.get(f"/submissions/{made['id']}").said["conflicts"] == []


@FORBIDDEN
def test_a_waived_conflict_stays_in_sight_and_says_until_when(
    company: Company, rita: Program, start: dict[str, Any]
) -> None:
    body = start
    automation = Automation.objects.get(pk=body["automation"]["id"])
    waiver: Any = waiver_transitions.ask_waiver(
        automation,
        actor=as_actor(company.people.jonas),
        now=company.now,
        reason="The report is due.",
        code="read-and-tell",
        subject_id=automation.pk,
        control="Somebody reads every post.",
        days=30,
    )
    waiver_transitions.grant_waiver(waiver, actor=as_actor(company.people.sana), now=company.now, reason="For a month.")
    (conflict,) = rita.post("/preview", stock_report.source()).said["conflicts"]
    assert (conflict["mode"], conflict["refused"], conflict["resolve"]) == ("enforce", False, "")
    assert conflict["waiver"]["page"].endswith(Waiver.objects.get().href)
    assert conflict["does"].startswith("Waived until")


@pytest.mark.starting_point("plain_in_force")
def test_preview_names_other_holders_only_if_token_sees_them(company: Company, plain_in_force: Submission) -> None:
    forbid(company, "record", scope="owner")
    held = Held("0/new", resource=company.slack.pk, level="write")
    case = Case(0, [held], {"owner": [company.people.jonas.pk]})
    conflicts = find_conflicts(case, company.now)
    words = {}
    for who in ("rita", "nadia"):
        (conflict,) = list_rows(conflicts, {"0/new": "Posts."}, as_actor(getattr(company.people, who)), company.now)
        words[who] = {thing.sentence for leg in conflict.legs for thing in leg.things}
    assert words["nadia"] == {"Something that an automation you don’t see holds", "Posts."}
    assert any(sentence.startswith(plain_in_force.automation.name) for sentence in words["rita"])


@RECORDED
def test_conflicts_are_hidden_without_access_to_submission(company: Company, start: dict[str, Any]) -> None:
    assert Program.of(company.people.nadia).get(f"/submissions/{start['id']}").status == 404
