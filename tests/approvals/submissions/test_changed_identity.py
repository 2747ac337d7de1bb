"""The identity is a part of the app that stage 1 approves: another identity asks again (A12, I5; docs/decisions/0029)."""

from __future__ import annotations

import pytest

from approvals.decisions import digest
from approvals.models import ApprovalState, Submission, SubmissionState
from governance.core.duties.refusals import InvalidInput
from inventory.models import Version
from tests import scenarios
from tests.approvals import chains
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A12", "I5")]


def version(c: Company, identity: str) -> Version:
    return chains.described(c, "Nightly export", (c.slack, "read", "reports"), external_id="nightly", identity=identity)


def test_a_version_that_runs_as_another_identity_is_not_in_force_by_itself(company: Company) -> None:
    c = company
    chains.in_force(c, version(c, "robot"))
    newer = scenarios.submitted(c, version(c, "root"))
    (app,) = newer.approvals.filter(stage=1)
    assert (newer.state, app.state) == (SubmissionState.OPEN, ApprovalState.OPEN)
    assert app.reasons == ["What it runs as changed."]
    assert newer.asked["runs_as"] == ["n8n/root (n8n)"]
    assert newer.automation.approved_version != newer.version


def test_unchanged_identity_asks_nobody(company: Company) -> None:
    c = company
    live = chains.in_force(c, version(c, "robot"))
    with pytest.raises(InvalidInput, match="nothing about it has changed"):
        scenarios.submitted(c, version(c, "robot"))
    assert digest.facts_of_version(live.automation, live.version, live.tier) == live.asked


def test_a_version_that_names_none_asks_as_it_did_before_it_was_a_fact(company: Company, live: Submission) -> None:
    assert "runs_as" not in live.asked
