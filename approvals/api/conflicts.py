"""Conflicts in API answers: the rule, the holdings, how to resolve it, and a waiver (S6, S7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from ninja import Field, Schema

from approvals.api.links import address
from approvals.conflicts.check.automation import FoundConflict
from approvals.conflicts.views import rows as conflict_rows
from approvals.conflicts.views.rows import ConflictRow
from approvals.models.conflict_rule import Mode, Rating, Scope
from governance.core.actors.actor import Actor


class ThingOut(Schema):
    """One holding that takes part in a conflict."""

    row: str = Field(
        description="The key of its row in a preview; empty in a submission, and for what is no row of this."
    )
    sentence: str = Field(
        description="What it may do; of an automation that this token does not see, only that there is one."
    )


class LegOut(Schema):
    """One side of a conflict and its holdings."""

    name: str
    things: list[ThingOut]


class WaiverOut(Schema):
    """A waiver of a conflict."""

    until: datetime
    page: str


class ConflictOut(Schema):
    """A combination that a rule forbids and that would be held."""

    rule: str = Field(description="The rule's code.")
    version: int = Field(description="The rule's, which is the one in force.")
    title: str
    process: str
    rating: Rating
    mode: Mode = Field(description="The rule's: written down, one extra approval, from Security, or refused.")
    scope: Scope = Field(description="Of whom it is asked.")
    refused: bool = Field(description="Whether it keeps this from being submitted and from coming into force.")
    sentence: str = Field(description="What is in conflict and why it matters.")
    does: str = Field(description="What follows, in words.")
    legs: list[LegOut]
    lacks: str = Field(description="What is not there beside it, where the rule asks for something; else empty.")
    resolve: str = Field(description="What would resolve it; empty where a waiver lifts it.")
    waiver: WaiverOut | None = Field(description="What lifts it meanwhile: a waived conflict stays in sight.")
    page: str = Field(description="The rule's.")


def conflicts_of(
    findings: Sequence[FoundConflict],
    sentences: Mapping[str, str],
    actor: Actor,
    now: datetime,
    rows: Mapping[str, str] = MappingProxyType({}),
) -> list[ConflictOut]:
    """Conflicts in the form of API answers.

    Args:
        findings: the conflicts as they would be.
        sentences: holdings of the automation in words, by key.
        actor: the caller. Holdings of other automations are named only if the caller may see them.
        now: business time.
        rows: keys of a preview's rows, by key.
    """
    return [_conflict_out(row, rows) for row in conflict_rows.list_rows(findings, sentences, actor, now)]


def _conflict_out(row: ConflictRow, rows: Mapping[str, str]) -> ConflictOut:
    rule, version, waiver = row.rule, row.found.standing.version, row.found.waiver
    return ConflictOut(
        rule=rule.code,
        version=version.number,
        title=rule.title,
        process=rule.process,
        rating=Rating(rule.rating),
        mode=Mode(rule.mode),
        scope=Scope(rule.scope),
        refused=row.found.mode == Mode.ENFORCE,
        sentence=row.found.sentence,
        does=row.effect,
        legs=[
            LegOut(name=name, things=[ThingOut(row=rows.get(key, ""), sentence=words) for key, words in access])
            for name, access in row.legs
        ],
        lacks=rule.without.name if rule.without is not None else "",
        resolve=row.way_out,
        waiver=WaiverOut(until=waiver.ends_at, page=address(waiver.href)) if waiver and waiver.ends_at else None,
        page=address(version.href),
    )
