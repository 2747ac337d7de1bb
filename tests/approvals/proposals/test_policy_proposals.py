"""Proposals of policies: nobody changes the rules alone, and a rule tightened alone ends by itself (S8)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from approvals.models import PolicyVersion, Proposal, ProposalState
from approvals.policies import queries as policy_queries
from approvals.policies.fresh_sign_in import require_session
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import end_due
from approvals.proposals.kinds import kind
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.models import LedgerEvent, Person
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from tests.appointments import propose_role
from tests.approvals.proposals.policy_proposals import approve, changed, in_force, looser, propose, tighter
from tests.approvals.refusals import database_refuses, sql
from tests.ledger_records import recorded
from tests.people import NOW, Northwind, as_actor, as_delegate, give_role, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]

HOUR = timedelta(hours=1)


def refused(proposal: Proposal, actor: Actor, *, code: str) -> None:
    """Nobody of those may countersign: asked, tried and on record, and the policy is as it was."""
    before = policy_queries.in_force(NOW).version
    refusal = proposal_transitions.approve.refusal(proposal, actor=actor, now=NOW)
    assert refusal is not None
    assert refusal.code == code
    with pytest.raises(Refused) as caught:
        proposal_transitions.approve(proposal, actor=actor, now=NOW, shown_digest=proposal.digest)
    assert caught.value.refusal.code == code
    assert LedgerEvent.objects.latest("id").code == code
    proposal.refresh_from_db()
    assert proposal.state in (ProposalState.OPEN, ProposalState.AT_ONCE)
    assert policy_queries.in_force(NOW).version == before


def as_everything(n: Northwind, person: Person) -> None:
    """Give somebody the role that countersigns too."""
    give_role(person, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl) if person != n.karl else (n.ines, n.yuki))


def test_author_does_not_countersign_with_every_role(northwind: Northwind) -> None:
    n = northwind
    both = make_person("Eve Roles")
    for role in (Role.ADMIN, Role.SECURITY_REVIEWER):
        give_role(both, role, admins=(n.ines, n.karl))
    refused(propose(both, looser()), as_actor(both), code="SOD-8")


def test_other_admin_superuser_and_auditor_do_not_countersign_policy(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, looser())
    root = Person.objects.create_superuser("root@northwind.example", name="Root")
    for person in (n.karl, root, n.yuki, n.rita, n.theo):
        refused(proposal, as_actor(person), code="PERMISSION")


def test_delegate_of_author_does_not_countersign(northwind: Northwind) -> None:
    n = northwind
    give_role(n.sana, Role.ADMIN, admins=(n.ines, n.karl))
    as_delegate(n.sana, giver=n.ines)
    proposal = propose(n.ines, looser())
    refused(proposal, as_actor(n.sana), code="A11")
    refused(proposal, as_actor(n.sana).for_person(n.ines), code="PERMISSION")
    approve(proposal, n.viktor)


def test_author_as_delegate_does_not_countersign(northwind: Northwind) -> None:
    """Ines acts for Viktor, and he for himself: both are one for this."""
    n = northwind
    give_role(n.ines, Role.SECURITY_REVIEWER, admins=(n.karl, make_admin(n)))
    acting = as_delegate(n.ines, giver=n.viktor)
    proposal = propose(n.ines, looser())
    refused(proposal, acting, code="SOD-8")
    refused(proposal, as_actor(n.viktor), code="A11")


def make_admin(n: Northwind) -> Person:
    made = make_person("Ada Admin")
    give_role(made, Role.ADMIN, admins=(n.ines, n.karl))
    return made


def test_a_delegation_that_was_given_after_it_was_proposed_counts_and_one_that_ended_before_does_not(
    northwind: Northwind,
) -> None:
    n = northwind
    give_role(n.sana, Role.ADMIN, admins=(n.ines, n.karl))
    give_role(n.viktor, Role.ADMIN, admins=(n.ines, n.karl))
    give_role(n.ines, Role.SECURITY_REVIEWER, admins=(n.karl, n.viktor))
    delegate(
        n.viktor, actor=as_actor(n.ines), now=NOW - 3 * HOUR, giver=n.ines, from_at=NOW - 3 * HOUR, until_at=NOW - HOUR
    )
    proposal = propose(n.ines, looser())
    delegate(n.sana, actor=as_actor(n.ines), now=NOW, giver=n.ines, from_at=NOW, until_at=NOW + HOUR)
    refused(proposal, as_actor(n.sana), code="A11")
    approve(proposal, n.viktor)


@pytest.mark.parametrize("minutes", [None, 16])
def test_loosening_needs_fresh_interactive_session(northwind: Northwind, minutes: float | None) -> None:
    refused(propose(northwind.ines, looser()), as_actor(northwind.sana, minutes), code="SOD-5")


@pytest.mark.rule("S5", "P1")
def test_policy_demands_second_factor_of_people_who_decide(northwind: Northwind) -> None:
    in_force(northwind.ines, northwind.sana, changed(second_factor=["high"]))
    proposal = propose(northwind.ines, changed(second_factor=[]))
    refused(proposal, as_actor(northwind.sana), code="SOD-5")
    refused(proposal, as_actor(northwind.sana, 16, second_factor=True), code="SOD-5")
    strong = as_actor(northwind.sana, second_factor=True)
    proposal_transitions.approve(proposal, actor=strong, now=NOW, shown_digest=proposal.digest)
    assert not policy_queries.in_force(NOW).needs_second_factor("high")


@pytest.mark.rule("S5", "P1")
@pytest.mark.parametrize(
    ("tiers", "tier", "second_factor", "refuses"),
    [
        (["high"], "high", False, True),
        (["high"], "standard", False, False),
        (["high"], "high", True, False),
    ],
)
def test_second_factor_is_demanded_by_tier(
    northwind: Northwind, tiers: list[str], tier: str, second_factor: bool, refuses: bool
) -> None:
    in_force(northwind.ines, northwind.sana, changed(second_factor=tiers))
    actor = as_actor(northwind.sana, second_factor=second_factor)
    refusal = require_session(actor, policy_queries.in_force(NOW), tier)
    assert ("second factor" in refusal.sentence if refusal else False) is refuses


def test_tightening_needs_any_interactive_session(northwind: Northwind) -> None:
    proposal = propose(northwind.ines, tighter())
    refused(proposal, as_actor(northwind.sana, None), code="SOD-5")
    proposal_transitions.approve(proposal, actor=as_actor(northwind.sana, 300), now=NOW, shown_digest=proposal.digest)
    assert policy_queries.in_force(NOW).version.number == 2


def test_amended_proposal_makes_shown_form_stale(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, tighter())
    read = proposal.digest
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        proposal_transitions.amend(proposal, actor=as_actor(n.karl), now=NOW, reason="Mine.", document=looser())
    proposal_transitions.amend(proposal, actor=as_actor(n.ines), now=NOW, reason="Better.", document=looser())
    impact_count.sweep(NOW)
    with pytest.raises(OutOfTurn) as caught:
        proposal_transitions.approve(proposal, actor=as_actor(n.sana), now=NOW, shown_digest=read)
    assert caught.value.refusal.code == "A6"
    assert (proposal.round, proposal.tightens) == (2, False)
    assert approve(Proposal.objects.get(kind="policy"), n.sana).state == ProposalState.IN_FORCE


def test_approval_waits_for_impact(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = kind.kind_of("policy")
    monkeypatch.setattr(policies, "submissions", lambda what_if: Person.objects.filter(pk=northwind.rita.pk))
    monkeypatch.setattr(policies, "count", lambda what_if, rows: Counter(rows=len(rows)))
    made = Proposal(kind="policy", target="default")
    proposal = proposal_transitions.propose(
        made, actor=as_actor(northwind.ines), now=NOW, reason="Why.", document=tighter()
    )
    refusal = proposal_transitions.approve.refusal(proposal, actor=as_actor(northwind.sana), now=NOW)
    assert refusal is not None
    assert "still being counted" in refusal.sentence
    impact_count.sweep(NOW)
    approve(proposal, northwind.sana)


@pytest.mark.parametrize("who", ["sana", "rita", "yuki", "omar"])
def test_only_admin_proposes_policy(northwind: Northwind, who: str) -> None:
    made = Proposal(kind="policy", target="default")
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        proposal_transitions.propose(
            made, actor=as_actor(getattr(northwind, who)), now=NOW, reason="Why.", document=tighter()
        )
    assert not Proposal.objects.filter(kind="policy").exists()


def test_nobody_proposes_as_delegate(northwind: Northwind) -> None:
    give_role(northwind.tom, Role.ADMIN, admins=(northwind.ines, northwind.karl))
    acting = as_delegate(northwind.tom, giver=northwind.karl)
    with pytest.raises(DutyConflict, match=r"^SOD-8: A proposal is made and answered in"):
        proposal_transitions.propose(
            Proposal(kind="policy", target="default"), actor=acting, now=NOW, reason="Why.", document=tighter()
        )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "as it is written"),
        (changed(builder_working_days=99), "as it is written"),
        (changed(), "Nothing would be different"),
    ],
)
def test_invalid_or_unchanged_policy_is_not_proposed(
    northwind: Northwind, document: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        propose(northwind.ines, document)
    assert words in caught.value.refusal.sentence


def test_one_change_is_under_way_at_a_time(northwind: Northwind) -> None:
    propose(northwind.ines, tighter())
    with pytest.raises(OutOfTurn, match=r"^S8: Another proposal about the same is under"):
        propose(northwind.karl, looser())


def test_countersigned_policy_applies_to_later_submissions(northwind: Northwind) -> None:
    n = northwind
    proposal = approve(propose(n.ines, looser()), n.sana)
    now = policy_queries.in_force(NOW)
    assert now.version.number == 2
    assert (now.version.proposed_by, now.version.approved_by, now.version.proposal) == (n.ines, n.sana, proposal)
    assert now.fresh_minutes("high") == 30
    assert policy_queries.in_force(NOW - HOUR).version.number == 1
    assert [event.verb for event in LedgerEvent.objects.filter(verb__startswith="pol")] == ["policy.put_in_force"]


def test_rolling_back_is_proposing_the_old_one(northwind: Northwind) -> None:
    n = northwind
    in_force(n.ines, n.sana, tighter())
    back = propose(n.ines, policy_queries.shipped())
    assert not back.tightens
    approve(back, n.sana)
    now = policy_queries.in_force(NOW).version
    assert (now.number, now.document) == (3, PolicyVersion.objects.get(number=1).document)


# --- tightening at once -----------------------------------------------------------------------------------------------


def test_loosening_never_acts_at_once(northwind: Northwind) -> None:
    with pytest.raises(InvalidInput, match=r"^S8: Only what tightens acts at once; this"):
        propose(northwind.ines, looser(), at_once=True)
    with pytest.raises(InvalidInput, match=r"^S8: Only what tightens acts at once; this"):
        propose(northwind.ines, changed(**{"longest_term.high": 30, "fresh_sign_in_minutes.high": 30}), at_once=True)
    assert policy_queries.in_force(NOW).version.number == 1


def test_single_person_tightening_lapses_after_72_hours_without_job(northwind: Northwind) -> None:
    proposal = propose(northwind.ines, tighter(), at_once=True)
    refused(proposal, as_actor(northwind.ines), code="PERMISSION")
    acting = policy_queries.in_force(NOW).version
    assert (acting.number, acting.approved_by, acting.until) == (2, None, NOW + 72 * HOUR)
    assert policy_queries.in_force(NOW + 71 * HOUR).version == acting
    assert policy_queries.in_force(NOW + 72 * HOUR).version.number == 1


def test_when_it_lapses_the_one_before_is_back_as_a_version_of_its_own(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, tighter(), at_once=True)
    early = NOW + 71 * HOUR
    assert end_due.lapse_due(early, Actor.of_job("test")) == 0
    late = NOW + 73 * HOUR
    refusal = proposal_transitions.approve.refusal(proposal, actor=as_actor(n.sana), now=late)
    assert refusal is not None
    assert "lapses" in refusal.sentence
    assert end_due.lapse_due(late, Actor.of_job("test")) == 1
    assert end_due.lapse_due(late, Actor.of_job("test")) == 0
    back = policy_queries.in_force(late).version
    assert (back.number, back.restores and back.restores.number, back.until) == (3, 1, None)
    assert back.document == PolicyVersion.objects.get(number=1).document
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.LAPSED


def test_rejected_it_is_taken_back_at_once(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, tighter(), at_once=True)
    proposal_transitions.reject(proposal, actor=as_actor(n.sana), now=NOW, reason="It stops the harvest.")
    assert policy_queries.in_force(NOW).version.restores == PolicyVersion.objects.get(number=1)


def test_countersigned_it_stays(northwind: Northwind) -> None:
    n = northwind
    approve(propose(n.ines, tighter(), at_once=True), n.sana)
    now = policy_queries.in_force(NOW + 100 * HOUR).version
    assert (now.number, now.until, now.approved_by) == (3, None, n.sana)
    assert now.document == PolicyVersion.objects.get(number=2).document
    assert end_due.lapse_due(NOW + 100 * HOUR, Actor.of_job("test")) == 0


def test_unanswered_proposal_lapses(northwind: Northwind) -> None:
    proposal, job = propose(northwind.ines, tighter()), Actor.of_job("test")
    late = NOW + timedelta(days=30)
    assert end_due.lapse_due(late, job) == 1
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.LAPSED
    payload = recorded("proposal.lapsed", proposal, by=job)
    assert (payload["kind"], payload["from"]) == ("policy", "open")
    assert policy_queries.in_force(late).version.number == 1


def test_only_author_withdraws_proposal(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, tighter())
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        proposal_transitions.withdraw(proposal, actor=as_actor(n.karl), now=NOW)
    proposal_transitions.withdraw(proposal, actor=as_actor(n.ines), now=NOW)
    with pytest.raises(OutOfTurn, match=r"^STATE: This proposal is withdrawn, so this can't"):
        approve(proposal, n.sana)
    propose(n.karl, tighter())


def test_second_press_returns_first_result(northwind: Northwind) -> None:
    proposal = approve(propose(northwind.ines, tighter()), northwind.sana)
    again = approve(Proposal.objects.get(kind="policy"), northwind.sana)
    assert again == proposal
    assert policy_queries.in_force(NOW).version.number == 2


# --- by the database alone --------------------------------------------------------------------------------------------

VERSION = (
    "INSERT INTO approvals_policyversion (kind, number, document, digest, effective_at, proposed_by_id, approved_by_id, proposal_id)"
    " VALUES ('default', 2, '{}', '', now(), %s, %s, %s)"
)


def test_database_refuses_policy_without_two_people(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, tighter())
    with database_refuses("has no proposal"):
        sql(VERSION, n.ines.pk, n.sana.pk, None)
    with database_refuses("not what two people signed"):
        sql(VERSION.replace("now()", "'2027-01-01'"), n.ines.pk, n.sana.pk, proposal.pk)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("state = 'in_force'", "by a second person"),
        ("state = 'rejected', answered_by_id = proposed_by_id, answered_at = now()", "by a second person"),
        ("state = 'in_force', answered_by_id = {karl}, answered_at = '2026-11-24 10:00Z'", "by a second person"),
        ("state = 'approved', answered_by_id = {sana}, answered_at = '2026-11-24 10:00Z'", "the appointed person"),
        ("state = 'at_once'", "does not become"),
        ("proposed_by_id = {karl}", "stay as they are"),
        ("needs = 'admin'", "stay as they are"),
        ("acting_until = now()", "stay as they are"),
    ],
)
def test_database_refuses_countersignature_for_others(northwind: Northwind, change: str, words: str) -> None:
    n = northwind
    proposal = propose(n.ines, tighter())
    with database_refuses(words):
        sql(f"UPDATE approvals_proposal SET {change.format(karl=n.karl.pk, sana=n.sana.pk)} WHERE id = %s", proposal.pk)


def test_database_refuses_delegate_and_beneficiary(northwind: Northwind) -> None:
    n = northwind
    give_role(n.sana, Role.ADMIN, admins=(n.ines, n.karl))
    as_delegate(n.sana, giver=n.ines)
    proposal = propose(n.ines, tighter())
    answered = "state = 'in_force', answered_by_id = %s, answered_at = '2026-11-24 10:00Z'"
    with database_refuses("a delegate of the author"):
        sql(f"UPDATE approvals_proposal SET {answered} WHERE id = %s", n.sana.pk, proposal.pk)
    proposal_transitions.withdraw(proposal, actor=as_actor(n.ines), now=NOW)
    for field in ("gains", "loses"):
        proposal = propose(n.ines, tighter())
        more = f"round = 2, {field} = ARRAY[%s]::bigint[]"  # as an amendment would say it
        sql(f"UPDATE approvals_proposal SET {more} WHERE id = %s", n.viktor.pk, proposal.pk)
        sql(
            "UPDATE approvals_whatif SET finished_at = now() WHERE proposal_id = %s AND finished_at IS NULL",
            proposal.pk,
        )
        again = (
            "INSERT INTO approvals_whatif (proposal_id, round, since, until, cursor, done, total, counts, finished_at)"
        )
        sql(f"{again} VALUES (%s, 2, now(), now(), 0, 0, 0, '{{}}', now())", proposal.pk)
        with database_refuses(f"who_{field.removesuffix('s')}s_is_apart"):
            sql(f"UPDATE approvals_proposal SET {answered} WHERE id = %s", n.viktor.pk, proposal.pk)
        proposal_transitions.withdraw(Proposal.objects.get(pk=proposal.pk), actor=as_actor(n.ines), now=NOW)


@pytest.mark.rule("A6")
@pytest.mark.parametrize(
    "change",
    [
        "gains = '{}'",
        "loses = ARRAY[1]",
        "document = '{}'",
        "before = '{}'",
        "digest = repeat('0', 64)",
        "tightens = NOT tightens",
        "appointed_id = proposed_by_id",
        "reason_id = NULL",
        "lapses_at = lapses_at + interval '1 year'",
        "round = 3, gains = '{}'",
        "round = 2, lapses_at = lapses_at + interval '1 year'",
    ],
)
def test_database_changes_open_proposal_by_new_round_only(northwind: Northwind, change: str) -> None:
    """Its people, document and end stay: nobody takes themself out of it, or changes what another person is reading."""
    n = northwind
    proposal = propose_role(n.tom, Role.AUDITOR, by=n.ines, now=NOW)
    why = (
        "S8: the appointed person counts as gaining"
        if "appointed" in change or "gains" in change
        else "A6: a proposal under review"
    )
    with database_refuses(why):
        sql(f"UPDATE approvals_proposal SET {change} WHERE id = %s", proposal.pk)


def test_database_refuses_approval_before_impact(northwind: Northwind) -> None:
    n = northwind
    proposal = propose(n.ines, tighter())
    sql("UPDATE approvals_proposal SET round = 2, document = '{}' WHERE id = %s", proposal.pk)
    with database_refuses("is not counted for its present round"):
        answered = "state = 'in_force', answered_by_id = %s, answered_at = '2026-11-24 10:00Z'"
        sql(f"UPDATE approvals_proposal SET {answered} WHERE id = %s", n.sana.pk, proposal.pk)


def test_ended_proposal_is_final(northwind: Northwind) -> None:
    proposal = approve(propose(northwind.ines, tighter()), northwind.sana)
    for change in ("state = 'open'", "document = '{}'", "answered_by_id = proposed_by_id"):
        with database_refuses("S8: proposal # is in_force and does not become "):
            sql(f"UPDATE approvals_proposal SET {change} WHERE id = %s", proposal.pk)
    with database_refuses("Cannot delete"):
        sql("DELETE FROM approvals_proposal WHERE id = %s", proposal.pk)
    assert connection.in_atomic_block
