"""What is held, as conflict rules look at it: from a privilege, a trigger, and, for scans, from an entitlement alone (S6).

Of an entitlement everything is known but how it is held: at which level, whether a model chooses, whether what it runs can be read, and in
which environment. There are not many ways, so each has a number, `held_as`. A grant keeps its own, and a member of a rule's leg keeps the set of
those that count. Pure: what it is given is read already.

How something is held, as waivers and conflicts name it: a waiver lifts what is held so, or less, and nothing that is more (S7). Pure.

Beside its key each thing has a word: its level, and whether a model chooses or what is run can't be read. A waiver keeps every word that is no
more than what it was granted for, so that the database compares them as sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product

from approvals.conflicts.rule_language.rule import Leg, Rule
from approvals.conflicts.rule_language.selectors import Held, Selector
from approvals.models.conflict import NEEDS, WITHOUT
from inventory.models import Entitlement, Privilege, Trigger
from inventory.risk.tiers import CLASS_ORDER, ENVIRONMENT_ORDER, POWER, is_within

#: Every way in which something can be held, by its number: level, chosen by a model, not to be read, environment.
WAYS: tuple[tuple[str, bool, bool, str], ...] = tuple(product(POWER, (False, True), (False, True), ENVIRONMENT_ORDER))
_NUMBER = {way: number for number, way in enumerate(WAYS)}
#: The key of running as an identity.
RUNS_AS = "identity"


def way_of(held: Held) -> int:
    """The number of the way in which something is held, 0 to 59; a level that is none of ours is one that is not known (I4)."""
    level = held.level if held.level in POWER else "unknown"
    return _NUMBER[level, held.model_controlled, held.opaque, held.environment]


def environment_of(entitlement: Entitlement, environment: str) -> str:
    """The higher of the automation's environment and the resource's (I10)."""
    return higher(entitlement.resource.environment, environment)


def higher(environment: str, other: str) -> str:
    """The higher of two environments."""
    return max(environment, other, key=ENVIRONMENT_ORDER.index)


def of_privilege(privilege: Privilege, key: str, environment: str, level: str = "", *, is_vouched: bool = True) -> Held:
    """What a version holds by a privilege.

    Args:
        privilege: with its entitlement and resource read.
        key: what makes it this one thing.
        environment: the automation's.
        level: what an approver left of it; all of it unless said (A7).
        is_vouched: whether the class of its resource counts (I8).
    """
    held = of_entitlement(privilege.entitlement, key)
    known = [one for one in (privilege.level, privilege.entitlement.level) if one in POWER and one != "unknown"]
    return replace(
        held,
        data_class=held.data_class if is_vouched else "",
        level=level or max(known, key=POWER.index, default="unknown"),
        environment=environment_of(privilege.entitlement, environment),
        model_controlled=privilege.model_controlled,
        opaque=privilege.opaque,
    )


def of_trigger(trigger: Trigger, key: str) -> Held:
    """A trigger that somebody who has not signed in can use."""
    return Held(key=key, code=trigger.type, entry="open")


def of_identity(automation: int) -> Held:
    """That an automation runs as an identity: one thing, as however many it runs, so that one of it alone fills one leg (I5)."""
    return Held(key=f"{automation}/{RUNS_AS}", entry="identity")


def of_entitlement(entitlement: Entitlement, key: str = "") -> Held:
    """What is known of it however it is held."""
    resource = entitlement.resource
    return Held(
        key=key,
        code=entitlement.code,
        tags=frozenset(entitlement.tags),
        level=entitlement.level,
        kind=resource.kind,
        resource=resource.pk,
        data_class=data_class_of(entitlement.data_class, resource.data_class),
        environment=resource.environment,
        outbound=entitlement.outbound,
    )


def data_class_of(own: str, of_resource: str) -> str:
    """The higher of both; nothing where the resource's is not set and could be the higher (I3, I4)."""
    if not of_resource:
        return own if own == CLASS_ORDER[-1] else ""
    return max(own or CLASS_ORDER[0], of_resource, key=CLASS_ORDER.index)


def legs_of(rule: Rule) -> Iterator[tuple[int, Leg]]:
    """A rule's legs by number, under `NEEDS` what it needs, and under `WITHOUT` what has to be held too."""
    yield from enumerate(rule.legs, 1)
    if rule.needs is not None:
        yield NEEDS, rule.needs
    if rule.without is not None:
        yield WITHOUT, rule.without


def needed_of(rule: Rule) -> list[Leg]:
    """What has to be held for a rule to fire: its legs, and what it needs beside them."""
    return [leg for number, leg in legs_of(rule) if number != WITHOUT]


def mask_of(leg: Leg, entitlement: Held) -> int:
    """In which ways holding an entitlement fills a leg: bit N for the way N; 0 where it never does.

    A grant keeps the environment in which it was given; where its resource has come into a higher one since, it counts there (I10).
    """
    mask = 0
    for selector in leg.any:
        whatever, ways = _split(selector, entitlement.environment)
        if whatever.matches(entitlement):
            mask |= ways
    return mask


@cache
def _split(selector: Selector, environment: str) -> tuple[Selector, int]:
    """A selector without what depends on how something is held, and the ways that this part of it lets through on a resource of an environment."""
    nothing: frozenset[str] = frozenset()
    whatever = replace(selector, levels=nothing, environments=nothing, model_controlled=None, opaque=None)
    only = Selector(
        levels=selector.levels,
        environments=selector.environments,
        model_controlled=selector.model_controlled,
        opaque=selector.opaque,
        is_surely=selector.is_surely,
    )
    probes = (
        Held("", level=w[0], model_controlled=w[1], opaque=w[2], environment=higher(w[3], environment)) for w in WAYS
    )
    return whatever, sum(1 << number for number, probe in enumerate(probes) if only.matches(probe))


def wanted(rule: Rule) -> int:
    """The legs that make a conflict, as bits: exactly these are filled, and not `WITHOUT`."""
    return sum(1 << number for number, _ in legs_of(rule) if number != WITHOUT)


def entries(rule: Rule, triggers: Iterable[Held]) -> set[int]:
    """Numbers of the legs that an open trigger fills."""
    return {number for number, leg in legs_of(rule) if leg.of(triggers)}


#: The word of what is held without a grant: an open way in, or running as an identity. There is no more and no less of it.
PLAIN = "-"
_MODEL, _OPAQUE = "+model", "+opaque"


def word_of(level: str, *, model_controlled: bool = False, opaque: bool = False) -> str:
    """The word for one way of holding something."""
    return f"{level}{_MODEL if model_controlled else ''}{_OPAQUE if opaque else ''}"


def of_held(held: Held) -> str:
    """How something would be held, with its key."""
    return f"{held.key} {PLAIN}" if held.entry else of_way(held.key, way_of(held))


def of_way(key: str, way: int | None) -> str:
    """How something is held by a grant, from the number that it keeps; by none where that is None."""
    if way is None:
        return f"{key} {PLAIN}"
    level, model_controlled, opaque, _ = WAYS[way]
    return f"{key} {word_of(level, model_controlled=model_controlled, opaque=opaque)}"


def at_most(held: Iterable[str]) -> set[str]:
    """These and all that is no more than one of them."""
    found: set[str] = set()
    for one in held:
        key, _, word = one.rpartition(" ")
        found.update(f"{key} {less}" for less in _less(word))
    return found


def _less(word: str) -> list[str]:
    level, is_model, is_opaque = word.partition("+")[0], _MODEL in word, _OPAQUE in word
    if level not in POWER:
        return [word]
    flags = product((False, True)[: 1 + is_model], (False, True)[: 1 + is_opaque])
    levels = [one for one in POWER if is_within(one, level)]
    return [word_of(one, model_controlled=model, opaque=opaque) for model, opaque in flags for one in levels]
