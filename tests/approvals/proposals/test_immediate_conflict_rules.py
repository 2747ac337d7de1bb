"""A new conflict rule, or a stricter one, may act at once: it is over after 72 hours unless a second person countersigns it (S6, S8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import queries as conflict_queries
from approvals.models import Conflict, ConflictRule, ConflictState, Proposal, ProposalState, Submission
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import end_due
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput, Refused
from governance.core.models import Person
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.proposals.test_conflict_rule_proposals import JOB, approve, proposed, rule_of
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]

OVER = timedelta(hours=72)


def modes(now: datetime) -> list[str]:
    return [rule.rule.mode for rule in conflict_queries.in_force(now)]


def signed(c: Company, **more: Any) -> None:
    """A rule that two people have signed."""
    approve(c, proposed(c, rule_of(c, **more)), c.people.sana)


# --- what does not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["given up", "looser", "another leg", "stricter and another leg"])
def test_loosening_rule_waits_for_second_person(plain: Company, way: str) -> None:
    c = plain
    signed(c, mode="approval")
    other = {
        "rule": conflict_rules.document(on(c.mail), on(c.slack), mode="enforce" if "stricter" in way else "approval")
    }
    documents = {"given up": {}, "looser": rule_of(c)}
    with pytest.raises(InvalidInput) as error:
        proposed(c, documents.get(way, other), at_once=True)
    assert error.value.refusal.code == "S8"
    assert modes(c.now) == ["approval"]


def test_the_database_takes_no_rule_with_an_end_that_no_proposal_has(plain: Company) -> None:
    row = conflict_rules.unsaved(conflict_rules.document(on(plain.erp), on(plain.slack)), plain.now)
    row.ships, row.proposed_by, row.until = False, plain.people.ines, plain.now + OVER
    with pytest.raises(DatabaseError, match="S8"), transaction.atomic():
        row.save()


@pytest.mark.parametrize("is_given_up", [True, False])
def test_the_database_takes_no_rule_that_two_people_have_not_signed(plain: Company, is_given_up: bool) -> None:
    c, n = plain, plain.people
    signed(c, mode="enforce")
    row = conflict_rules.unsaved(
        conflict_rules.document(on(c.erp), on(c.slack), mode="enforce" if is_given_up else "record"), c.now
    )
    row.ships, row.number, row.proposed_by, row.approved_by = False, 2, n.ines, n.sana
    row.is_given_up = is_given_up
    with pytest.raises(DatabaseError, match="S8"), transaction.atomic():
        row.save()
    assert modes(c.now) == ["enforce"]


@pytest.mark.parametrize("wrong", ["number", "mode", "effective_at", "approved_by"])
def test_database_keeps_rule_as_signed_by_two(plain: Company, wrong: str) -> None:
    c, n = plain, plain.people
    signed(c, mode="enforce")
    row = conflict_rules.unsaved(conflict_rules.document(on(c.erp), on(c.slack), mode="enforce"), c.now)
    row.ships, row.number, row.proposed_by, row.approved_by = False, 2, n.ines, n.sana
    others = {"number": 3, "mode": "record", "effective_at": c.now - timedelta(days=1), "approved_by": n.viktor}
    setattr(row, wrong, others[wrong])
    with pytest.raises(DatabaseError, match="S8"), transaction.atomic():
        row.save()


def test_database_restores_only_lapsed_rules(plain: Company) -> None:
    proposed(plain, rule_of(plain, mode="enforce"), at_once=True)
    acting = ConflictRule.objects.get(until__isnull=False)
    row = conflict_rules.unsaved(conflict_rules.document(on(plain.erp), on(plain.slack)), plain.now)
    row.ships, row.number, row.undoes = False, 2, acting
    with pytest.raises(DatabaseError, match="S8"), transaction.atomic():
        row.save()


@pytest.mark.parametrize("other", ["the same", "another"])
@pytest.mark.parametrize("how", ["lapsed", "rejected"])
def test_one_person_keeps_no_rule_in_force_by_a_new_code_each_time(plain: Company, other: str, how: str) -> None:
    c, at = plain, plain.now + OVER
    made = proposed(c, rule_of(c, mode="enforce"), at_once=True)
    if how == "lapsed":
        end_due.lapse(made, actor=Actor.of_job("approvals.proposals"), now=at)
    else:
        proposal_transitions.reject(
            made, actor=as_actor(c.people.sana), now=at - timedelta(hours=1), reason="Too much."
        )
    legs = (on(c.slack), on(c.erp)) if other == "the same" else (on(c.erp), on(c.slack, levels=["write"]))
    document = {"rule": conflict_rules.document(*legs, mode="enforce", code="mine-too", title="Quite another")}
    ordinary = {"rule": conflict_rules.document(on(c.mail), on(c.slack), code="meanwhile")}
    proposed(c, ordinary, code="meanwhile")  # what its author alone proposes changes nothing
    with pytest.raises(DutyConflict, match="nobody countersigned it"):
        act(c, document, c.people.ines, at)
    if other == "the same":
        with pytest.raises(DutyConflict, match="nobody countersigned it"):
            act(c, document, c.people.karl, at)
    else:
        assert act(c, document, c.people.karl, at).state == ProposalState.AT_ONCE
    assert modes(at) == ([] if other == "the same" else ["enforce"])


def act(c: Company, document: dict[str, Any], who: Person, at: datetime) -> Proposal:
    """Somebody alone has a rule act at once."""
    row = Proposal(kind="conflict_rule", target=document["rule"]["code"])
    return proposal_transitions.propose(row, actor=as_actor(who), now=at, reason="r", document=document, at_once=True)


def test_second_immediate_rule_on_same_subject_is_refused(plain: Company) -> None:
    c = plain
    proposed(c, rule_of(c, mode="enforce"), at_once=True)
    same = {"rule": conflict_rules.document(on(c.slack), on(c.erp), mode="enforce", code="mine-too")}
    with pytest.raises(DutyConflict, match="nobody countersigned it"):
        act(c, same, c.people.karl, c.now + OVER - timedelta(hours=1))
    other = {"rule": conflict_rules.document(on(c.mail), on(c.erp), mode="enforce", code="another")}
    assert act(c, other, c.people.ines, c.now).state == ProposalState.AT_ONCE


# --- what does ----------------------------------------------------------------------------------------------------------


def test_a_new_rule_acts_at_once_and_is_over_by_itself(plain: Company) -> None:
    made = proposed(plain, rule_of(plain, mode="enforce"), at_once=True)
    assert made.state == ProposalState.AT_ONCE
    with pytest.raises(Refused) as error:
        stock_report.submitted(plain)
    assert error.value.refusal.code == "S6"
    assert modes(plain.now + OVER - timedelta(seconds=1)) == ["enforce"]
    assert modes(plain.now + OVER) == []


def test_immediate_tightening_lapses_to_earlier_mode(plain: Company, plain_in_force: Submission) -> None:
    signed(plain)
    proposed(plain, rule_of(plain, mode="enforce"), at_once=True)
    conflict_jobs.scan_all(plain.now, JOB)
    assert Conflict.objects.get().due_at is not None
    assert modes(plain.now + OVER) == ["record"]
    conflict_jobs.scan_all(plain.now + OVER, JOB)  # before anything else has run
    conflict = Conflict.objects.get()
    assert (conflict.state, conflict.due_at, conflict.rule.number) == (ConflictState.OPEN, None, 1)


@pytest.mark.parametrize("how", ["lapsed", "rejected"])
@pytest.mark.parametrize("is_new", [True, False])
def test_uncountersigned_rule_is_withdrawn(plain: Company, how: str, is_new: bool) -> None:
    c = plain
    if not is_new:
        signed(c)
    made = proposed(c, rule_of(c, mode="enforce"), at_once=True)
    at = c.now + (OVER if how == "lapsed" else timedelta(hours=1))
    if how == "lapsed":
        end_due.lapse(made, actor=Actor.of_job("approvals.proposals"), now=at)
    else:
        proposal_transitions.reject(made, actor=as_actor(c.people.sana), now=at, reason="Too much.")
    assert modes(at) == ([] if is_new else ["record"])
    last = ConflictRule.objects.filter(code="read-and-tell").order_by("-number")[0]
    assert last.undoes is not None
    assert (last.undoes.mode, last.is_given_up) == ("enforce", is_new)
    assert modes(at + timedelta(days=9)) == ([] if is_new else ["record"])


def test_countersigned_rule_stays(plain: Company) -> None:
    made = proposed(plain, rule_of(plain, mode="enforce"), at_once=True)
    approve(plain, made, plain.people.sana)
    assert modes(plain.now + OVER) == ["enforce"]
    last = ConflictRule.objects.filter(code="read-and-tell").order_by("-number")[0]
    assert (last.number, last.until, last.approved_by) == (2, None, plain.people.sana)


def test_the_page_has_a_box_for_it(plain: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: plain.now)
    ines = client_of(plain.people.ines)
    text = ines.get("/conflicts/new-rule/").content.decode()
    assert "Put it in force at once" in text
    assert "72 hours" in text
    form = {"text": RULE, "reason": "It happened.", "do": "propose", "at_once": "on"}
    assert ines.post("/conflicts/new-rule/", form).status_code == 302
    assert Proposal.objects.get(kind="conflict_rule").state == ProposalState.AT_ONCE
    page = ines.get("/conflicts/rules/read-and-tell/").content.decode()
    assert "alone" in page


RULE = """
code: read-and-tell
title: Read and tell
process: Plan to produce
rating: high
mode: enforce
scope: automation
reason: What is read could be told.
legs:
  - {name: Read, any: [{levels: [read]}]}
  - {name: Write, any: [{levels: [write]}]}
"""
