"""The context of the review page: both stages of one submission side by side (A3).

The parts stand beside this module: reading in `dossier`, the stepper in `stages`, the app in `app`, a record in
`approval_rows`. This one puts them together, and draws the head, the groups of rows and the conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import Found
from approvals.conflicts.views import rows as conflict_rows
from approvals.decisions.transitions.comment import comment
from approvals.decisions.transitions.decide import answer
from approvals.grants import unused_credentials
from approvals.grants.views import panels
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.models.submission import UNFINISHED
from approvals.review.views import app, approval_rows, chain, changes, confirmations, earlier_submission, stages
from approvals.review.views.dossier import Dossier, dossier
from approvals.review.views.reader import Reader, Shape
from approvals.submissions.transitions.put_in_force import accept_subset
from approvals.submissions.transitions.withdraw import decline, withdraw
from approvals.waivers.transitions import ask_waiver
from approvals.waivers.views import waiver_list
from governance.core.ledger import ledger_events
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages.ledger_links import ledger_href
from inventory.importers import sentences

#: Events of the timeline; the ledger has the rest.
EVENTS = 40
#: How a submission ends without coming into force: what it asked for can be asked for again.
CAME_TO_NOTHING = (
    SubmissionState.WITHDRAWN,
    SubmissionState.REJECTED,
    SubmissionState.DECLINED,
    SubmissionState.EXPIRED,
)
#: What can be done to the whole submission from this page, by the name of its button.
DOING = {"comment": comment, "withdraw": withdraw, "accept": accept_subset}


def context(submission: Submission, reader: Reader) -> Shape:
    """Everything that ``approvals/review/review.html`` takes; `dossier.visible` finds the submission."""
    about = dossier(submission, reader)
    allowed = {
        name
        for name, operation in DOING.items()
        if operation.refusal(submission, actor=reader.actor, now=reader.now) is None
    }
    rows = [
        approval_rows.row(one, about.route, reader, about.held_of(one), objected=about.objected) for one in about.second
    ]
    for row, record in zip(rows, about.second, strict=True):
        changes.mark(row, record, about.since)
    return {
        "now": reader.now,
        "crumbs": [
            {"label": "Desk", "href": reverse("desk")},
            {"label": f"Submission {submission.reference}", "href": ""},
        ],
        "head": _head(submission, reader, may_withdraw="withdraw" in allowed),
        "next": _next(about, reader, may_accept="accept" in allowed),
        "before": earlier_submission.shape(submission, reader),
        "steps": stages.steps(about, rows, reader),
        "changes": changes.shape(about, reader),
        "conflicts": _conflicts(about, rows, reader),
        "conflicts_when": _conflicts_when(about),
        "waivers": _waivers(submission, reader),
        "app": app.panel(about, reader),
        "record_words": _count_words(about.second),
        "may_decide": any(row["mine"] for row in rows),
        "groups": _groups(rows, about.second),
        "panels": chain.panels(submission),
        "why_href": reverse("review_why", args=[submission.pk]),
        "remarks": _remarks(about),
        "remark": _remark(about, reader) if "comment" in allowed else None,
        "events": _events(about, reader),
        "ledger_href": ledger_href(submission, actor=reader.actor, now=reader.now),
        "dialogs": [
            question(submission)
            for name, question in (
                ("withdraw", confirmations.withdraw_question),
                ("accept", confirmations.decline_question),
            )
            if name in allowed
        ],
    }


def _waivers(submission: Submission, reader: Reader) -> list[Shape]:
    """Those of its automation, asked for where the page's own query found that there are any."""
    if not getattr(submission, "has_waivers", True):
        return []
    return waiver_list.under_way(submission.automation, reader.now)


def _conflicts(about: Dossier, drawn: Sequence[Shape], reader: Reader) -> list[Shape]:
    """Conflicts of an open submission, without refused privileges (S6)."""
    submission = about.submission
    if submission.state not in UNFINISHED:
        return []
    found = remaining_conflicts.of_submission(submission, reader.now)
    rows = conflict_rows.shapes(found, conflicts.words_in(submission), reader.actor, reader.now)
    rows = [row | {"sign_href": _sign_href(one, about, drawn)} for one, row in zip(found, rows, strict=True)]
    if ask_waiver.refusal(submission.automation, actor=reader.actor, now=reader.now) is not None:
        return rows
    asks = [
        conflict_rows.ask_href(submission.automation_id, one) if conflict_rows.may_be_asked(one, reader.now) else ""
        for one in found
    ]
    return [row | {"ask_href": href} for row, href in zip(rows, asks, strict=True)]


def _sign_href(found: Found, about: Dossier, drawn: Sequence[Shape]) -> str:
    """Where the reader gives the extra approval that a conflict takes; empty where they do not."""
    asked = conflicts.asked_in(about.submission)
    rows = (
        row["open_href"]
        for record, row in zip(about.second, drawn, strict=True)
        if row["signs"] and conflicts.takes_part(record.kind, conflicts.key_of(record), found, asked)
    )
    return next(rows, "")


def _conflicts_when(about: Dossier) -> str:
    """When the conflicts that a page shows would be there."""
    if about.submission.state == SubmissionState.DECIDED:
        return "in what was approved"
    refused = any(one.state in conflicts.GIVES_NOTHING for one in about.second)
    return "if all that is left is approved" if refused else "if all of it is approved"


def move_on(context: Shape, done: str, *, stays: bool) -> None:
    """Say in a page's context where the focus is after a decision: it goes on from there, and passes over nothing twice (A7).

    Args:
        context: of the page as it is now.
        done: the key of what was just dealt with: a row's, or "app".
        stays: whether that is to be dealt with again, so that the focus stays on it.
    """
    rows = {row["key"]: row for group in context["groups"] for row in group["rows"]}
    here = context["app"] if done == "app" else rows.get(done)
    own = [row for row in rows.values() if row["mine"]]
    if own and not stays:
        # Records stand in the order of their ids, but for those that are decided: what comes after has a higher one.
        here = next((row for row in own if done != "app" and int(row["key"]) > int(done)), own[0])
    if here is not None:
        here["focus"] = True


def _events(about: Dossier, reader: Reader) -> list[Shape]:
    """The timeline; what the page has read already is not read for it again."""
    return timeline_queries.shapes(
        about.submission,
        reader=reader.actor.person,
        limit=EVENTS,
        people=about.people.values(),
        texts={ledger_events.name_of(record): record.quoted for record in about.records},
        actor=reader.actor,
        now=reader.now,
    )


def _count_words(second: Sequence[Approval]) -> str:
    credentials = sum(record.kind == "credential" for record in second)
    privileges = len(second) - credentials
    words = f"{privileges} privilege{'s' if privileges != 1 else ''}"
    return f"{words}, {credentials} credential{'s' if credentials != 1 else ''}" if credentials else words


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
            f"{sentences.platform(automation.platform_instance)} {kind}",
            automation.team.name,
            automation.get_environment_display().lower(),
            f"version {submission.version.number}",
            f"submitted by {reader.name(submission.submitted_by)}, {times.moment_words(submission.submitted_at, reader.now)}",
        ],
        "actions": actions,
    }


def _not_to_accept(submission: Submission, reader: Reader) -> Shape | None:
    """What the business owner reads where what was approved can't be put in force as it is: why, and what to do (A5)."""
    if decline.refusal(submission, actor=reader.actor, now=reader.now) is not None:
        return None
    no = accept_subset.refusal(submission, actor=reader.actor, now=reader.now)
    assert no is not None  # asked only where it is refused
    href = reverse("decline", args=[submission.pk])
    return {"lead": no.sentence, "text": no.to_do, "actions": [{"label": "Decline", "href": href}]}


def _next(about: Dossier, reader: Reader, *, may_accept: bool) -> Shape | None:
    submission, second = about.submission, about.second
    if submission.state in CAME_TO_NOTHING:
        return _again(submission, reader)
    if submission.state == SubmissionState.DECIDED:
        if not may_accept:
            return _not_to_accept(submission, reader)
        approved = [record for record in second if record.state == ApprovalState.APPROVED]
        left_out = unused_credentials.left_out(approved, submission)
        granted = len(approved) - len(left_out)
        accept = reverse("accept", args=[submission.pk])
        return {
            "lead": "Accept what was approved, or decline.",
            "text": " ".join(
                [
                    f"{len(approved)} of {len(second)} were approved. The automation runs without what was refused.",
                    *(
                        f"{one.credential} is not granted, because every privilege that uses it was refused."
                        for one in left_out
                    ),
                ]
            ),
            "actions": [
                {
                    "label": "Accept what was approved" if granted == 1 else f"Accept the {granted}",
                    "kind": "filled",
                    "post": accept,
                    "fields": {},
                },
                {"label": "Decline", "href": reverse("decline", args=[submission.pk]), "opens": "decline"},
            ],
        }
    asked = [r for r in second if r.state == ApprovalState.CHANGES_ASKED]
    mine = [r for r in asked if answer.refusal(r, actor=reader.actor, now=reader.now) is None]
    if not mine:
        return None
    href = reverse("answer", args=[submission.pk, mine[0].pk])
    words = "One question waits" if len(mine) == 1 else f"{len(mine)} questions wait"
    due = min((one.builder_due_at for one in mine if one.builder_due_at is not None), default=None)
    by = f" by {times.moment_words(due, reader.now)}" if due is not None else ""
    return {
        "lead": f"{words} for your answer.",
        "text": f"Answer here{by}, or bring in a new version. After that it ends as rejected.",
        "actions": [{"label": "Answer", "kind": "filled", "href": href}],
    }


def _again(submission: Submission, reader: Reader) -> Shape | None:
    """For whoever may ask again for what came to nothing, while its version is the newest."""
    again = panels.again(submission.automation, reader.actor, reader.now)
    if again is None or submission.automation.versions.filter(number__gt=submission.version.number).exists():
        return None
    return {
        "lead": "Nothing of this came into force.",
        "text": "It can be submitted again; what was said about it is filled in.",
        "actions": [{**again, "kind": "filled"}],
    }


def _groups(rows: Sequence[Shape], second: Sequence[Approval]) -> list[Shape]:
    mine = [row for row in rows if row["mine"]]
    decided = [row for row, record in zip(rows, second, strict=True) if record.has_ended]
    others = [row for row in rows if row not in mine and row not in decided]
    waiting = bool(others) and all(row["state"]["value"] == "waiting" for row in others)
    n = len(others)
    can = "read, comment and object" if any(row["may_object"] for row in others) else "read and comment"
    groups: list[Shape] = [
        {
            "key": "mine",
            "title": "Yours to decide",
            "words": f"{len(mine)} record{'s' if len(mine) != 1 else ''}",
            "rows": mine,
        },
        {
            "key": "others",
            "title": "Waits for stage 1" if waiting else "With others",
            "words": f"{n} record{'s' if n != 1 else ''}; you can {can}",
            "rows": others,
        },
        {
            "key": "decided",
            "title": "Decided" if any(record.is_decided for record in second) else "Not decided",
            "words": f"{len(decided)} of {len(rows)}",
            "rows": decided,
        },
    ]
    return [group for group in groups if group["rows"]]


def _remarks(about: Dossier) -> list[Shape]:
    records = {record.pk: record for record in about.records}
    return [
        {
            "who": one.by.name,
            "capacity": "",
            "at": one.at,
            "about": approval_rows.subject(records.get(one.approval_id or 0)),
            "text": one.text.shown,
        }
        for one in about.comments
        if not one.is_objection
    ]


def _remark(about: Dossier, reader: Reader) -> Shape:
    typed = reader.typed or {}
    said_of = str(typed.get("about", ""))
    return {
        "action": reverse("comment", args=[about.submission.pk]),
        "about": [
            {"value": record.pk, "label": record.title, "chosen": str(record.pk) == said_of} for record in about.records
        ],
        "value": typed.get("text", ""),
        "error": typed.get("remark_error", ""),
    }
