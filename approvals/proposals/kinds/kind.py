"""The registry of proposal kinds, and the interface of a kind (S8).

A new kind subclasses `Kind` and calls `register` in the app's `ready()`. Transitions, pages, mails and guards only
use this interface. A kind writes only in `apply` and `undo`, inside the operation that calls them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import rfc8785
from django.db.models import QuerySet

from approvals.models import Proposal, Submission, WhatIf
from approvals.policies.diff import Change
from approvals.policies.yaml_document import InvalidDocument, Problem
from governance.core.access import Refusal, Role
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Step
from governance.core.models import Person

Document = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """The subject of a proposal for readers: name, page (if any), and person (if any)."""

    what: str
    href: str = ""
    who: str = ""

    @property
    def title(self) -> str:
        """Name and person in one line."""
        return f"{self.what}: {self.who}" if self.who else self.what


class Kind:
    """One kind of proposal. By default no person gains, loses or is appointed, and nothing acts at once."""

    #: Its name in URLs and rows, and its title on pages.
    code: ClassVar[str]
    title: ClassVar[str]
    #: Roles that may propose it, and the role that countersigns.
    proposers: ClassVar[frozenset[Role]] = frozenset({Role.ADMIN})
    countersigner: ClassVar[Role] = Role.ADMIN
    #: Whether a change that only tightens may act before its countersignature.
    may_act_at_once: ClassVar[bool] = False

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the subjects of existing targets in a fixed number of queries."""
        raise NotImplementedError

    def subject(self, target: str) -> Subject | None:
        """Return the subject of a target, or None if it does not exist."""
        return self.subjects([target]).get(target)

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the state at ``now`` of everything in ``document``, as a document of this kind."""
        raise NotImplementedError

    def check_document(self, target: str, document: Document, now: datetime) -> Document:
        """Return the normalised document.

        Raises:
            InvalidDocument: with all its problems.
        """
        raise NotImplementedError

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the differences in words."""
        raise NotImplementedError

    def text(self, document: Document) -> str:
        """Return a document as text, for a comparison line by line."""
        return json.dumps(document, indent=2, ensure_ascii=False)

    def people_gaining(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return the ids of people who would gain. They can't propose or countersign it."""
        return frozenset()

    def about_the_same(self, proposal: Proposal) -> QuerySet[Proposal]:
        """Return proposals about the same subject.

        If the last one acted at once without a countersignature, the next can't act at once.
        """
        return Proposal.objects.filter(kind=self.code, target=proposal.target)

    def people_losing(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return the ids of people who would lose, and keep what they have if it is rejected. They can't answer it."""
        return frozenset()

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the person who must accept it after approval, because it makes them responsible."""
        return None

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Return why a valid document can't be proposed or put in force at ``now``, or None."""
        return None

    def submissions(self, what_if: WhatIf) -> QuerySet[Submission]:
        """Return the submissions that its impact is counted of; none by default."""
        return Submission.objects.none()

    def count(self, what_if: WhatIf, submissions: Sequence[Submission]) -> Counter[str]:
        """Return the effects on some of them, by name."""
        return Counter()

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return the counts in sentences."""
        return ["Nothing that was handed in during that time would have been asked differently."]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Put the change in force inside the approving operation; return facts for the ledger."""
        raise NotImplementedError

    def undo(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Revert a change that acted at once without a countersignature."""
        raise NotImplementedError

    def edit_href(self, target: str, proposal: Proposal | None = None) -> str:
        """Return the page to write or amend it; empty if that is the target's own page."""
        return ""


@dataclass(frozen=True)
class Field:
    """One field of a document.

    Args:
        name: its name in the document.
        label: its name in words.
        words: a value in words.
        problem: why a value is none of its values, as a sentence; empty if it is one.
        is_stricter: whether the second of two values only tightens.
    """

    name: str
    label: str
    words: Callable[[Any], str]
    problem: Callable[[Any], str]
    is_stricter: Callable[[Any, Any], bool] = lambda before, after: False


class FieldsKind(Kind):
    """A kind whose document has a few named values."""

    fields: ClassVar[tuple[Field, ...]]

    def label_of(self, field: Field, target: str) -> str:
        """Return the name of a field in words."""
        return field.label

    def check_document(self, target: str, document: Document, now: datetime) -> Document:
        """Check each field, and drop other names."""
        for each in self.fields:
            if problem := each.problem(document.get(each.name)):
                raise InvalidDocument(Problem(0, each.name, problem, "Choose one of the list."))
        return {each.name: document.get(each.name) for each in self.fields}

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changed fields."""
        changes = []
        for field in self.fields:
            old, new = before[field.name], after[field.name]
            if old != new:
                words, label = (field.words(old), field.words(new)), self.label_of(field, target)
                changes.append(Change(field.name, label, *words, field.is_stricter(old, new)))
        return tuple(changes)


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Register a kind. Call it in an app's `ready()`; the last one of a code counts."""
    _kinds[kind.code] = kind


def kind_of(code: str) -> Kind:
    """Return the kind with this code.

    Raises:
        KeyError: the kind does not exist.
    """
    return _kinds[code]


def countersigners() -> frozenset[Role]:
    """Return the roles that countersign proposals of some kind."""
    return frozenset(kind.countersigner for kind in _kinds.values())


def titles(proposals: Iterable[Proposal]) -> dict[tuple[str, str], str]:
    """Return the titles of the subjects of proposals, by kind and target. A fixed number of queries for each kind."""
    targets = grouped((proposal.kind, proposal.target) for proposal in proposals)
    found = {(code, target): target for code, some in targets.items() for target in some}
    for code, some in targets.items():
        found |= {(code, target): subject.title for target, subject in kind_of(code).subjects(some).items()}
    return found


def digest(proposal: Proposal) -> str:
    """Return the SHA-256 over the canonical JSON (RFC 8785) of the content shown to the person who answers (A6)."""
    shown = {name: getattr(proposal, name) for name in ("kind", "target", "before", "document", "round")}
    shown["by"] = str(proposal.proposed_by.opaque_id)
    return hashlib.sha256(rfc8785.dumps(shown)).hexdigest()
