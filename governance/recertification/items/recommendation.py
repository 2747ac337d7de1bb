"""What would be answered, and why, by rules with names (R3). Pure: the same facts say the same, and nothing is chosen by it.

Each rule says one sentence where it applies, and which answer that speaks for; some only say what is known. What weighs most comes
first, and what it speaks for is the recommendation: so keeping is recommended only where nothing speaks against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db.models import TextChoices

from governance.core.texts.number_words import counted
from inventory.models import DataClass

#: Days without a call after which it stands idle, and after which it is plainly not needed (R1).
IDLE, LONG_IDLE = 60, 90
#: What thirty days brought has fallen to so small a part of what they used to bring: one in so many.
FELL_TO = 10
#: The fewest calls in thirty days of which a fall says something.
FEW = 10
#: Days after which a secret that nobody renewed is old.
OLD_SECRET = 180
#: The fewest others that hold the same, so that they can be compared.
PEERS = 2


class Advice(TextChoices):
    """What is recommended: an answer, or to look closer before there is one."""

    KEEP = "keep", "We would keep it"
    REVOKE = "revoke", "We would revoke it"
    DO_NOT_RENEW = "do_not_renew", "We would not renew it"
    LOOK = "look", "We would look closer first"


@dataclass(frozen=True)
class InConflict:
    """An open conflict in which what is reviewed has a part.

    Args:
        key: of the conflict.
        title: of its rule.
        enforced: whether the rule refuses it.
        waived_until: the day on which the waiver of it ends, where there is one.
    """

    key: int
    title: str
    enforced: bool = False
    waived_until: date | None = None


@dataclass(frozen=True)
class Facts:
    """What the rules read of one item, as it is when it is shown; what is left out speaks for nothing.

    Args:
        of_automation: whether the automation itself is reviewed, and not something that it holds.
        measured: whether anything reports its use.
        idle: days since the last call or, where none was ever seen, since use was first measured.
        was_used: whether a call was ever seen.
        calls_30: calls that were allowed in 30 days.
        usual_30: how many that used to be before, on average; None where it was not measured for long enough.
        refused_90: calls that were refused in 90 days.
        suspended: whether the automation is suspended.
        holds_nothing: of an automation: whether nothing is granted to it any more.
        not_renewable: why it can't be kept by a review, or nothing (G2).
        raised: the tier that it has risen to since it was approved, or nothing (T4).
        class_was, class_is: the data class that was approved, and the present one; empty where there is none.
        other_source: whether what is approved now is built from another source than what was approved with it.
        newer_version: the number of a version that was brought in since, or 0.
        other_owner: whether the automation has other owners than when it was approved.
        other_keeper: whether somebody else answers for the resource than when it was approved.
        targets: how many things its scope names.
        peers: how many others of the team hold the same on the resource.
        peers_widest: how many things the widest of those names.
        peers_only_read: whether all of those only read, where this does more.
        static: whether its credential never ends by itself.
        secret_age: days since its credential was made or renewed; None where nobody has said.
        by_policy: whether a policy approved it, and no person.
        kept: in how many reviews before it was kept.
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
    not_renewable: str = ""
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


#: ``says(facts)`` answers the sentence, or nothing where the rule does not apply.
Says = Callable[[Facts], str]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        key: its name, which stays.
        weight: how much it counts against the others; no two are alike, so that the order is one.
        speaks: which answer it speaks for; None where it only says what is known.
        says: its sentence, where it applies.
        icon: of the sentence.
        shown: what a link beside it shows: ``app``, ``approval``, ``automation``, ``versions``, ``resource``, ``credential``, ``conflict``.
    """

    key: str
    weight: int
    speaks: Advice | None
    says: Says
    icon: str = "info"
    shown: str = ""


@dataclass(frozen=True)
class Reason:
    """A rule that applies, with what it says; ``conflict`` is the one it is about, or 0."""

    rule: Rule
    sentence: str
    conflict: int = 0


@dataclass(frozen=True)
class Recommendation:
    """What is recommended, with its reasons in the order of their weight."""

    advice: Advice
    reasons: tuple[Reason, ...]


def _unused(least: int, most: int | None = None) -> Says:
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


def _when(asked: Callable[[Facts], object], sentence: str) -> Says:
    return lambda f: sentence.format(f=f) if asked(f) else ""


A = Advice

#: Every rule but those about conflicts, of which there is one sentence each.
RULES: tuple[Rule, ...] = (
    Rule("unused_90", 100, A.REVOKE, _unused(LONG_IDLE), "clock"),
    Rule("unused_60", 90, A.REVOKE, _unused(IDLE, LONG_IDLE), "clock"),
    Rule(
        "holds_nothing",
        88,
        A.REVOKE,
        _when(lambda f: f.of_automation and f.holds_nothing, "Nothing is granted to it any more."),
        "minus",
        "automation",
    ),
    Rule(
        "automation_off",
        82,
        A.REVOKE,
        _when(lambda f: f.of_automation and f.suspended, "It is suspended, and nothing runs."),
        "lock",
        "automation",
    ),
    Rule(
        "suspended",
        80,
        A.DO_NOT_RENEW,
        _when(lambda f: f.suspended and not f.of_automation, "The automation is suspended, so nothing uses this."),
        "lock",
        "automation",
    ),
    Rule(
        "not_renewable",
        75,
        A.DO_NOT_RENEW,
        _when(lambda f: f.not_renewable, "It ends on its date whatever is said here: {f.not_renewable}"),
        "calendar",
        "approval",
    ),
    Rule("use_fell", 70, A.DO_NOT_RENEW, _fell, "clock"),
    Rule(
        "risk_raised",
        60,
        A.LOOK,
        _when(lambda f: f.raised, "Its risk has risen to {f.raised} since it was approved."),
        "up",
        "automation",
    ),
    Rule("class_raised", 58, A.LOOK, _class_raised, "up", "resource"),
    Rule(
        "refused",
        56,
        A.LOOK,
        _when(
            lambda f: f.measured and f.refused_90,
            "{f.refused_90:,} of its calls were refused in 90 days: it asks for more.",
        ),
        "ring-cross",
    ),
    Rule(
        "other_source",
        54,
        A.LOOK,
        _when(lambda f: f.other_source, "It is built from another source now than when it was approved."),
        "branch",
        "versions",
    ),
    Rule("wider_than_peers", 52, A.LOOK, _wider, "team", "resource"),
    Rule(
        "never_by_a_person",
        50,
        A.LOOK,
        _when(lambda f: f.by_policy and not f.kept, "A policy approved it, and no person has looked at it yet."),
        "robot",
        "approval",
    ),
    Rule(
        "other_owner",
        48,
        A.LOOK,
        _when(lambda f: f.other_owner, "The automation has another owner than when it was approved."),
        "person",
        "automation",
    ),
    Rule(
        "other_keeper",
        47,
        A.LOOK,
        _when(lambda f: f.other_keeper, "Somebody else answers for the resource now than when it was approved."),
        "person",
        "resource",
    ),
    Rule("old_secret", 46, A.LOOK, _old_secret, "key", "credential"),
    Rule(
        "static_secret",
        45,
        A.LOOK,
        _when(lambda f: f.static, "Its credential never ends by itself."),
        "key",
        "credential",
    ),
    Rule(
        "newer_version",
        44,
        A.LOOK,
        _when(lambda f: f.newer_version, "Version {f.newer_version} was brought in, and nobody has approved it."),
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
        _when(lambda f: not f.measured and not f.of_automation, "Its use is not measured yet, so it says nothing."),
        "eye",
    ),
)

#: Rules about conflicts, by whether the conflict is refused by its rule, or waived for a while.
ENFORCED = Rule("conflict_enforced", 85, A.REVOKE, lambda f: "", "conflict", "conflict")
RECORDED = Rule("conflict_open", 62, A.LOOK, lambda f: "", "conflict", "conflict")
WAIVED = Rule("waiver_ends", 57, A.LOOK, lambda f: "", "conflict", "conflict")


def recommend(facts: Facts) -> Recommendation:
    """What would be answered, and why."""
    found = [Reason(rule, said) for rule in RULES if (said := rule.says(facts))]
    found += [_of_conflict(one) for one in facts.conflicts]
    found.sort(key=lambda one: (-one.rule.weight, one.conflict))
    advice = next((one.rule.speaks for one in found if one.rule.speaks is not None), None)
    return Recommendation(advice or Advice.LOOK, tuple(found))


def _of_conflict(one: InConflict) -> Reason:
    if one.waived_until is not None:
        until = f"{one.waived_until.day} {one.waived_until:%b %Y}"
        return Reason(WAIVED, f"It is in conflict (“{one.title}”), which is waived until {until}.", one.key)
    if one.enforced:
        return Reason(ENFORCED, f"It may not be held together with something else: “{one.title}”.", one.key)
    return Reason(RECORDED, f"It is in conflict with something else that is held: “{one.title}”.", one.key)
