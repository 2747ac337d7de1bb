"""What the desk shows of what is open: filters that live in the address, and in which order and on which page (ui.md, Desk)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Min, Q, QuerySet, SmallIntegerField, Value, When
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.urls import reverse

from approvals.models import Approval, ApprovalKind
from governance.core.texts import free_text
from governance.web.requests.parameters import instant, number

#: Submissions on one page, and the most that one can page through.
PAGE, MOST = 50, 1000

#: Riskiest first.
TIERS = ("high", "standard", "low")
SHOWN = ("all", "overdue")

#: Where a submission stands on the desk: by risk, then by how long it waits.
Place = tuple[int, datetime, int]


@dataclass(frozen=True)
class Filters:
    """What of the open records is shown.

    Args:
        now: business time.
        show: empty for what waits for the reader, ``all`` for whatever they may see, ``overdue`` for what of that is late.
        stage: 1, 2 or None.
        team: key of the automation's team, or None.
        tier: of the submission, or empty.
        credentials: whether only credentials are meant.
        words: what the automation's name holds, each; lower-cased.
    """

    now: datetime
    show: str = ""
    stage: int | None = None
    team: int | None = None
    tier: str = ""
    credentials: bool = False
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: QueryDict, now: datetime) -> Filters:
        """What an address asks for; what it can't ask for is as if it had not."""
        show, tier, stage = asked.get("show", ""), asked.get("tier", ""), asked.get("stage", "")
        return cls(
            now,
            show if show in SHOWN else "",
            int(stage) if stage in ("1", "2") else None,
            number(asked.get("team")),
            tier if tier in TIERS else "",
            bool(asked.get("credentials")),
            tuple(free_text.name(asked.get("q", "")).lower().split()[:5]),
        )

    def fits(self, record: Approval) -> bool:
        """Whether an open record is shown, however it was found; the same as `condition`."""
        one = record.submission.automation
        return (
            (self.stage is None or record.stage == self.stage)
            and (self.team is None or one.team_id == self.team)
            and (not self.tier or record.submission.tier == self.tier)
            and (not self.credentials or record.kind == ApprovalKind.CREDENTIAL)
            and all(word in one.name.lower() for word in self.words)
            and (self.show != "overdue" or (record.due_at is not None and record.due_at < self.now))
        )

    def condition(self) -> Q:
        """The same in the database."""
        found = Q()
        if self.stage is not None:
            found &= Q(stage=self.stage)
        if self.team is not None:
            found &= Q(submission__automation__team=self.team)
        if self.tier:
            found &= Q(submission__tier=self.tier)
        if self.credentials:
            found &= Q(kind=ApprovalKind.CREDENTIAL)
        for word in self.words:
            found &= Q(submission__automation__name__icontains=word)
        if self.show == "overdue":
            found &= Q(due_at__lt=self.now)
        return found

    @property
    def narrows(self) -> bool:
        """Whether less is shown than the chip at the left says."""
        return replace(self, show="") != Filters(self.now)

    def parameters(self) -> dict[str, str]:
        """What stands in the address."""
        said = {
            "show": self.show,
            "stage": str(self.stage or ""),
            "team": str(self.team or ""),
            "tier": self.tier,
            "credentials": "1" if self.credentials else "",
            "q": " ".join(self.words),
        }
        return {name: value for name, value in said.items() if value}

    def href(self, **more: str) -> str:
        """The desk's address with these filters."""
        asked = {**self.parameters(), **{name: value for name, value in more.items() if value}}
        return f"{reverse('desk')}?{urlencode(asked)}" if asked else reverse("desk")

    def but(self, **changes: Any) -> Filters:
        """The same with some of it asked otherwise."""
        return replace(self, **changes)


def places(records: Iterable[Approval]) -> list[Place]:
    """Where the submissions of some records stand, in order."""
    since: dict[tuple[int, int], datetime] = {}
    for one in records:
        key, at = (TIERS.index(one.submission.tier), one.submission_id), one.opened_at or one.submission.submitted_at
        since[key] = min(at, since.get(key, at))
    return sorted((rank, at, pk) for (rank, pk), at in since.items())


def places_in(records: QuerySet[Approval]) -> list[Place]:
    """The same of records that were not read: one query, the first `MOST` and one more."""
    whens = [When(submission__tier=tier, then=Value(rank)) for rank, tier in enumerate(TIERS)]
    found = records.order_by().values("submission")
    found = found.annotate(rank=Case(*whens, output_field=SmallIntegerField()))
    found = found.annotate(since=Min(Coalesce("opened_at", "submission__submitted_at")))
    return list(found.order_by("rank", "since", "submission").values_list("rank", "since", "submission")[: MOST + 1])


@dataclass(frozen=True)
class Paged:
    """One page: the submissions' keys, and the addresses of its neighbours; empty where there is none."""

    keys: Sequence[int]
    newer_href: str
    older_href: str


def page_of(found: Sequence[Place], filters: Filters, asked: QueryDict) -> Paged:
    """The page that begins behind the submission whose place stands in the address, wherever that stands by now."""
    behind = _place(asked.get("after", ""))
    start = sum(one <= behind for one in found) if behind else 0
    end = start + PAGE
    before = start - PAGE
    return Paged(
        [pk for _, _, pk in found[start:end]],
        filters.href(after=_said(found[before - 1]) if before > 0 else "") if start else "",
        filters.href(after=_said(found[end - 1])) if len(found) > end else "",
    )


def _said(place: Place) -> str:
    rank, since, pk = place
    return f"{rank}~{since.isoformat()}~{pk}"


def _place(said: str) -> Place | None:
    rank, _, rest = said.partition("~")
    since, _, pk = rest.partition("~")
    tier, at, key = number(rank), instant(since), number(pk)
    return (tier, at, key) if tier is not None and at is not None and key is not None else None
