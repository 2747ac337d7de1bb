"""What can be proposed: one entry of the registry for each kind, and what every kind has to say (S8).

A new kind is a subclass of `Kind` that is handed to `register` in the app's `ready()`; transitions, pages, mails and guards ask it and know
nothing of it. It writes nothing but in `apply` and `undo`, which run inside the operation that caused them.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import rfc8785
from django.db.models import BigIntegerField, Func, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from approvals.conflicts.dry_run import Known
from approvals.models import Proposal
from approvals.policies.diff import Change, Line
from approvals.policies.yaml_document import Problem
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Step
from governance.core.models import Person
from governance.core.roles.roles import Role

Document = dict[str, Any]


@dataclass(frozen=True)
class About:
    """What a proposal is about, as people know it: its name, its page where it has one, and whom where it is about somebody."""

    what: str
    href: str = ""
    who: str = ""

    @property
    def title(self) -> str:
        """All of it in one line."""
        return f"{self.what}: {self.who}" if self.who else self.what


@dataclass(frozen=True)
class Given:
    """What somebody wants, read: the document in its one form, or everything that is wrong with it."""

    document: Document = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Span:
    """What is counted over: submissions handed in after `changes` and no later than `until`, under either of two documents."""

    target: str
    before: Document
    after: Document
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Slice:
    """What came of counting a few rows: numbers by name, the last row's key, and how many there were."""

    counts: Counter[str]
    cursor: int
    rows: int


class Kind:
    """One kind of proposal. What is left as it stands here: nobody gains or loses, nobody is appointed, nothing acts at once."""

    #: Its name in addresses and rows, and what pages call it.
    code: ClassVar[str]
    title: ClassVar[str]
    #: Who may propose it, and whose countersignature it needs.
    proposers: ClassVar[frozenset[Role]] = frozenset({Role.ADMIN})
    countersigner: ClassVar[Role] = Role.ADMIN
    #: Whether what only tightens may act before it is countersigned.
    may_act_at_once: ClassVar[bool] = False

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """What is meant by some targets, those that there are: as many queries for a page of them as for one."""
        raise NotImplementedError

    def about(self, target: str) -> About | None:
        """What is meant by a target, or None where there is no such thing."""
        return self.abouts([target]).get(target)

    def called(self) -> Combinable:
        """The name of what one is about, as an expression over its row: for a list that is one query."""
        return Value("")

    def titled(self, target: str, called: str) -> str:
        """A line's title, of a target and what it is `called`."""
        return f"{self.title}: {called or target}"

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """How what ``document`` speaks of stands at ``now``, as a document of this kind."""
        raise NotImplementedError

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """The document in its one form, or everything that is wrong with it, at once."""
        raise NotImplementedError

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """What would be different, in words."""
        raise NotImplementedError

    def lines(self, before: Document, after: Document) -> list[Line]:
        """The same as text, line by line."""
        old, new = (json.dumps(one, indent=2, ensure_ascii=False).splitlines() for one in (before, after))
        return [Line(one[0], one[2:]) for one in difflib.ndiff(old, new) if not one.startswith("?")]

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Ids of whoever would gain by it: none of them proposes or countersigns it."""
        return frozenset()

    def about_the_same(self, proposal: Proposal) -> QuerySet[Proposal]:
        """Proposals about the same as one that is to act at once: where the last of them did and nobody countersigned it, this does not."""
        return Proposal.objects.filter(kind=self.code, target=proposal.target)

    def loses(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Ids of whoever would lose by it, and keeps what they have where it is rejected: none of them answers it."""
        return frozenset()

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Who has to accept it once it is approved, because it makes them answer for something."""
        return None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Why this can't be proposed, or put in force, at ``now`` though the document itself is right; None where it can."""
        return None

    def total(self, span: Span) -> int:
        """How many rows are to be counted; 0 where there is nothing to count in the background."""
        return 0

    def count(self, span: Span, cursor: int, size: int, known: Known) -> Slice:
        """Count the next few rows after the one with the key ``cursor``.

        Args:
            span: over what.
            cursor: key of the last row that was counted.
            size: how many rows at most.
            known: what was read for rows of this span before these, in this run.
        """
        return Slice(Counter(), cursor, 0)

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """What was counted, in sentences."""
        return ["Nothing that was handed in during that time would have been asked differently."]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put it in force, inside the operation that approved it; returns facts for the ledger."""
        raise NotImplementedError

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Take back what acted at once and nobody countersigned."""
        raise NotImplementedError

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """Where it is written, or changed as long as nobody has answered; empty where that is on its target's own page."""
        return ""


def named(rows: QuerySet[Any], name: str, *, part: int = 1) -> Subquery:
    """The name of the row whose key is the first, or second, part of a proposal's target: for `Kind.called`."""
    key = Cast(Func(OuterRef("target"), Value("-"), Value(part), function="split_part"), BigIntegerField())
    return Subquery(rows.filter(pk=key).order_by().values(name)[:1])


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known. Call it in an app's `ready()`; the last one of a name counts."""
    _kinds[kind.code] = kind


def of(code: str) -> Kind:
    """The kind of this name.

    Raises:
        KeyError: there is none.
    """
    return _kinds[code]


def known() -> Iterator[Kind]:
    """Every kind, in the order in which they were registered."""
    yield from _kinds.values()


def tightens(changes: Sequence[Change]) -> bool:
    """Whether changes only tighten. No change at all does not, and what is mixed loosens."""
    return bool(changes) and all(one.tightens for one in changes)


def digest(proposal: Proposal) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of what whoever answers it is shown (A6)."""
    shown = {
        "kind": proposal.kind,
        "target": proposal.target,
        "before": proposal.before,
        "document": proposal.document,
        "by": str(proposal.proposed_by.opaque_id),
        "round": proposal.round,
    }
    return hashlib.sha256(rfc8785.dumps(shown)).hexdigest()
