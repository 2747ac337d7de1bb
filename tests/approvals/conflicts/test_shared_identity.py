"""Two automations on one identity are a conflict: refused, waived, or held back, as every enforced rule has it (I5, S6, S7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.conflicts import default_rules
from approvals.conflicts.check.find_conflicts import case_of_version, find_conflicts
from approvals.models import Conflict, ConflictState, Grant, GrantState, Submission, SubmissionState, Waiver
from approvals.tasks import sweep_conflicts_and_waivers
from approvals.waivers import transitions as waiver_transitions
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.models import Person
from inventory.models import NonHumanIdentity, Version
from tests import scenarios
from tests.approvals import chains
from tests.approvals.conflicts import conflict_rules
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I5", "S6")]

CODE = "shared-identity"


def version(c: Company, name: str, identity: str = "robot") -> Version:
    """An automation that posts somewhere, and runs as an identity."""
    return chains.described(c, name, (c.slack, "read", name), external_id=name, identity=identity)


def ask(c: Company, second: Version) -> Waiver:
    """Rita asks that the second may run as it for thirty days."""
    identity_id = NonHumanIdentity.objects.get().pk
    fields = {"code": CODE, "subject_id": identity_id, "control": "Its log says which of them it was.", "days": 30}
    return waiver_transitions.ask_waiver(
        second.automation, actor=as_actor(c.people.rita), now=c.now, reason="The account is replaced in June.", **fields
    )


def granted(c: Company, second: Version, by: Person | None = None) -> Waiver:
    """Security, who gains nothing by it, grants it."""
    return waiver_transitions.grant_waiver(
        ask(c, second), actor=as_actor(by or c.people.sana), now=c.now, reason="Until June."
    )


def first_in_force(c: Company) -> Submission:
    """One automation in force runs as an identity."""
    return chains.in_force(c, version(c, "first"))


def second_let_in(c: Company) -> None:
    """Another comes into force on the same identity under a waiver."""
    second = version(c, "second")
    granted(c, second)
    chains.in_force(c, second)


FIRST = starting_point("company", first_in_force)
SECOND_LET_IN = starting_point(FIRST, second_let_in)


@FIRST
def test_second_automation_on_identity_is_refused_with_remedy(company: Company) -> None:
    c = company
    second = version(c, "second")
    with pytest.raises(InvalidInput) as refused:
        scenarios.submitted(c, second)
    refusal = refused.value.refusal
    assert refusal.code == "S6"
    assert refusal.sentence.startswith("Two automations on one identity: Nobody can tell which of them did what")
    assert refusal.to_do == "Give it an identity of its own. Or ask for a waiver."
    assert not Submission.objects.filter(automation=second.automation).exists()


def two_submitted(c: Company) -> Submission:
    """Two on one identity are submitted beside each other, and the first comes into force; returns the second."""
    first = scenarios.submitted(c, version(c, "first"))
    second = scenarios.submitted(c, version(c, "second"))
    scenarios.decide_all(c, first)
    return second


@starting_point("company", two_submitted)
def test_later_of_two_simultaneous_submissions_is_held_back(company: Company, start: Submission) -> None:
    c, other = company, start
    with pytest.raises(Refused) as refused:
        scenarios.decide_all(c, other)
    assert refused.value.refusal.code == "S6"
    other.refresh_from_db()
    assert other.state != SubmissionState.IN_FORCE


@FIRST
def test_beneficiary_grants_no_waiver_for_shared_identity(company: Company) -> None:
    c = company
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        granted(c, version(c, "second"), by=c.people.rita)


@pytest.mark.rule("S7")
@SECOND_LET_IN
def test_a_waiver_lets_these_two_and_no_third(company: Company) -> None:
    c = company
    with pytest.raises(InvalidInput, match="Two automations on one identity"):
        scenarios.submitted(c, version(c, "third"))


@FIRST
def test_one_by_itself_is_in_no_conflict_however_many_identities_and_versions_it_has(
    company: Company, start: Submission
) -> None:
    c, live = company, start
    scenarios.submitted(c, version(c, "first", "other"))
    assert CODE not in conflict_rules.codes(find_conflicts(case_of_version(live.automation, live.version), c.now))


def held_before(c: Company) -> Conflict:
    """Two on one identity that were so before the rule was enforced: it is found by a scan, and has its days."""
    for name in ("first", "second"):
        chains.in_force(c, version(c, name))
    (document,) = (rule.to_dict() for rule in default_rules.default_rules() if rule.code == CODE)
    conflict_rules.unsaved({**document, "code": "no-sharing"}, c.now).save()
    sweep_conflicts_and_waivers(c.now)
    return Conflict.objects.get(code="no-sharing")


HELD_BEFORE = starting_point("plain", held_before)


@HELD_BEFORE
def test_existing_shared_identity_gets_grace_period(company: Company, start: Conflict) -> None:
    c, conflict = company, start
    assert conflict.due_at == c.now + timedelta(days=7)
    assert conflict.subject == NonHumanIdentity.objects.get().pk
    sweep_conflicts_and_waivers(c.now + timedelta(days=6))
    assert not Grant.objects.filter(state=GrantState.SUSPENDED).exists()
    sweep_conflicts_and_waivers(c.now + timedelta(days=7))
    held_back = Grant.objects.filter(state=GrantState.SUSPENDED)
    assert {grant.automation.name for grant in held_back} == {"second"}
    assert {grant.automation.name for grant in Grant.objects.filter(state=GrantState.ACTIVE)} == {"first"}
    sweep_conflicts_and_waivers(c.now + timedelta(days=7, minutes=1))
    conflict.refresh_from_db()
    assert conflict.state == ConflictState.ENDED


@HELD_BEFORE
def test_conflict_page_names_automations_sharing_identity(company: Company, start: Conflict) -> None:
    shown = client_of(company.people.rita).get(start.href).content.decode()
    for name in ("first", "second"):
        assert f"{name} runs as this identity" in shown
    assert "has not signed in" not in shown
