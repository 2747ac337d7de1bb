"""Checks across the parts of a policy document: a higher tier never has fewer signatures, longer terms or more time
(T3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from approvals.policies.yaml_document import Path

#: Path, problem and fix.
Inconsistency = tuple[Path, str, str]

TIERS = ("low", "standard", "high")
STEPS = (("low", "standard"), ("standard", "high"))
#: The signature that each kind always needs: from the team's lead or the resource's owner (T3).
FIRST = {"app": "lead", "privilege": "owner", "credential": "owner"}
SHRINKING = ("longest_term", "review_after", "due_working_days", "expires_working_days")


def problems(document: Mapping[str, Any]) -> Iterator[Inconsistency]:
    """Yield each inconsistency of a complete and well-typed document."""
    yield from _repeated(document, ())
    yield from _seats(document["seats"])
    yield from _tiers(document["tiers"])
    yield from _shrinking(document)
    yield from _upwards(document)
    yield from _fresh(document["fresh_sign_in_minutes"])
    yield from _conflicts(document["conflicts"])


def _repeated(part: object, path: Path) -> Iterator[Inconsistency]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield from _repeated(value, (*path, name))
    elif isinstance(part, Sequence) and not isinstance(part, str) and len(set(part)) != len(part):
        yield path, "Something stands in this list twice.", "Each stands once: signatures are of different people."


def _seats(seats: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[Inconsistency]:
    for kind, by_tier in seats.items():
        for tier in TIERS:
            if FIRST[kind] not in by_tier[tier]:
                yield ("seats", kind, tier), f"Nothing is approved without the {FIRST[kind]}.", f"Add {FIRST[kind]}."
        for below, above in STEPS:
            less = [label for label in by_tier[below] if label not in by_tier[above]]
            if less:
                sentence = f"{above.capitalize()} risk would take fewer signatures than {below}."
                yield ("seats", kind, above), sentence, f"Add {', '.join(less)}."


def _tiers(tiers: Mapping[str, Any]) -> Iterator[Inconsistency]:
    for name, words in (("levels", "level"), ("data_classes", "data class")):
        both = [name_in_both for name_in_both in tiers["low"][name] if name_in_both in tiers["high"][name]]
        if both:
            yield (
                ("tiers", "low", name),
                f"The {words} {both[0]} is high and can't be low too.",
                "Take it out of one of the two.",
            )


def _shrinking(document: Mapping[str, Any]) -> Iterator[Inconsistency]:
    for name in SHRINKING:
        for below, above in STEPS:
            if document[name][above] > document[name][below]:
                sentence = f"{above.capitalize()} risk would have longer than {below}."
                yield (name, above), sentence, f"At most {document[name][below]}."
    for tier in TIERS:
        if document["expires_working_days"][tier] < document["due_working_days"][tier]:
            due = document["due_working_days"][tier]
            yield ("expires_working_days", tier), "It would expire before it is due.", f"At least {due}."


def _upwards(document: Mapping[str, Any]) -> Iterator[Inconsistency]:
    for below, above in STEPS:
        if below in document["two_owners"] and above not in document["two_owners"]:
            yield ("two_owners",), f"A rule for {below} risk applies to {above} risk too.", f"Add {above}."


def _conflicts(days: Mapping[str, int]) -> Iterator[Inconsistency]:
    for below, above in (("low", "medium"), ("medium", "high")):
        if days[above] > days[below]:
            sentence = f"What is rated {above} would have longer than what is rated {below}."
            yield ("conflicts", above), sentence, f"At most {days[below]}."


def _fresh(minutes: Mapping[str, int | None]) -> Iterator[Inconsistency]:
    for below, above in STEPS:
        less, more = minutes.get(below), minutes.get(above)
        if less is not None and (more is None or more > less):
            sentence = f"{above.capitalize()} risk would take an older sign-in than {below}."
            yield ("fresh_sign_in_minutes", above), sentence, f"At most {less}."
