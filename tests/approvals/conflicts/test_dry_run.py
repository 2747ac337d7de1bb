"""What a rule would have done is counted as it would be checked: with what others hold beside, and with waivers (S6, S7, S8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.assignment.context import load_context
from approvals.models import Proposal, Submission, WhatIf
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.proposals.test_conflict_rule_proposals import approve, proposed, rule_of, says
from tests.approvals.waivers.test_waivers import ask, grant
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]

WIDE = ("team", "owner", "identity", "chain")


def writing_and_reading(c: Company, **more: Any) -> dict[str, Any]:
    """A rule about writing to the workspace and reading it."""
    legs = on(c.slack, levels=["write"]), on(c.slack, levels=["read"])
    return {"rule": conflict_rules.document(*legs, **{"mode": "enforce"} | more)}


def counts_of(made: Proposal) -> dict[str, int]:
    count = impact_count.latest(made)
    assert count is not None
    assert count.finished_at is not None
    return dict(count.counts)


def submitted(c: Company, name: str, *holds: Any, **more: str) -> Submission:
    return scenarios.submitted(c, described(c, name, *holds, **more))


def alone(c: Company) -> Submission:
    """One automation would write to the workspace and read it."""
    return submitted(c, "Alone", (c.slack, "write", "in"), (c.slack, "read", "t"))


def waived(c: Company) -> dict[str, Any]:
    """The stock report is submitted under a waiver, and its rule is loosened since; returns the rule as it was."""
    document = rule_of(c, mode="enforce")
    approve(c, proposed(c, document), c.people.sana)
    version = stock_report.version(c)
    grant(c, ask(c, version.automation), c.people.viktor)
    scenarios.submitted(c, version)
    approve(c, proposed(c, rule_of(c)), c.people.sana)
    return document


def writes(c: Company, **more: str) -> Submission:
    """One automation in force writes to the workspace."""
    return scenarios.decide_all(c, submitted(c, "Writes", (c.slack, "write", "in"), **more))


def reads_thrice(c: Company) -> None:
    """Submit three more automations that read the workspace."""
    for number in range(3):
        submitted(c, f"Reads {number}", (c.slack, "read", f"t{number}"))


def reads_and_apart(c: Company, **more: str) -> tuple[Submission, Submission]:
    """Submit one automation that reads the workspace, and one that uses another resource."""
    apart = (c.erp, "read", "elsewhere")
    return submitted(c, "Reads", (c.slack, "read", "in"), **more), submitted(c, "Apart", apart, **more)


def as_one_identity(c: Company) -> tuple[Submission, Submission]:
    """The same three, all of one identity."""
    writes(c, identity="robot")
    return reads_and_apart(c, identity="robot")


ALONE = starting_point("plain", alone)
WAIVED = starting_point("plain", waived)
WRITES = starting_point("plain", writes)
READS_THRICE = starting_point(WRITES, reads_thrice)
READS_AND_APART = starting_point(WRITES, reads_and_apart)
AS_ONE_IDENTITY = starting_point("plain", as_one_identity)


# --- what is not counted ----------------------------------------------------------------------------------------------


@ALONE
@pytest.mark.parametrize("scope", ["identity", "chain"])
def test_identity_and_chain_rules_ignore_missing_identity_and_chain(
    plain: Company, scope: str, start: Submission
) -> None:
    c, made = plain, start
    proposal = proposed(c, writing_and_reading(c, scope=scope))
    assert not counts_of(proposal).get("caught")
    approve(c, proposal, c.people.sana)
    assert not load_context(Submission.objects.get(pk=made.pk), c.now).conflicts.as_asked


@pytest.mark.rule("S7")
@WAIVED
def test_waived_access_is_not_reported_as_refused(plain: Company, start: dict[str, Any]) -> None:
    c, n, document = plain, plain.people, start
    assert says(proposed(c, rule_of(c, mode="enforce", rating="high")))[0].startswith("1 submission would")
    proposal_transitions.reject(Proposal.objects.latest("pk"), actor=as_actor(n.sana), now=c.now, reason="As it was.")
    first, second, *_ = says(proposed(c, document))
    assert first == "0 submissions would have been refused."
    assert second == "1 submission would have been in conflict under a waiver."


# --- what is ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scope",
    [pytest.param(scope, marks=AS_ONE_IDENTITY if scope == "identity" else READS_AND_APART) for scope in WIDE],
)
def test_access_of_others_counts_as_in_check(plain: Company, scope: str, start: tuple[Submission, Submission]) -> None:
    c, (waits, apart) = plain, start
    proposal = proposed(c, writing_and_reading(c, scope=scope))
    approve(c, proposal, c.people.sana)
    caught = [
        bool(load_context(Submission.objects.get(pk=made.pk), c.now).conflicts.as_asked) for made in (waits, apart)
    ]
    assert caught == [True, False]
    of_both = load_context(Submission.objects.get(automation__name="Writes"), c.now).conflicts.as_asked
    assert counts_of(proposal)["caught"] == 1 + bool(of_both)


@pytest.mark.full("submits many, to count queries")
@READS_THRICE
def test_dry_run_query_count_is_constant(plain: Company) -> None:
    c, asks = plain, []
    kind = kind_kind.kind_of("conflict_rule")
    proposal = Proposal(
        kind="conflict_rule", target="read-and-tell", before={}, document=writing_and_reading(c, scope="team")
    )
    what_if = WhatIf(proposal=proposal, since=c.now.replace(year=2000), until=c.now)
    for some, caught in ((2, 1), (3, 2), (4, 3)):
        with CaptureQueriesContext(connection) as seen:
            rows = list(kind.submissions(what_if).order_by("pk")[:some])
            assert kind.count(what_if, rows)["caught"] == caught
        asks.append(len(seen))
    assert asks[0] == asks[1] == asks[2]
