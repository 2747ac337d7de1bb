"""The deploy gate as a pipeline asks it: allowed or not, why, what to do, and with which privileges and terms (A17, I10, G3, G4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.grants import deploy_gate
from approvals.grants.transitions import stops
from approvals.light_path.transitions import spot_checks as transitions
from approvals.models import Grant, Sample, Submission
from governance.core.clock import current_time
from inventory.automations.transitions import lifecycle
from inventory.importers.manifest import Identity, Trigger
from inventory.imports import manual_description
from inventory.models import Automation, Entitlement, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.api.programs import Answer, Program
from tests.approvals.light_path.spot_checks import JOBS
from tests.manual_descriptions import registered
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db

STRANGE = "0" * 64


def gate_answer(company: Company, digest: str, query: str = "") -> Answer:
    """The gate's answer to Rita's pipeline."""
    answer = Program.of(company.people.rita, company.people.finance_ops).get(f"/gate/{digest}{query}")
    assert answer.status == 200, "a no is an answer"
    return answer


def digest_of(submission: Submission) -> str:
    digest: str = submission.version.manifest_digest
    return digest


@pytest.mark.rule("A17")
def test_gate_denies_unknown_and_invisible_versions(company: Company, stock_in_force: Submission) -> None:
    nobody = Program.of(company.people.nadia)
    unseen, unknown = nobody.get(f"/gate/{digest_of(stock_in_force)}"), nobody.get(f"/gate/{STRANGE}")
    assert unseen.said == unknown.said, "nobody is told that there is one"
    assert (unknown.said["allowed"], unknown.said["code"], unknown.said["automation"]) == (
        False,
        "UNKNOWN_VERSION",
        None,
    )
    assert unknown.said["to_do"] == "Import it and submit it."
    assert (
        Program.of(company.people.amara, company.people.platform).get(f"/gate/{digest_of(stock_in_force)}").said
        == unknown.said
    )


@pytest.mark.rule("A17")
@pytest.mark.parametrize("digest", ["x", "0" * 63, "0" * 65, "sha1:" + "0" * 64, "G" * 64, "%20" * 9, "../me"])
def test_gate_refuses_text_that_is_no_digest(company: Company, digest: str) -> None:
    answer = Program.of(company.people.rita).get(f"/gate/{digest}")
    assert answer.status in (404, 422)


@pytest.mark.rule("A17", "A4")
def test_gate_denies_until_approved_then_lists_privileges(company: Company, stock_submitted: Submission) -> None:
    denial = gate_answer(company, digest_of(stock_submitted)).said
    assert (denial["allowed"], denial["code"], denial["privileges"]) == (False, "NOT_LIVE", [])
    assert denial["to_do"] == "Wait for its decisions. Its page shows who must act."
    scenarios.decide_all(company, stock_submitted)
    yes = gate_answer(company, digest_of(stock_submitted)).said
    assert (yes["allowed"], yes["code"], yes["version"]["number"], yes["without"]) == (True, "OK", 1, [])
    held = {privilege["sentence"]: privilege for privilege in yes["privileges"]}
    read = held["Read scm.stock in ERP Postgres (production)"]
    assert (read["level"], read["resource"], read["enforcement"], read["is_enforced"]) == (
        "read",
        "ERP Postgres (production)",
        "detached",
        False,
    )
    grant = Grant.objects.get(entitlement__resource=company.erp)
    assert read["ends_at"] == grant.ends_at.isoformat().replace("+00:00", "Z")
    assert {privilege["kind"] for privilege in yes["privileges"]} == {"privilege", "credential"}
    assert gate_answer(company, stock_submitted.version.source_digest).said == yes, "by the digest of the source too"
    assert gate_answer(company, digest_of(stock_submitted).removeprefix("sha256:")).said == yes


@pytest.mark.rule("A17", "A5", "G3")
def test_gate_lists_privileges_that_were_refused(company: Company, stock_in_force: Submission) -> None:
    grant = Grant.objects.get(approval=stock_report.privilege_on(stock_in_force, company.slack))
    stops.stop_grant(grant, actor=as_actor(company.people.sana), now=company.now, reason="It posts nonsense.")
    body = gate_answer(company, digest_of(stock_in_force)).said
    assert body["allowed"]
    assert body["without"] == ["Post messages to supply-stock in Finance Slack workspace"]
    assert grant.sentence not in {privilege["sentence"] for privilege in body["privileges"]}


@pytest.mark.rule("A17", "G5")
def test_a_stopped_automation_is_held(company: Company, stock_in_force: Submission) -> None:
    automation = Automation.objects.get(pk=stock_in_force.automation_id)
    lifecycle.stop(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Wrong numbers.")
    body = gate_answer(company, digest_of(stock_in_force)).said
    assert (body["allowed"], body["code"], body["to_do"]) == (
        False,
        "NOT_LIVE",
        "See on its page why, and who lifts that.",
    )


@pytest.mark.rule("A17")
def test_a_superseded_version_may_be_rolled_back_to_for_30_days(
    company: Company, stock_in_force: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock_report.submitted(company, stock_report.without_slack)  # asks for less: in force at once
    at = company.now + deploy_gate.ROLLBACK
    monkeypatch.setattr(current_time, "now", lambda: at)
    old = gate_answer(company, digest_of(stock_in_force)).said
    assert (old["allowed"], old["version"]["number"]) == (True, 1)
    assert old["without"] == ["Post messages to supply-stock in Finance Slack workspace"], "that grant has ended"
    monkeypatch.setattr(current_time, "now", lambda: at + timedelta(seconds=1))
    late = gate_answer(company, digest_of(stock_in_force)).said
    assert (late["allowed"], late["code"]) == (False, "NOT_APPROVED")
    assert late["to_do"] == "Submit it, or run version 2, which is approved."


def by_hand(company: Company, *, external_id: str = "", runs_as: str = "robot", open_to_all: bool = False) -> Version:
    """Something that Rita describes: it writes to the ERP, and runs as some account."""
    n = company.people
    on, _ = Entitlement.objects.get_or_create(
        resource=company.erp, code="write", defaults={"words": "Write", "level": "write"}
    )
    manifest = manual_description.describe_manually(
        name="Hand",
        kind="script",
        platform="cron",
        privileges=[manual_description.DescribedPrivilege(on, "write", "orders")],
        triggers=[Trigger("webhook", "hook", authenticated=not open_to_all)],
        external_id=external_id,
    )
    manifest = replace(manifest, identities=(Identity("service_account", runs_as, "fin"),))
    fields = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Writes orders."}
    made: object = registered(n.finance_ops, actor=as_actor(n.rita), now=company.now, manifest=manifest, fields=fields)
    assert isinstance(made, Version)
    return made


def by_hand_in_force(c: Company) -> Version:
    """What Rita describes is in force."""
    first = by_hand(c)
    scenarios.decide_all(c, scenarios.submitted(c, first))
    return first


def of_one_source(c: Company) -> tuple[Version, Version]:
    """A version in force, and a newer one of the same source that runs as another account."""
    first = Version.objects.get()
    return first, by_hand(c, external_id=first.automation.external_id, runs_as="root")


BY_HAND = starting_point("company", by_hand_in_force)
OF_ONE_SOURCE = starting_point(BY_HAND, of_one_source)


@pytest.mark.rule("A17")
@BY_HAND
def test_gate_allows_manual_description_by_source_digest(company: Company, start: Version) -> None:
    assert gate_answer(company, start.source_digest).said["code"] == "OK"


@pytest.mark.rule("A17", "I2")
@OF_ONE_SOURCE
def test_a_source_that_several_versions_were_read_from_is_held_until_the_manifest_is_named(
    company: Company, start: tuple[Version, Version]
) -> None:
    first, other = start
    source = first.source_digest
    assert (other.source_digest, other.number) == (source, 2)
    assert other.manifest_digest != first.manifest_digest
    several = gate_answer(company, source).said
    assert (several["allowed"], several["code"], several["privileges"]) == (False, "AMBIGUOUS", [])
    assert several["to_do"] == f"Ask by the digest of the manifest: {first.manifest_digest} is version 1."
    assert gate_answer(company, first.manifest_digest).said["version"]["number"] == 1
    assert gate_answer(company, other.manifest_digest).said["code"] == "NOT_APPROVED"


@pytest.mark.rule("A17", "I2")
@OF_ONE_SOURCE
def test_gate_allows_source_if_all_its_versions_are_approved(company: Company, start: tuple[Version, Version]) -> None:
    first, other = start
    again = scenarios.submitted(company, other)
    assert again.approvals.get().stage == 1, "of nothing more than as whom it runs (A12)"
    scenarios.decide_all(company, again)
    both = gate_answer(company, first.source_digest).said
    assert (both["allowed"], both["version"]["number"]) == (True, 2), "either of them may run"


@pytest.mark.rule("A17", "I2", "I4")
@BY_HAND
def test_triggers_count_in_source_digest_of_manual_description(company: Company, start: Version) -> None:
    first = start
    other = by_hand(company, external_id=first.automation.external_id, open_to_all=True)
    assert other.source_digest != first.source_digest
    assert gate_answer(company, other.source_digest).said["code"] == "NOT_APPROVED"


def decided_later(company: Company, edit: Any, *, hours: int, since: datetime | None = None) -> None:
    """A version that people decide about some hours after a look has failed."""
    at = (since or company.now) + timedelta(hours=hours)
    scenarios.decide_all(company, scenarios.submitted(company, stock_report.version(company, edit), now=at), now=at)


def decided_since(c: Company) -> Submission:
    """A spot check of version 2 fails, and people approve version 3 later; returns version 2, of which nobody was asked."""
    sample = Sample.objects.get()
    transitions.find_not_fine(sample, actor=as_actor(c.people.sana), now=c.now, reason="It tells.")
    decided_later(c, stock_report.started_by_hand, hours=1)
    return sample.submission


def lapsed(c: Company) -> Submission:
    """Version 3 follows by the same approval of the app, and the spot check of version 2 lapses; returns version 3."""
    later = stock_report.submitted(c, stock_report.another_threshold)
    sample = Sample.objects.order_by("pk")[0]
    transitions.lapse_sample(sample, actor=JOBS, now=sample.due_at)
    return later


DECIDED_SINCE = starting_point("stock_drawn", decided_since)
LAPSED = starting_point("stock_drawn", lapsed)


@pytest.mark.rule("A17", "A13")
def test_gate_denies_version_that_failed_spot_check(company: Company, stock_drawn: Submission) -> None:
    assert gate_answer(company, digest_of(stock_drawn)).said["code"] == "OK"
    sample = Sample.objects.get()
    transitions.find_not_fine(sample, actor=as_actor(company.people.sana), now=company.now, reason="It tells.")
    assert gate_answer(company, digest_of(stock_drawn)).said["code"] == "NOT_LIVE"


@pytest.mark.rule("A17", "A12", "A13")
@DECIDED_SINCE
def test_gate_denies_rollback_to_version_that_failed_spot_check(
    company: Company, stock_in_force: Submission, start: Submission
) -> None:
    bad = start
    assert Automation.objects.get(pk=bad.automation_id).state == "live"
    body = gate_answer(company, digest_of(bad)).said
    assert (body["allowed"], body["code"], body["version"]["number"]) == (False, "NOT_FINE", 2)
    assert body["to_do"] == "Run version 3, which is approved."
    assert gate_answer(company, digest_of(stock_in_force)).said["code"] == "OK", "version 1 was asked about"


@pytest.mark.rule("A17", "A12", "A13")
@DECIDED_SINCE
def test_version_that_failed_spot_check_runs_after_new_decision(company: Company, start: Submission) -> None:
    bad = start
    decided_later(company, stock_report.another_order, hours=2)
    assert gate_answer(company, digest_of(bad)).said["code"] == "OK", "stage 1 has decided about it by now"


@pytest.mark.rule("A17", "A12", "A13")
@LAPSED
def test_gate_denies_overdue_spot_check_and_its_successors(
    company: Company, stock_in_force: Submission, start: Submission
) -> None:
    sample, later = Sample.objects.order_by("pk")[0], start
    assert (later.state, later.app_approval) == ("in_force", stock_in_force.app_approval)
    decided_later(company, stock_report.started_by_hand, hours=1, since=sample.due_at)
    codes = [
        gate_answer(company, digest_of(submission)).said["code"]
        for submission in (stock_in_force, sample.submission, later)
    ]
    assert codes == ["OK", "NOT_FINE", "NOT_FINE"]


@pytest.mark.rule("A17", "I10")
def test_an_approval_counts_in_its_own_environment(company: Company, stock_in_force: Submission) -> None:
    body = gate_answer(company, digest_of(stock_in_force), "?environment=test").said
    assert (body["allowed"], body["code"], body["environment"]) == (False, "OTHER_ENVIRONMENT", "test")
    assert body["to_do"] == "Import it for test and submit it there."


@pytest.mark.rule("A17", "I10")
def test_a_digest_that_several_have_is_held_until_one_is_named(company: Company) -> None:
    """Two without an id of their own, read from the same source: which one is about to run does not stand in the digest."""

    def server(c: Company, name: str) -> Submission:
        content = b'{"mcpServers": {"stock": {"command": "npx", "args": ["-y", "@acme/stock"]}}}'
        made = scenarios.brought_in(c, "one.mcp.json", content=content, name=name)
        return Submission(automation=made.automation, version=made)

    first = server(company, "One")
    Automation.objects.filter(pk=first.automation_id).update(environment="test")
    second = server(company, "Two")
    Automation.objects.filter(pk=first.automation_id).update(environment="production")
    assert first.version.manifest_digest == second.version.manifest_digest
    several = gate_answer(company, digest_of(first)).said
    assert (several["allowed"], several["code"]) == (False, "AMBIGUOUS")
    named = gate_answer(company, digest_of(first), f"?automation={second.automation_id}").said
    assert (named["code"], named["automation"]["id"]) == ("NOT_LIVE", second.automation_id)
