"""Filters of the inbox, kept in the address, with its order and pages (ui.md, Approvals)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Case, Min, Q, QuerySet, SmallIntegerField, Value, When
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.urls import reverse

from approvals.inbox.queries.approvals import TIERS
from approvals.models import Approval, ApprovalKind
from governance.core.texts import free_text
from governance.web.pages.pager import PAGE, Paged
from governance.web.requests.request import instant, number

#: Maximum number of submissions over all pages.
MOST = 1000

SHOWN = ("all", "overdue")

#: Choices of a minimum age, in days.
AGES = (1, 3, 7, 14)

#: Sort key of a submission in the inbox: risk, age, key.
Place = tuple[int, datetime, int]


@dataclass(frozen=True)
class Filters:
    """Selection of open approvals.

    Args:
        now: business time.
        show: empty for approvals that wait for the reader, ``all`` for all that they may see, ``overdue`` for the late ones among these.
        stage: 1, 2 or None.
        team: key of the automation's team, or None.
        tier: of the submission, or empty.
        credentials: whether to show credentials only.
        days: minimum age in days, or None.
        words: words that the automation's name must contain; lower-cased.
    """

    now: datetime
    show: str = ""
    stage: int | None = None
    team: int | None = None
    tier: str = ""
    credentials: bool = False
    words: tuple[str, ...] = ()
    days: int | None = None

    @classmethod
    def parse(cls, query: QueryDict, now: datetime) -> Filters:
        """Parse an address. Invalid values are ignored."""
        show, tier, stage = query.get("show", ""), query.get("tier", ""), query.get("stage", "")
        return cls(
            now,
            show if show in SHOWN else "",
            int(stage) if stage in ("1", "2") else None,
            number(query.get("team")),
            tier if tier in TIERS else "",
            bool(query.get("credentials")),
            tuple(free_text.name(query.get("q", "")).lower().split()[:5]),
            next((days for days in AGES if str(days) == query.get("days")), None),
        )

    def condition(self) -> Q:
        """Return the filter as a query condition."""
        values = {
            "stage": self.stage,
            "submission__automation__team": self.team,
            "submission__tier": self.tier or None,
            "kind": ApprovalKind.CREDENTIAL if self.credentials else None,
            "opened_at__lte": self.now - timedelta(days=self.days) if self.days else None,
            "due_at__lt": self.now if self.show == "overdue" else None,
        }
        words = [Q(submission__automation__name__icontains=word) for word in self.words]
        return Q(*words, **{name: value for name, value in values.items() if value is not None})

    @property
    def narrows(self) -> bool:
        """Whether filters narrow the list."""
        return replace(self, show="") != Filters(self.now)

    def parameters(self) -> dict[str, str]:
        """Query parameters of the address."""
        values = {
            "show": self.show,
            "stage": str(self.stage or ""),
            "team": str(self.team or ""),
            "tier": self.tier,
            "credentials": "1" if self.credentials else "",
            "q": " ".join(self.words),
            "days": str(self.days or ""),
        }
        return {name: value for name, value in values.items() if value}

    def href(self, **more: str) -> str:
        """URL of the inbox with these filters."""
        query = {**self.parameters(), **{name: value for name, value in more.items() if value}}
        return f"{reverse('approvals')}?{urlencode(query)}" if query else reverse("approvals")


def places(approvals: QuerySet[Approval]) -> list[Place]:
    """Sorted places of the submissions of some approvals, for the first `MOST` and one more."""
    whens = [When(submission__tier=tier, then=Value(rank)) for rank, tier in enumerate(TIERS)]
    by_submission = approvals.order_by().values("submission")
    by_submission = by_submission.annotate(rank=Case(*whens, output_field=SmallIntegerField()))
    by_submission = by_submission.annotate(since=Min(Coalesce("opened_at", "submission__submitted_at")))
    return list(
        by_submission.order_by("rank", "since", "submission").values_list("rank", "since", "submission")[: MOST + 1]
    )


def page_of(places_found: Sequence[Place], filters: Filters, query: QueryDict) -> Paged:
    """The page of submissions' keys after the place that the address names, even if that place has moved."""
    behind = _parse_place(query.get("after", ""))
    start = sum(place <= behind for place in places_found) if behind else 0
    end = start + PAGE
    before = start - PAGE
    return Paged(
        [pk for _, _, pk in places_found[start:end]],
        filters.href(after=_format_place(places_found[before - 1]) if before > 0 else "") if start else "",
        filters.href(after=_format_place(places_found[end - 1])) if len(places_found) > end else "",
    )


def _format_place(place: Place) -> str:
    rank, since, pk = place
    return f"{rank}~{since.isoformat()}~{pk}"


def _parse_place(text: str) -> Place | None:
    rank, _, rest = text.partition("~")
    since, _, pk = rest.partition("~")
    tier, at, key = number(rank), instant(since), number(pk)
    return (tier, at, key) if tier is not None and at is not None and key is not None else None
