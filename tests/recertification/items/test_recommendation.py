"""What is recommended: a literal table of facts, each rule firing and not firing, and what weighs most deciding (R3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from governance.recertification.items import recommendation
from governance.recertification.items.recommendation import Advice, Facts, InConflict, Recommendation, recommend

A = Advice
USED = {"measured": True, "was_used": True, "idle": 2, "calls_30": 40}
CONFLICT = InConflict(7, "Create vendor with release payment")

#: rule, facts with which it applies, facts with which it just does not, its sentence, what is recommended where it applies
TABLE: list[tuple[str, Facts, Facts, str, Advice]] = [
    (
        "unused_90",
        Facts(measured=True, was_used=True, idle=90),
        Facts(measured=True, was_used=True, idle=89),
        "It was last used 90 days ago.",
        A.REVOKE,
    ),
    (
        "unused_60",
        Facts(measured=True, was_used=False, idle=60),
        Facts(measured=True, was_used=False, idle=59),
        "It was never used in the 60 days since its use is measured.",
        A.REVOKE,
    ),
    (
        "holds_nothing",
        Facts(of_automation=True, holds_nothing=True),
        Facts(of_automation=True),
        "It has no grants any more.",
        A.REVOKE,
    ),
    (
        "automation_off",
        Facts(of_automation=True, suspended=True),
        Facts(suspended=True),
        "It is suspended, and nothing runs.",
        A.REVOKE,
    ),
    (
        "suspended",
        Facts(suspended=True),
        Facts(of_automation=True, suspended=True),
        "The automation is suspended, so nothing uses this.",
        A.LOOK,
    ),
    (
        "not_renewable",
        Facts(**USED, stage_2_decides=True),
        Facts(**USED),
        "Stage 2 has to decide again, so no review extends it.",
        A.KEEP,
    ),
    (
        "use_fell",
        Facts(**{**USED, "calls_30": 1}, usual_30=10),
        Facts(**{**USED, "calls_30": 2}, usual_30=19),
        "Its use fell from 10 calls in 30 days to 1.",
        A.LOOK,
    ),
    (
        "risk_raised",
        Facts(**USED, raised="high"),
        Facts(**USED),
        "Its risk has risen to high since it was approved.",
        A.LOOK,
    ),
    (
        "class_raised",
        Facts(**USED, class_was="internal", class_is="confidential"),
        Facts(**USED, class_was="confidential", class_is="internal"),
        "Its data was internal when it was approved and is confidential now.",
        A.LOOK,
    ),
    (
        "refused",
        Facts(**USED, refused_90=3),
        Facts(refused_90=3),
        "3 of its calls were refused in 90 days.",
        A.LOOK,
    ),
    (
        "other_source",
        Facts(**USED, other_source=True),
        Facts(**USED),
        "It is built from another source now than when it was approved.",
        A.LOOK,
    ),
    (
        "wider_than_peers",
        Facts(**USED, targets=5, peers=2, peers_widest=2),
        Facts(**USED, targets=5, peers=1, peers_widest=2),
        "It reaches 5 targets. None of the team's 2 other grants of the same kind reaches more than 2.",
        A.LOOK,
    ),
    (
        "more_than_peers",
        Facts(**USED, peers=3, peers_only_read=True),
        Facts(**USED, targets=2, peers=3, peers_widest=2),
        "It does more than read. The team's 3 other grants of the same kind only read.",
        A.LOOK,
    ),
    (
        "never_by_a_person",
        Facts(**USED, by_policy=True),
        Facts(**USED, by_policy=True, kept=1),
        "A policy approved it, and no person has looked at it yet.",
        A.LOOK,
    ),
    (
        "other_owner",
        Facts(**USED, other_owner=True),
        Facts(**USED),
        "The automation has another owner than when it was approved.",
        A.LOOK,
    ),
    (
        "other_keeper",
        Facts(**USED, other_keeper=True),
        Facts(**USED),
        "The resource has another owner than when it was approved.",
        A.LOOK,
    ),
    (
        "old_secret",
        Facts(**USED, secret_age=180),
        Facts(**USED, secret_age=179),
        "Its credential was last renewed 180 days ago.",
        A.LOOK,
    ),
    ("static_secret", Facts(**USED, static=True), Facts(**USED), "Its credential never expires.", A.LOOK),
    (
        "newer_version",
        Facts(**USED, newer_version=4),
        Facts(**USED),
        "Version 4 was imported, and nobody has approved it.",
        A.LOOK,
    ),
    (
        "in_use",
        Facts(**{**USED, "idle": 29}),
        Facts(**{**USED, "idle": 30, "calls_30": 0}),
        "It is in use: 40 calls in 30 days, the last 29 days ago.",
        A.KEEP,
    ),
    ("kept_before", Facts(kept=2), Facts(), "It was kept in 2 reviews before.", A.KEEP),
    ("first_review", Facts(), Facts(kept=1), "This is its first review.", A.LOOK),
    ("not_measured", Facts(), Facts(**USED), "Its use is not measured yet.", A.LOOK),
    (
        "conflict_enforced",
        Facts(**USED, conflicts=(replace(CONFLICT, enforced=True),)),
        Facts(**USED),
        "A rule forbids to hold it together with something else: “Create vendor with release payment”.",
        A.REVOKE,
    ),
    (
        "conflict_open",
        Facts(**USED, conflicts=(CONFLICT,)),
        Facts(**USED, conflicts=(replace(CONFLICT, waived_until=date(2026, 12, 1)),)),
        "It is in conflict with something else: “Create vendor with release payment”.",
        A.LOOK,
    ),
    (
        "waiver_ends",
        Facts(**USED, conflicts=(replace(CONFLICT, enforced=True, waived_until=date(2026, 12, 1)),)),
        Facts(**USED, conflicts=(replace(CONFLICT, enforced=True),)),
        "It is in conflict (“Create vendor with release payment”), which is waived until 1 Dec 2026.",
        A.LOOK,
    ),
]


def sentences(recommendation: Recommendation) -> dict[str, str]:
    return {reason.key: reason.sentence for reason in recommendation.reasons}


@pytest.mark.rule("R3")
@pytest.mark.parametrize(("key", "applies", "not_quite", "sentence", "advice"), TABLE, ids=[row[0] for row in TABLE])
def test_recommendation_rule_applies_exactly_at_limit(
    key: str, applies: Facts, not_quite: Facts, sentence: str, advice: Advice
) -> None:
    recommendation = recommend(applies)
    assert sentences(recommendation)[key] == sentence
    assert recommendation.advice == advice
    assert key not in sentences(recommend(not_quite))


@pytest.mark.rule("R3")
def test_every_rule_stands_in_the_table() -> None:
    assert set(recommendation.RULES) == {row[0] for row in TABLE}


@pytest.mark.rule("R3")
def test_strongest_reason_decides_recommendation() -> None:
    recommendation = recommend(Facts(**USED, kept=1, static=True, conflicts=(replace(CONFLICT, enforced=True),)))
    assert [reason.key for reason in recommendation.reasons] == [
        "conflict_enforced",
        "static_secret",
        "in_use",
        "kept_before",
    ]
    assert recommendation.advice == A.REVOKE
    assert recommend(Facts(**USED, kept=1, static=True)).advice == A.LOOK
    assert recommend(Facts(**USED, kept=1)).advice == A.KEEP


@pytest.mark.rule("R3")
def test_unmeasured_facts_support_nothing() -> None:
    unmeasured = Facts(idle=400, calls_30=0, usual_30=900, refused_90=12)
    recommendation = recommend(unmeasured)
    assert [reason.speaks for reason in recommendation.reasons] == [None, None]
    assert recommendation.advice == A.LOOK


@pytest.mark.rule("R3")
def test_recommendation_ignores_order_of_conflicts() -> None:
    other = InConflict(3, "Reads private data and sends it out", enforced=True)
    first, second = (recommend(Facts(**USED, conflicts=both)) for both in ((CONFLICT, other), (other, CONFLICT)))
    assert first == second
    assert [reason.conflict for reason in first.reasons][:2] == [3, 7]
