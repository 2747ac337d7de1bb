"""Facts about an item, and the recommended answer with its reasons, by named rules (R3). Pure: the same facts give the same result.

Each rule of ``recommendation_rules.csv`` gives one sentence and may support an answer. The first supporting rule in the
file decides. So *keep* is recommended only if no rule supports something else. The reviewer still chooses.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db.models import TextChoices

from governance.core.texts.csv_tables import read_rows
from governance.core.texts.number_words import counted
from governance.recertification.models import Answer
from inventory.models import DataClass

#: Weeks in the chart of a grant's use.
WEEKS = 26

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
    """Facts about one item for its card and the rules; defaults support nothing.

    Args:
        held_since: when the grant or its first predecessor began, or the automation was created.
        earlier: answers in earlier reviews, latest first.
        of_automation: whether the automation itself is reviewed, not a grant.
        measured: whether its use is measured.
        idle: days since the last call or, without a call, since the first measurement.
        was_used: whether a call was ever measured.
        calls_30, calls_90: allowed calls in so many days.
        usual_30: average of allowed calls in 30 days before; None if measured for too short a time.
        refused_90: refused calls in 90 days.
        weeks: allowed calls by week, oldest first, with the present week last.
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

    held_since: datetime | None = None
    earlier: tuple[Answer, ...] = ()
    of_automation: bool = False
    measured: bool = False
    idle: int = 0
    was_used: bool = False
    calls_30: int = 0
    calls_90: int = 0
    usual_30: int | None = None
    refused_90: int = 0
    weeks: tuple[int, ...] = ()
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

    @property
    def has_drift(self) -> bool:
        """Whether its source or version differs from what was approved."""
        return self.other_source or self.newer_version > 0

    @property
    def chart_label(self) -> str:
        """The finding of the chart, for readers who don't see it."""
        return f"Calls a week for {WEEKS} weeks: at most {max(self.weeks):,}, {self.weeks[-1]:,} in the last"


@dataclass(frozen=True)
class Reason:
    """A rule that applies.

    Args:
        key: name of the rule, a row of ``recommendation_rules.csv``.
        speaks: the answer that it supports; None if it only informs.
        sentence: the reason in words.
        icon: of the sentence.
        shown: target of its link: ``approval``, ``automation``, ``versions``, ``resource``, ``credential``, ``conflict``.
        conflict: id of its conflict, or 0.
    """

    key: str
    speaks: Advice | None
    sentence: str
    icon: str
    shown: str
    conflict: int = 0


@dataclass(frozen=True)
class Recommendation:
    """Recommended answer with its reasons, the deciding rules first."""

    advice: Advice
    reasons: tuple[Reason, ...]


#: The rules by their permanent names, in the order in which they decide.
RULES: Final = {row["key"]: row for row in read_rows(__file__, "recommendation_rules.csv")}


def recommend(facts: Facts) -> Recommendation:
    """Recommend an answer with its reasons."""
    words = _words(facts)
    reasons = [_reason(key, f=facts, **words) for key, applies in _applying(facts).items() if applies]
    reasons += [_conflict_reason(conflict) for conflict in facts.conflicts]
    order = list(RULES)
    reasons.sort(key=lambda reason: (order.index(reason.key), reason.conflict))
    advice = next((reason.speaks for reason in reasons if reason.speaks is not None), Advice.LOOK)
    return Recommendation(advice, tuple(reasons))


def _reason(key: str, *, conflict: int = 0, **words: object) -> Reason:
    rule = RULES[key]
    advice = Advice(rule["advice"]) if rule["advice"] else None
    return Reason(key, advice, rule["sentence"].format(**words), rule["icon"], rule["link"], conflict)


def _words(f: Facts) -> dict[str, Any]:
    """Words of the sentences that depend on a number or on a choice."""
    idle = counted(f.idle, "day")
    return {
        "unused": f"last used {idle} ago" if f.was_used else f"never used in the {idle} since its use is measured",
        "calls": counted(f.calls_30, "call"),
        "last": "today" if f.idle == 0 else f"{idle} ago",
        "reviews": counted(f.kept, "review"),
    }


def _applying(f: Facts) -> dict[str, bool]:
    """Whether each rule applies; the rules of conflicts are apart (`_conflict_reason`)."""
    usual, classes, has_peers = f.usual_30 or 0, list(DataClass.values), f.peers >= PEERS
    is_wider = has_peers and f.targets > f.peers_widest > 0
    return {
        "unused_90": f.measured and f.idle >= LONG_IDLE,
        "unused_60": f.measured and IDLE <= f.idle < LONG_IDLE,
        "use_fell": f.measured and usual >= FEW and f.calls_30 * FELL_TO <= usual,
        "refused": f.measured and f.refused_90 > 0,
        "in_use": f.measured and f.was_used and f.calls_30 > 0,
        "not_measured": not f.measured and not f.of_automation,
        "holds_nothing": f.of_automation and f.holds_nothing,
        "automation_off": f.of_automation and f.suspended,
        "suspended": f.suspended and not f.of_automation,
        "not_renewable": f.stage_2_decides,
        "risk_raised": f.raised != "",
        "class_raised": {f.class_was, f.class_is} <= {*classes}
        and classes.index(f.class_is) > classes.index(f.class_was),
        "wider_than_peers": is_wider,
        "more_than_peers": has_peers and f.peers_only_read and not is_wider,
        "other_source": f.other_source,
        "other_owner": f.other_owner,
        "other_keeper": f.other_keeper,
        "newer_version": f.newer_version > 0,
        "old_secret": f.secret_age is not None and f.secret_age >= OLD_SECRET,
        "static_secret": f.static,
        "never_by_a_person": f.by_policy and not f.kept,
        "kept_before": f.kept > 0,
        "first_review": not f.kept and not f.of_automation,
    }


def _conflict_reason(conflict: InConflict) -> Reason:
    waived = conflict.waived_until
    key = "waiver_ends" if waived is not None else "conflict_enforced" if conflict.enforced else "conflict_open"
    until = f"{waived.day} {waived:%b %Y}" if waived is not None else ""
    return _reason(key, conflict=conflict.key, title=conflict.title, until=until)
