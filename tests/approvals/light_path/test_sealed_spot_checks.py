"""The draw, from a ledger that is really sealed: committed, so that the sealer sees what happened (A12, A13)."""

from __future__ import annotations

import uuid

import pytest

from approvals.light_path import rules
from approvals.models import SampleState
from approvals.policies import queries as policy_queries
from approvals.submissions import jobs as submission_jobs
from governance.core.ledger import sealing
from tests import scenarios
from tests.approvals.light_path.spot_checks import changed_of_its_own
from tests.people import NOW, build

pytestmark = pytest.mark.race


@pytest.mark.full("puts versions in force until one is drawn")
@pytest.mark.rule("A12", "A13", "H2")
def test_the_draw_is_the_hash_of_the_seal_that_covers_the_coming_into_force(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = uuid.uuid4().hex[:8]
    c = scenarios.company(build(word))
    sample = changed_of_its_own(c, word)
    assert rules.seal_over(sample.submission) is None
    sealing.seal_all(at=NOW)
    seal = rules.seal_over(sample.submission)
    assert seal is not None
    monkeypatch.setattr(policy_queries.Policy, "sampled_one_in", 1)
    submission_jobs.sweep(c.now)
    sealing.seal_all(at=NOW)
    sample.refresh_from_db()
    assert (sample.state, sample.drawn_from_seal) == (SampleState.OPEN, seal.number)
    assert rules.seal_over(sample.submission) == seal, "later seals change nothing"
