"""The Approvals page: approvals that wait for the reader, by risk and age. `filters` reads the address."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from approvals.decisions.rules import bulk_decisions
from approvals.inbox.queries import approvals
from approvals.inbox.queries.approvals import TIERS, SubmissionTask
from approvals.inbox.task import Task
from approvals.inbox.views import saved_views
from approvals.inbox.views.filters import AGES, MOST, Filters, page_of, places
from approvals.models import Approval, ApprovalState, SavedView, Submission
from governance.core.access import Actor
from governance.core.database.querysets import among, with_columns
from governance.web.components import times
from governance.web.components.facts import Fact
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request
from inventory.models.resource import sees_whole_register

#: Number of open submissions up to which a reader with limited sight gets counts on the chips.
MOST_COUNTED = 300

SHOWS = (("Waiting for me", ""), ("All open", "all"), ("Overdue", "overdue"))
QUICK: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Stage 1", {"stage": 1}),
    ("Stage 2", {"stage": 2}),
    ("Credentials", {"credentials": True}),
)
#: What joins a name and the reason why it needs its own page.
IS_OR_WAS = {bulk_decisions.HIGH_RISK: "is", bulk_decisions.ASKED_AGAIN: "was"}
BANDS = (("high", "High risk"), ("standard", "Standard risk"), ("low", "Low risk"))


@require_GET
def inbox(request: Request) -> HttpResponse:
    """Show what waits for the reader, or all open approvals that they may see. The address has the filters."""
    now, actor = request.now(), request.actor
    filters = Filters.parse(request.GET, now)
    ids = list(approvals.asked_of(actor, now).order_by().values_list("pk", flat=True))
    mine = Approval.objects.filter(among(ids))
    shown = _visible(actor, now) if filters.show else mine
    listed = shown.filter(filters.condition())
    found = places(listed)
    paged = page_of(found, filters, request.GET)
    rows: list[Task] = [*_load_rows(listed, paged.rows, ids, actor, now)]
    is_all_of_mine = not (filters.show or filters.narrows or paged.newer_href or paged.older_href)
    spot_checks = approvals.spot_checks(actor, now)
    if not filters.show and not filters.narrows and not paged.newer_href:
        rows += spot_checks
    views = list(saved_views.saved_views_of(actor.person))
    facts, counts = _count_mine(mine, filters, views)
    counts |= _count_visible(actor, filters)
    bands = _bands(rows)
    context = {
        "head": {
            "title": "Approvals",
            "facts": [*([_listed(listed)] if filters.show else []), *_facts(facts, spot_checks, now)],
            "aside": "Ordered by risk, then age",
        },
        "chips": [*_chips(filters, counts, len(spot_checks)), *_views(filters, views, counts)],
        "filters": _fields(request.GET, filters, mine.none() if is_all_of_mine else mine, rows),
        "bands": bands,
        "picks": any(isinstance(row, SubmissionTask) and row.mine for row in rows),
        "first": next((row for band in bands for row in band["rows"] if isinstance(row, SubmissionTask)), None),
        "pager": {
            "newer_href": paged.newer_href,
            "older_href": paged.older_href,
            "words": _how_many(len(found)) if len(found) > pager.PAGE else "",
        },
        "shows_all": bool(filters.show),
    }
    return page(request, "approvals/inbox/approvals.html", context, fragment="queue", also=("chips",))


def _visible(actor: Actor, now: datetime) -> QuerySet[Approval]:
    """Open approvals that the reader may see."""
    visible = Submission.objects.visible_to(actor, now).unfinished()
    return Approval.objects.filter(state=ApprovalState.OPEN, submission__in=visible)


def _load_rows(
    shown: QuerySet[Approval], submissions: Sequence[int], mine: Sequence[int], actor: Actor, now: datetime
) -> list[SubmissionTask]:
    """Load the tasks of a page. The waiting approvals of stage 2 come with their apps."""
    waiting = Q(stage=2, state=ApprovalState.WAITING)
    of_page = Approval.objects.filter(waiting | Q(pk__in=shown.order_by().values("pk")), submission__in=submissions)
    loaded = approvals.sort_by_deadline(with_columns(of_page.order_by(), approvals.LIST_COLUMNS))
    found = approvals.submission_tasks(
        [approval for approval in loaded if approval.state != ApprovalState.WAITING],
        waiting=[approval for approval in loaded if approval.state == ApprovalState.WAITING],
        givers=approvals.giver_names([approval.pk for approval in loaded], actor, now),
        mine=mine,
    )
    return [replace(task, apart=_apart(task.mine), href=_review_href(task)) for task in found]


def _review_href(task: SubmissionTask) -> str:
    """Address of the review at the reader's first row, which is open; at the app in stage 1."""
    first = min((approval.pk for approval in task.mine if approval.stage == 2), default=None)
    if first is not None:
        return f"{task.href}?open={first}#row-{first}"
    return f"{task.href}#app" if task.mine else task.href


def _apart(mine: Sequence[Approval]) -> str:
    """Why none of the reader's approvals can be part of a bulk decision, to follow the name; empty if one can (A7)."""
    reasons = [bulk_decisions.reason_in_row(approval) for approval in mine]
    return f"{IS_OR_WAS[reasons[-1]]} {reasons[-1]}" if reasons and all(reasons) else ""


def _count_mine(
    mine: QuerySet[Approval], filters: Filters, views: Sequence[SavedView]
) -> tuple[Shape, dict[Filters, int | None]]:
    """Count the submissions that wait for the reader: in all, late, due today, and behind each chip. One query."""
    midnight = timezone.localtime(filters.now).replace(hour=23, minute=59, second=59)
    own = replace(filters, show="")
    behind = [own, *(_quick(own, changes) for _, changes in QUICK)]
    behind += [view for view in (saved_views.filters_of(view, filters.now) for view in views) if not view.show]
    counts = mine.aggregate(
        waiting=Count("submission", distinct=True),
        late=Count("submission", distinct=True, filter=Q(due_at__lt=filters.now)),
        today=Count("submission", distinct=True, filter=Q(due_at__gte=filters.now, due_at__lte=midnight)),
        oldest=Min("opened_at"),
        **{f"chip_{place}": _count_of(chip) for place, chip in enumerate(behind)},
    )
    return counts, {chip: counts[f"chip_{place}"] for place, chip in enumerate(behind)}


def _count_of(filters: Filters) -> Count:
    return Count("submission", distinct=True, filter=filters.condition())


def _count_visible(actor: Actor, filters: Filters) -> dict[Filters, int | None]:
    """Count all open and all overdue submissions that the reader may see. At most two queries.

    No counts if more than `MOST_COUNTED` are open and the reader does not see all: sight would be checked for each.
    """
    open_submissions = Submission.objects.unfinished().order_by()[: MOST_COUNTED + 1]
    if not sees_whole_register(actor, filters.now) and open_submissions.count() > MOST_COUNTED:
        return {}
    behind = {show: replace(filters, show=show) for show in ("all", "overdue")}
    counts = _visible(actor, filters.now).order_by().aggregate(**{show: _count_of(on) for show, on in behind.items()})
    return {on: counts[show] for show, on in behind.items()}


def _quick(filters: Filters, changes: Mapping[str, Any]) -> Filters:
    """Filters with a quick filter in place of another."""
    return replace(filters, **{"stage": None, "credentials": False, **changes})


def _listed(rows: QuerySet[Approval]) -> str:
    n = rows.order_by().aggregate(approvals=Count("pk"), submissions=Count("submission", distinct=True))
    return f"Listed: {times.counted(n['approvals'], 'approval')} in {times.counted(n['submissions'], 'submission')}"


def _facts(counts: Shape, spot_checks: Sequence[Task], now: datetime) -> Sequence[Fact | str]:
    """Numbers in the page's head: waiting, overdue, due today, and the oldest age."""
    count = counts["waiting"] + len(spot_checks)
    if not count:
        return ["Nothing waits for you"]
    late = counts["late"] + sum(task.due is not None and task.due < now for task in spot_checks)
    facts: list[Fact | str] = [Fact(f"{count} wait{'s' if count == 1 else ''} for you", strong=True)]
    if late:
        facts.append(Fact(f"{late} overdue", tone="no"))
    if counts["today"]:
        facts.append(Fact(f"{counts['today']} due today", tone="wait"))
    if counts["oldest"] is not None and (days := (now - counts["oldest"]).days):
        facts.append(f"oldest {times.counted(days, 'day')}")
    return facts


def _chips(filters: Filters, counts: Mapping[Filters, int | None], others: int) -> list[Shape]:
    """Chips for the list and quick filters, with counts if known. ``others``: number of spot checks."""

    def chip(label: str, on: Filters, off: Filters) -> Shape:
        count, is_all = counts.get(on), not on.show and not on.narrows
        count = count + others if count is not None and is_all else count
        return {"label": label, "href": (off if filters == on else on).href(), "current": filters == on, "count": count}

    return [
        *(chip(label, replace(filters, show=show), filters) for label, show in SHOWS),
        {"separator": True},
        *(chip(label, _quick(filters, changes), _quick(filters, {})) for label, changes in QUICK),
    ]


def _views(filters: Filters, views: Sequence[SavedView], counts: Mapping[Filters, int | None]) -> list[Shape]:
    """Chips of the reader's saved views, and a chip that saves or removes the current one."""
    chips: list[Shape] = []
    current = None
    for view in views:
        on = saved_views.filters_of(view, filters.now)
        current = view if on == filters else current
        count = None if on.show else counts.get(on)
        chips.append({"label": view.name, "href": on.href(), "current": on == filters, "count": count})
    if current is not None:
        href = reverse("saved_view_remove", args=[current.pk])
        chips.append({"label": "Remove this view", "href": href, "icon": "cross", "count": None})
    elif filters.narrows or filters.show == "overdue":
        href = saved_views.save_href(filters.href())
        chips.append({"label": "Save this view", "href": href, "icon": "plus", "count": None})
    return [{"separator": True}, *chips] if chips else []


def _fields(query: QueryDict, filters: Filters, unlisted: QuerySet[Approval], rows: Sequence[Task]) -> Shape:
    """The filter bar: words, risk, and the teams of the listed submissions and of other approvals of the reader."""
    team = "submission__automation__team"
    teams = {filters.team: "Another team"} if filters.team is not None else {}
    teams |= dict(unlisted.order_by().values_list(team, f"{team}__name").distinct())
    teams |= {row.team_pk: row.team for row in rows if isinstance(row, SubmissionTask)}
    by_name = [(str(pk), name) for pk, name in sorted(teams.items(), key=lambda pair: pair[1])]
    tiers = [(tier, tier.capitalize()) for tier in TIERS]
    ages = [(str(days), f"{times.counted(days, 'day')} or more") for days in AGES]
    selects = [("tier", "Risk", tiers), ("team", "Team", by_name), ("days", "Waiting", ages)]
    return pager.filter_bar(query, reverse("approvals"), selects, words_label="Automation") | {
        "words": " ".join(filters.words),
        "kept": replace(filters, team=None, tier="", words=(), days=None).parameters(),
        "clear_href": Filters(filters.now, filters.show).href() if filters.narrows else "",
    }


def _how_many(count: int) -> str:
    return f"The first {MOST:,}, by risk and age: filter to see others" if count > MOST else f"{count:,} in all"


def _rank(row: Task) -> tuple[bool, datetime]:
    """Apps that wait for the reader come first, since their privileges wait for them."""
    return not (isinstance(row, SubmissionTask) and row.stage == 1 and row.mine), row.since


def _bands(rows: Sequence[Task]) -> list[Shape]:
    bands = [(title, sorted((row for row in rows if row.tier == tier), key=_rank)) for tier, title in BANDS]
    return [{"title": title, "rows": in_band} for title, in_band in bands if in_band]
