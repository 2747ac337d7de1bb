"""Typed rows of conflicts, for pages and API answers: the access, the rule, the effect and the resolution (S6, S7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.held_access import RUNS_AS
from approvals.conflicts.rule_language.rule import WITHOUT, Rule, legs_of
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.scan import Part
from approvals.models import ConflictSignature, Grant
from approvals.models.conflict_rule import Mode
from governance.core.access import Actor
from governance.core.texts.number_words import day_of, day_words
from inventory.models import Automation

#: The effect of a conflict, by the mode of its rule.
MODES: Mapping[str, str] = {
    Mode.RECORD: "It is shown to everybody who decides.",
    Mode.APPROVAL: "Needs one more approval, from Security.",
    Mode.ENFORCE: "It is refused unless it is waived.",
}
TONES: Mapping[str, str] = {Mode.RECORD: "wait", Mode.APPROVAL: "high", Mode.ENFORCE: "no"}
#: Access of an automation that the reader may not see.
UNSEEN = "Something that an automation you don’t see holds"


class AccessRow(NamedTuple):
    """One access in a conflict: the key of its row in a preview (empty elsewhere, and for other automations), and words."""

    row: str
    sentence: str


class LegRow(NamedTuple):
    """One side of a conflict and its access."""

    name: str
    things: list[AccessRow]


@dataclass(frozen=True)
class ConflictRow:
    """A conflict of a check as one reader may see it, for pages and API answers.

    Args:
        found: the conflict.
        legs: its sides.
        effect: what follows, in words.
        short: the same in a few words, on the review page.
        sign_href: the page to give the extra approval; empty if the reader can't.
        ask_href: the page to request a waiver; empty if the reader can't.
        ask_by: the value of a button that saves a form first, then requests a waiver.
    """

    found: FoundConflict
    legs: Sequence[LegRow]
    effect: str
    short: str = ""
    sign_href: str = ""
    ask_href: str = ""
    ask_by: str = ""

    @property
    def rule(self) -> Rule:
        """The rule."""
        return self.found.standing.rule

    @property
    def is_refused(self) -> bool:
        """Whether it keeps the version from being submitted and from coming into force."""
        return self.found.mode == Mode.ENFORCE

    @property
    def tone(self) -> str:
        """The tone of its note."""
        return TONES[self.found.mode]

    @property
    def way_out(self) -> str:
        """The resolution; empty if a waiver lifts it or it is signed."""
        return "" if self.found.waiver is not None or self.found.signature is not None else self.rule.way_out

    @property
    def listed_legs(self) -> list[tuple[str, list[str]]]:
        """By leg, its name and the words of its access."""
        return [(leg.name, list(dict.fromkeys(thing.sentence for thing in leg.things))) for leg in self.legs]


def list_rows(
    conflicts: Sequence[FoundConflict],
    sentences: Mapping[str, str],
    actor: Actor,
    now: datetime,
    preview_rows: Mapping[str, str] = MappingProxyType({}),
) -> list[ConflictRow]:
    """Return the rows of some conflicts.

    Args:
        conflicts: the conflicts of a check.
        sentences: the automation's own access in words, by key.
        actor: the reader. Others' access is named only if the reader may see it.
        now: business time.
        preview_rows: keys of a preview's rows, by the automation's own access.
    """
    parts = [part for conflict in conflicts for leg in conflict.others.values() for part in leg]
    named, rows = names_of(parts, actor, now), list[ConflictRow]()
    for conflict in conflicts:
        legs = []
        for number, leg in legs_of(conflict.standing.rule):
            own, others = conflict.own.get(number, ()), conflict.others.get(number, ())
            things = [AccessRow(preview_rows.get(held.key, ""), own_words(held, sentences)) for held in own]
            things += [AccessRow("", named.get(part.covered_as, UNSEEN)) for part in others]
            if number != WITHOUT:
                legs.append(LegRow(leg.name, things))
        rows.append(ConflictRow(conflict, legs, _effect(conflict, now)))
    return rows


def own_words(held: Held, sentences: Mapping[str, str]) -> str:
    """Return the automation's own access in words; see `list_rows` for the sentences."""
    return sentences.get(held.key, words_of(held.key) or held.code)


def signature_words(signature: ConflictSignature, now: datetime) -> str:
    """Return who signed a conflict, on which day, and why."""
    day = day_words(day_of(signature.at), day_of(now))
    return f"Signed by {signature.signer_name} on {day}: “{signature.reason.shown}”"


def _effect(conflict: FoundConflict, now: datetime) -> str:
    """Return the effect: the end of a waiver and what it does not lift (S7), or who signed."""
    rule, waiver = conflict.standing.rule, conflict.waiver
    does = signature_words(conflict.signature, now) if conflict.signature is not None else MODES[rule.mode]
    if waiver is None or waiver.ends_at is None:
        return does
    until = f"Waived until {day_words(day_of(waiver.ends_at), day_of(now))}."
    return f"{until} {does}" if rule.mode == Mode.APPROVAL else until


def words_of(key: str) -> str:
    """Return words for access without an entitlement, by its key in a waiver; empty for other keys."""
    held = key.partition("/")[2]
    if held == RUNS_AS:
        return "Runs as this identity"
    return "Can be started by somebody who has not signed in" if held.startswith("trigger:") else ""


def names_of(parts: Sequence[Part], actor: Actor, now: datetime) -> dict[str, str]:
    """Return names for this reader of held access, by its key in a waiver. At most two queries."""
    if not parts:
        return {}
    visible = Automation.objects.visible_to(actor, now)
    seen = Grant.objects.filter(pk__in={part.grant for part in parts if part.grant}, automation__in=visible)
    rows = seen.select_related("automation")
    named = {f"{row.automation_id}/{row.key}": f"{row.automation.name}: {row.sentence}" for row in rows}
    without = {part.covered_as: part.automation for part in parts if not part.grant}
    if without:
        names = dict(visible.filter(pk__in=set(without.values())).order_by().values_list("pk", "name"))
        named |= {key: f"{names[pk]}: {words_of(key)}" for key, pk in without.items() if pk in names}
    return named
