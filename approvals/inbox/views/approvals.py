"""The desk: what waits for whom, by risk and age. What the address asks for: `filters`."""

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
from approvals.inbox.queries.proposals import Waiting
from approvals.inbox.views import saved_views
from approvals.inbox.views.filters import MOST, PAGE, TIERS, Filters, Paged, Place, page_of, places, places_in
from approvals.models import Approval, ApprovalState, DeskView, Sample, Submission
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.models import DataClass, Reach
from inventory.models.resource import sees_all

Shape = dict[str, Any]

#: The most proposals that the desk shows; all of them have a page of their own.
MOST_PROPOSED = 8

#: The most open submissions of which it is counted how many somebody sees who doesn't see all.
COUNTED = 300

SHOWS = (("Waiting for me", ""), ("All open", "all"), ("Overdue", "overdue"))
BANDS = (("high", "High risk"), ("standard", "Standard risk"), ("low", "Low risk"))


def _rows(records: Iterable[Approval], asked: Iterable[Approval], actor: Actor) -> list[Shape]:
    """A row a submission. ``asked``: what the apps among the records ask for, without which nobody knows what an app would be."""
    by_submission: dict[int, list[Approval]] = defaultdict(list)
    for record in records:
        by_submission[record.submission_id].append(record)
    of_apps: dict[int, list[Approval]] = defaultdict(list)
    for record in asked:
        of_apps[record.submission_id].append(record)
    return [_row(group, of_apps.get(pk, []), actor) for pk, group in by_submission.items()]


def _row(group: list[Approval], of_app: list[Approval], actor: Actor) -> Shape:
    submission = group[0].submission
    about = sorted(of_app if group[0].stage == 1 else group, key=by_risk)
    wanted = [wants(record) for record in about or group]
    return {
        "key": str(submission.pk),
        "href": reverse("review", args=[submission.pk]),
        "part_href": reverse("desk_part", args=[submission.pk]),
        "name": submission.automation.name,
        "team": submission.automation.team.name,
        "team_key": submission.automation.team_id,
        "wants": "; ".join(wanted[:2]) + (f" and {len(wanted) - 2} more" if len(wanted) > 2 else ""),
        "tier": submission.tier,
        "levels": [level_of(record) for record in about][:4],
        "data_class": _highest(about),
        "since": min(r.opened_at or submission.submitted_at for r in group),
        "due": min((r.due_at for r in group if r.due_at), default=None),
        "stage": group[0].stage,
        "tags": _tags(group, about, actor),
    }


def by_risk(record: Approval) -> tuple[int, int, int]:
    """Where a record stands among others: the riskiest first, of as risky ones the most powerful."""
    levels = ("admin", "execute", "write", "unknown", "read", "secret")
    return TIERS.index(record.tier), levels.index(level_of(record)), record.pk


def level_of(record: Approval) -> str:
    """What a record's level is drawn as; a credential is a secret."""
    return record.privilege.level if record.privilege is not None else "secret"


def class_of(record: Approval) -> str:
    """The data class of what a record of stage 2 is about; nothing where a credential opens nobody knows what."""
    if record.privilege is not None:
        return record.privilege.entitlement.counted_class
    return record.decided_on.counted_class if record.decided_on is not None else ""


def _highest(records: Iterable[Approval]) -> str:
    """The highest data class among records; nothing where none is known."""
    return max(filter(None, map(class_of, records)), key=list(DataClass.values).index, default="")


def _sample_row(sample: Sample) -> Shape:
    """What was drawn, among what waits for the reader: it is in force, and somebody looks at it (A12, A13)."""
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


def _tags(group: Sequence[Approval], about: Sequence[Approval], actor: Actor) -> list[Shape]:
    """For whom the reader would decide, when nothing of it is asked of themself (A11); what stands out about what is asked for; in
    which round it is, and that policy decides the rest.
    """
    names = list(dict.fromkeys(name for record in group for name in approvals.for_whom(record, actor)))
    last = max(record.round for record in group)
    found = [{"text": f"You for {' and '.join(names)}", "tone": "acc", "icon": "person"}] if names else []
    if any(one.privilege is not None and one.privilege.model_controlled for one in about):
        found.append({"text": "Chosen by a model", "tone": "high", "icon": "robot"})
    if any(one.credential is not None and one.credential.reach_kind == Reach.UNKNOWN for one in about):
        found.append({"text": "Reach unknown", "tone": "wait", "icon": "warning"})
    if any(one.earlier_id is not None for one in (*group, *about)):
        found.append({"text": "Asked again", "tone": "wait", "icon": "undo"})
    if group[0].stage == 1 and group[0].submission.light_path:
        found.append({"text": "Light path", "tone": "", "icon": "arrow"})
    return found + ([{"text": f"Round {last}", "tone": "ask", "icon": "speech"}] if last > 1 else [])


def wants(record: Approval) -> str:
    """What a record would allow, behind "wants to"."""
    if record.stage == 1:
        return "exist for business use"
    if record.privilege is None:
        return f"use {record.credential}"
    return record.privilege.sentence.removeprefix("May ")


@require_GET
def desk(request: Request) -> HttpResponse:
    """What waits for the reader, or all that is open and they may see, by risk and age; filters stand in the address."""
    now = business_time.now()
    filters = Filters.of(request.GET, now)
    mine, asked = approvals.on_desk(request.actor, now)
    drawn = approvals.to_look_at(request.actor, now)
    own = {record.submission_id for record in mine}
    if filters.show:
        found, paged, rows = _of_all(request, filters)
    else:
        found, paged, rows = _of_mine(request, filters, mine, asked)
    apart = _apart(mine)
    for row in rows:
        row["can_pick"] = int(row["key"]) in own
        row["apart"] = apart.get(int(row["key"]), "")
    if not filters.show and not filters.narrows and not paged.newer_href:
        rows += [_sample_row(one) for one in drawn]
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
                *_chips(filters, mine, len(drawn) + len(proposed), _counts(request.actor, filters, found)),
                *_views(filters, views, mine),
            ],
            "filters": _fields(filters, mine, rows),
            "bands": bands,
            "proposals": [] if filters.show or filters.narrows else [_proposal(one) for one in proposed],
            "picks": any(row.get("can_pick") for row in rows),
            "first": _first(bands),
            "pager": {
                "newer_href": paged.newer_href,
                "older_href": paged.older_href,
                "words": _how_many(len(found)) if len(found) > PAGE else "",
            },
            "empty": _empty(filters),
        },
        fragment="queue",
        also=("chips",),
    )


def _apart(mine: Sequence[Approval]) -> dict[int, str]:
    """Why nothing that waits for the reader in a submission is decided together with others, behind its name (A7, A15)."""
    can = {one.submission_id for one in mine if one.tier != "high" and one.earlier_id is None}
    return {
        one.submission_id: "is high risk" if one.tier == "high" else "was refused or withdrawn before"
        for one in mine
        if one.submission_id not in can
    }


def _of_mine(
    request: Request, filters: Filters, mine: Sequence[Approval], asked: Sequence[Approval]
) -> tuple[Sequence[Place], Paged, list[Shape]]:
    """What waits for the reader: where each stands, the page, and its rows."""
    fitting = [record for record in mine if filters.fits(record)]
    found = places(fitting)
    paged = page_of(found, filters, request.GET)
    shown = [record for record in fitting if record.submission_id in set(paged.keys)]
    return found, paged, _rows(shown, asked, request.actor)


def _of_all(request: Request, filters: Filters) -> tuple[Sequence[Place], Paged, list[Shape]]:
    """The same of every open record that the reader may see; what waits for stage 1 is read with the apps that ask for it."""
    records = _visible(request.actor, filters)
    found = places_in(records)
    paged = page_of(found, filters, request.GET)
    waits = Approval.objects.filter(stage=2, state=ApprovalState.WAITING).order_by().values("pk")
    read = Approval.objects.filter(
        Q(pk__in=records.order_by().values("pk")) | Q(pk__in=waits), submission__in=paged.keys
    )
    shown = list(approvals.shown(read, approvals.TEAM, *approvals.ON_DESK).order_by("due_at", "pk"))
    asked = [one for one in shown if one.state == ApprovalState.WAITING]
    return found, paged, _rows([one for one in shown if one not in asked], asked, request.actor)


def _visible(actor: Actor, filters: Filters) -> QuerySet[Approval]:
    """The open records that somebody may see and that fit."""
    visible = Submission.objects.visible_to(actor, filters.now).unfinished()
    return Approval.objects.filter(filters.condition(), state=ApprovalState.OPEN, submission__in=visible)


def _counts(actor: Actor, filters: Filters, found: Sequence[Place]) -> dict[str, int | None]:
    """How many submissions the chips would show of all that the reader may see: one query, or what has been read of it.

    Nothing where more are open in the company than `COUNTED`, and whether the reader sees it has to be asked of each.
    """
    if filters.show:
        return {filters.show: len(found)} if len(found) <= MOST else {}
    counts = {
        "all": Count("submission", distinct=True),
        "overdue": Count("submission", distinct=True, filter=Q(due_at__lt=filters.now)),
    }
    records = _visible(actor, filters).order_by()
    if sees_all(actor, filters.now):
        return records.aggregate(**counts)
    too_many = Exists(Submission.objects.unfinished().order_by()[COUNTED : COUNTED + 1])
    known = {name: Case(When(too_many, then=None), default=count) for name, count in counts.items()}
    return records.filter(~too_many).aggregate(**known)


def _views_and_proposals(actor: Actor, now: datetime) -> tuple[list[DeskView], list[Waiting]]:
    """The reader's own views, and the proposals that wait for them to countersign or to accept: one query for both (S8)."""
    kept = saved_views.kept(actor.person).annotate(called=F("name"), told=F("query"), is_view=Value(True))
    proposed = proposal_waiting.rows(actor, now, own=False, most=MOST_PROPOSED).annotate(is_view=Value(False))
    columns = ("pk", "called", "told", "is_view")
    read = list(kept.values_list(*columns).union(proposed.values_list(*columns), all=True))
    views = [DeskView(pk=pk, name=name, query=query) for pk, name, query, is_view in read if is_view]
    found = [proposal_waiting.of(pk, called, told) for pk, called, told, is_view in read if not is_view]
    return sorted(views, key=lambda one: one.pk), proposal_waiting.soonest(found)


def _proposal(one: Waiting) -> Shape:
    return {
        "href": one.href,
        "title": one.title,
        "text": proposal_waiting.sentence(one),
        "by": one.by,
        "since": one.since,
        "due": one.until,
    }


def _facts(mine: Sequence[Approval], drawn: Sequence[Sample], proposed: Sequence[Waiting], now: datetime) -> list[Any]:
    """How much waits for the reader, how much of it is late or due today, and for how long it has waited."""
    count = len({record.submission_id for record in mine}) + len(drawn) + len(proposed)
    if not count:
        return ["Nothing waits for you"]
    due = {record.submission_id: record.due_at for record in reversed(mine) if record.due_at}  # the nearest comes first
    until = timezone.localtime(now).replace(hour=23, minute=59, second=59)
    late = sum(at < now for at in due.values()) + sum(one.due_at is not None and one.due_at < now for one in drawn)
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
    """What is shown, and quick filters, with how much each would show where that is known: ``counts`` has it by ``show``."""

    def count(of: Filters) -> int | None:
        if of.show:
            return counts.get(of.show) if of == filters.but(show=of.show) else None
        return len({one.submission_id for one in mine if of.fits(one)}) + (0 if of.narrows else drawn)

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
        *(chip(label, bare.but(**said), off=bare) for label, said in quick),
    ]


def _views(filters: Filters, views: Sequence[DeskView], mine: Sequence[Approval]) -> list[Shape]:
    """The reader's own views; and at last the way to keep what is shown under a name, or to let that name go."""
    chips: list[Shape] = [{"separator": True}]
    own = None
    for view in views:
        on = saved_views.filters_of(view, filters.now)
        own = view if on == filters else own
        count = None if on.show else len({one.submission_id for one in mine if on.fits(one)})
        chips.append({"label": view.name, "href": on.href(), "current": on == filters, "count": count})
    if own is not None:
        chips.append({"label": "Let this view go", "href": reverse("desk_view_remove", args=[own.pk]), "icon": "cross"})
    elif filters.narrows or filters.show == "overdue":
        chips.append({"label": "Keep this view", "href": saved_views.save_href(filters), "icon": "plus"})
    return chips if len(chips) > 1 else []


def _fields(filters: Filters, mine: Sequence[Approval], rows: Sequence[Shape]) -> Shape:
    """The bar of filters: words, risk, and the teams that something waits of."""
    teams = {one.submission.automation.team_id: one.submission.automation.team.name for one in mine}
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
    """Where the part in the first row stands that is about what is still decided."""
    return next((row["part_href"] for band in bands for row in band["rows"] if row["part_href"]), "")


def _bands(rows: list[Shape]) -> list[Shape]:
    bands = []
    for tier, title in BANDS:
        own = sorted((row for row in rows if row["tier"] == tier), key=lambda row: row["since"])
        if own:
            bands.append({"title": title, "count": len(own), "words": "", "rows": own})
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
