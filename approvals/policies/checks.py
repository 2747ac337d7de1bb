"""What must fit together across the parts of a policy document: more risk never takes fewer signatures, longer terms or more time (T3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from approvals.policies.yaml_document import Path

#: What is wrong where, and what makes it right.
Wrong = tuple[Path, str, str]

TIERS = ("low", "standard", "high")
STEPS = (("low", "standard"), ("standard", "high"))
#: The signature without which nothing is approved: who answers for the team, or for the resource (T3).
FIRST = {"app": "lead", "privilege": "owner", "credential": "owner"}
SHRINKING = ("longest_term", "review_after", "due_working_days", "expires_working_days")


def wrong(document: Mapping[str, Any]) -> Iterator[Wrong]:
    """Everything that does not fit together in a document whose parts are all there, each of its kind."""
    yield from _repeated(document, ())
    yield from _seats(document["seats"])
    yield from _tiers(document["tiers"])
    yield from _shrinking(document)
    yield from _upwards(document)
    yield from _fresh(document["fresh_sign_in_minutes"])
    yield from _conflicts(document["conflicts"])


def _repeated(part: object, path: Path) -> Iterator[Wrong]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield from _repeated(value, (*path, name))
    elif isinstance(part, Sequence) and not isinstance(part, str) and len(set(part)) != len(part):
        yield path, "Something stands in this list twice.", "Each stands once: signatures are of different people."


def _seats(seats: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[Wrong]:
    for kind, by_tier in seats.items():
        for tier in TIERS:
            if FIRST[kind] not in by_tier[tier]:
                yield ("seats", kind, tier), f"Nothing is approved without the {FIRST[kind]}.", f"Add {FIRST[kind]}."
        for below, above in STEPS:
            less = [label for label in by_tier[below] if label not in by_tier[above]]
            if less:
                said = f"{above.capitalize()} risk would take fewer signatures than {below}."
                yield ("seats", kind, above), said, f"Add {', '.join(less)}."


def _tiers(tiers: Mapping[str, Any]) -> Iterator[Wrong]:
    for name, words in (("levels", "level"), ("data_classes", "data class")):
        both = [one for one in tiers["low"][name] if one in tiers["high"][name]]
        if both:
            yield (
                ("tiers", "low", name),
                f"The {words} {both[0]} is high and can't be low too.",
                "Take it out of one of the two.",
            )


def _shrinking(document: Mapping[str, Any]) -> Iterator[Wrong]:
    for name in SHRINKING:
        for below, above in STEPS:
            if document[name][above] > document[name][below]:
                said = f"{above.capitalize()} risk would have longer than {below}."
                yield (name, above), said, f"At most {document[name][below]}."
    for tier in TIERS:
        if document["expires_working_days"][tier] < document["due_working_days"][tier]:
            due = document["due_working_days"][tier]
            yield ("expires_working_days", tier), "It would expire before it is due.", f"At least {due}."


def _upwards(document: Mapping[str, Any]) -> Iterator[Wrong]:
    for below, above in STEPS:
        if below in document["two_owners"] and above not in document["two_owners"]:
            yield ("two_owners",), f"A rule for {below} risk applies to {above} risk too.", f"Add {above}."


def _conflicts(days: Mapping[str, int]) -> Iterator[Wrong]:
    for below, above in (("low", "medium"), ("medium", "high")):
        if days[above] > days[below]:
            said = f"What is rated {above} would have longer than what is rated {below}."
            yield ("conflicts", above), said, f"At most {days[below]}."


def _fresh(minutes: Mapping[str, int | None]) -> Iterator[Wrong]:
    for below, above in STEPS:
        less, more = minutes.get(below), minutes.get(above)
        if less is not None and (more is None or more > less):
            said = f"{above.capitalize()} risk would take an older sign-in than {below}."
            yield ("fresh_sign_in_minutes", above), said, f"At most {less}."
