"""Risk tiers of privileges, credentials and apps, with reasons in words (T1, T2).

Pure functions of facts and policy: no database, no settings, no clock. A tier is computed and never typed. A person may
raise an app's tier, never lower it. `assessment` collects the facts and stores the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Literal

from inventory.risk.levels import LEVEL_ORDER


class Tier(IntEnum):
    """Risk tier; a higher tier compares as greater. Rows store `word`."""

    LOW = 1
    STANDARD = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """``low``, ``standard`` or ``high``, as in rows and policy documents."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Tier:
        """Tier with this word.

        Raises:
            KeyError: there is no such tier.
        """
        return cls[word.upper()]


CLASS_ORDER = ("public", "internal", "confidential", "restricted")
ENVIRONMENT_ORDER = ("development", "test", "production")

Reach = Literal["none", "only_this", "wider", "unknown"]


@dataclass(frozen=True)
class PrivilegeFacts:
    """Facts about one privilege. Every default is the most severe one.

    Args:
        level: ``read``, ``write``, ``execute`` or ``admin``; ``unknown`` counts as write (I4).
        data_class: ``public``, ``internal``, ``confidential`` or ``restricted``; empty, which is unset, as restricted
            (I3).
        environment: ``development``, ``test`` or ``production``, the higher of the automation's and the resource's
            (I10).
        credential_reach: ``none`` without a credential; ``only_this`` when it is known to open this privilege alone;
            ``wider`` when it is known to open more; else ``unknown`` (I6).
        model_controlled: a model chooses whether, or with what, it is done.
        opaque: the executed code can't be judged from its text: code that uses network, imports, processes or
            evaluation, a command, a query built at run time; or its text is missing.
        outbound: it carries data to where others can read it.
        irreversible: its effect can't be undone.
        bound: its resource is known (I8).
        recognised: the importer recognised it (I8).
        vouched: a person who is no party states its resource, and each other owner of its host consents (I8).
    """

    level: str = "unknown"
    data_class: str = ""
    environment: str = "production"
    credential_reach: Reach = "unknown"
    model_controlled: bool = True
    opaque: bool = True
    outbound: bool = True
    irreversible: bool = True
    bound: bool = False
    recognised: bool = False
    vouched: bool = True

    @property
    def counted_level(self) -> str:
        """Level for rules."""
        return self.level if self.level in LEVEL_ORDER else "write"

    @property
    def counted_class(self) -> str:
        """Data class for rules."""
        return self.data_class if self.vouched and self.data_class in CLASS_ORDER else "restricted"

    @property
    def is_read(self) -> bool:
        """Whether it changes and executes nothing."""
        return self.counted_level == "read"


@dataclass(frozen=True)
class Judged:
    """A tier with its reasons, in sentences for people."""

    tier: Tier
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """``{"tier": word, "reasons": [sentence]}``, as an assessment stores it."""
        return {"tier": self.tier.word, "reasons": list(self.reasons)}


#: Default rules of T1 and T2. A policy document's key ``tiers`` has this shape; missing parts have these values.
DEFAULT_RULES: Mapping[str, Any] = MappingProxyType(
    {
        "high": {
            "levels": ["admin"],
            "data_classes": ["restricted"],
            "non_read_on": ["confidential"],
            "non_read_chosen_by_model": False,
            "non_read_chosen_by_model_if": ["outbound", "irreversible"],
            "opaque_code_in": ["production"],
            "open_entry_with_non_read": True,
        },
        "low": {"levels": ["read"], "data_classes": ["public", "internal"]},
        "at_least": {"agent": "standard"},
    }
)

DOES = MappingProxyType(
    {"read": "reads", "write": "changes things on", "execute": "runs things on", "admin": "administers"}
)


#: Reason for high because of a binding: only a party states its resource, or the host is another owner's too (I8).
UNVOUCHED = "No independent owner confirmed what its connection opens"


def higher_environment(environment: str, other: str) -> str:
    """The higher of an automation's environment and its resource's: test on production data counts as production (I10)."""
    return max(environment, other, key=ENVIRONMENT_ORDER.index)


def _rules(rules: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return {**DEFAULT_RULES[part], **rules.get(part, {})}


def privilege_tier(facts: PrivilegeFacts, rules: Mapping[str, Any] = DEFAULT_RULES) -> Judged:
    """Tier of one privilege (T1).

    Args:
        facts: facts about it.
        rules: the policy's ``tiers``; see `DEFAULT_RULES`.

    Returns:
        High with each reason for high; otherwise low; otherwise standard with each reason against low.
    """
    if because := _why_high(facts, _rules(rules, "high")):
        return Judged(Tier.HIGH, because)
    if because := _why_not_low(facts, _rules(rules, "low")):
        return Judged(Tier.STANDARD, because)
    return Judged(Tier.LOW, (f"It only reads {facts.counted_class} data, and nothing about it is open.",))


def _why_high(facts: PrivilegeFacts, high: Mapping[str, Any]) -> tuple[str, ...]:
    level, on = facts.counted_level, facts.counted_class
    unset = "" if facts.data_class else " Its data class is not set, which counts as restricted."
    unknown = "" if facts.level in LEVEL_ORDER else " What it does is not known, which counts as changing things."
    reasons = [
        (not facts.vouched, f"{UNVOUCHED}, so its data class counts as restricted."),
        (level in high["levels"], f"It {DOES[level]} the resource: {level} access."),
        (facts.vouched and on in high["data_classes"], f"It touches {on} data.{unset}"),
        (not facts.is_read and on in high["non_read_on"], f"It {DOES[level]} {on} data.{unknown}"),
        *_chosen_by_model(facts, high),
        (
            level == "execute" and facts.opaque and facts.environment in high["opaque_code_in"],
            f"It runs code that can't be judged from its source, in {facts.environment}.",
        ),
    ]
    return tuple(sentence for holds, sentence in reasons if holds)


def _chosen_by_model(facts: PrivilegeFacts, high: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Reason for high because a model chooses it: by policy any use but reading, or lasting harm only."""
    is_chosen, harms = facts.model_controlled and not facts.is_read, high["non_read_chosen_by_model_if"]
    unknown = "" if facts.level in LEVEL_ORDER else " What it does is not known."
    if high["non_read_chosen_by_model"]:
        yield is_chosen, f"A model chooses what it does, and it does more than read.{unknown}"
        return
    yield (
        is_chosen and facts.outbound and "outbound" in harms,
        f"A model chooses what it does, and it carries data to where others can read it.{unknown}",
    )
    yield (
        is_chosen and facts.irreversible and "irreversible" in harms,
        f"A model chooses what it does, and it may do what can't be undone.{unknown}",
    )


def _why_not_low(facts: PrivilegeFacts, low: Mapping[str, Any]) -> tuple[str, ...]:
    level = facts.counted_level
    unknown = "" if facts.level in LEVEL_ORDER else " What it does is not known, which counts as changing things."
    reasons = [
        (level not in low["levels"], f"It {DOES[level]} {facts.counted_class} data.{unknown}"),
        (facts.counted_class not in low["data_classes"], f"It touches {facts.counted_class} data."),
        (facts.credential_reach == "unknown", "What its credential opens is not known."),
        (facts.credential_reach == "wider", "Its credential opens more than this."),
        (facts.model_controlled, "A model chooses what it does."),
        (facts.outbound, "It carries data to where others can read it."),
        (not facts.bound, "Which resource it touches is not known."),
        (not facts.recognised, "The importer did not recognise it."),
    ]
    return tuple(sentence for holds, sentence in reasons if holds)


def credential_tier(uses: Iterable[tuple[str, Judged]]) -> Judged:
    """Tier of a credential: the highest of its uses (T1).

    Args:
        uses: sentence and judgement of each privilege that uses it.

    Returns:
        Standard without a known use: it may be harmful.
    """
    use_list = list(uses)
    if not use_list:
        return Judged(Tier.STANDARD, ("Nothing in this version says what it is used for.",))
    tier = max(judged.tier for _, judged in use_list)
    because = [f"It is used for something {tier.word}: {words}." for words, judged in use_list if judged.tier == tier]
    return Judged(tier, tuple(dict.fromkeys(because)))


def app_tier(
    privileges: Sequence[tuple[str, Judged]],
    *,
    kind: str,
    has_open_entry: bool,
    has_non_read: bool,
    shared: Tier = Tier.LOW,
    joined: Tier = Tier.LOW,
    calls_unknown: bool = False,
    raised_to: Tier = Tier.LOW,
    rules: Mapping[str, Any] = DEFAULT_RULES,
) -> Judged:
    """Tier of an app (T2), for stage 1 and automatic approval.

    Args:
        privileges: sentence and judgement of each privilege of the version.
        kind: kind of the automation (I1); an agent is at least standard.
        has_open_entry: whether a person who is not signed in can start it.
        has_non_read: whether a privilege does more than read.
        shared: highest tier of the other automations with its identity: their union counts for each (I5).
        joined: highest tier in the rest of its chain (A16).
        calls_unknown: whether no automation in use answers one of its calls, so that the call's effect is unknown
            (A16).
        raised_to: tier that a person raised it to; it never lowers.
        rules: the policy's ``tiers``.
    """
    tier = max((judged.tier for _, judged in privileges), default=Tier.LOW)
    if tier is Tier.LOW:
        reasons = ["Nothing that it may do is more than low."]
    else:
        reasons = [f"{words}: {judged.reasons[0]}" for words, judged in privileges if judged.tier is tier]
    at_least = _rules(rules, "at_least").get(kind)
    raises = [
        (
            Tier.from_word(at_least) if at_least else Tier.LOW,
            f"It is an {kind.replace('_', ' ')}: a model decides what happens next.",
        ),
        (
            Tier.HIGH
            if has_open_entry and has_non_read and _rules(rules, "high")["open_entry_with_non_read"]
            else Tier.LOW,
            "Somebody who has not signed in can start it, and it does more than read.",
        ),
        # Without the name: a reader may not be allowed to see it, and the identity's page shows it to those who are.
        (shared, f"It runs as the same identity as another automation, which is {shared.word}."),
        (joined, f"It is joined with another automation, which is {joined.word}."),
        (
            Tier.HIGH if calls_unknown else Tier.LOW,
            "It calls something that nobody has approved here, so what that may do is not known.",
        ),
        (raised_to, "A person raised it."),
    ]
    for raised, because in raises:
        if raised > tier:
            tier, reasons = raised, [because]
        elif raised is tier and raised is not Tier.LOW:
            reasons.append(because)
    return Judged(tier, tuple(dict.fromkeys(reasons)))
