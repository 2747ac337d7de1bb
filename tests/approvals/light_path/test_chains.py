"""What a chain does to a submission: its tier, whether policy may approve it, and what readers see of it (A13, A16, T2)."""

from __future__ import annotations

import re

import pytest

from approvals.models import Submission
from governance.core.duties.refusals import OutOfTurn
from inventory.chains import queries as chain_queries
from inventory.importers.manifest import Trigger
from inventory.imports.transitions import confirmation
from inventory.models import Automation, ImportItem, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force, report, report_in_force
from tests.approvals.light_path import low_risk_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

#: What the stock report reads.
READ = "scm.stock"
JOINED = "It is joined with another automation, which is"


def reasons(version_or_submission: object) -> str:
    row = version_or_submission
    texts = row.reasons if isinstance(row, Submission) else row.latest_assessment.reasons  # type: ignore[attr-defined]
    return " ".join(texts)


def written_in_force(c: Company) -> Automation:
    """What writes the table that the stock report reads, of standard risk."""
    return report_in_force(c, report("writer", "stock", "insert"))


WRITTEN = starting_point("company", written_in_force)


def paid_in_force(c: Company) -> Submission:
    """What administers payments, of high risk; it runs as a robot, calls a webhook, and may be called itself."""
    holds = (c.slack, "admin", "payments"), (c.model, "write", "/webhook/orders", "request:post")
    return in_force(c, described(c, "Payer of secrets", *holds, external_id="worse", identity="robot"))


PAID = starting_point("company", paid_in_force)


def minutes_in_force(c: Company) -> Submission:
    """What reads minutes, of low risk, and may be called."""
    return in_force(c, described(c, "Reader", (c.slack, "read", "minutes"), external_id="callee"))


MINUTES = starting_point("company", minutes_in_force)


def of_one_server(c: Company) -> Submission:
    """Three by the credential of one server: what writes another table and what reads a third, in force; the stock report, submitted."""
    report_in_force(c, report("writer", "moves", "insert"))
    low_risk_report.in_force(c, report("reader", "prices"))
    return low_risk_report.submitted(c)


OF_ONE_SERVER = starting_point("company", of_one_server)


def of_many_things(c: Company) -> Submission:
    """And one that reads a thing, writes another and does both to a third."""
    holds = (c.slack, "read", "minutes"), (c.slack, "write", "papers"), (c.slack, "admin", "notes")
    return in_force(c, described(c, "Clerk", *holds))


# --- the light path -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("A13", "A16", "T2")
@WRITTEN
def test_reader_of_riskier_writers_output_is_not_low(company: Company) -> None:
    made = low_risk_report.submitted(company)
    assert (made.tier, made.light_path) == ("standard", False)
    assert f"{JOINED} standard." in reasons(made)


@pytest.mark.rule("A13", "A16", "T2")
@starting_point("light_submitted", written_in_force, name="since")
def test_risen_chain_stops_auto_approval(company: Company) -> None:
    light_submitted = Submission.objects.earliest("pk")
    with pytest.raises(OutOfTurn, match="Its tier has risen since, so this is standard risk"):
        stock_report.app_approved(company, light_submitted)
    again = scenarios.submitted(company, light_submitted.version)
    assert (again.tier, again.light_path, again.continues) == ("standard", False, light_submitted)


@pytest.mark.rule("A13", "A16")
@OF_ONE_SERVER
def test_shared_server_credential_stays_on_light_path(company: Company, start: Submission) -> None:
    made, first = start, Submission.objects.get(automation__name="Report reader")
    assert (first.state, made.tier, made.light_path) == ("in_force", "low", True)
    stock_report.app_approved(company, made)
    assert {approval.by_policy_id for approval in made.approvals.filter(stage=2)} == {made.policy_id}


@pytest.mark.rule("A13", "A16")
def test_foreign_draft_does_not_block_light_path(company: Company, light_submitted: Submission) -> None:
    scenarios.brought_in(
        company, stock_report.EXPORT, content=low_risk_report.content(report("writer", "stock", "insert"))
    )
    stock_report.app_approved(company, light_submitted)
    assert {approval.by_policy_id for approval in light_submitted.approvals.filter(stage=2)} == {
        light_submitted.policy_id
    }


def minutes_written(c: Company) -> Submission:
    """What writes minutes."""
    return in_force(c, described(c, "Writer", (c.slack, "write", "minutes")))


# --- tier ---------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A16", "T2")
@PAID
def test_draft_sees_its_chain_and_raises_nobody(company: Company, start: Submission) -> None:
    c, n = company, company.people
    stranger = described(c, "Stranger", (c.slack, "read", "payments"), team=n.marketing, by=n.tom, owner=n.grace)
    assert stranger.latest_assessment.tier == "high"
    assert f"{JOINED} high." in reasons(stranger)
    assert chain_queries.chain_of(start.automation_id).others == frozenset()


@pytest.mark.rule("A16", "T2")
@MINUTES
def test_draft_and_open_submission_raise_no_live_automation(company: Company, start: Submission) -> None:
    c, n, reader = company, company.people, start
    described(c, "Vandal", (c.slack, "admin", "minutes"), team=n.marketing, by=n.tom, owner=n.grace)
    waiting = described(c, "Waiting", (c.slack, "admin", "minutes"))
    scenarios.submitted(c, waiting)
    again = described(c, "Second reader", (c.slack, "read", "minutes"))
    assert (reader.automation.tier, again.latest_assessment.tier) == ("low", "low")
    assert chain_queries.chain_of(reader.automation_id).others == frozenset()


@pytest.mark.rule("A16", "T2", "T3")
def test_unknown_callee_counts_as_high(company: Company) -> None:
    c = company
    for target in ("nobody", "{expression}", ""):
        made = described(c, f"Caller of {target}", (c.model, "execute", target, "workflow:execute"))
        assert made.latest_assessment.tier == "high", target
        assert "calls something that nobody has approved here" in reasons(made)
    described(c, "Callee", (c.slack, "read", "minutes"), external_id="callee")
    made = described(c, "Caller", (c.model, "execute", "callee", "workflow:execute"))
    assert made.latest_assessment.tier == "high", "in the register, and not approved"
    failing = described(c, "Failing", (c.slack, "read", "minutes"), on_error="nobody")
    assert failing.latest_assessment.tier == "high"


@pytest.mark.rule("A16", "T2")
@MINUTES
def test_approved_low_risk_callee_keeps_tier(company: Company) -> None:
    made = described(company, "Caller", (company.model, "execute", "callee", "workflow:execute"))
    assert made.latest_assessment.tier == "standard"


@pytest.mark.rule("A16", "T2")
@PAID
def test_caller_takes_tier_of_approved_callee(company: Company) -> None:
    c = company
    for name, holds, more in (
        ("Caller of worse", (c.model, "execute", "worse", "workflow:execute"), {}),
        ("Failing", (c.slack, "read", "other"), {"on_error": "worse"}),
    ):
        made = described(c, name, holds, **more)
        assert f"{JOINED} high." in reasons(made)
        assert made.latest_assessment.tier == "high"
        assert made.latest_assessment.levels["own"] != "high", "and lends that to nobody"


@pytest.mark.rule("A16", "T2")
@PAID
def test_callee_takes_tier_of_caller(company: Company) -> None:
    c = company
    hook = Trigger("webhook", "Webhook", "POST /orders", authenticated=True)
    made = described(c, "Hook", (c.slack, "read", "other"), triggers=(hook,))
    assert made.latest_assessment.tier == "high"
    (link,) = chain_queries.chain_with_version(made).links
    assert (link.kind, link.side, link.thing) == ("call", "answers", "/webhook/orders")


@pytest.mark.rule("A16", "I5")
@PAID
def test_automations_joined_by_identity_are_named_once(company: Company) -> None:
    c = company
    made = described(c, "Reader", (c.slack, "read", "other"), identity="robot")
    assert (made.latest_assessment.tier, JOINED in reasons(made)) == ("high", False)
    assert "runs as the same identity as another automation, which is high" in reasons(made)
    assert {link.kind for link in chain_queries.chain_with_version(made).links} == {"identity"}


@pytest.mark.rule("A16", "T2")
@starting_point("company", minutes_written)
def test_a_tier_that_a_person_raised_counts_for_the_whole_chain(company: Company, start: Submission) -> None:
    c, writer = company, start.automation
    made = described(c, "Reader", (c.slack, "read", "minutes"))
    assert made.latest_assessment.tier == "standard"
    confirmation.raise_tier(
        Automation.objects.get(pk=writer.pk), actor=as_actor(c.people.theo), now=c.now, reason="It mails.", tier="high"
    )
    assert chain_queries.chain_with_version(made).tier.word == "high"
    assert scenarios.submitted(c, made).tier == "high"


# --- what is seen ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A16", "H7")
@PAID
def test_invisible_member_of_chain_is_only_mentioned(company: Company, start: Submission) -> None:
    c, n = company, company.people
    payer = start.automation
    made = described(c, "Stranger", (c.slack, "read", "payments"), team=n.marketing, by=n.tom, owner=n.grace)
    here = f"/automations/{made.automation_id}/chain/"
    seen = client_of(n.tom).get(here).content.decode()
    assert "Payer of secrets" not in seen
    assert f"/automations/{payer.pk}/" not in seen
    assert "Another automation that you don&#x27;t see" in seen
    assert "writes “payments” in Finance Slack workspace, which this reads" in seen
    assert "it would be connected to one other automation, which is high risk" in seen
    assert re.search(
        r'<svg class="links"[^>]*role="img"[^>]*><title>Automations connected to Stranger</title><desc>', seen
    )
    assert "Payer of secrets" in client_of(n.sana).get(here).content.decode()
    assert client_of(n.rita).get(here).status_code == 404


@pytest.mark.rule("A16", "A3")
@WRITTEN
def test_review_and_preview_show_chain(company: Company) -> None:
    c, n = company, company.people
    made = low_risk_report.submitted(c)
    theo = client_of(n.theo)
    assert f"/review/{made.pk}/chain/" in theo.get(f"/review/{made.pk}/").content.decode()
    panel = theo.get(f"/review/{made.pk}/chain/").content.decode()
    assert "Report writer" in panel
    assert f"writes “{READ}” in ERP Postgres (production), which this reads" in panel
    item = ImportItem.objects.get(version=made.version)
    ImportItem.objects.filter(pk=item.pk).update(progress="preview", version=None)
    preview = client_of(n.rita).get(f"/import/{item.pk}/").content.decode()
    assert "Report writer" in preview
    assert "it would be connected to one other automation, which is standard risk" in preview


@pytest.mark.rule("A16")
@OF_ONE_SERVER
def test_automation_without_chain_loads_no_picture(company: Company, start: Submission) -> None:
    page = client_of(company.people.theo).get(f"/review/{start.pk}/").content.decode()
    assert "/chain/" not in page


@pytest.mark.rule("A16")
@starting_point(OF_ONE_SERVER, of_many_things)
def test_whether_there_is_a_chain_to_ask_for_is_known_with_the_submission(company: Company) -> None:
    c = company
    imported = {
        "alone": described(c, "Alone", (c.slack, "write", "walls")),
        "alike": described(c, "Alike", (c.slack, "read", "minutes"), (c.slack, "write", "papers")),
        "writes": described(c, "Writes", (c.slack, "write", "minutes")),
        "reads": described(c, "Reads", (c.slack, "read", "papers")),
        "either": described(c, "Either", (c.slack, "read", "notes")),
        "calls": described(c, "Calls", (c.model, "execute", "nobody", "workflow:execute")),
        "door": scenarios.brought_in(
            c, stock_report.EXPORT, content=low_risk_report.content(report("other door", "shelves"))
        ),
    }
    versions = {name: Version.objects.get(pk=version.pk) for name, version in imported.items()}
    together = chain_queries.ids_that_join(versions.values())
    joining = {name: version.pk in chain_queries.ids_that_join([version]) for name, version in versions.items()}
    assert together == {versions[name].pk for name, joins in joining.items() if joins}
    chains = {name: chain_queries.chain_with_version(version) for name, version in imported.items()}
    assert joining == {name: bool(chain.others or chain.unknown) for name, chain in chains.items()}
    assert joining == {name: name in ("writes", "reads", "either", "calls") for name in imported}
