"""The page of a conflict: what fills each leg as far as the reader may see it, and what would resolve it (S6, U1)."""

from __future__ import annotations

import re

import pytest

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts.check.find_conflicts import case_of_version, find_conflicts
from approvals.models import Conflict, Submission, Waiver
from governance.core.actors.actor import Actor
from inventory.importers.manifest import Trigger
from inventory.models import Automation
from tests import scenarios
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.waivers.test_waivers import ask, grant
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import moved

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands"), pytest.mark.rule("S6")]

DOOR = "Somebody who has not signed in can start it."
UNSEEN = "Held by automations that you don’t see."


def page_of(c: Company, who: str) -> str:
    conflict_jobs.scan_all(c.now, Actor.of_job(conflict_jobs.JOB))
    (conflict,) = Conflict.objects.all()
    answer = client_of(getattr(c.people, who)).get(conflict.href)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def writes(c: Company) -> None:
    """One automation in force writes to the workspace; a draft older than it would join it elsewhere."""
    described(c, "Early", (c.erp, "write", "t"))
    in_force(c, described(c, "Writes", (c.slack, "write", "in"), (c.erp, "read", "t")))


def joined_by_one_that_reads(c: Company) -> Waiver:
    """Another of the same chain comes into force under a waiver."""
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode="enforce", scope="chain")
    reads = described(c, "Reads", (c.slack, "read", "in"))
    (conflict,) = find_conflicts(case_of_version(reads.automation, reads), c.now)
    waiver = grant(c, ask(c, reads.automation, subject_id=conflict.subject), c.people.sana)
    in_force(c, reads)
    return waiver


WRITES = starting_point("plain", writes)
JOINED = starting_point(WRITES, joined_by_one_that_reads)


@WRITES
def test_hidden_leg_has_no_link(plain: Company) -> None:
    c, n = plain, plain.people
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), scope="chain")
    other = in_force(c, described(c, "Elsewhere", (c.slack, "read", "in"))).automation
    moved(other.pk, team=n.marketing, business_owner=n.grace, technical_owner=n.tom)
    text = page_of(c, "rita")
    assert "Writes" in text
    assert "Elsewhere" not in text
    assert DOOR not in text
    assert UNSEEN in text
    assert "1 grant of automations that you don’t see" in text


@pytest.mark.rule("S7", "A16")
@JOINED
def test_chain_conflict_keeps_waiver_when_chain_number_changes(plain: Company, start: Waiver) -> None:
    c, waiver = plain, start
    early = Automation.objects.get(name="Early").versions.get()
    in_force(c, early)
    text = page_of(c, "sana")
    assert Conflict.objects.get().subject == early.automation_id != waiver.subject
    assert f'href="{waiver.href}"' in text


def test_conflict_names_person_who_can_resolve_it(plain: Company) -> None:
    c = plain
    conflict_rules.rule({"entry": ["open"]}, on(c.slack, levels=["write"]))
    door = (Trigger("webhook", "Hook", "POST /orders", authenticated=False),)
    made = in_force(c, described(c, "Takes orders", (c.slack, "write", "in"), triggers=door))
    text = page_of(c, "rita")
    assert f'{DOOR}<div class="second"><a href="{made.automation.href}">Takes orders</a></div>' in text
    assert UNSEEN not in text


def test_conflict_shows_default_remedy(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    assert "Do without one of them, split it into two automations, or ask for a waiver." in page_of(plain, "rita")


def test_conflict_ended_with_rule_is_not_called_resolved(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    page_of(plain, "rita")
    conflict_rules.no_other_rules(plain.now)
    text = page_of(plain, "rita")
    assert "This rule is no longer in force." in text
    assert "Rule given up" in text
    assert "Resolved" not in text
    assert scenarios.grants_of(plain_in_force)


def test_filter_by_unknown_rule_shows_no_invisible_characters(plain: Company) -> None:
    page = client_of(plain.people.sana).get("/conflicts/?rule=a%1b%E2%80%AEb").content.decode()
    assert "of the rule “ab”" in page
