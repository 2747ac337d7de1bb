"""The deploy gate as a pipeline asks it: allowed or not, why, what to do, and with which privileges and terms (A17, I10, G3, G4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals import gate, grants
from approvals.models import Grant, Submission
from governance.controls import clock
from inventory import lifecycle
from inventory.models import Automation
from tests import journeys
from tests.approvals import stock
from tests.approvals.api.programs import Answer, Program
from tests.journeys import Company
from tests.people import as_actor

pytestmark = pytest.mark.django_db

STRANGE = "0" * 64


def asked(company: Company, digest: str, query: str = "") -> Answer:
    """What Rita's pipeline is told."""
    answer = Program.of(company.people.rita, company.people.finance_ops).get(f"/gate/{digest}{query}")
    assert answer.status == 200, "a no is an answer"
    return answer


def digest_of(submission: Submission) -> str:
    digest: str = submission.version.manifest_digest
    return digest


@pytest.mark.rule("A17")
def test_what_is_not_known_is_denied_and_so_is_what_the_token_may_not_see(
    company: Company, stock_in_force: Submission
) -> None:
    nobody = Program.of(company.people.nadia)
    unseen, unknown = nobody.get(f"/gate/{digest_of(stock_in_force)}"), nobody.get(f"/gate/{STRANGE}")
    assert unseen.said == unknown.said, "nobody is told that there is one"
    assert (unknown.said["allowed"], unknown.said["code"], unknown.said["automation"]) == (
        False,
        "UNKNOWN_VERSION",
        None,
    )
    assert unknown.said["to_do"] == "Bring it in and submit it."
    assert (
        Program.of(company.people.amara, company.people.platform).get(f"/gate/{digest_of(stock_in_force)}").said
        == unknown.said
    )


@pytest.mark.rule("A17")
@pytest.mark.parametrize("digest", ["x", "0" * 63, "0" * 65, "sha1:" + "0" * 64, "G" * 64, "%20" * 9, "../me"])
def test_what_is_no_digest_is_told_so(company: Company, digest: str) -> None:
    answer = Program.of(company.people.rita).get(f"/gate/{digest}")
    assert answer.status in (404, 422)


@pytest.mark.rule("A17", "A4")
def test_it_holds_until_people_have_approved_and_then_says_with_what(
    company: Company, stock_submitted: Submission
) -> None:
    no = asked(company, digest_of(stock_submitted)).said
    assert (no["allowed"], no["code"], no["privileges"]) == (False, "NOT_LIVE", [])
    assert no["to_do"] == "Wait for its decisions: its page says who holds it."
    journeys.decide_all(company, stock_submitted)
    yes = asked(company, digest_of(stock_submitted)).said
    assert (yes["allowed"], yes["code"], yes["version"]["number"], yes["without"]) == (True, "OK", 1, [])
    held = {one["sentence"]: one for one in yes["privileges"]}
    read = held["May read scm.stock in ERP Postgres (production)"]
    assert (read["level"], read["resource"], read["enforcement"], read["is_enforced"]) == (
        "read",
        "ERP Postgres (production)",
        "detached",
        False,
    )
    grant = Grant.objects.get(entitlement__resource=company.erp)
    assert read["ends_at"] == grant.ends_at.isoformat().replace("+00:00", "Z")
    assert {one["kind"] for one in yes["privileges"]} == {"privilege", "credential"}
    assert asked(company, stock_submitted.version.source_digest).said == yes, "by the digest of the source too"
    assert asked(company, digest_of(stock_submitted).removeprefix("sha256:")).said == yes


@pytest.mark.rule("A17", "A5", "G3")
def test_what_it_may_not_use_is_said(company: Company, stock_in_force: Submission) -> None:
    grant = Grant.objects.get(approval=stock.privilege_on(stock_in_force, company.slack))
    grants.stop(grant, actor=as_actor(company.people.sana), now=company.now, reason="It posts nonsense.")
    said = asked(company, digest_of(stock_in_force)).said
    assert said["allowed"]
    assert said["without"] == ["May post messages to supply-stock in Finance Slack workspace"]
    assert grant.sentence not in {one["sentence"] for one in said["privileges"]}


@pytest.mark.rule("A17", "G5")
def test_a_stopped_automation_is_held(company: Company, stock_in_force: Submission) -> None:
    automation = Automation.objects.get(pk=stock_in_force.automation_id)
    lifecycle.stop(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Wrong numbers.")
    said = asked(company, digest_of(stock_in_force)).said
    assert (said["allowed"], said["code"], said["to_do"]) == (
        False,
        "NOT_LIVE",
        "See on its page why, and who lifts that.",
    )


@pytest.mark.rule("A17")
def test_a_superseded_version_may_be_rolled_back_to_for_30_days(
    company: Company, stock_in_force: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock.submitted(company, stock.without_slack)  # asks for less: in force at once
    at = company.now + gate.ROLLBACK
    monkeypatch.setattr(clock, "now", lambda: at)
    old = asked(company, digest_of(stock_in_force)).said
    assert (old["allowed"], old["version"]["number"]) == (True, 1)
    assert old["without"] == ["May post messages to supply-stock in Finance Slack workspace"], "that grant has ended"
    monkeypatch.setattr(clock, "now", lambda: at + timedelta(seconds=1))
    late = asked(company, digest_of(stock_in_force)).said
    assert (late["allowed"], late["code"]) == (False, "NOT_APPROVED")
    assert late["to_do"] == "Submit it, or run version 2, which is approved."


@pytest.mark.rule("A17", "I10")
def test_an_approval_counts_in_its_own_environment(company: Company, stock_in_force: Submission) -> None:
    said = asked(company, digest_of(stock_in_force), "?environment=test").said
    assert (said["allowed"], said["code"], said["environment"]) == (False, "OTHER_ENVIRONMENT", "test")
    assert said["to_do"] == "Bring it in for test and submit it there."


@pytest.mark.rule("A17", "I10")
def test_a_digest_that_several_have_is_held_until_one_is_named(company: Company) -> None:
    """Two without an id of their own, read from the same source: which one is about to run does not stand in the digest."""

    def server(c: Company, name: str) -> Submission:
        content = b'{"mcpServers": {"stock": {"command": "npx", "args": ["-y", "@acme/stock"]}}}'
        made = journeys.brought_in(c, "one.mcp.json", content=content, name=name)
        return Submission(automation=made.automation, version=made)

    first = server(company, "One")
    Automation.objects.filter(pk=first.automation_id).update(environment="test")
    second = server(company, "Two")
    Automation.objects.filter(pk=first.automation_id).update(environment="production")
    assert first.version.manifest_digest == second.version.manifest_digest
    several = asked(company, digest_of(first)).said
    assert (several["allowed"], several["code"]) == (False, "AMBIGUOUS")
    named = asked(company, digest_of(first), f"?automation={second.automation_id}").said
    assert (named["code"], named["automation"]["id"]) == ("NOT_LIVE", second.automation_id)
