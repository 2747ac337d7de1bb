"""Recommended answer with its reasons, by named rules (R3). Pure: the same facts give the same result.

Each rule gives one sentence and may support an answer. The first supporting rule in `RANK` decides. So *keep* is
recommended only if no rule supports something else. The reviewer still chooses.
"""

from __future__ import annotations

from collections.abc import Iterator
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


#: Permanent names of the rules, in the order in which they decide.
RANK = (
    *("unused_90", "unused_60", "holds_nothing", "conflict_enforced", "automation_off", "suspended", "not_renewable"),
    *("use_fell", "conflict_open", "risk_raised", "class_raised", "waiver_ends", "refused", "other_source"),
    *("wider_than_peers", "never_by_a_person", "other_owner", "other_keeper", "old_secret", "static_secret"),
    *("newer_version", "in_use", "kept_before", "first_review", "not_measured"),
)


@dataclass(frozen=True)
class Reason:
    """A rule that applies.

    Args:
        key: name of the rule, in `RANK`.
        speaks: the answer that it supports; None if it only informs.
        sentence: the reason in words.
        icon: of the sentence.
        shown: target of its link: ``app``, ``approval``, ``automation``, ``versions``, ``resource``, ``credential``,
            ``conflict``.
        conflict: id of its conflict, or 0.
    """

    key: str
    speaks: Advice | None
    sentence: str
    icon: str = "info"
    shown: str = ""
    conflict: int = 0


@dataclass(frozen=True)
class Recommendation:
    """Recommended answer with its reasons, the deciding rules first."""

    advice: Advice
    reasons: tuple[Reason, ...]


def recommend(facts: Facts) -> Recommendation:
    """Recommend an answer with its reasons."""
    about = (_use(facts), _state(facts), _risk(facts), _changes(facts), _credential(facts), _reviews(facts))
    reasons = [reason for of_kind in about for reason in of_kind]
    reasons += [_conflict_reason(conflict) for conflict in facts.conflicts]
    reasons.sort(key=lambda reason: (RANK.index(reason.key), reason.conflict))
    advice = next((reason.speaks for reason in reasons if reason.speaks is not None), Advice.LOOK)
    return Recommendation(advice, tuple(reasons))


def _use(f: Facts) -> Iterator[Reason]:
    if not f.measured:
        if not f.of_automation:
            yield Reason("not_measured", None, "Its use is not measured yet, so it says nothing.", "eye")
        return
    if f.idle >= IDLE:
        last = f"It was last used {counted(f.idle, 'day')} ago."
        never = f"It was never used in the {counted(f.idle, 'day')} since its use is measured."
        key = "unused_90" if f.idle >= LONG_IDLE else "unused_60"
        yield Reason(key, Advice.REVOKE, last if f.was_used else never, "clock")
    if f.usual_30 is not None and f.usual_30 >= FEW and f.calls_30 * FELL_TO <= f.usual_30:
        sentence = f"Its use fell from {f.usual_30:,} calls in 30 days to {f.calls_30:,}."
        yield Reason("use_fell", Advice.LOOK, sentence, "clock")
    if f.refused_90:
        sentence = f"{f.refused_90:,} of its calls were refused in 90 days: it asks for more."
        yield Reason("refused", Advice.LOOK, sentence, "ring-cross")
    if f.was_used and f.calls_30:
        last = "today" if f.idle == 0 else f"{counted(f.idle, 'day')} ago"
        sentence = f"It is in use: {counted(f.calls_30, 'call')} in 30 days, the last {last}."
        yield Reason("in_use", Advice.KEEP, sentence, "check")


def _state(f: Facts) -> Iterator[Reason]:
    if f.of_automation and f.holds_nothing:
        yield Reason("holds_nothing", Advice.REVOKE, "Nothing is granted to it any more.", "minus", "automation")
    if f.of_automation and f.suspended:
        sentence = "It is suspended, and nothing runs."
        yield Reason("automation_off", Advice.REVOKE, sentence, "lock", "automation")
    if f.suspended and not f.of_automation:
        sentence = "The automation is suspended, so nothing uses this."
        yield Reason("suspended", Advice.LOOK, sentence, "lock", "automation")
    if f.stage_2_decides:
        sentence = "Stage 2 has to decide again, so no review extends it."
        yield Reason("not_renewable", None, sentence, "calendar", "approval")


def _risk(f: Facts) -> Iterator[Reason]:
    if f.raised:
        sentence = f"Its risk has risen to {f.raised} since it was approved."
        yield Reason("risk_raised", Advice.LOOK, sentence, "up", "automation")
    order = list(DataClass.values)
    if f.class_was in order and f.class_is in order and order.index(f.class_is) > order.index(f.class_was):
        sentence = f"What it touches was {f.class_was} when it was approved and is {f.class_is} now."
        yield Reason("class_raised", Advice.LOOK, sentence, "up", "resource")
    others = f"{f.peers} others of the team that hold the same"
    if f.peers >= PEERS and f.targets > f.peers_widest > 0:
        sentence = f"It reaches {f.targets} things; of {others} none reaches more than {f.peers_widest}."
        yield Reason("wider_than_peers", Advice.LOOK, sentence, "team", "resource")
    elif f.peers >= PEERS and f.peers_only_read:
        sentence = f"It does more than read; {others} only read."
        yield Reason("wider_than_peers", Advice.LOOK, sentence, "team", "resource")


def _changes(f: Facts) -> Iterator[Reason]:
    if f.other_source:
        sentence = "It is built from another source now than when it was approved."
        yield Reason("other_source", Advice.LOOK, sentence, "branch", "versions")
    if f.other_owner:
        sentence = "The automation has another owner than when it was approved."
        yield Reason("other_owner", Advice.LOOK, sentence, "person", "automation")
    if f.other_keeper:
        sentence = "Somebody else answers for the resource now than when it was approved."
        yield Reason("other_keeper", Advice.LOOK, sentence, "person", "resource")
    if f.newer_version:
        sentence = f"Version {f.newer_version} was imported, and nobody has approved it."
        yield Reason("newer_version", Advice.LOOK, sentence, "branch", "versions")


def _credential(f: Facts) -> Iterator[Reason]:
    if f.secret_age is not None and f.secret_age >= OLD_SECRET:
        sentence = f"Its credential was last renewed {counted(f.secret_age, 'day')} ago."
        yield Reason("old_secret", Advice.LOOK, sentence, "key", "credential")
    if f.static:
        yield Reason("static_secret", Advice.LOOK, "Its credential never ends by itself.", "key", "credential")


def _reviews(f: Facts) -> Iterator[Reason]:
    if f.by_policy and not f.kept:
        sentence = "A policy approved it, and no person has looked at it yet."
        yield Reason("never_by_a_person", Advice.LOOK, sentence, "robot", "approval")
    if f.kept:
        yield Reason("kept_before", Advice.KEEP, f"It was kept in {counted(f.kept, 'review')} before.", "undo")
    elif not f.of_automation:
        yield Reason("first_review", None, "No review before this one has asked about it.", "question")


def _conflict_reason(conflict: InConflict) -> Reason:
    title = conflict.title
    if conflict.waived_until is not None:
        until = f"{conflict.waived_until.day} {conflict.waived_until:%b %Y}"
        key, advice = "waiver_ends", Advice.LOOK
        sentence = f"It is in conflict (“{title}”), which is waived until {until}."
    elif conflict.enforced:
        key, advice = "conflict_enforced", Advice.REVOKE
        sentence = f"It may not be held together with something else: “{title}”."
    else:
        key, advice = "conflict_open", Advice.LOOK
        sentence = f"It is in conflict with something else that is held: “{title}”."
    return Reason(key, advice, sentence, "conflict", "conflict", conflict.key)
