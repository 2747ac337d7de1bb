"""Tiers of the real exports beside the project, each connection bound to an internal resource with known reach (T1, T2)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inventory.risk.tiers import Tier
from tests.benchmarks import tiers

pytestmark = pytest.mark.django_db


@pytest.mark.full("judges all real exports")
@pytest.mark.rule("T1", "T2")
def test_at_most_a_quarter_of_bound_real_exports_is_high(real_exports: Path) -> None:
    judged = list(tiers.exports(real_exports / "imports"))
    shares = tiers.shares(judged)
    sys.stdout.write(f"{len(judged)} exports: { ({tier.word: round(share, 1) for tier, share in shares.items()}) }\n")
    for cause, number in tiers.causes(judged).most_common():
        sys.stdout.write(f"{number} high: {cause}\n")

    assert len(judged) >= 256
    assert shares[Tier.HIGH] <= 25


@pytest.mark.full("judges all real exports once more")
@pytest.mark.rule("T1", "I3")
def test_every_real_export_that_touches_something_is_high_while_data_classes_are_unset(real_exports: Path) -> None:
    judged = list(tiers.exports(real_exports / "imports", data_class=""))
    assert all((export.tier is Tier.HIGH) == bool(export.judgement.privileges) for export in judged)
