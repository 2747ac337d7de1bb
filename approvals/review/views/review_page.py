"""Context of the review page: both stages of one submission side by side (A3).

Other modules build its parts: `load_dossier` loads, `stepper` draws the steps, `app` the app and `approval_rows` an approval. This module
combines them and adds the head, the groups of rows and the next step.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.urls import reverse

from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.check.submission import GIVES_NOTHING
from approvals.conflicts.rows import ConflictRow, list_rows
from approvals.conflicts.views import rows as conflict_rows
from approvals.decisions.transitions.comment import comment
from approvals.decisions.transitions.decide import answer
from approvals.grants import queries as grant_queries
from approvals.grants import unused_credentials
from approvals.grants.views import grants
from approvals.models import Approval, ApprovalKind, ApprovalState, Decision, SeatLabel, Submission, SubmissionState
from approvals.models.submission import TO_NOTHING, UNFINISHED
from approvals.review.dossier import Dossier, load_dossier
from approvals.review.views import app, approval_rows, bindings, changes, decision_bar, earlier_submission, stepper
from approvals.review.views.reader import Reader
from approvals.submissions.transitions.put_in_force import accept_subset
from approvals.submissions.transitions.withdraw import decline, withdraw
from approvals.waivers import views as waiver_views
from approvals.waivers.transitions import ask_waiver
from governance.core.access import Relation
from governance.web.components import state_words, times
from governance.web.pages.page import Shape
from inventory.automations.rules import ReaderRelations

#: Questions before an operation, as a dialog and as a page (`page.confirm`), by URL name.
QUESTIONS = {
    "withdraw": {
        "title": "Withdraw this submission?",
        "text": "Nobody decides in it any more. All comments and decisions stay on record and appear at the top of your next submission.",
        "label": "Withdraw",
    },
    "decline": {
        "title": "Decline what was approved?",
        "text": "Nothing goes live; what ran before runs on. You can submit another version at any time.",
        "label": "Decline",
    },
}


def context(submission: Submission, reader: Reader) -> Shape:
    """Context of ``approvals/review/review.html`` for a submission of `dossier.shown_submissions`."""
    details = load_dossier(submission, reader.now)
    by_reader: dict[str, Any] = {"actor": reader.actor, "now": reader.now, "context": details.context}
    may_withdraw, may_accept, may_comment = (
        operation.refusal(submission, **by_reader) is None for operation in (withdraw, accept_subset, comment)
    )
    usage: dict[str, Any] = {}
    if reader.opened or reader.also_open:
        bindings.load_people_of(details.context.facts)
        usage = grant_queries.load_usage(submission.automation_id, reader.now)
    panel = app.panel(details, reader)
    rows = [approval_rows.row(record, details, reader, usage) for record in details.second]
    questions = [*(["withdraw"] if may_withdraw else []), *(["decline"] if may_accept else [])]
    chain = details.context.facts.chain
    shape: Shape = {
        "head": _head(submission, reader, may_withdraw=may_withdraw),
        "href": details.href,
        "submission": submission,
        "platform": submission.automation.platform_name,
        "since": details.since,
        "next": _next(details, reader, may_accept=may_accept),
        "before": earlier_submission.shape(submission, details.earlier, reader),
        "steps": stepper.steps(details, panel, rows, reader),
        "changes": changes.shape(details, reader),
        "conflicts": _conflicts(details, rows, reader),
        "conflicts_when": _conflicts_when(details),
        "waivers": waiver_views.open_waivers(submission.automation, reader.now),
        "app": panel,
        "rows": rows,
        "record_words": _count_words(details.second),
        "may_decide": bool(panel["decide"]) or any(row["may_decide"] for row in rows),
        "groups": _groups(rows),
        "left_out": details.context.conflicts.left_out,
        "is_chained": submission.state in UNFINISHED and bool(chain.links or chain.unknown),
        **_conversation(details, reader, may_comment=may_comment),
        "dialogs": [_dialog(submission, name) for name in questions],
        "jump_app_first": bool(panel["decide"]),
    }
    add_bar(shape, reader)
    return shape


def add_bar(context: Shape, reader: Reader, focus: str = "") -> None:
    """Add the decision bar to the context of the page. ``focus`` is the key of the row that a decision moves on to."""
    parts = [context["app"], *context["rows"]]
    candidates = [part for part in parts if part["select"]]
    has_decided = any(part["undo"] or part.get("own") for part in parts)
    decision_bar.select(candidates, reader, focus)
    context["bar"] = decision_bar.bar(context["submission"], candidates, reader, has_decided=has_decided)


def _conversation(details: Dossier, reader: Reader, *, may_comment: bool) -> Shape:
    """Comments with the titles of their approvals, objections apart, and the form of a comment."""
    action = reverse("comment", args=[details.submission.pk])
    titles, chosen = {record.pk: record.title for record in details.context.approvals}, reader.typed.get("about")
    comments = [(row, titles[row.approval_id] if row.approval_id else "") for row in details.comments]
    about = [{"value": str(pk), "label": title, "selected": str(pk) == chosen} for pk, title in titles.items()]
    return {
        "objections": [pair for pair in comments if pair[0].is_objection],
        "remarks": [pair for pair in comments if not pair[0].is_objection],
        "remark": {"action": action, "reader": reader, "about": about} if may_comment else None,
    }


def _dialog(submission: Submission, name: str) -> Shape:
    """Context of ``components/reason_dialog.html``."""
    action, reason = reverse(name, args=[submission.pk]), {"label": "Why", "required": True}
    return {**QUESTIONS[name], "id": name, "kind": "danger", "action": action, "reason": reason}


def _conflicts(details: Dossier, drawn: Sequence[Shape], reader: Reader) -> list[ConflictRow]:
    """Conflicts of an open submission, without refused privileges (S6)."""
    submission, conflicts = details.submission, details.context.conflicts
    if submission.state not in UNFINISHED:
        return []
    rows = list_rows(conflicts.remaining, conflicts.sentences, reader.actor, reader.now)
    person = reader.actor.capacity_of
    relations = details.context.relations_to_automation(person) if person is not None else frozenset()
    known = ReaderRelations(person, relations - {Relation.SUBMITTER})
    refusal = ask_waiver.refusal(submission.automation, actor=reader.actor, now=reader.now, context=known)
    may_ask = bool(rows) and refusal is None
    return [
        replace(
            row,
            short=conflict_rows.short_words(row),
            sign_href=_sign_href(row.found, details, drawn),
            ask_href=conflict_rows.waiver_request_href(submission.automation_id, row.found)
            if may_ask and conflict_rows.may_request_waiver(row.found, reader.now)
            else "",
        )
        for row in rows
    ]


def _sign_href(finding: FoundConflict, details: Dossier, drawn: Sequence[Shape]) -> str:
    """URL of the extra approval that the reader can give for a conflict; empty if they can't."""
    conflicts = details.context.conflicts
    signed = (
        row["open_href"]
        for row in drawn
        if row["select"] and row["select"]["signs"] and conflicts.conflicts_of(row["approval"], [finding])
    )
    return next(signed, "")


def _conflicts_when(details: Dossier) -> str:
    """Condition under which the listed conflicts would exist."""
    if details.submission.state == SubmissionState.DECIDED:
        return "in what was approved"
    refused = any(record.state in GIVES_NOTHING for record in details.second)
    return "if all that is left is approved" if refused else "if all of it is approved"


def move_on(context: Shape, reader: Reader, done: str, *, stays: bool) -> None:
    """Set the focus after a decision: on the next row of the reader, without skipping any (A7).

    Args:
        context: of the current page.
        reader: the reader.
        done: key of the handled row, or "app".
        stays: whether the handled row keeps the focus.
    """
    rows = {row["key"]: row for row in context["rows"]}
    focused = context["app"] if done == "app" else rows.get(done)
    own_rows = [row for row in context["rows"] if row["may_decide"]]
    if own_rows and not stays:
        # Undecided rows are sorted by id, so the next row has a higher one.
        focused = next((row for row in own_rows if done != "app" and int(row["key"]) > int(done)), own_rows[0])
    if focused is not None:
        focused["focus"] = True
        add_bar(context, reader, focused.get("key", "app"))


def toast(context: Shape, done: Sequence[str], words: str) -> Shape:
    """What the last request did, with its undo. See ``approvals/review/decision_bar.html``."""
    parts = {part.get("key", "app"): part for part in (context["app"], *context["rows"])}
    part = parts[done[0]]
    own = _batch_of(part["own"]["decision"]) if part.get("own") else None
    count = sum(_batch_of(row["own"]["decision"]) == own for row in context["rows"] if row["own"])
    if count > len(done):
        words += f" The approval covers all {count} in the conflict."
    form = "approvals/review/undo.html" if part["undo"] else ""
    return {"words": words, "form": form, "undo": part["undo"], "about": part["approval"], "count": count}


def _batch_of(decision: Decision) -> Any:
    """Return the key that decisions share when one undo takes back all of them: a bulk decision or an extra approval (A8, S6)."""
    return decision.batch or (decision.at if decision.seat.label == SeatLabel.CONFLICT else decision.pk)


def _head(submission: Submission, reader: Reader, *, may_withdraw: bool) -> Shape:
    automation = submission.automation
    actions: list[Shape] = [{"label": "Automation", "icon": "file", "href": automation.href}]
    if may_withdraw:
        href = reverse("withdraw", args=[submission.pk])
        actions.append({"label": "Withdraw", "icon": "undo", "href": href, "opens": "withdraw"})
    submitted = times.moment_words(submission.submitted_at, reader.now)
    state = state_words.state_word("submission", submission.state)
    return {
        "title": automation.name,
        "tag": {"text": state.text, "tone": state.tone},
        "tier": submission.tier,
        "facts": [
            f"{automation.platform_name} {app.kind_of(submission).lower()}",
            automation.team.name,
            automation.get_environment_display().lower(),
            f"version {submission.version.number}",
            f"submitted by {reader.name(submission.submitted_by)}, {submitted}",
        ],
        "actions": actions,
    }


def _next(details: Dossier, reader: Reader, *, may_accept: bool) -> Shape | None:
    """Context of ``approvals/review/next.html``: what the reader does next, if anything."""
    submission, second = details.submission, details.second
    by_reader: dict[str, Any] = {"actor": reader.actor, "now": reader.now, "context": details.context}
    if submission.state in TO_NOTHING:
        action = grants.resubmit_button(submission.automation, reader.actor, reader.now)
        if action is None or submission.automation.versions.filter(number__gt=submission.version.number).exists():
            return None
        return {"resubmit": {**action, "kind": "filled"}}
    if submission.state == SubmissionState.DECIDED and may_accept:
        approved = [record for record in second if record.state == ApprovalState.APPROVED]
        left_out = unused_credentials.unneeded_credentials(approved, details.context.facts)
        return {"approved": approved, "left_out": left_out, "granted": len(approved) - len(left_out)}
    if submission.state == SubmissionState.DECIDED:  # the business owner reads why it can't be accepted (A5)
        may_decline = decline.refusal(submission, **by_reader) is None
        return {"refusal": accept_subset.refusal(submission, **by_reader)} if may_decline else None
    sent_back = [record for record in second if record.state == ApprovalState.CHANGES_ASKED]
    questions = [record for record in sent_back if answer.refusal(record, **by_reader) is None]
    due = min((record.builder_due_at for record in questions if record.builder_due_at is not None), default=None)
    return {"questions": questions, "due": due} if questions else None


def _count_words(second: Sequence[Approval]) -> str:
    credentials = sum(record.kind == ApprovalKind.CREDENTIAL for record in second)
    words = times.counted(len(second) - credentials, "privilege")
    return f"{words}, {times.counted(credentials, 'credential')}" if credentials else words


def _groups(rows: Sequence[Shape]) -> list[tuple[str, str, list[Shape]]]:
    """Group the rows by who must act. Each group has a title, words beside the title, and at least one row.

    A row that the page showed as the reader's stays where it is after the decision.
    """
    mine = [row for row in rows if row["is_kept"]]
    ended = [row for row in rows if row["approval"].has_ended and not row["is_kept"]]
    others = [row for row in rows if not row["is_kept"] and not row["approval"].has_ended]
    waits = all(row["approval"].state == ApprovalState.WAITING for row in others)
    can = "read, comment and object" if any(row["may_object"] for row in others) else "read and comment"
    are_decided = any(row["approval"].is_decided for row in rows)
    groups = [
        ("Yours to decide", f"{sum(row['may_decide'] for row in mine)} remaining", mine),
        ("Waits for stage 1" if waits else "With others", f"{len(others)}; you can {can}", others),
        ("Decided" if are_decided else "Not decided", f"{len(ended)} of {len(rows)}", ended),
    ]
    return [group for group in groups if group[2]]
