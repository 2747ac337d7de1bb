"""The plan that a preview shows is what `submit` writes: approvals, seats, parties, terms and conflicts (A1, A2, A9, S1)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.intake import transitions as intake_transitions
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.missing import missing_answers
from approvals.intake.preview.rows import Preview
from approvals.models import Submission
from approvals.submissions.plan.plan import Plan
from governance.core.duties.refusals import Refused
from inventory.imports.transitions import previews as import_previews
from tests.approvals import stock_report
from tests.approvals.intake.builder import connect
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A1", "A2", "A9", "S1", "I7")]

SAMPLES = sorted(path.name for path in EXPORTS.glob("*.json"))


def planned(plan: Plan) -> dict[str, Any]:
    """What a plan says, in the words of `written`."""
    return {
        "approvals": sorted(
            (
                approval.row.stage,
                approval.row.kind,
                str(approval.row.privilege.key if approval.row.privilege else approval.row.credential),
                approval.row.tier,
                approval.row.term_days,
                approval.text,
                tuple(sorted(seat.label for seat in plan.facts.seats[approval.row.pk])),
            )
            for approval in plan.approvals
        ),
        "parties": sorted({(pk, str(capacity)) for pk, capacity in plan.context.parties}),
        "conflicts": sorted(conflict.standing.rule.code for conflict in plan.context.conflicts),
        "tier": plan.submission.tier,
        "light": plan.submission.light_path,
        "asked": plan.submission.asked,
    }


def written(made: Submission, plan: Plan) -> dict[str, Any]:
    """What `submit` wrote."""
    rows = made.approvals.select_related("privilege", "credential", "justification").prefetch_related("seats")
    return {
        "approvals": sorted(
            (
                row.stage,
                row.kind,
                str(row.privilege.key if row.privilege else row.credential),
                row.tier,
                row.term_days,
                row.justification.text if row.justification else "",
                tuple(sorted(seat.label for seat in row.seats.all())),
            )
            for row in rows
        ),
        "parties": sorted(made.parties.values_list("person", "capacity")),
        "conflicts": sorted(conflict.standing.rule.code for conflict in plan.context.conflicts),
        "tier": made.tier,
        "light": made.light_path,
        "asked": made.asked,
    }


def preview_of(c: Company, name: str, content: bytes, *, is_new: bool = True) -> Preview:
    """Rita's complete preview of an export."""
    n = c.people
    connect(c, content)
    item = import_previews.preview([(name, content)], actor=as_actor(n.rita), now=c.now, team=n.finance_ops).items.get()
    fields: dict[str, Any] = {}
    if is_new:
        fields = {"purpose": "Keeps the books.", "business_owner": n.jonas.pk, "technical_owner": n.rita.pk}
    draft = Draft(team=n.finance_ops.pk, fields=fields)
    shown = previews.read(item, actor=as_actor(n.rita), now=c.now, team=n.finance_ops, draft=draft)
    why = {row.key: f"For {row.key}." for row in shown.asked}
    draft = Draft(team=n.finance_ops.pk, fields=fields, why=why)
    return previews.read(item, actor=as_actor(n.rita), now=c.now, team=n.finance_ops, draft=draft)


@pytest.mark.rule("A1", "I1", "I8")
def test_plan_of_an_empty_draft_has_all_problems(company: Company) -> None:
    n = company.people
    content = stock_report.source()
    item = import_previews.preview(
        [(stock_report.EXPORT, content)], actor=as_actor(n.rita), now=company.now
    ).items.get()
    draft = Draft(team=n.finance_ops.pk, fields={"purpose": "\u200b"})
    shown = previews.read(item, actor=as_actor(n.rita), now=company.now, team=n.finance_ops, draft=draft)
    kinds = [problem.kind for problem in shown.plan.problems]
    assert kinds[:2] == ["purpose", "no_owner"], "invisible characters are no purpose"
    privileges = {row.requested.key for row in shown.asked if row.requested.privilege is not None}
    for kind in ("connection", "justification"):
        keys = {problem.key for problem in shown.plan.problems if problem.kind == kind}
        assert keys == privileges, "a credential waits for its privileges"
    assert [refusal.code for refusal in shown.plan.refusals][:2] == ["I8", "A1"]
    assert {remark.text for remark in missing_answers(shown)} >= {"say what it is for", "name a business owner"}


@pytest.mark.parametrize("name", SAMPLES)
def test_submit_writes_the_plan_that_the_preview_showed(company: Company, name: str) -> None:
    shown = preview_of(company, name, (EXPORTS / name).read_bytes())
    if shown.plan.refusals:
        with pytest.raises(Refused) as caught:
            intake_transitions.hand_in(shown, actor=as_actor(company.people.rita), now=company.now)
        assert caught.value.refusal == shown.plan.refusals[0]
        return
    made = intake_transitions.hand_in(shown, actor=as_actor(company.people.rita), now=company.now)
    assert made is not None
    assert written(made, shown.plan) == planned(shown.plan)


def test_submit_writes_the_plan_of_a_changed_version(company: Company, stock_in_force: Submission) -> None:
    content = stock_report.source(stock_report.one_more_channel)
    shown = preview_of(company, stock_report.EXPORT, content)
    made = intake_transitions.hand_in(shown, actor=as_actor(company.people.rita), now=company.now)
    assert made is not None
    assert written(made, shown.plan) == planned(shown.plan)


def test_submit_writes_the_plan_of_a_version_that_continues_a_submission(
    company: Company, stock_in_stage_2: Submission
) -> None:
    content = stock_report.source(stock_report.one_more_channel)
    shown = preview_of(company, stock_report.EXPORT, content, is_new=False)
    carried = {approval.row.kind for approval in shown.plan.approvals if approval.carried}
    made = intake_transitions.hand_in(shown, actor=as_actor(company.people.rita), now=company.now)
    assert made is not None
    assert written(made, shown.plan) == planned(shown.plan)
    assert set(made.approvals.filter(carried_from__isnull=False).values_list("kind", flat=True)) == carried == {"app"}
