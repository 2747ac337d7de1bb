"""The inbox: approvals that wait for the reader, by risk and age. `filters` reads the address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Exists, F, Q, QuerySet, Value, When
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from approvals.inbox.queries import approvals
from approvals.inbox.queries import proposals as proposal_waiting
from approvals.inbox.queries.proposals import ProposalRow
from approvals.inbox.views import saved_views
from approvals.inbox.views.filters import MOST, PAGE, TIERS, Filters, Page, Place, page_of, places, query_places
from approvals.models import Approval, ApprovalState, DeskView, Sample, Submission
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.models import DataClass, Reach
from inventory.models.resource import sees_whole_register

Shape = dict[str, Any]

#: Maximum number of proposals in the inbox; the proposals page has all.
MOST_PROPOSED = 8

#: Number of open submissions up to which a reader with limited sight gets counts on the chips.
MOST_COUNTED = 300

SHOWS = (("Waiting for me", ""), ("All open", "all"), ("Overdue", "overdue"))
BANDS = (("high", "High risk"), ("standard", "Standard risk"), ("low", "Low risk"))


def _rows(records: Iterable[Approval], waiting: Iterable[Approval], actor: Actor) -> list[Shape]:
    """Return one row per submission. ``asked``: the waiting approvals of stage 2, which show what an app would do."""
    by_submission: dict[int, list[Approval]] = defaultdict(list)
    for record in records:
        by_submission[record.submission_id].append(record)
    waiting_by_submission: dict[int, list[Approval]] = defaultdict(list)
    for record in waiting:
        waiting_by_submission[record.submission_id].append(record)
    return [_row(group, waiting_by_submission.get(pk, []), actor) for pk, group in by_submission.items()]


def _row(group: list[Approval], waiting: list[Approval], actor: Actor) -> Shape:
    submission = group[0].submission
    details = sorted(waiting if group[0].stage == 1 else group, key=by_risk)
    sentences = [request_words(record) for record in details or group]
    return {
        "key": str(submission.pk),
        "href": reverse("review", args=[submission.pk]),
        "part_href": reverse("desk_part", args=[submission.pk]),
        "name": submission.automation.name,
        "team": submission.automation.team.name,
        "team_key": submission.automation.team_id,
        "wants": "; ".join(sentences[:2]) + (f" and {len(sentences) - 2} more" if len(sentences) > 2 else ""),
        "tier": submission.tier,
        "levels": [level_of(record) for record in details][:4],
        "data_class": _highest(details),
        "since": min(r.opened_at or submission.submitted_at for r in group),
        "due": min((r.due_at for r in group if r.due_at), default=None),
        "stage": group[0].stage,
        "tags": _tags(group, details, actor),
    }


def by_risk(record: Approval) -> tuple[int, int, int]:
    """Sort key: riskiest first, then the most powerful level."""
    levels = ("admin", "execute", "write", "unknown", "read", "secret")
    return TIERS.index(record.tier), levels.index(level_of(record)), record.pk


def level_of(record: Approval) -> str:
    """Return the level to draw; a credential is ``secret``."""
    return record.privilege.level if record.privilege is not None else "secret"


def class_of(record: Approval) -> str:
    """Data class of a stage-2 approval. Empty if the reach of a credential is unknown."""
    if record.privilege is not None:
        return record.privilege.entitlement.counted_class
    return record.decided_on.counted_class if record.decided_on is not None else ""


def _highest(records: Iterable[Approval]) -> str:
    """Highest data class of some approvals. Empty if none is known."""
    return max(filter(None, map(class_of, records)), key=list(DataClass.values).index, default="")


def _sample_row(sample: Sample) -> Shape:
    """Row of a spot check. The change is in force and somebody looks at it (A12, A13)."""
    submission, record = sample.submission, sample.approval
    changed = f"version {submission.version.number} changed its source and was drawn"
    return {
        "key": f"sample-{sample.pk}",
        "href": sample.href,
        "part_href": "",
        "name": submission.automation.name,
        "team": submission.automation.team.name,
        "team_key": submission.automation.team_id,
        "wants": f"be looked at: policy approved {record.quoted}, which was drawn"
        if record
        else f"be looked at: {changed}",
        "tier": submission.tier,
        "levels": [],
        "data_class": "",
        "since": sample.drawn_at,
        "due": sample.due_at,
        "stage": 0,
        "tags": [],
        "can_pick": False,
    }


def _tags(group: Sequence[Approval], details: Sequence[Approval], actor: Actor) -> list[Shape]:
    """Tags of a row: the reader's givers (A11), notable facts of the request, its round, and the light path."""
    names = list(dict.fromkeys(name for record in group for name in approvals.giver_names(record, actor)))
    last = max(record.round for record in group)
    tags = [{"text": f"You for {' and '.join(names)}", "tone": "acc", "icon": "person"}] if names else []
    if any(record.privilege is not None and record.privilege.model_controlled for record in details):
        tags.append({"text": "Chosen by a model", "tone": "high", "icon": "robot"})
    if any(record.credential is not None and record.credential.reach_kind == Reach.UNKNOWN for record in details):
        tags.append({"text": "Reach unknown", "tone": "wait", "icon": "warning"})
    if any(record.earlier_id is not None for record in (*group, *details)):
        tags.append({"text": "Asked again", "tone": "wait", "icon": "undo"})
    if group[0].stage == 1 and group[0].submission.light_path:
        tags.append({"text": "Light path", "tone": "", "icon": "arrow"})
    return tags + ([{"text": f"Round {last}", "tone": "ask", "icon": "speech"}] if last > 1 else [])


def request_words(record: Approval) -> str:
    """What an approval would allow, to follow "wants to"."""
    if record.stage == 1:
        return "exist for business use"
    if record.privilege is None:
        return f"use {record.credential}"
    return record.privilege.sentence.removeprefix("May ")


@require_GET
def inbox(request: Request) -> HttpResponse:
    """Show what waits for the reader, or all open approvals that they may see, by risk and age. The address has the filters."""
    now = business_time.now()
    filters = Filters.of(request.GET, now)
    mine, waiting = approvals.load_inbox(request.actor, now)
    drawn = approvals.open_spot_checks(request.actor, now)
    decidable = {record.submission_id for record in mine}
    if filters.show:
        places_found, paged, rows = _of_all(request, filters)
    else:
        places_found, paged, rows = _of_mine(request, filters, mine, waiting)
    single_reasons = _apart(mine)
    for row in rows:
        row["can_pick"] = int(row["key"]) in decidable
        row["apart"] = single_reasons.get(int(row["key"]), "")
    if not filters.show and not filters.narrows and not paged.newer_href:
        rows += [_sample_row(sample) for sample in drawn]
    bands, (views, proposed) = _bands(rows), _views_and_proposals(request.actor, now)
    return page(
        request,
        "approvals/inbox/approvals.html",
        {
            "now": now,
            "head": {
                "title": "Desk",
                "facts": _facts(mine, drawn, proposed, now),
                "aside": "Ordered by risk, then age",
            },
            "chips": [
                *_chips(filters, mine, len(drawn) + len(proposed), _counts(request.actor, filters, places_found)),
                *_views(filters, views, mine),
            ],
            "filters": _fields(filters, mine, rows),
            "bands": bands,
            "proposals": [] if filters.show or filters.narrows else [_proposal(proposal) for proposal in proposed],
            "picks": any(row.get("can_pick") for row in rows),
            "first": _first(bands),
            "pager": {
                "newer_href": paged.newer_href,
                "older_href": paged.older_href,
                "words": _how_many(len(places_found)) if len(places_found) > PAGE else "",
            },
            "empty": _empty(filters),
        },
        fragment="queue",
        also=("chips",),
    )


def _apart(mine: Sequence[Approval]) -> dict[int, str]:
    """Why a submission of the reader has nothing for a bulk decision, worded to follow its name (A7, A15)."""
    selectable = {record.submission_id for record in mine if record.tier != "high" and record.earlier_id is None}
    return {
        record.submission_id: "is high risk" if record.tier == "high" else "was refused or withdrawn before"
        for record in mine
        if record.submission_id not in selectable
    }


def _of_mine(
    request: Request, filters: Filters, mine: Sequence[Approval], waiting: Sequence[Approval]
) -> tuple[Sequence[Place], Page, list[Shape]]:
    """Return places, page and rows of the approvals that wait for the reader."""
    matching = [record for record in mine if filters.fits(record)]
    places_found = places(matching)
    paged = page_of(places_found, filters, request.GET)
    shown = [record for record in matching if record.submission_id in set(paged.keys)]
    return places_found, paged, _rows(shown, waiting, request.actor)


def _of_all(request: Request, filters: Filters) -> tuple[Sequence[Place], Page, list[Shape]]:
    """Return places, page and rows of all open approvals that the reader may see. Waiting stage-2 approvals come with their apps."""
    records = _visible(request.actor, filters)
    places_found = query_places(records)
    paged = page_of(places_found, filters, request.GET)
    waiting_keys = Approval.objects.filter(stage=2, state=ApprovalState.WAITING).order_by().values("pk")
    approval_rows = Approval.objects.filter(
        Q(pk__in=records.order_by().values("pk")) | Q(pk__in=waiting_keys), submission__in=paged.keys
    )
    shown = list(
        approvals.with_list_columns(approval_rows, approvals.TEAM, *approvals.INBOX_COLUMNS).order_by("due_at", "pk")
    )
    waiting = [record for record in shown if record.state == ApprovalState.WAITING]
    return places_found, paged, _rows([record for record in shown if record not in waiting], waiting, request.actor)


def _visible(actor: Actor, filters: Filters) -> QuerySet[Approval]:
    """Open approvals that the reader may see and that match the filters."""
    visible = Submission.objects.visible_to(actor, filters.now).unfinished()
    return Approval.objects.filter(filters.condition(), state=ApprovalState.OPEN, submission__in=visible)


def _counts(actor: Actor, filters: Filters, places_found: Sequence[Place]) -> dict[str, int | None]:
    """Count the submissions behind each chip that the reader may see, in at most one query.

    Without counts if more than `MOST_COUNTED` are open and the reader does not see all: sight would be checked for each.
    """
    if filters.show:
        return {filters.show: len(places_found)} if len(places_found) <= MOST else {}
    counts = {
        "all": Count("submission", distinct=True),
        "overdue": Count("submission", distinct=True, filter=Q(due_at__lt=filters.now)),
    }
    records = _visible(actor, filters).order_by()
    if sees_whole_register(actor, filters.now):
        return records.aggregate(**counts)
    too_many = Exists(Submission.objects.unfinished().order_by()[MOST_COUNTED : MOST_COUNTED + 1])
    limited_counts = {name: Case(When(too_many, then=None), default=count) for name, count in counts.items()}
    return records.filter(~too_many).aggregate(**limited_counts)


def _views_and_proposals(actor: Actor, now: datetime) -> tuple[list[DeskView], list[ProposalRow]]:
    """Saved views of the reader, and proposals to countersign or accept, in one query (S8)."""
    view_rows = saved_views.saved_views_of(actor.person).annotate(
        called=F("name"), told=F("query"), is_view=Value(True)
    )
    proposal_rows = proposal_waiting.proposals_for(actor, now, with_own=False, most=MOST_PROPOSED).annotate(
        is_view=Value(False)
    )
    columns = ("pk", "called", "told", "is_view")
    read_rows = list(view_rows.values_list(*columns).union(proposal_rows.values_list(*columns), all=True))
    views = [DeskView(pk=pk, name=name, query=query) for pk, name, query, is_view in read_rows if is_view]
    proposals = [
        proposal_waiting.parse_row(pk, called, details_json)
        for pk, called, details_json, is_view in read_rows
        if not is_view
    ]
    return sorted(views, key=lambda view: view.pk), proposal_waiting.sort_by_lapse(proposals)


def _proposal(proposal: ProposalRow) -> Shape:
    return {
        "href": proposal.href,
        "title": proposal.title,
        "text": proposal_waiting.action_sentence(proposal),
        "by": proposal.by,
        "since": proposal.since,
        "due": proposal.until,
    }


def _facts(
    mine: Sequence[Approval], drawn: Sequence[Sample], proposed: Sequence[ProposalRow], now: datetime
) -> list[Any]:
    """Numbers in the page's head: waiting, overdue, due today, and the oldest age."""
    count = len({record.submission_id for record in mine}) + len(drawn) + len(proposed)
    if not count:
        return ["Nothing waits for you"]
    due = {
        record.submission_id: record.due_at for record in reversed(mine) if record.due_at
    }  # sorted by deadline: the nearest one wins
    until = timezone.localtime(now).replace(hour=23, minute=59, second=59)
    late = sum(at < now for at in due.values()) + sum(
        sample.due_at is not None and sample.due_at < now for sample in drawn
    )
    today = sum(now <= at <= until for at in due.values())
    oldest = min((record.opened_at for record in mine if record.opened_at), default=None)
    facts: list[Any] = [{"text": f"{count} wait{'s' if count == 1 else ''} for you", "strong": True}]
    if late:
        facts.append({"text": f"{late} overdue", "tone": "no"})
    if today:
        facts.append({"text": f"{today} due today", "tone": "wait"})
    if oldest is not None and (days := (now - oldest).days):
        facts.append(f"oldest {days} day{'s' if days != 1 else ''}")
    return facts


def _chips(filters: Filters, mine: Sequence[Approval], drawn: int, counts: Mapping[str, int | None]) -> list[Shape]:
    """Chips for the list and quick filters, with counts if known. ``counts`` is keyed by ``show``."""

    def count(filters_on: Filters) -> int | None:
        if filters_on.show:
            return counts.get(filters_on.show) if filters_on == filters.but(show=filters_on.show) else None
        return len({record.submission_id for record in mine if filters_on.fits(record)}) + (
            0 if filters_on.narrows else drawn
        )

    def chip(label: str, on: Filters, off: Filters | None = None) -> Shape:
        current = filters == on
        to = off if current and off is not None else on
        return {"label": label, "href": to.href(), "current": current, "count": count(on)}

    bare = filters.but(stage=None, credentials=False)
    quick: list[tuple[str, dict[str, Any]]] = [
        ("Stage 1", {"stage": 1}),
        ("Stage 2", {"stage": 2}),
        ("Credentials", {"credentials": True}),
    ]
    return [
        *(chip(label, filters.but(show=show)) for label, show in SHOWS),
        {"separator": True},
        *(chip(label, bare.but(**changes), off=bare) for label, changes in quick),
    ]


def _views(filters: Filters, views: Sequence[DeskView], mine: Sequence[Approval]) -> list[Shape]:
    """Chips of the reader's saved views, and a chip that saves or removes the current one."""
    chips: list[Shape] = [{"separator": True}]
    current_view = None
    for view in views:
        on = saved_views.filters_of(view, filters.now)
        current_view = view if on == filters else current_view
        count = None if on.show else len({record.submission_id for record in mine if on.fits(record)})
        chips.append({"label": view.name, "href": on.href(), "current": on == filters, "count": count})
    if current_view is not None:
        chips.append(
            {"label": "Let this view go", "href": reverse("desk_view_remove", args=[current_view.pk]), "icon": "cross"}
        )
    elif filters.narrows or filters.show == "overdue":
        chips.append({"label": "Keep this view", "href": saved_views.save_href(filters), "icon": "plus"})
    return chips if len(chips) > 1 else []


def _fields(filters: Filters, mine: Sequence[Approval], rows: Sequence[Shape]) -> Shape:
    """The filter bar: words, risk, and the teams of the listed submissions."""
    teams = {record.submission.automation.team_id: record.submission.automation.team.name for record in mine}
    teams |= {row["team_key"]: row["team"] for row in rows}
    options = [
        {"value": pk, "label": name, "selected": pk == filters.team}
        for pk, name in sorted(teams.items(), key=lambda pair: pair[1])
    ]
    if filters.team is not None and filters.team not in teams:
        options.append({"value": filters.team, "label": "Another team", "selected": True})
    tiers = [{"value": tier, "label": tier.capitalize(), "selected": tier == filters.tier} for tier in TIERS]
    kept = filters.but(team=None, tier="", words=()).parameters()
    return {
        "action": reverse("desk"),
        "words": " ".join(filters.words),
        "words_label": "Automation",
        "kept": kept,
        "fields": [
            {"name": "tier", "label": "Risk", "options": tiers},
            {"name": "team", "label": "Team", "options": options},
        ],
        "clear_href": Filters(filters.now, filters.show).href() if filters.narrows else "",
    }


def _how_many(count: int) -> str:
    return f"The first {MOST:,}, by risk and age: filter to see others" if count > MOST else f"{count:,} in all"


def _first(bands: list[Shape]) -> str:
    """URL of the detail pane of the first row."""
    return next((row["part_href"] for band in bands for row in band["rows"] if row["part_href"]), "")


def _bands(rows: list[Shape]) -> list[Shape]:
    bands = []
    for tier, title in BANDS:
        band_rows = sorted((row for row in rows if row["tier"] == tier), key=lambda row: row["since"])
        if band_rows:
            bands.append({"title": title, "count": len(band_rows), "words": "", "rows": band_rows})
    return bands


def _empty(filters: Filters) -> Shape:
    if filters.narrows:
        everything = Filters(filters.now, filters.show).href()
        return {"sentence": "Nothing here fits these filters.", "href": everything, "action": "Clear the filters"}
    if filters.show:
        return {"sentence": "No submission is open here.", "href": reverse("bring_in"), "action": "Bring something in"}
    return {
        "sentence": "What waits for your signature would be here, by risk and age.",
        "href": f"{reverse('desk')}?show=all",
        "action": "See all open submissions",
    }
