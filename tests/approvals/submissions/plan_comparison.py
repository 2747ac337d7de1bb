"""What a plan says and what `submit` stored, in the same words, so that tests can compare them (A1)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from approvals.assignment.context import load_context
from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.intake import transitions as intake_transitions
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.rows import Preview
from approvals.models import Submission
from approvals.submissions.plan.plan import Plan
from governance.core.duties.refusals import Refusal, Refused
from inventory.models import ImportItem
from tests.people import as_actor
from tests.scenarios import Company


def complete_preview(c: Company, item: ImportItem, *, is_new: bool = True) -> Preview:
    """Rita's preview of an import, with an answer to all that it asks."""
    n, fields = c.people, dict[str, Any]()
    if is_new:
        fields = {"purpose": "Keeps the books.", "business_owner": n.jonas.pk, "technical_owner": n.rita.pk}
    draft = Draft(team=n.finance_ops.pk, fields=fields)
    shown = previews.load_preview(item, actor=as_actor(n.rita), now=c.now, team=n.finance_ops, draft=draft)
    why = {row.key: f"For {row.key}." for row in shown.asked_rows}
    draft = Draft(team=n.finance_ops.pk, fields=fields, why=why)
    return previews.load_preview(item, actor=as_actor(n.rita), now=c.now, team=n.finance_ops, draft=draft)


def handed_in(c: Company, shown: Preview) -> Submission | Refusal:
    """The submission of a preview, or why it is refused."""
    try:
        made = intake_transitions.hand_in(shown, actor=as_actor(c.people.rita), now=c.now)
    except Refused as error:
        return error.refusal
    assert made is not None
    return made


def submitted_as_planned(c: Company, shown: Preview) -> Submission:
    """The submission of a preview that its plan doesn't refuse. All that is stored is as planned."""
    assert shown.plan.refusals == shown.plan.problems == []
    made = handed_in(c, shown)
    assert isinstance(made, Submission), made
    assert stored(Submission.objects.get(pk=made.pk), c) == planned(shown.plan)
    return made


def planned(plan: Plan) -> dict[str, Any]:
    """What a plan says, in the words of `stored`."""
    context, own = plan.context, plan.context.case.automation
    return {
        "approvals": sorted(
            (
                approval.row.stage,
                approval.row.kind,
                str(approval.row.privilege.key if approval.row.privilege else approval.row.credential),
                approval.row.tier,
                approval.row.term_days,
                approval.text,
                approval.row.round,
                approval.row.earlier_id,
                approval.source.pk if approval.source is not None and approval.carried else None,
                sorted((decision.pk, approval.row.round) for decision in approval.carried),
                sorted(seat.label for seat in plan.facts.seats[approval.row.pk]),
            )
            for approval in plan.approvals
        ),
        "parties": sorted({(pk, str(capacity)) for pk, capacity in context.parties}),
        "conflicts": _conflicts(context.conflicts, own),
        "held": _without_ids(plan.submission.held, own),
        **_of_row(plan.submission),
    }


def stored(made: Submission, c: Company) -> dict[str, Any]:
    """What `submit` stored. The conflicts are found anew for the stored submission, as the review page does."""
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
                row.round,
                row.earlier_id,
                row.carried_from_id,
                sorted(row.carried_decisions.values_list("decision", "round")),
                sorted(seat.label for seat in row.seats.all()),
            )
            for row in rows
        ),
        "parties": sorted(made.parties.values_list("person", "capacity")),
        "conflicts": _conflicts(load_context(made, c.now).conflicts.as_asked, made.automation_id),
        "held": _without_ids(made.held, made.automation_id),
        **_of_row(made),
    }


def _of_row(row: Submission) -> dict[str, Any]:
    names = (
        "kind",
        "tier",
        "reasons",
        "light_path",
        "asked",
        "digest",
        "policy_id",
        "promoted_from_id",
        "continues_id",
    )
    return {name: getattr(row, name) for name in names}


def _conflicts(found: Iterable[FoundConflict], own: int) -> list[Any]:
    return sorted(
        (
            conflict.standing.rule.code,
            str(conflict.mode),
            sorted(held.removeprefix(f"{own}/") for held in conflict.held),
            conflict.waiver.pk if conflict.waiver is not None else None,
            conflict.signature.pk if conflict.signature is not None else None,
        )
        for conflict in found
    )


def _without_ids(held: Any, own: int) -> Any:
    """The stored access without the ids of the automation and its identities, which new ones do not have yet."""
    access = json.loads(json.dumps(held).replace(f'"{own}/', '"'))
    access["subjects"]["identity"] = len(access["subjects"]["identity"])
    return access
