"""The plan that a preview shows is what `submit` writes: approvals, seats, parties, terms and conflicts (A1, A2, A9, S1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.missing import missing_answers
from approvals.intake.preview.rows import Preview
from approvals.models import Submission
from inventory.imports.transitions import previews as import_previews
from tests.approvals import stock_report
from tests.approvals.intake.builder import connect
from tests.approvals.submissions.plan_comparison import complete_preview, handed_in, submitted_as_planned
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A1", "A2", "A9", "S1", "I7")]

SAMPLES = sorted(path.name for path in EXPORTS.glob("*.json"))
#: Exports of other people that differ, by what differs.
REAL = {
    "nothing": "n8n_zie619_head/Respondtowebhook/0900_Respondtowebhook_Stickynote_Automate_Webhook.json",
    "two": "mcp_client_davila7/browser_automation/browser-use-mcp-server.json",
    "many": "n8n_ottomator/7-node-agent-blueprint/7_Node_Agent_Blueprint_With_Examples.json",
    "identity": "mcp_client_kwp/product-management/.mcp.json",
    "chain": "n8n_enescingoz/Slack/Enhance Security Operations with the Qualys Slack Shortcut Bot!.json",
    "refused": "n8n_zie619_head/Telegram/2038_Telegram_Extractfromfile_Automate_Webhook.json",
}


def preview_of(c: Company, name: str, content: bytes, *, is_new: bool = True) -> Preview:
    """Rita's complete preview of an export; what its connections open is known."""
    n = c.people
    connect(c, content, name=name, otherwise=c.slack)
    item = import_previews.preview([(name, content)], actor=as_actor(n.rita), now=c.now, team=n.finance_ops).items.get()
    return complete_preview(c, item, is_new=is_new)


def compare(c: Company, shown: Preview) -> None:
    """What is handed in is as planned, or refused as planned."""
    if shown.plan.refusals:
        assert handed_in(c, shown) == shown.plan.refusals[0]
    else:
        submitted_as_planned(c, shown)


@pytest.mark.rule("A1", "I1", "I8")
def test_plan_of_an_empty_draft_has_all_problems(company: Company) -> None:
    n = company.people
    content = stock_report.source()
    item = import_previews.preview(
        [(stock_report.EXPORT, content)], actor=as_actor(n.rita), now=company.now
    ).items.get()
    draft = Draft(team=n.finance_ops.pk, fields={"purpose": "\u200b"})
    shown = previews.load_preview(item, actor=as_actor(n.rita), now=company.now, team=n.finance_ops, draft=draft)
    kinds = [problem.kind for problem in shown.plan.problems]
    assert kinds[:2] == ["purpose", "no_owner"], "invisible characters are no purpose"
    privileges = {row.requested.key for row in shown.asked_rows if row.requested.privilege is not None}
    for kind in ("connection", "justification"):
        keys = {problem.key for problem in shown.plan.problems if problem.kind == kind}
        assert keys == privileges, "a credential waits for its privileges"
    assert [refusal.code for refusal in shown.plan.refusals][:2] == ["I8", "A1"]
    assert {remark.text for remark in missing_answers(shown)} >= {"say what it is for", "name a business owner"}


@pytest.mark.parametrize("name", SAMPLES)
def test_submit_writes_the_plan_that_the_preview_showed(company: Company, name: str) -> None:
    compare(company, preview_of(company, name, (EXPORTS / name).read_bytes()))


@pytest.mark.parametrize("what", REAL)
def test_submit_writes_the_plan_of_a_real_export(company: Company, real_exports: Path, what: str) -> None:
    path = real_exports / "imports" / REAL[what]
    compare(company, preview_of(company, path.name, path.read_bytes()))


def test_submit_writes_the_plan_of_a_changed_version(company: Company, stock_in_force: Submission) -> None:
    content = stock_report.source(stock_report.one_more_channel)
    submitted_as_planned(company, preview_of(company, stock_report.EXPORT, content))


def test_submit_writes_the_plan_of_a_version_that_continues_a_submission(
    company: Company, stock_in_stage_2: Submission
) -> None:
    content = stock_report.source(stock_report.one_more_channel)
    shown = preview_of(company, stock_report.EXPORT, content, is_new=False)
    assert {approval.row.kind for approval in shown.plan.approvals if approval.carried} == {"app"}
    submitted_as_planned(company, shown)
