"""Stepper of the review page: progress of stage 1, stage 2 and in force, and their holders."""

from collections.abc import Sequence

from approvals.inbox.views.waiting_for import holder_shapes
from approvals.models import ApprovalState, SubmissionState
from approvals.review.dossier import Dossier, decided_words
from approvals.review.views import approval_rows
from approvals.review.views.reader import Reader
from governance.web.components import times
from governance.web.pages.page import Shape

#: What most steps lack; see ``components/stepper.html``.
NOTHING_MORE = dict.fromkeys(("state", "count", "due", "is_first", "parts", "held", "text", "below"), "")
STATE = dict.fromkeys(("holder", "by"), "")


def steps(details: Dossier, app: Shape, rows: Sequence[Shape], reader: Reader) -> list[Shape]:
    """Context of ``components/stepper.html``: one step per stage and one for "in force".

    Args:
        details: the submission.
        app: context of its app.
        rows: contexts of the rows of its stage-2 approvals, in order.
        reader: the reader.
    """
    may_decide = bool(app["decide"])
    return [
        _stage_1(details, reader, may_decide=may_decide),
        _stage_2(details, rows, reader),
        _in_force(details, reader),
    ]


def _stage_1(details: Dossier, reader: Reader, *, may_decide: bool) -> Shape:
    step: Shape = {**NOTHING_MORE, "seal": "left", "title": "Stage 1 · App"}
    app, route = details.app, details.route
    if app is None:
        below = f"Unchanged since version {details.rests_on}" if details.rests_on is not None else ""
        return step | {"stage": "done", "state": {**STATE, "value": "approved", "mine": False}, "below": below}
    step["state"] = {**STATE, "value": app.state, "mine": may_decide}
    if app.has_ended:
        last = approval_rows.last_decision(app, route)
        if last is not None:
            step["state"]["by"] = reader.decided_by(last, start=False)
            step["below"] = times.moment_words(last.at, reader.now)
        return step | {"stage": "done"}
    return step | {"stage": "now", "due": app.due_at, "held": holder_shapes(details.rows[app.pk].held, reader)}


def _stage_2(details: Dossier, rows: Sequence[Shape], reader: Reader) -> Shape:
    step: Shape = {**NOTHING_MORE, "seal": "right", "title": "Stage 2 · Privileges", "stage": "next"}
    second, policy = details.second, f"policy version {details.submission.policy.number}"
    if not second:
        return step | {"text": "It asks for nothing new."}
    step["parts"] = [approval_rows.segment(row["approval"], mine=row["may_decide"]) for row in rows]
    if all(record.state == ApprovalState.WAITING for record in second):
        text = f"{len(second)} wait for stage 1. Their owners can read, discuss and object, not decide."
        if details.submission.light_path:  # (A13)
            count = len(second)
            text = f"Auto-approved: {policy} approves {count} once stage 1 is approved, unless their owners object."
        return step | {"text": text}
    step["count"] = decided_words(second)
    if all(record.has_ended for record in second):
        is_of_policy = any(record.by_policy_id is not None for record in second)
        return step | {"stage": "done", "below": f"By {policy}" if is_of_policy else ""}
    held = (pending for record in second for pending in details.rows[record.pk].held)
    dues = {record.due_at for record in second if record.due_at and not record.has_ended}
    due = {"due": min(dues, default=None), "is_first": len(dues) > 1}
    return step | {"stage": "now", **due, "held": holder_shapes(held, reader)}


def _in_force(details: Dossier, reader: Reader) -> Shape:
    submission = details.submission
    seal = "full" if submission.state in ("in_force", "decided") else "none"
    step: Shape = {**NOTHING_MORE, "seal": seal, "title": "In force", "stage": "next"}
    if submission.state == SubmissionState.OPEN:
        owner = submission.automation.accepting(details.route.now).name
        refused = any(record.state in (ApprovalState.REJECTED, ApprovalState.EXPIRED) for record in details.second)
        rest = f" Something was rejected, so {owner} accepts the rest." if refused else ""
        return step | {"text": f"After the last decision.{rest}"}
    if submission.state == SubmissionState.IN_FORCE:
        step["stage"] = "done"
    if submission.state == SubmissionState.DECIDED:
        step |= {"stage": "now", "due": submission.accept_due_at, "held": holder_shapes(details.held, reader)}
    return step | {"text": details.outcome}
