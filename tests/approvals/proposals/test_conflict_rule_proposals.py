"""A conflict rule changes by a proposal that a second person countersigns, and by nothing else (S6, S8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import queries as conflict_queries
from approvals.models import Conflict, ConflictRule, Proposal, ProposalState, Submission, WhatIf
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.roles.roles import Role
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.ledger_records import recorded
from tests.people import as_actor, give_role
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]

JOB = Actor.of_job(conflict_jobs.JOB)


def proposed(
    c: Company,
    document: dict[str, Any],
    *,
    code: str = "read-and-tell",
    kind: str = "conflict_rule",
    by: Any = None,
    at_once: bool = False,
) -> Proposal:
    """Ines proposes it, and what it would have caught is counted."""
    row, who = Proposal(kind=kind, target=code), as_actor(by or c.people.ines)
    made = proposal_transitions.propose(
        row, actor=who, now=c.now, reason="It happened.", document=document, at_once=at_once
    )
    impact_count.sweep(c.now)
    return Proposal.objects.get(pk=made.pk)


def rule_of(c: Company, **more: Any) -> dict[str, Any]:
    """A rule about what the stock report holds."""
    return {"rule": conflict_rules.document(on(c.erp), on(c.slack), **more)}


def approve(c: Company, made: Proposal, who: Any) -> Proposal:
    """Somebody countersigns."""
    return proposal_transitions.approve(made, actor=as_actor(who), now=c.now, reason="Right.", shown_digest=made.digest)


@pytest.mark.parametrize("who", ["ines", "karl", "yuki", "rita"])
def test_only_security_countersigns_conflict_rule(plain: Company, who: str) -> None:
    made = proposed(plain, rule_of(plain))
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        approve(plain, made, getattr(plain.people, who))
    assert not ConflictRule.objects.in_force(plain.now).exists()


@pytest.mark.parametrize("who", ["jonas", "rita"])
@pytest.mark.parametrize("way", ["given up", "loosened"])
def test_affected_person_does_not_countersign_loosening(
    plain: Company, plain_in_force: Submission, who: str, way: str
) -> None:
    person = getattr(plain.people, who)
    assert person in (plain_in_force.automation.business_owner, plain_in_force.automation.technical_owner)
    give_role(person, Role.SECURITY_REVIEWER, admins=(plain.people.ines, plain.people.karl))
    approve(plain, proposed(plain, rule_of(plain, mode="enforce")), plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    document: dict[str, Any] = {} if way == "given up" else rule_of(plain)
    made = proposed(plain, document)
    assert person.pk in made.gains
    with pytest.raises(Refused) as error:
        approve(plain, made, person)
    assert error.value.refusal.sentence == "You would gain by this."
    assert approve(plain, made, plain.people.sana).state == ProposalState.IN_FORCE


def test_affected_person_does_not_propose_withdrawal_of_rule(plain: Company, plain_in_force: Submission) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    give_role(plain.people.rita, Role.ADMIN, admins=(plain.people.ines, plain.people.karl))
    with pytest.raises(Refused) as error:
        proposed(plain, {}, by=plain.people.rita)
    assert error.value.refusal.code == "SOD-8"


def test_affected_person_may_countersign_tightening(plain: Company, plain_in_force: Submission) -> None:
    give_role(plain.people.rita, Role.SECURITY_REVIEWER, admins=(plain.people.ines, plain.people.karl))
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    made = proposed(plain, rule_of(plain, mode="enforce"))
    assert made.gains == []
    assert approve(plain, made, plain.people.rita).state == ProposalState.IN_FORCE


@pytest.mark.parametrize("who", ["sana", "rita", "yuki"])
def test_only_admin_proposes_conflict_rule(plain: Company, who: str) -> None:
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        proposed(plain, rule_of(plain), by=getattr(plain.people, who))


def test_countersigned_rule_applies_to_held_access(plain: Company, plain_in_force: Submission) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    (rule,) = conflict_queries.in_force(plain.now)
    assert (rule.version.proposed_by, rule.version.approved_by) == (plain.people.ines, plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    assert Conflict.objects.get().subject == plain_in_force.automation_id


def test_impact_is_counted_before_countersigning(plain: Company, plain_in_force: Submission) -> None:
    made = proposed(plain, rule_of(plain))
    impact = impact_count.latest(made)
    assert impact is not None
    assert impact.counts["caught"] == 1


def says(made: Proposal) -> list[str]:
    """What was counted, in sentences."""
    impact = impact_count.latest(made)
    assert impact is not None
    return kind_kind.kind_of(made.kind).impact_sentences(impact)


def test_impact_of_mode_change_is_described(plain: Company, plain_in_force: Submission) -> None:
    c = plain
    made = proposed(c, rule_of(c))
    assert says(made) == ["1 submission would have been recorded as in a conflict."]
    approve(c, made, c.people.sana)
    conflict_jobs.scan_all(c.now, JOB)
    made = proposed(c, rule_of(c, mode="approval"))
    assert says(made) == [
        "1 submission would have needed an extra approval from Security.",
        "1 of them would have been recorded as in a conflict under today's rules.",
    ]
    approve(c, made, c.people.sana)
    made = proposed(c, rule_of(c, mode="enforce", rating="high"))
    assert says(made) == [
        "1 submission would have been refused.",
        "1 of them would have needed an extra approval from Security under today's rules.",
        "Conflicts in held access would have 7 days to be resolved.",
    ]
    approve(c, made, c.people.sana)
    assert says(proposed(c, {})) == [
        "1 submission would have been refused under today's rules only.",
        "1 open conflict would end.",
    ]


def test_new_rule_states_consequence_for_held_access(plain: Company, plain_in_force: Submission) -> None:
    assert says(proposed(plain, rule_of(plain, mode="enforce"))) == [
        "1 submission would have been refused.",
        "Conflicts in held access would have 30 days to be resolved.",
    ]


def test_conflict_follows_the_next_version_of_its_rule(plain: Company, plain_in_force: Submission) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    approve(plain, proposed(plain, rule_of(plain, mode="enforce")), plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    (conflict,) = Conflict.objects.all()
    payload = recorded("conflict.changed", conflict, by=JOB)
    assert (payload["version"], payload["grants"]) == (2, conflict.grants)
    assert conflict.due_at is not None


def test_a_stricter_mode_is_another_version_and_gives_time(plain: Company, plain_in_force: Submission) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    made = proposed(plain, rule_of(plain, mode="enforce"))
    assert made.tightens
    approve(plain, made, plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    (conflict,) = Conflict.objects.all()
    assert conflict.rule.number == 2
    assert conflict.due_at is not None
    assert conflict.due_at > plain.now
    payload = recorded("conflict_rule.put_in_force", conflict.rule, by=plain.people.sana)
    assert (payload["code"], payload["number"], payload["digest"]) == (conflict.code, 2, conflict.rule.digest)


def test_a_rule_that_is_given_up_loosens_and_ends_its_conflicts(plain: Company, plain_in_force: Submission) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    conflict_jobs.scan_all(plain.now, JOB)
    made = proposed(plain, {})
    assert not made.tightens
    approve(plain, made, plain.people.viktor)
    assert made.state == ProposalState.IN_FORCE
    assert conflict_queries.in_force(plain.now) == ()
    conflict_jobs.scan_all(plain.now, JOB)
    assert Conflict.objects.get().ended_why == "rule_given_up"


def test_invalid_rule_is_refused_with_all_errors(plain: Company) -> None:
    with pytest.raises(InvalidInput) as error:
        proposed(plain, {"rule": {"code": "read-and-tell", "mode": "shout"}})
    assert len(error.value.refusal.detail) > 3
    with pytest.raises(InvalidInput, match=r"^S8: This can't be proposed as it is"):
        proposed(plain, rule_of(plain, code="another"))
    assert not Proposal.objects.filter(kind="conflict_rule").exists()


def test_impact_is_counted_per_rule_without_query_per_submission(plain: Company, plain_in_force: Submission) -> None:
    def counted(document: dict[str, Any], code: str) -> dict[str, int]:
        made = proposed(plain, document, code=code)
        impact = impact_count.latest(made)
        assert impact is not None
        return dict(impact.counts)

    catches, other = (
        rule_of(plain),
        {"rule": conflict_rules.document(on(plain.mail), on(plain.slack), code="another-one")},
    )
    assert counted(other, "another-one") == {}
    assert counted(catches, "read-and-tell") == {"caught": 1, "more": 1}
    approve(plain, Proposal.objects.get(target="read-and-tell"), plain.people.sana)
    assert counted({"rule": conflict_rules.document(on(plain.mail), on(plain.slack))}, "read-and-tell") == {"less": 1}
    kind, now = kind_kind.kind_of("conflict_rule"), plain.now
    proposal = Proposal(target="read-and-tell", before={}, document=catches)
    what_if = WhatIf(proposal=proposal, since=now - timedelta(days=90), until=now)
    with CaptureQueriesContext(connection) as queries:
        assert kind.count(what_if, list(kind.submissions(what_if)))["caught"] == 1
    # The submissions, the controls that stand on what they hold, the waivers; privileges, bindings and parties for the class that counts (I8).
    assert len(queries) == 6
