"""The context of the review page: both stages of one submission side by side (A3), in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Prefetch
from django.urls import reverse

from approvals.matching import would_strand
from approvals.models import Approval, ApprovalState, Seat, Submission, SubmissionState
from approvals.routing import Route
from approvals.transitions import accept_subset, answer, comment, withdraw
from approvals.views import record_rows
from approvals.views.record_rows import Reader, Shape
from governance.controls import timeline


def load(submission: Submission, reader: Reader) -> tuple[Submission, Route, list[Approval]]:
    """Read a submission with everything the page draws; every record hangs on the same submission and route."""
    related = (
        "privilege__entitlement__resource__owner",
        "privilege__entitlement__resource__deputy",
        "privilege__entitlement__resource__team__lead",
        "privilege__entitlement__resource__team__deputy_lead",
        "privilege__credential",
        "credential__kept_in__owner",
        "credential__kept_in__deputy",
        "credential__kept_in__team__lead",
        "credential__opens__owner",
        "credential__opens__deputy",
        "credential__opens__team__lead",
        "justification",
        "earlier",
    )
    seats = Prefetch("seats", queryset=Seat.objects.order_by("pk"))
    records = list(submission.approvals.select_related(*related).prefetch_related(seats).order_by("stage", "pk"))
    route = Route.load(submission, reader.now)
    submission.__dict__["_route"] = route
    for record in records:
        record.submission = submission
    read = submission.approvals.all()
    read._result_cache = records  # so that whoever asks the submission for its records gets these very rows
    submission.__dict__.setdefault("_prefetched_objects_cache", {})["approvals"] = read
    return submission, route, records


def context(submission: Submission, reader: Reader) -> Shape:
    """Everything that ``approvals/review.html`` takes."""
    submission, route, records = load(submission, reader)
    app = next((record for record in records if record.stage == 1), None)
    second = [record for record in records if record.stage == 2]
    rows = [record_rows.row(record, route, reader) for record in second]
    return {
        "crumbs": [
            {"label": "Desk", "href": reverse("desk")},
            {"label": f"Submission {submission.reference}", "href": ""},
        ],
        "head": _head(submission, reader),
        "next": _next(submission, second, reader),
        "steps": [
            _stage_1(submission, app, route, reader),
            _stage_2(submission, second, rows, route, reader),
            _in_force(submission, second),
        ],
        "changes": _since(submission, records),
        "app": _app(submission, app, second, route, reader),
        "record_words": _count_words(second),
        "groups": _groups(rows, second),
        "remarks": _remarks(submission),
        "remark": _remark(submission, reader),
        "events": timeline.shapes(submission, reader=reader.actor.person, limit=40),
        "ledger_href": f"{reverse('ledger')}?about=approvals.submission:{submission.pk}",
        "dialogs": _dialogs(submission, reader),
    }


def _count_words(second: Sequence[Approval]) -> str:
    credentials = sum(record.kind == "credential" for record in second)
    privileges = len(second) - credentials
    words = f"{privileges} privilege{'s' if privileges != 1 else ''}"
    return f"{words}, {credentials} credential{'s' if credentials != 1 else ''}" if credentials else words


def _head(submission: Submission, reader: Reader) -> Shape:
    automation = submission.automation
    kind = automation.get_kind_display().lower()
    actions: list[Shape] = [
        {"label": "Automation", "icon": "file", "href": reverse("automation", args=[automation.pk])}
    ]
    if withdraw.refusal(submission, actor=reader.actor, now=reader.now) is None:
        href = reverse("withdraw", args=[submission.pk])
        actions.append({"label": "Withdraw", "icon": "undo", "href": href, "opens": "withdraw"})
    return {
        "title": automation.name,
        "tier": submission.tier,
        "facts": [
            f"{automation.platform_instance} {kind}",
            automation.team.name,
            automation.get_environment_display().lower(),
            f"version {submission.version.number}",
            f"submitted by {reader.name(submission.submitted_by)}, {submission.submitted_at:%a %d %b}",
        ],
        "actions": actions,
    }


def _next(submission: Submission, second: Sequence[Approval], reader: Reader) -> Shape | None:
    if submission.state == SubmissionState.DECIDED:
        if accept_subset.refusal(submission, actor=reader.actor, now=reader.now) is not None:
            return None
        approved = sum(record.state == ApprovalState.APPROVED for record in second)
        refused = len(second) - approved
        accept = reverse("accept", args=[submission.pk])
        return {
            "lead": "Accept what was approved, or decline.",
            "text": f"{approved} of {len(second)} were approved. The automation runs without the {refused} refused.",
            "actions": [
                {"label": f"Accept the {approved}", "kind": "filled", "post": accept, "fields": {}},
                {"label": "Decline", "href": reverse("decline", args=[submission.pk]), "opens": "decline"},
            ],
        }
    asked = [r for r in second if r.state == ApprovalState.CHANGES_ASKED]
    mine = [r for r in asked if answer.refusal(r, actor=reader.actor, now=reader.now) is None]
    if not mine:
        return None
    href = reverse("answer", args=[submission.pk, mine[0].pk])
    words = "One question waits" if len(mine) == 1 else f"{len(mine)} questions wait"
    return {
        "lead": f"{words} for your answer.",
        "text": "Answer here, or bring in a new version.",
        "actions": [{"label": "Answer", "kind": "filled", "href": href}],
    }


def _stage_1(submission: Submission, app: Approval | None, route: Route, reader: Reader) -> Shape:
    step: Shape = {"seal": "left", "title": "Stage 1 · App"}
    if app is None:
        rests = submission.app_approval
        return step | {
            "stage": "done",
            "state": {"value": "approved"},
            "below": f"Unchanged since version {rests.submission.version.number}" if rests else "",
        }
    _, no = record_rows.decider_of(app, route, reader)
    step["state"] = {"value": app.state, "mine": no is None}
    if app.has_ended:
        last = record_rows.last_decision(app, route)
        if last is not None:
            step["state"]["by"] = record_rows.decided_by(last, reader)
            step["below"] = f"{last.at:%a %d %b %H:%M}"
        return step | {"stage": "done"}
    return step | {"stage": "now", "due": app.due_at, "held": _held([app], route, reader)}


def _held(records: Iterable[Approval], route: Route, reader: Reader) -> list[Shape]:
    held: dict[str, Shape] = {}
    for record in records:
        people = [reader.name(person) for person in record_rows.holders(record, route)[:1]]
        if record.state == ApprovalState.CHANGES_ASKED:
            people = [reader.name(route.submission.submitted_by)]
        for who in people:
            entry = held.setdefault(who, {"who": who, "count": 0, "since": (record.opened_at or reader.now).date()})
            entry["count"] += 1
    return sorted(held.values(), key=lambda one: one["who"] != "you")


def _stage_2(
    submission: Submission, second: Sequence[Approval], rows: Sequence[Shape], route: Route, reader: Reader
) -> Shape:
    step: Shape = {"seal": "right", "title": "Stage 2 · Privileges"}
    done = sum(record.has_ended for record in second)
    parts = [record_rows.segment(r, mine=row["mine"]) for r, row in zip(second, rows, strict=True)]
    if not second:
        return step | {"stage": "next", "text": "It asks for nothing new."}
    if all(record.state == ApprovalState.WAITING for record in second):
        text = f"{len(second)} wait for stage 1. Their owners can read, discuss and object, not decide."
        return step | {"stage": "next", "parts": parts, "text": text}
    step |= {"count": f"{done} of {len(second)} decided", "parts": parts}
    if done == len(second):
        return step | {"stage": "done"}
    due = min((r.due_at for r in second if r.due_at and not r.has_ended), default=None)
    return step | {"stage": "now", "due": due, "held": _held([r for r in second if not r.has_ended], route, reader)}


def _in_force(submission: Submission, second: Sequence[Approval]) -> Shape:
    step: Shape = {"seal": "full" if submission.state in ("in_force", "decided") else "none", "title": "In force"}
    owner = submission.automation.business_owner.name
    refused = any(record.state in (ApprovalState.REJECTED, ApprovalState.EXPIRED) for record in second)
    if submission.state == SubmissionState.IN_FORCE:
        return step | {"stage": "done", "text": f"Version {submission.version.number} is in force."}
    if submission.state == SubmissionState.DECIDED:
        return step | {"stage": "now", "text": f"{owner} accepts what was approved, or declines."}
    if submission.state == SubmissionState.OPEN:
        text = "After the last decision."
        return step | {
            "stage": "next",
            "text": f"{text} Something was refused, so {owner} accepts the rest." if refused else text,
        }
    return step | {"stage": "next", "text": f"{submission.get_state_display()}: nothing of this came into force."}


def _since(submission: Submission, records: Sequence[Approval]) -> Shape | None:
    before = submission.automation.approved_version
    if before is None or before.pk == submission.version_id:
        return None
    new = sum(record.stage == 2 for record in records)
    href = reverse("automation_version", args=[submission.automation_id, submission.version.number])
    return {
        "title": f"Since approved version {before.number}",
        "items": [{"icon": "plus", "tone": "ok", "text": f"{new} new, raised or wider"}],
        "unchanged": "What is unchanged keeps its grants and is not asked again",
        "href": href,
    }


def _app(
    submission: Submission, app: Approval | None, second: Sequence[Approval], route: Route, reader: Reader
) -> Shape:
    automation, version = submission.automation, submission.version
    technical = automation.technical_owner
    shape: Shape = {
        "state": {"value": app.state if app else "approved"},
        "purpose": automation.purpose,
        "facts": [
            {"label": "Team", "text": automation.team.name},
            {"label": "Business", "text": automation.business_owner.name},
            {"label": "Technical", "text": technical.name if technical else "nobody named"},
            {"label": "Escalation", "text": automation.escalation_contact or "none given"},
            {"label": "Starts", "text": "; ".join(str(t) for t in version.triggers.all()) or "by hand"},
            {
                "label": "Runs on",
                "text": f"{automation.platform_instance}, {automation.get_environment_display().lower()}",
            },
            {"label": "Kind", "text": automation.get_kind_display()},
            {
                "label": "Version",
                "text": str(version.number),
                "quiet": f"{version.manifest_digest.partition(':')[2][:8]}…",
            },
        ],
        "tier": submission.tier,
        "reasons": [{"icon": _reason_icon(text), "text": text} for text in submission.reasons],
        "findings": _findings(submission),
        "objections": [
            {"who": one.by.name, "at": one.at, "text": one.text.text}
            for one in submission.comments.filter(is_objection=True).select_related("by", "text")
        ],
        "decisions": [
            {
                "who": one.person.name,
                "capacity": one.seat.get_label_display().lower(),
                "at": one.at,
                "text": one.reason.text if one.reason else "",
                "state": {"approve": "approved", "reject": "rejected", "ask": "changes_asked"}[one.outcome],
            }
            for one in (
                route.decisions.get(submission.app_approval_id or 0, [])
                if app is None or not app.pk
                else route.decisions.get(app.pk) or route.decisions.get(app.carried_from_id or 0, [])
            )
        ],
    }
    if app is not None and app.state == ApprovalState.OPEN:
        _add_decision(shape, app, second, route, reader)
    return shape


def _add_decision(shape: Shape, app: Approval, second: Sequence[Approval], route: Route, reader: Reader) -> None:
    actor, no = record_rows.decider_of(app, route, reader)
    if no is None:
        shape["state"]["mine"] = True
        is_typed = reader.typed if reader.opened == "app" else None
        own = Reader(reader.actor, reader.now, "app", is_typed, reader.error if reader.opened == "app" else "")
        form = record_rows.decision_form(app, route, own, actor)
        form["focus"] = False
        person = actor.capacity_of
        stranded = would_strand(route, second, person) if person is not None else []
        if stranded:
            form["error"] = f"If you decide this, nobody is left for {len(stranded)} of the privileges below."
        shape["decide"] = form
        return
    people = record_rows.holders(app, route)
    shape["state"]["holder"] = " or ".join(person.name for person in people[:2])
    if no.kind == "duty":
        shape["locked"] = {"sentence": no.sentence.rstrip("."), "code": no.code, "passed_to": shape["state"]["holder"]}


def _reason_icon(text: str) -> str:
    lowered = text.lower()
    for word, icon in (
        ("model", "robot"),
        ("start", "globe"),
        ("credential", "key"),
        ("read", "eye"),
        ("recogni", "question"),
    ):
        if word in lowered:
            return icon
    return "pen"


def _findings(submission: Submission) -> list[Shape]:
    assessment = submission.version.latest_assessment
    if assessment is None:
        return []
    tones = {"high": "high", "medium": "wait"}
    return [
        {
            "icon": "key" if "secret" in one.code or "credential" in one.code else "warning",
            "tone": tones.get(one.severity, ""),
            "lead": f"{one.code.replace('_', ' ').capitalize()}.",
            "text": one.detail or one.place,
        }
        for one in assessment.findings.all()
        if one.state == "open"
    ]


def _groups(rows: Sequence[Shape], second: Sequence[Approval]) -> list[Shape]:
    mine = [row for row in rows if row["mine"]]
    decided = [row for row, record in zip(rows, second, strict=True) if record.has_ended]
    others = [row for row in rows if row not in mine and row not in decided]
    waiting = bool(others) and all(row["state"]["value"] == "waiting" for row in others)
    n = len(others)
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
            "words": f"{n} record{'s' if n != 1 else ''}; you can read and comment",
            "rows": others,
        },
        {"key": "decided", "title": "Decided", "words": f"{len(decided)} of {len(rows)}", "rows": decided},
    ]
    return [group for group in groups if group["rows"]]


def _remarks(submission: Submission) -> list[Shape]:
    found = submission.comments.filter(is_objection=False).select_related(
        "by", "text", "approval__privilege__entitlement", "approval__credential"
    )
    return [
        {
            "who": one.by.name,
            "capacity": "",
            "at": one.at,
            "about": str(one.approval.privilege or one.approval.credential or "the app") if one.approval else "",
            "text": one.text.text,
        }
        for one in found
    ]


def _remark(submission: Submission, reader: Reader) -> Shape | None:
    if comment.refusal(submission, actor=reader.actor, now=reader.now) is not None:
        return None
    typed = reader.typed or {}
    return {
        "action": reverse("comment", args=[submission.pk]),
        "value": typed.get("text", ""),
        "error": typed.get("remark_error", ""),
    }


def _dialogs(submission: Submission, reader: Reader) -> list[Shape]:
    dialogs = []
    if withdraw.refusal(submission, actor=reader.actor, now=reader.now) is None:
        dialogs.append(withdraw_question(submission))
    if accept_subset.refusal(submission, actor=reader.actor, now=reader.now) is None:
        dialogs.append(decline_question(submission))
    return dialogs


def withdraw_question(submission: Submission) -> Shape:
    """The question before a submission is taken back."""
    return {
        "id": "withdraw",
        "title": "Withdraw this submission?",
        "text": "Nothing more is decided in it. What was said and decided stays on record and heads your next submission.",
        "action": reverse("withdraw", args=[submission.pk]),
        "label": "Withdraw",
        "kind": "danger",
        "reason": {"label": "Why", "required": True},
    }


def decline_question(submission: Submission) -> Shape:
    """The question before the approved rest is declined."""
    return {
        "id": "decline",
        "title": "Decline what was approved?",
        "text": "Nothing goes live; what ran before runs on. You can submit another version at any time.",
        "action": reverse("decline", args=[submission.pk]),
        "label": "Decline",
        "kind": "danger",
        "reason": {"label": "Why", "required": True},
    }


def answer_question(record: Approval) -> Shape:
    """The page on which the builder answers what was asked."""
    asked = record.decisions.select_related("person", "reason").order_by("-pk").first()
    text = f"{asked.person.name} asks: “{asked.reason.text}”" if asked and asked.reason else ""
    return {
        "id": "answer",
        "title": f"Answer about {record.privilege or record.credential or 'the app'}",
        "text": text,
        "action": reverse("answer", args=[record.submission_id, record.pk]),
        "label": "Send the answer",
        "kind": "filled",
        "reason": {"label": "Your answer", "required": True},
    }
