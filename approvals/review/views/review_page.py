"""Context of the review page: both stages of one submission side by side (A3).

Other modules build its parts: `load_dossier` loads, `stages` draws the stepper, `app` the app and `approval_rows` an approval. This module
combines them and adds the head, the groups of rows and the conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.urls import reverse

from approvals.assignment.context import SubmissionContext
from approvals.conflicts.check.automation import FoundConflict
from approvals.conflicts.check.submission import GIVES_NOTHING
from approvals.conflicts.views import rows as conflict_rows
from approvals.conflicts.views.rows import ConflictRow
from approvals.decisions.transitions.comment import comment
from approvals.decisions.transitions.decide import answer
from approvals.grants import unused_credentials
from approvals.grants.views import grants
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.models.submission import UNFINISHED
from approvals.review.views import app, approval_rows, changes, earlier_submission, remarks, stages
from approvals.review.views.dossier import Dossier, load_dossier
from approvals.review.views.reader import Reader, Shape
from approvals.submissions.transitions.put_in_force import accept_subset
from approvals.submissions.transitions.withdraw import decline, withdraw
from approvals.waivers import views as waiver_views
from approvals.waivers.transitions import ask_waiver
from governance.core.access import Relation
from governance.core.ledger import ledger_events
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages.page import ledger_href
from inventory.automations.rules import ReaderRelations
from inventory.importers import sentences

#: Maximum number of events in the timeline; the ledger has all.
EVENTS = 40
#: Ends without coming into force, after which a resubmission is possible.
ENDED_WITHOUT_EFFECT = (
    SubmissionState.WITHDRAWN,
    SubmissionState.REJECTED,
    SubmissionState.DECLINED,
    SubmissionState.EXPIRED,
)
#: Questions before an operation, as a dialog and as a page (`confirmation.confirm`).
WITHDRAW = {
    "title": "Withdraw this submission?",
    "text": "Nobody decides in it any more. All comments and decisions stay on record and appear at the top of your next submission.",
    "label": "Withdraw",
}
DECLINE = {
    "title": "Decline what was approved?",
    "text": "Nothing goes live; what ran before runs on. You can submit another version at any time.",
    "label": "Decline",
}
#: Dialogs by the operation that they need: URL name and question.
DIALOGS = {"withdraw": ("withdraw", WITHDRAW), "accept": ("decline", DECLINE)}
#: Operations on the submission, by the name of their button.
SUBMISSION_OPERATIONS = {"comment": comment, "withdraw": withdraw, "accept": accept_subset}


def context(submission: Submission, reader: Reader) -> Shape:
    """Context of ``approvals/review/review.html`` for a submission of `dossier.visible`."""
    details = load_dossier(submission, reader)
    allowed = {
        name
        for name, operation in SUBMISSION_OPERATIONS.items()
        if operation.refusal(submission, actor=reader.actor, now=reader.now, context=details.context) is None
    }
    rows = [
        approval_rows.row(record, details.context, reader, details.held_of(record), objected=details.objected)
        for record in details.second
    ]
    for row, record in zip(rows, details.second, strict=True):
        changes.mark(row, record, details.since)
    return {
        "now": reader.now,
        "submission": submission,
        "head": _head(submission, reader, may_withdraw="withdraw" in allowed),
        "next": _next(details, reader, may_accept="accept" in allowed),
        "before": earlier_submission.shape(submission, details.earlier, reader),
        "steps": stages.steps(details, rows, reader),
        "changes": changes.shape(details, reader),
        "conflicts": _conflicts(details, rows, reader),
        "conflicts_when": _conflicts_when(details),
        "waivers": waiver_views.open_waivers(submission.automation, reader.now),
        "app": app.panel(details, reader),
        "record_words": _count_words(details.second),
        "may_decide": any(row["mine"] for row in rows),
        "groups": _groups(rows, details.second),
        "panels": _panels(details.context),
        "why_href": reverse("review_why", args=[submission.pk]),
        "remarks": _remarks(details),
        "remark": _remark(details, reader) if "comment" in allowed else None,
        "events": _events(details, reader),
        "ledger_href": ledger_href(submission, actor=reader.actor, now=reader.now),
        "dialogs": [_dialog(submission, *DIALOGS[name]) for name in DIALOGS if name in allowed],
    }


def _remarks(details: Dossier) -> list[Shape]:
    return [
        remarks.of_comment(comment, details.titles.get(comment.approval_id or 0, ""))
        for comment in details.comments
        if not comment.is_objection
    ]


def _dialog(submission: Submission, name: str, question: Mapping[str, str]) -> Shape:
    """Context of ``components/reason_dialog.html``."""
    reason = {"label": "Why", "required": True}
    action = reverse(name, args=[submission.pk])
    return {**question, "id": name, "kind": "danger", "action": action, "reason": reason}


def _panels(context: SubmissionContext) -> list[Shape]:
    """Panel with the connected automations of an unfinished submission, if there are any (A16)."""
    submission, chain = context.submission, context.facts.chain
    if submission.state not in UNFINISHED or not (chain.links or chain.unknown):
        return []
    href = reverse("review_chain", args=[submission.pk])
    return [{"href": href, "title": "Connected automations", "id": "chain"}]


def _conflicts(details: Dossier, drawn: Sequence[Shape], reader: Reader) -> list[ConflictRow]:
    """Conflicts of an open submission, without refused privileges (S6)."""
    submission, conflicts = details.submission, details.context.conflicts
    if submission.state not in UNFINISHED:
        return []
    rows = conflict_rows.list_rows(conflicts.remaining, conflicts.sentences, reader.actor, reader.now)
    person = reader.actor.capacity_of
    relations = details.context.relations_to_automation(person) if person is not None else frozenset()
    known = ReaderRelations(person, relations - {Relation.SUBMITTER})
    refusal = ask_waiver.refusal(submission.automation, actor=reader.actor, now=reader.now, context=known)
    may_ask = bool(rows) and refusal is None
    return [
        replace(
            row,
            sign_href=_sign_href(row.found, details, drawn),
            ask_href=conflict_rows.waiver_request_href(submission.automation_id, row.found)
            if may_ask and conflict_rows.may_request_waiver(row.found, reader.now)
            else "",
        )
        for row in rows
    ]


def _sign_href(finding: FoundConflict, details: Dossier, drawn: Sequence[Shape]) -> str:
    """URL of the extra approval that the reader can give for a conflict; empty if they can't."""
    rows = (
        row["open_href"]
        for record, row in zip(details.second, drawn, strict=True)
        if row["signs"] and details.context.conflicts.of(record, [finding])
    )
    return next(rows, "")


def _conflicts_when(details: Dossier) -> str:
    """Condition under which the listed conflicts would exist."""
    if details.submission.state == SubmissionState.DECIDED:
        return "in what was approved"
    refused = any(record.state in GIVES_NOTHING for record in details.second)
    return "if all that is left is approved" if refused else "if all of it is approved"


def move_on(context: Shape, done: str, *, stays: bool) -> None:
    """Set the focus after a decision: on the next row of the reader, without skipping any (A7).

    Args:
        context: of the current page.
        done: key of the handled row, or "app".
        stays: whether the handled row keeps the focus.
    """
    rows = {row["key"]: row for group in context["groups"] for row in group["rows"]}
    focused = context["app"] if done == "app" else rows.get(done)
    own_rows = [row for row in rows.values() if row["mine"]]
    if own_rows and not stays:
        # Undecided rows are sorted by id, so the next row has a higher one.
        focused = next((row for row in own_rows if done != "app" and int(row["key"]) > int(done)), own_rows[0])
    if focused is not None:
        focused["focus"] = True


def _events(details: Dossier, reader: Reader) -> list[Shape]:
    """The timeline, with rows that the page has loaded."""
    return timeline_queries.shapes(
        details.submission,
        limit=EVENTS,
        people=[details.submission.submitted_by, *details.owners.values(), *details.route.deciders],
        texts={ledger_events.name_of(record): record.quoted for record in details.records},
        actor=reader.actor,
        now=reader.now,
    )


def _count_words(second: Sequence[Approval]) -> str:
    credentials = sum(record.kind == "credential" for record in second)
    words = times.counted(len(second) - credentials, "privilege")
    return f"{words}, {times.counted(credentials, 'credential')}" if credentials else words


def _head(submission: Submission, reader: Reader, *, may_withdraw: bool) -> Shape:
    automation = submission.automation
    kind = app.kind_of(submission).lower()
    actions: list[Shape] = [
        {"label": "Automation", "icon": "file", "href": reverse("automation", args=[automation.pk])}
    ]
    if may_withdraw:
        href = reverse("withdraw", args=[submission.pk])
        actions.append({"label": "Withdraw", "icon": "undo", "href": href, "opens": "withdraw"})
    return {
        "title": automation.name,
        "tier": submission.tier,
        "facts": [
            f"{sentences.platform_label(automation.platform_instance)} {kind}",
            automation.team.name,
            automation.get_environment_display().lower(),
            f"version {submission.version.number}",
            f"submitted by {reader.name(submission.submitted_by)}, {times.moment_words(submission.submitted_at, reader.now)}",
        ],
        "actions": actions,
    }


def _next(details: Dossier, reader: Reader, *, may_accept: bool) -> Shape | None:
    """Next step of the reader: resubmit, accept or decline a subset, or answer a question."""
    submission, context = details.submission, details.context
    if submission.state in ENDED_WITHOUT_EFFECT:
        return _resubmit_notice(submission, reader)
    if submission.state == SubmissionState.DECIDED:
        return _accept_notice(details) if may_accept else _not_to_accept(details, reader)
    mine = [
        record
        for record in details.second
        if record.state == ApprovalState.CHANGES_ASKED
        and answer.refusal(record, actor=reader.actor, now=reader.now, context=context) is None
    ]
    if not mine:
        return None
    href = reverse("answer", args=[submission.pk, mine[0].pk])
    words = "One question waits" if len(mine) == 1 else f"{len(mine)} questions wait"
    due = min((record.builder_due_at for record in mine if record.builder_due_at is not None), default=None)
    by = f" by {times.moment_words(due, reader.now)}" if due is not None else ""
    return {
        "lead": f"{words} for your answer.",
        "text": f"Answer here{by}, or import a new version. After that it expires.",
        "actions": [{"label": "Answer", "kind": "filled", "href": href}],
    }


def _accept_notice(details: Dossier) -> Shape:
    """Notice for the business owner of a partial approval (A5)."""
    submission, second = details.submission, details.second
    approved = [record for record in second if record.state == ApprovalState.APPROVED]
    left_out = unused_credentials.unneeded_credentials(approved, details.context.facts)
    count = len(approved) - len(left_out)
    text = [f"{len(approved)} of {len(second)} were approved. The automation runs without what was refused."]
    text += [
        f"{unused.credential} is not granted, because every privilege that uses it was refused." for unused in left_out
    ]
    label = "Accept what was approved" if count == 1 else f"Accept the {count}"
    accept, decline_href = (reverse(name, args=[submission.pk]) for name in ("accept", "decline"))
    return {
        "lead": "Accept what was approved, or decline.",
        "text": " ".join(text),
        "actions": [
            {"label": label, "kind": "filled", "post": accept, "fields": {}},
            {"label": "Decline", "href": decline_href, "opens": "decline"},
        ],
    }


def _not_to_accept(details: Dossier, reader: Reader) -> Shape | None:
    """Notice for the business owner if a partial approval can't be accepted: why, and what to do (A5)."""
    submission, context = details.submission, details.context
    if decline.refusal(submission, actor=reader.actor, now=reader.now, context=context) is not None:
        return None
    refusal = accept_subset.refusal(submission, actor=reader.actor, now=reader.now, context=context)
    assert refusal is not None  # called only if it is refused
    href = reverse("decline", args=[submission.pk])
    return {"lead": refusal.sentence, "text": refusal.to_do, "actions": [{"label": "Decline", "href": href}]}


def _resubmit_notice(submission: Submission, reader: Reader) -> Shape | None:
    """Notice for people who may resubmit, while the version is the newest."""
    action = grants.resubmit_button(submission.automation, reader.actor, reader.now)
    if action is None or submission.automation.versions.filter(number__gt=submission.version.number).exists():
        return None
    return {
        "lead": "Nothing of this came into force.",
        "text": "It can be submitted again; what was said about it is filled in.",
        "actions": [{**action, "kind": "filled"}],
    }


def _groups(rows: Sequence[Shape], second: Sequence[Approval]) -> list[Shape]:
    mine = [row for row in rows if row["mine"]]
    decided = [row for row, record in zip(rows, second, strict=True) if record.has_ended]
    others = [row for row in rows if row not in mine and row not in decided]
    waiting = all(row["state"]["value"] == "waiting" for row in others)
    can = "read, comment and object" if any(row["may_object"] for row in others) else "read and comment"
    ended = "Decided" if any(record.is_decided for record in second) else "Not decided"
    groups = (
        ("mine", "Yours to decide", times.counted(len(mine), "record"), mine),
        (
            "others",
            "Waits for stage 1" if waiting else "With others",
            f"{times.counted(len(others), 'record')}; you can {can}",
            others,
        ),
        ("decided", ended, f"{len(decided)} of {len(rows)}", decided),
    )
    return [
        {"key": key, "title": title, "words": words, "rows": listed} for key, title, words, listed in groups if listed
    ]


def _remark(details: Dossier, reader: Reader) -> Shape:
    typed = reader.typed or {}
    chosen_key = str(typed.get("about", ""))
    return {
        "action": reverse("comment", args=[details.submission.pk]),
        "about": [
            {"value": record.pk, "label": record.title, "chosen": str(record.pk) == chosen_key}
            for record in details.records
        ],
        "value": typed.get("text", ""),
        "error": typed.get("remark_error", ""),
    }
