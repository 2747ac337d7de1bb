"""What a page says of a conflict: which privileges, which rule, why it matters, what would resolve it (S6, S7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.conflicts.check.automation import Found
from approvals.conflicts.held_access import RUNS_AS, legs_of
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.scan import Part
from approvals.models import ConflictSignature, Grant, Waiver
from approvals.models.conflict import WITHOUT, Mode
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.web.components import times
from inventory.models import Automation

Shape = dict[str, Any]

#: What a conflict does, by the mode of its rule.
MODES: Mapping[str, str] = {
    Mode.RECORD: "It is shown to everybody who decides.",
    Mode.APPROVAL: "Needs one more approval, from Security.",
    Mode.ENFORCE: "It is refused unless it is waived.",
}
SHORT: Mapping[str, str] = {
    Mode.RECORD: "Shown",
    Mode.APPROVAL: "Extra approval",
    Mode.ENFORCE: "Refused",
}
TONES: Mapping[str, str] = {Mode.RECORD: "wait", Mode.APPROVAL: "high", Mode.ENFORCE: "no"}
#: Things of one leg that are named; the rest is counted.
MOST = 3


def shapes(found: Sequence[Found], sentences: Mapping[str, str], actor: Actor, now: datetime) -> list[Shape]:
    """Some conflicts, for ``approvals/conflicts/conflict_note.html``.

    Args:
        found: as it would be, or is.
        sentences: what the automation itself holds, in words, by key.
        actor: who reads: of what others hold only that is named which they may see.
        now: business time.
    """
    named = named_others(found, actor, now)
    return [_shape(one, sentences, named, now) for one in found]


def _shape(one: Found, sentences: Mapping[str, str], named: Mapping[str, str], now: datetime) -> Shape:
    rule = one.standing.rule
    legs = [
        {"name": leg.name, "things": _things(one.own.get(number, ()), one.others.get(number, ()), sentences, named)}
        for number, leg in legs_of(rule)
        if number != WITHOUT
    ]
    waiver = one.waiver
    return {
        "code": rule.code,
        "lead": f"{rule.title}.",
        "text": rule.reason,
        "legs": legs,
        "lacks": rule.without.name if rule.without is not None else "",
        "short": _short(one),
        "tone": TONES[one.mode],
        "mode": _mode_words(one, now),
        "waiver_href": waiver.href if waiver is not None else "",
        "way_out": "" if waiver is not None or one.signature is not None else one.way_out,
        "href": one.standing.version.href,
        "ask_href": "",
        "ask_by": "",
    }


def _short(one: Found) -> str:
    """What it does in a few words."""
    mode = one.standing.rule.mode
    if mode == Mode.APPROVAL:
        return SHORT[mode] if one.signature is None else "Signed"
    return SHORT[mode] if one.waiver is None else "Waived"


def signed_words(signature: ConflictSignature, now: datetime) -> str:
    """Who signed a conflict, on which day, and why."""
    day = times.day_words(times.day_of(signature.at), times.day_of(now))
    return f"Signed by {signature.who} on {day}: “{signature.reason.shown}”"


def _mode_words(one: Found, now: datetime) -> str:
    """What it does: of a waived one until when, and what a waiver leaves as it is (S7); of a signed one, who signed."""
    rule, waiver = one.standing.rule, one.waiver
    does = signed_words(one.signature, now) if one.signature is not None else MODES[rule.mode]
    if waiver is None or waiver.ends_at is None:
        return does
    until = f"Waived until {times.day_words(times.day_of(waiver.ends_at), times.day_of(now))}."
    return f"{until} {does}" if rule.mode == Mode.APPROVAL else until


def _things(
    own: Iterable[Held], others: Iterable[Part], sentences: Mapping[str, str], named: Mapping[str, str]
) -> list[str]:
    said = list(dict.fromkeys(words for _, words in things(own, others, sentences, named)))
    return said if len(said) <= MOST else [*said[: MOST - 1], f"and {len(said) - MOST + 1} more"]


def things(
    own: Iterable[Held], others: Iterable[Part], sentences: Mapping[str, str], named: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What fills a leg: the key of each, empty where another automation holds it, and what it is in words."""
    said = [(one.key, sentences.get(one.key, words_of(one.key) or one.code)) for one in own]
    return [
        *said,
        *(("", named.get(one.covered_as, "Something that an automation you don’t see holds")) for one in others),
    ]


def words_of(key: str) -> str:
    """What is there that is no entitlement, in words, by its key as a waiver names it; nothing for what is one."""
    held = key.partition("/")[2]
    if held == RUNS_AS:
        return "Runs as this identity"
    return "Can be started by somebody who has not signed in" if held.startswith("trigger:") else ""


def named_others(found: Sequence[Found], actor: Actor, now: datetime) -> dict[str, str]:
    """By key, as a waiver names it: what it is called for this reader; at most two queries, none where nobody else has a part."""
    parts = [part for one in found for leg in one.others.values() for part in leg]
    if not parts:
        return {}
    visible = Automation.objects.visible_to(actor, now)
    seen = Grant.objects.filter(pk__in={part.grant for part in parts if part.grant}, automation__in=visible)
    rows = seen.select_related("automation", "entitlement__resource", "approval__privilege__entitlement__resource")
    named = {f"{row.automation_id}/{row.key}": f"{row.automation.name}: {row.sentence}" for row in rows}
    without = {part.covered_as: part.automation for part in parts if not part.grant}
    if without:
        names = dict(visible.filter(pk__in=set(without.values())).order_by().values_list("pk", "name"))
        named |= {key: f"{names[pk]}: {words_of(key)}" for key, pk in without.items() if pk in names}
    return named


def tags(found: Iterable[Found]) -> list[Shape]:
    """The tag of a row that has a part in some conflicts: one, of the worst of them."""
    found = list(found)
    if not found:
        return []
    if all(one.waiver is not None and one.mode == Mode.RECORD for one in found):
        return [{"text": "Conflict, waived", "tone": "wait", "icon": "conflict"}]
    worst = max((one.mode for one in found), key=list(TONES).index)
    words = {Mode.RECORD: "Conflict", Mode.APPROVAL: "Conflict", Mode.ENFORCE: "Conflict: refused"}
    return [{"text": words[Mode(worst)], "tone": TONES[worst], "icon": "conflict"}]


def reasons(found: Iterable[Found], own: Collection[str], sentences: Mapping[str, str]) -> list[Shape]:
    """What the evidence of a row says: with what it is in conflict, by which rule, and why that matters.

    Args:
        found: the conflicts that it has a part in.
        own: its own keys, which are not said again.
        sentences: as for `shapes`.
    """
    rows = []
    for one in found:
        mine = (held for leg in one.own.values() for held in leg if held.key not in own)
        beside = [sentences.get(held.key, words_of(held.key) or held.code) for held in mine]
        others = any(one.others.values())
        with_what = "; ".join(dict.fromkeys(beside)) or ("what others hold" if others else "nothing beside it")
        lead = f"{one.standing.rule.title}, with: {with_what}."
        rows.append({"icon": "conflict", "lead": lead, "text": f"{one.standing.rule.reason} {MODES[one.mode]}"})
    return rows


def may_be_asked(one: Found, now: datetime) -> bool:
    """Whether a waiver of it can be asked for: nobody signed it, and none lifts it, or not for long."""
    if one.signature is not None:
        return False
    return one.waiver is None or waiver_transitions.ends_soon(one.waiver, now)


def ask_href(automation: int, one: Found) -> str:
    """Where a waiver is asked for."""
    return _ask_href(automation, one.standing.rule.code, one.subject)


def ask_of_rule_href(automation: Automation, code: str, now: datetime) -> str:
    """Where a waiver is asked for of what an automation has in conflict by a rule; of which, is chosen there where it is in none."""
    found = next((one for one in waiver_transitions.open_to(automation, now) if one.standing.rule.code == code), None)
    return ask_href(automation.pk, found) if found is not None else reverse("waiver_ask", args=[automation.pk])


def ask_again_href(waiver: Waiver) -> str:
    """Where the next is asked for that begins at the end of a waiver."""
    return _ask_href(waiver.automation_id, waiver.code, waiver.subject)


def _ask_href(automation: int, code: str, whom: int) -> str:
    return f"{reverse('waiver_ask', args=[automation])}?rule={code}&of={whom}"
