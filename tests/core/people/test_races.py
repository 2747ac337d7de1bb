"""Two at once, with real threads and commits: one wins, the other is refused, and nothing is done twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from django.db import IntegrityError, connections
from django.db.models import Model

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.engine import step
from governance.core.models import Delegation, LedgerEvent, Notice, RoleAssignment
from governance.core.models.people import Person, PersonManager
from governance.core.notices.outbox import notice, queue
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from tests.appointments import end_role, propose_role
from tests.people import NOW, Northwind, as_actor, build, give_role, make_person

pytestmark = pytest.mark.race


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run each on a thread of its own, started together; returns results or the refusals they met, in order."""
    gate = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(place: int) -> None:
        try:
            gate.wait(20)
            results[place] = works[place]()
        except BaseException as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.fixture
def company(committed: None) -> Northwind:
    """A company of this test's own, committed, with two admins more."""
    company = build(uuid.uuid4().hex[:8])
    for person in (company.omar, company.mei):
        give_role(person, Role.ADMIN, admins=(company.ines, company.karl))
    return company


def countersign_side_by_side(company: Northwind) -> tuple[list[object], Proposal]:
    """Three admins countersign one proposal of a role at the same time."""
    person = make_person("Novel Person", word=uuid.uuid4().hex[:8])
    proposed = propose_role(person, Role.AUDITOR, by=company.ines, now=NOW)

    def countersign(by: str) -> Callable[[], object]:
        proposal, actor = Proposal.objects.get(pk=proposed.pk), as_actor(getattr(company, by))
        return lambda: proposal_transitions.approve(proposal, actor=actor, now=NOW, shown_digest=proposal.digest)

    return at_once(countersign("karl"), countersign("omar"), countersign("mei")), proposed


@pytest.mark.rule("S8", "S5")
def test_one_of_three_simultaneous_countersignatures_counts(company: Northwind) -> None:
    for _ in range(5):
        results, proposed = countersign_side_by_side(company)
        assert sum(isinstance(result, Proposal) for result in results) == 1, results
        assert sum(isinstance(result, Refused) and result.status == 409 for result in results) == 2, results
        events = LedgerEvent.objects.filter(subject_type="approvals.proposal", subject_id=str(proposed.pk))
        assert sorted((event.verb, event.outcome) for event in events) == [
            ("proposal.approved", "done"),
            ("proposal.approved", "refused"),
            ("proposal.approved", "refused"),
            ("proposal.made", "done"),
        ]
        assert proposed.history.count() == 2


def test_database_stops_race_without_row_lock(company: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows what the lock is for, and that an answer stays as it was without the lock."""
    together = threading.Barrier(3)

    def unlocked(row: Model) -> object:
        current = type(row)._base_manager.get(pk=row.pk)
        if isinstance(row, Proposal) and threading.current_thread() is not threading.main_thread():
            together.wait(20)
        return current

    monkeypatch.setattr(step, "_read_locked", unlocked)
    results, proposed = countersign_side_by_side(company)
    assert sum(isinstance(result, Proposal) for result in results) == 1, results
    events = LedgerEvent.objects.filter(verb="proposal.approved", outcome="refused", payload__by="database")
    assert events.filter(subject_id=str(proposed.pk)).count() == 2, results


@pytest.mark.rule("S8")
def test_a_role_proposed_twice_at_once_is_proposed_once(company: Northwind) -> None:
    person = make_person("Novel Person", word=uuid.uuid4().hex[:8])
    results = at_once(
        lambda: propose_role(person, Role.BUILDER, by=company.ines, now=NOW),
        lambda: propose_role(person, Role.BUILDER, by=company.karl, now=NOW),
    )
    assert sorted(type(result).__name__ for result in results) == ["OutOfTurn", "Proposal"], results
    assert Proposal.objects.filter(kind="role", target=f"{person.pk}-builder").count() == 1


@pytest.mark.rule("A11")
def test_two_delegations_that_together_make_a_chain_are_not_set_side_by_side(company: Northwind) -> None:
    begins, ends = NOW + timedelta(days=1), NOW + timedelta(days=5)
    for giver, taker in ((company.amara, company.bram), (company.rita, company.jonas), (company.tom, company.piet)):
        results = at_once(
            lambda g=giver, t=taker: delegate(t, actor=as_actor(g), now=NOW, giver=g, from_at=begins, until_at=ends),
            lambda g=giver, t=taker: delegate(g, actor=as_actor(t), now=NOW, giver=t, from_at=begins, until_at=ends),
        )
        assert sorted(type(result).__name__ for result in results) == ["Delegation", "InvalidInput"], results
        assert any(isinstance(result, InvalidInput) and "one level" in str(result) for result in results)
        assert Delegation.objects.filter(giver__in=[giver, taker]).count() == 1


@pytest.mark.rule("S9")
def test_the_last_admins_do_not_end_each_other_at_once(company: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four stand in this company; others of earlier tests are left out of the count."""
    real = PersonManager.with_role
    mine = [company.ines.pk, company.karl.pk, company.omar.pk]
    end_role(company.mei, Role.ADMIN, now=NOW)
    monkeypatch.setattr(PersonManager, "with_role", lambda people, *given: real(people, *given).filter(pk__in=mine))

    def end(whose: str, by: str) -> Callable[[], object]:
        row = Proposal(kind="role", target=f"{getattr(company, whose).pk}-{Role.ADMIN}")
        fields = {"reason": "A coup", "document": {"held": False}, "at_once": True}
        return lambda: proposal_transitions.propose(row, actor=as_actor(getattr(company, by)), now=NOW, **fields)

    results = at_once(end("karl", "ines"), end("omar", "karl"), end("ines", "omar"))
    assert sum(isinstance(result, Proposal) for result in results) == 1, results
    assert Person.objects.with_role(Role.ADMIN, NOW).count() == 2


@pytest.mark.rule("R9")
def test_a_notice_queued_by_many_at_once_is_queued_once(company: Northwind) -> None:
    key = uuid.uuid4().hex

    def tell() -> object:
        return queue([notice(recipient=company.rita, event="role_ended", thread="t", key=key, now=NOW)])

    results = at_once(*[tell] * 6)
    assert sorted(len(cast("list[Notice]", result)) for result in results) == [0, 0, 0, 0, 0, 1], results
    Notice.objects.filter(key=key).delete()


@pytest.mark.rule("S8", "S9")
def test_a_role_that_bootstrap_gave_ends_as_any_other(company: Northwind) -> None:
    first = RoleAssignment.objects.filter(by_bootstrap=True, role=Role.SECURITY_REVIEWER, until=None).first()
    assert first is not None
    assert end_role(first.person, Role.SECURITY_REVIEWER, now=NOW).until == NOW


@pytest.mark.rule("S9")
def test_the_database_takes_no_row_of_a_second_bootstrap(company: Northwind) -> None:
    row = {"person": company.tom, "role": Role.ADMIN, "proposed_at": NOW, "confirmed_at": NOW}
    with pytest.raises(IntegrityError, match="S9: bootstrap runs once"):
        RoleAssignment.objects.create(**row, by_bootstrap=True)
    held = RoleAssignment.objects.get(person=company.tom, role=Role.BUILDER)
    with pytest.raises(IntegrityError, match="S9: bootstrap runs once"):
        RoleAssignment.objects.filter(pk=held.pk).update(by_bootstrap=True)
