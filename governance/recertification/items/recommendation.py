"""Recommended answer with its reasons, by named rules (R3). Pure: the same facts give the same result.

Each rule gives one sentence and may support an answer. The supporting rule with the highest weight decides. So *keep*
is recommended only if no rule supports something else. The reviewer still chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db.models import TextChoices

from governance.core.texts.number_words import counted
from inventory.models import DataClass

#: Days without a call until a grant counts as idle, and until it counts as unneeded (R1).
IDLE, LONG_IDLE = 60, 90
#: Use has fallen if the last 30 days have at most one in so many of the usual calls.
FELL_TO = 10
#: Fewest usual calls in 30 days for a fall to count.
FEW = 10
#: Days without a rotation until a secret counts as old.
OLD_SECRET = 180
#: Fewest peers for a comparison.
PEERS = 2


class Advice(TextChoices):
    """Recommendation: an answer, or a closer look first."""

    KEEP = "keep", "We would keep it"
    REVOKE = "revoke", "We would revoke it"
    LOOK = "look", "We would look closer first"


@dataclass(frozen=True)
class InConflict:
    """An open conflict that includes the reviewed grant or automation.

    Args:
        key: of the conflict.
        title: of its rule.
        enforced: whether the rule is enforced.
        waived_until: last day of its waiver, if any.
    """

    key: int
    title: str
    enforced: bool = False
    waived_until: date | None = None


@dataclass(frozen=True)
class Facts:
    """Facts about one item for the rules; defaults support nothing.

    Args:
        of_automation: whether the automation itself is reviewed, not a grant.
        measured: whether its use is measured.
        idle: days since the last call or, without a call, since the first measurement.
        was_used: whether a call was ever measured.
        calls_30: allowed calls in 30 days.
        usual_30: average of allowed calls in 30 days before; None if measured for too short a time.
        refused_90: refused calls in 90 days.
        suspended: whether the automation is suspended.
        holds_nothing: for an automation, whether it has no grants left.
        stage_2_decides: whether stage 2 has to decide again before the grant is renewed (G2).
        raised: the tier it has risen to since its approval, or empty (T4).
        class_was, class_is: approved and present data class; empty if none.
        other_source: whether the approved version is built from a different source than the one in the submission.
        newer_version: number of a newer imported version, or 0.
        other_owner: whether the automation's owners have changed since the approval.
        other_keeper: whether the resource's owner has changed since the approval.
        targets: number of targets in its scope.
        peers: number of the team's other grants of the same entitlement.
        peers_widest: number of targets of the widest of those.
        peers_only_read: whether all of those are read-only and this one is not.
        static: whether its credential never expires.
        secret_age: days since its credential was issued or rotated; None if unknown.
        by_policy: whether a policy approved it, not a person.
        kept: number of earlier reviews that kept it.
        conflicts: open ones, waived or not.
    """

    of_automation: bool = False
    measured: bool = False
    idle: int = 0
    was_used: bool = False
    calls_30: int = 0
    usual_30: int | None = None
    refused_90: int = 0
    suspended: bool = False
    holds_nothing: bool = False
    stage_2_decides: bool = False
    raised: str = ""
    class_was: str = ""
    class_is: str = ""
    other_source: bool = False
    newer_version: int = 0
    other_owner: bool = False
    other_keeper: bool = False
    targets: int = 0
    peers: int = 0
    peers_widest: int = 0
    peers_only_read: bool = False
    static: bool = False
    secret_age: int | None = None
    by_policy: bool = False
    kept: int = 0
    conflicts: tuple[InConflict, ...] = ()


#: ``says(facts)`` returns the sentence, or an empty text if the rule does not apply.
SentenceFunction = Callable[[Facts], str]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        key: its permanent name.
        weight: its rank; every weight is different, so the order is total.
        speaks: the answer that it supports; None if it only informs.
        says: returns its sentence, if it applies.
        icon: of the sentence.
        shown: target of its link: ``app``, ``approval``, ``automation``, ``versions``, ``resource``, ``credential``,
            ``conflict``.
    """

    key: str
    weight: int
    speaks: Advice | None
    says: SentenceFunction
    icon: str = "info"
    shown: str = ""


@dataclass(frozen=True)
class Reason:
    """A rule that applies, with its sentence; ``conflict`` is the id of its conflict, or 0."""

    rule: Rule
    sentence: str
    conflict: int = 0


@dataclass(frozen=True)
class Recommendation:
    """Recommended answer with its reasons, highest weight first."""

    advice: Advice
    reasons: tuple[Reason, ...]


def _unused(least: int, most: int | None = None) -> SentenceFunction:
    def says(f: Facts) -> str:
        if not f.measured or f.idle < least or (most is not None and f.idle >= most):
            return ""
        if f.was_used:
            return f"It was last used {counted(f.idle, 'day')} ago."
        return f"It was never used in the {counted(f.idle, 'day')} since its use is measured."

    return says


def _fell(f: Facts) -> str:
    if not f.measured or f.usual_30 is None or f.usual_30 < FEW or f.calls_30 * FELL_TO > f.usual_30:
        return ""
    return f"Its use fell from {f.usual_30:,} calls in 30 days to {f.calls_30:,}."


def _in_use(f: Facts) -> str:
    if not f.measured or not f.was_used or not f.calls_30:
        return ""
    last = "today" if f.idle == 0 else f"{counted(f.idle, 'day')} ago"
    return f"It is in use: {counted(f.calls_30, 'call')} in 30 days, the last {last}."


def _class_raised(f: Facts) -> str:
    order = list(DataClass.values)
    if f.class_was not in order or f.class_is not in order or order.index(f.class_is) <= order.index(f.class_was):
        return ""
    return f"What it touches was {f.class_was} when it was approved and is {f.class_is} now."


def _wider(f: Facts) -> str:
    if f.peers < PEERS:
        return ""
    others = f"{f.peers} others of the team that hold the same"
    if f.targets > f.peers_widest > 0:
        return f"It reaches {f.targets} things; of {others} none reaches more than {f.peers_widest}."
    return f"It does more than read; {others} only read." if f.peers_only_read else ""


def _old_secret(f: Facts) -> str:
    if f.secret_age is None or f.secret_age < OLD_SECRET:
        return ""
    return f"Its credential was last renewed {counted(f.secret_age, 'day')} ago."


def _first(f: Facts) -> str:
    return "" if f.kept or f.of_automation else "No review before this one has asked about it."


def _kept(f: Facts) -> str:
    return f"It was kept in {counted(f.kept, 'review')} before." if f.kept else ""


def _sentence_if(applies: Callable[[Facts], object], sentence: str) -> SentenceFunction:
    return lambda f: sentence.format(f=f) if applies(f) else ""


A = Advice

#: All rules except those about conflicts, which give one sentence for each conflict.
RULES: tuple[Rule, ...] = (
    Rule("unused_90", 100, A.REVOKE, _unused(LONG_IDLE), "clock"),
    Rule("unused_60", 90, A.REVOKE, _unused(IDLE, LONG_IDLE), "clock"),
    Rule(
        "holds_nothing",
        88,
        A.REVOKE,
        _sentence_if(lambda f: f.of_automation and f.holds_nothing, "Nothing is granted to it any more."),
        "minus",
        "automation",
    ),
    Rule(
        "automation_off",
        82,
        A.REVOKE,
        _sentence_if(lambda f: f.of_automation and f.suspended, "It is suspended, and nothing runs."),
        "lock",
        "automation",
    ),
    Rule(
        "suspended",
        80,
        A.LOOK,
        _sentence_if(
            lambda f: f.suspended and not f.of_automation, "The automation is suspended, so nothing uses this."
        ),
        "lock",
        "automation",
    ),
    Rule(
        "not_renewable",
        75,
        None,
        _sentence_if(lambda f: f.stage_2_decides, "Stage 2 has to decide again, so no review extends it."),
        "calendar",
        "approval",
    ),
    Rule("use_fell", 70, A.LOOK, _fell, "clock"),
    Rule(
        "risk_raised",
        60,
        A.LOOK,
        _sentence_if(lambda f: f.raised, "Its risk has risen to {f.raised} since it was approved."),
        "up",
        "automation",
    ),
    Rule("class_raised", 58, A.LOOK, _class_raised, "up", "resource"),
    Rule(
        "refused",
        56,
        A.LOOK,
        _sentence_if(
            lambda f: f.measured and f.refused_90,
            "{f.refused_90:,} of its calls were refused in 90 days: it asks for more.",
        ),
        "ring-cross",
    ),
    Rule(
        "other_source",
        54,
        A.LOOK,
        _sentence_if(lambda f: f.other_source, "It is built from another source now than when it was approved."),
        "branch",
        "versions",
    ),
    Rule("wider_than_peers", 52, A.LOOK, _wider, "team", "resource"),
    Rule(
        "never_by_a_person",
        50,
        A.LOOK,
        _sentence_if(lambda f: f.by_policy and not f.kept, "A policy approved it, and no person has looked at it yet."),
        "robot",
        "approval",
    ),
    Rule(
        "other_owner",
        48,
        A.LOOK,
        _sentence_if(lambda f: f.other_owner, "The automation has another owner than when it was approved."),
        "person",
        "automation",
    ),
    Rule(
        "other_keeper",
        47,
        A.LOOK,
        _sentence_if(lambda f: f.other_keeper, "Somebody else answers for the resource now than when it was approved."),
        "person",
        "resource",
    ),
    Rule("old_secret", 46, A.LOOK, _old_secret, "key", "credential"),
    Rule(
        "static_secret",
        45,
        A.LOOK,
        _sentence_if(lambda f: f.static, "Its credential never ends by itself."),
        "key",
        "credential",
    ),
    Rule(
        "newer_version",
        44,
        A.LOOK,
        _sentence_if(
            lambda f: f.newer_version, "Version {f.newer_version} was brought in, and nobody has approved it."
        ),
        "branch",
        "versions",
    ),
    Rule("in_use", 20, A.KEEP, _in_use, "check"),
    Rule("kept_before", 10, A.KEEP, _kept, "undo"),
    Rule("first_review", 2, None, _first, "question"),
    Rule(
        "not_measured",
        1,
        None,
        _sentence_if(
            lambda f: not f.measured and not f.of_automation, "Its use is not measured yet, so it says nothing."
        ),
        "eye",
    ),
)

#: Rules about conflicts: enforced, recorded, waived.
ENFORCED = Rule("conflict_enforced", 85, A.REVOKE, lambda f: "", "conflict", "conflict")
RECORDED = Rule("conflict_open", 62, A.LOOK, lambda f: "", "conflict", "conflict")
WAIVED = Rule("waiver_ends", 57, A.LOOK, lambda f: "", "conflict", "conflict")


def recommend(facts: Facts) -> Recommendation:
    """Recommend an answer with its reasons."""
    reasons = [Reason(rule, sentence) for rule in RULES if (sentence := rule.says(facts))]
    reasons += [_conflict_reason(conflict) for conflict in facts.conflicts]
    reasons.sort(key=lambda reason: (-reason.rule.weight, reason.conflict))
    advice = next((reason.rule.speaks for reason in reasons if reason.rule.speaks is not None), None)
    return Recommendation(advice or Advice.LOOK, tuple(reasons))


def _conflict_reason(conflict: InConflict) -> Reason:
    if conflict.waived_until is not None:
        until = f"{conflict.waived_until.day} {conflict.waived_until:%b %Y}"
        return Reason(WAIVED, f"It is in conflict (“{conflict.title}”), which is waived until {until}.", conflict.key)
    if conflict.enforced:
        return Reason(ENFORCED, f"It may not be held together with something else: “{conflict.title}”.", conflict.key)
    return Reason(RECORDED, f"It is in conflict with something else that is held: “{conflict.title}”.", conflict.key)
