"""The desk: what waits for whom, by risk and age. Filters live in the address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals import waiting
from approvals.models import Approval, ApprovalState, Sample, Submission
from governance.controls import clock
from governance.web.middleware import Request
from governance.web.pages import page

Shape = dict[str, Any]

#: Submissions on one page of the desk.
PAGE = 50
BANDS = (("high", "High risk"), ("standard", "Standard risk"), ("low", "Low risk"))


def _rows(records: Iterable[Approval], instead_of: Mapping[int, Sequence[str]]) -> list[Shape]:
    by_submission: dict[int, list[Approval]] = defaultdict(list)
    for record in records:
        by_submission[record.submission_id].append(record)
    return [_row(group, instead_of) for group in by_submission.values()]


def _row(group: list[Approval], instead_of: Mapping[int, Sequence[str]]) -> Shape:
    submission = group[0].submission
    wants = [_words(record) for record in group if record.stage == 2]
    classes = [r.privilege.entitlement.counted_class for r in group if r.privilege]
    order = ("public", "internal", "confidential", "restricted")
    return {
        "key": str(submission.pk),
        "href": reverse("review", args=[submission.pk]),
        "name": submission.automation.name,
        "team": submission.automation.team.name,
        "wants": "; ".join(wants[:2]) + (f" and {len(wants) - 2} more" if len(wants) > 2 else "")
        or "exist for business use",
        "tier": submission.tier,
        "levels": [r.privilege.level if r.privilege else "secret" for r in group if r.stage == 2][:4],
        "data_class": max(classes, key=order.index) if classes else "internal",
        "since": min(r.opened_at or submission.submitted_at for r in group),
        "due": min((r.due_at for r in group if r.due_at), default=None),
        "stage": group[0].stage,
        "tags": _tags(group, instead_of),
    }


def _sample_row(sample: Sample) -> Shape:
    """A change that was drawn, among what waits for the reader: it is in force, and somebody looks at it (A12)."""
    submission = sample.submission
    return {
        "key": f"sample-{sample.pk}",
        "href": sample.href,
        "name": submission.automation.name,
        "team": submission.automation.team.name,
        "wants": f"be looked at: version {submission.version.number} changed its source and was drawn",
        "tier": submission.tier,
        "levels": [],
        "data_class": "",
        "since": sample.drawn_at,
        "due": sample.due_at,
        "stage": 0,
        "tags": [],
    }


def _tags(group: list[Approval], instead_of: Mapping[int, Sequence[str]]) -> list[Shape]:
    """For whom the reader would decide, when nothing of it is asked of themself (A11); in which round it is."""
    names = list(dict.fromkeys(name for record in group for name in instead_of.get(record.pk, ())))
    last = max(record.round for record in group)
    found = [{"text": f"You for {' and '.join(names)}", "tone": "acc", "icon": "person"}] if names else []
    return found + ([{"text": f"Round {last}", "tone": "ask", "icon": "speech"}] if last > 1 else [])


def _words(record: Approval) -> str:
    if record.privilege is None:
        return f"use {record.credential}"
    return record.privilege.sentence.removeprefix("May ")


@require_GET
def desk(request: Request) -> HttpResponse:
    """What waits for me; with ``?show=all`` every open submission that I may see, with ``?show=overdue`` the late ones."""
    now = clock.now()
    mine = waiting.to_decide(request.actor, now)
    show = request.GET.get("show", "")
    records = mine
    if show in ("all", "overdue"):
        visible = Submission.objects.visible_to(request.actor, now).unfinished()
        found = waiting.shown(Approval.objects.filter(submission__in=visible, state=ApprovalState.OPEN), waiting.TEAM)
        records = list(found.order_by("due_at", "pk")[: PAGE * 12])
    if show == "overdue":
        records = [record for record in records if record.due_at and record.due_at < now]
    drawn = waiting.to_look_at(request.actor, now)
    rows = _rows(records, waiting.for_whom(mine, request.actor, now))[:PAGE]
    if not show:
        rows += [_sample_row(one) for one in drawn]
    overdue = sum(row["due"] is not None and row["due"] < now for row in rows)
    count = len({record.submission_id for record in mine}) + len(drawn)
    facts: list[Any] = [
        {"text": f"{count} wait{'s' if count == 1 else ''} for you", "strong": True}
        if count
        else "Nothing waits for you"
    ]
    if overdue:
        facts.append({"text": f"{overdue} overdue", "tone": "no"})
    return page(
        request,
        "approvals/desk.html",
        {
            "now": now,
            "head": {"title": "Desk", "facts": facts, "aside": "Ordered by risk, then age"},
            "chips": [
                {"label": "Waiting for me", "href": reverse("desk"), "count": count, "current": show == ""},
                {"label": "All open", "href": f"{reverse('desk')}?show=all", "current": show == "all"},
                {"label": "Overdue", "href": f"{reverse('desk')}?show=overdue", "current": show == "overdue"},
            ],
            "bands": _bands(rows),
            "empty": _empty(show),
        },
        fragment="queue",
    )


def _bands(rows: list[Shape]) -> list[Shape]:
    bands = []
    for tier, title in BANDS:
        own = sorted((row for row in rows if row["tier"] == tier), key=lambda row: row["since"])
        if own:
            bands.append({"title": title, "count": len(own), "words": "", "rows": own})
    return bands


def _empty(show: str) -> Shape:
    if show:
        return {"sentence": "No submission is open here.", "href": reverse("bring_in"), "action": "Bring something in"}
    return {
        "sentence": "What waits for your signature would be here, by risk and age.",
        "href": f"{reverse('desk')}?show=all",
        "action": "See all open submissions",
    }
