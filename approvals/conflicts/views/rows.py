"""Conflicts on pages: the access, the rule, the reason and the resolution (S6, S7)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from django.urls import reverse

from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.held_access import RUNS_AS
from approvals.conflicts.rule_language.rule import WITHOUT, Rule, legs_of
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import Conflict, ConflictSignature, ConflictState, Grant
from approvals.models.conflict_rule import Mode
from approvals.waivers import transitions as waiver_transitions
from governance.core.access import Actor
from governance.web.components import times
from governance.web.components.state_words import STATES
from governance.web.pages.page import Shape
from inventory.models import Automation

#: The effect of a conflict, by the mode of its rule.
MODES: Mapping[str, str] = {
    Mode.RECORD: "It is shown to everybody who decides.",
    Mode.APPROVAL: "Needs one more approval, from Security.",
    Mode.ENFORCE: "It is refused unless it is waived.",
}
TONES: Mapping[str, str] = {Mode.RECORD: "wait", Mode.APPROVAL: "high", Mode.ENFORCE: "no"}
#: Text about the worst conflict, by the mode of its rule.
WORST = {
    Mode.RECORD: "Each approver sees it.",
    Mode.APPROVAL: "The worst needs one more approval, from Security.",
    Mode.ENFORCE: "The worst is refused unless it is waived.",
}
#: Names listed for a leg; more are counted.
MOST = 3


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
        sign_href: the page to give the extra approval; empty if the reader can't.
        ask_href: the page to request a waiver; empty if the reader can't.
        ask_by: the value of a button that saves a form first, then requests a waiver.
    """

    found: FoundConflict
    legs: Sequence[LegRow]
    effect: str
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
    def short(self) -> str:
        """The effect in a few words."""
        if self.rule.mode == Mode.APPROVAL and self.found.signature is not None:
            return "Signed"
        if self.rule.mode != Mode.APPROVAL and self.found.waiver is not None:
            return "Waived"
        return STATES["conflict_mode"][self.rule.mode].text

    @property
    def way_out(self) -> str:
        """The resolution; empty if a waiver lifts it or it is signed."""
        return "" if self.found.waiver is not None or self.found.signature is not None else self.rule.way_out

    @property
    def listed_legs(self) -> list[tuple[str, list[str]]]:
        """By leg, its name and the words of its access, at most three."""
        words_by_leg = [(leg.name, list(dict.fromkeys(thing.sentence for thing in leg.things))) for leg in self.legs]
        return [
            (name, words if len(words) <= MOST else [*words[: MOST - 1], f"and {len(words) - MOST + 1} more"])
            for name, words in words_by_leg
        ]


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
    named, unseen = _other_names(conflicts, actor, now), "Something that an automation you don’t see holds"
    rows = []
    for conflict in conflicts:
        legs = []
        for number, leg in legs_of(conflict.standing.rule):
            own, others = conflict.own.get(number, ()), conflict.others.get(number, ())
            things = [AccessRow(preview_rows.get(held.key, ""), _own_words(held, sentences)) for held in own]
            things += [AccessRow("", named.get(part.covered_as, unseen)) for part in others]
            if number != WITHOUT:
                legs.append(LegRow(leg.name, things))
        rows.append(ConflictRow(conflict, legs, _effect(conflict, now)))
    return rows


def _own_words(held: Held, sentences: Mapping[str, str]) -> str:
    return sentences.get(held.key, words_of(held.key) or held.code)


def signature_words(signature: ConflictSignature, now: datetime) -> str:
    """Return who signed a conflict, on which day, and why."""
    day = times.day_words(times.day_of(signature.at), times.day_of(now))
    return f"Signed by {signature.who} on {day}: “{signature.reason.shown}”"


def _effect(conflict: FoundConflict, now: datetime) -> str:
    """Return the effect: the end of a waiver and what it does not lift (S7), or who signed."""
    rule, waiver = conflict.standing.rule, conflict.waiver
    does = signature_words(conflict.signature, now) if conflict.signature is not None else MODES[rule.mode]
    if waiver is None or waiver.ends_at is None:
        return does
    until = f"Waived until {times.day_words(times.day_of(waiver.ends_at), times.day_of(now))}."
    return f"{until} {does}" if rule.mode == Mode.APPROVAL else until


def words_of(key: str) -> str:
    """Return words for access without an entitlement, by its key in a waiver; empty for other keys."""
    held = key.partition("/")[2]
    if held == RUNS_AS:
        return "Runs as this identity"
    return "Can be started by somebody who has not signed in" if held.startswith("trigger:") else ""


def _other_names(conflicts: Sequence[FoundConflict], actor: Actor, now: datetime) -> dict[str, str]:
    """Return names for this reader of others' access, by its key in a waiver. At most two queries."""
    parts = [part for conflict in conflicts for leg in conflict.others.values() for part in leg]
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


def tags(conflicts: Iterable[FoundConflict]) -> list[Shape]:
    """Return the tag of a row in some conflicts: one, for the worst."""
    conflicts = list(conflicts)
    if not conflicts:
        return []
    if all(conflict.waiver is not None and conflict.mode == Mode.RECORD for conflict in conflicts):
        return [{"text": "Conflict, waived", "tone": "wait", "icon": "conflict"}]
    worst = max((conflict.mode for conflict in conflicts), key=list(TONES).index)
    text = "Conflict: refused" if worst == Mode.ENFORCE else "Conflict"
    return [{"text": text, "tone": TONES[worst], "icon": "conflict"}]


def reasons(conflicts: Iterable[FoundConflict], own_keys: Collection[str], sentences: Mapping[str, str]) -> list[Shape]:
    """Return evidence about a row's conflicts: the other access, the rule and its reason.

    Args:
        conflicts: the conflicts of the row.
        own_keys: keys of the row's own access, which are left out.
        sentences: as for `list_rows`.
    """
    rows = []
    for conflict in conflicts:
        other_helds = (held for leg in conflict.own.values() for held in leg if held.key not in own_keys)
        words = [_own_words(held, sentences) for held in other_helds]
        has_others = any(conflict.others.values())
        with_what = "; ".join(dict.fromkeys(words)) or ("what others hold" if has_others else "nothing else")
        lead = f"{conflict.standing.rule.title}, with: {with_what}."
        text = f"{conflict.standing.rule.reason} {MODES[conflict.mode]}"
        rows.append({"icon": "conflict", "lead": lead, "text": text})
    return rows


def may_request_waiver(conflict: FoundConflict, now: datetime) -> bool:
    """Return whether a waiver may be requested: no extra approval, and no waiver or one that ends soon."""
    if conflict.signature is not None:
        return False
    return conflict.waiver is None or waiver_transitions.ends_soon(conflict.waiver, now)


def waiver_request_href(automation: int, conflict: FoundConflict) -> str:
    """Return the address of the waiver request."""
    return ask_href(automation, conflict.standing.rule.code, conflict.subject)


def waiver_request_href_for_rule(automation: Automation, code: str, now: datetime) -> str:
    """Return the address of the waiver request for an automation's conflict of a rule.

    Without such a conflict, the page offers a choice.
    """
    for conflict in waiver_transitions.waivable_conflicts(automation, now):
        if conflict.standing.rule.code == code:
            return waiver_request_href(automation.pk, conflict)
    return reverse("waiver_ask", args=[automation.pk])


def ask_href(automation: int, code: str, subject: int) -> str:
    """Return the address of the waiver request for a rule and subject."""
    return f"{reverse('waiver_ask', args=[automation])}?rule={code}&of={subject}"


def line(automation: Automation, actor: Actor, now: datetime) -> dict[str, Any] | None:
    """Return a line about the open conflicts of an automation; None if there are none. One query."""
    rows = Conflict.objects.filter(state=ConflictState.OPEN, automations__contains=[automation.pk])
    conflicts = list(rows.telling_waived(now).select_related("rule").order_by())
    if not conflicts:
        return None
    unwaived = [conflict for conflict in conflicts if conflict.waived_until is None]
    unsigned = [conflict for conflict in unwaived if conflict.signed_by is None]
    worst = max((conflict.rule.mode for conflict in unsigned), key=list(TONES).index, default=None)
    signed = len(unwaived) - len(unsigned)
    signed_part = signed if unsigned else "it" if signed == 1 else "all of them"
    signed_words = f" Security signed {signed_part}." if signed else ""
    waived = f" {len(conflicts) - len(unwaived)} waived." if len(unwaived) < len(conflicts) else ""
    over = sum(1 for conflict in unwaived if conflict.was_waived)
    again = f" Of {over} a waiver is over: resolve it, or ask for one more." if over else ""
    return {
        "lead": f"It has a part in {times.counted(len(conflicts), 'conflict')}.",
        "text": f"{WORST[Mode(worst)] if worst else ''}{signed_words}{waived}{again}".strip(),
        "tone": TONES[Mode.ENFORCE] if over else TONES[worst] if worst else "wait",
        "href": f"{reverse('conflict_list')}?automation={automation.pk}" + ("" if unwaived else "&show=waived"),
    }
