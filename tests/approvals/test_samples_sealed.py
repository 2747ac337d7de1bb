"""The draw, from a ledger that is really sealed: committed, so that the sealer sees what happened (A12, A13)."""

from __future__ import annotations

import uuid

import pytest

from approvals import policies, samples, sweeps
from approvals.models import SampleState
from governance.controls import sealing
from tests import journeys
from tests.approvals.drawing import changed_of_its_own
from tests.people import NOW, build

pytestmark = pytest.mark.race


@pytest.mark.rule("A12", "A13", "H2")
def test_the_draw_is_the_hash_of_the_seal_that_covers_the_coming_into_force(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = uuid.uuid4().hex[:8]
    c = journeys.company(build(word))
    sample = changed_of_its_own(c, word)
    assert samples.seal_over(sample.submission) is None
    sealing.seal_all(at=NOW)
    seal = samples.seal_over(sample.submission)
    assert seal is not None
    monkeypatch.setattr(policies.Policy, "sampled_one_in", 1)
    sweeps.sweep(c.now)
    sealing.seal_all(at=NOW)
    sample.refresh_from_db()
    assert (sample.state, sample.drawn_from_seal) == (SampleState.OPEN, seal.number)
    assert samples.seal_over(sample.submission) == seal, "later seals change nothing"
