"""What one cause would end all at once is held until security and an admin have looked (G6): refused first."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.grants import circuit_breaker as grant_circuit_breaker
from approvals.grants import jobs as grant_jobs
from approvals.grants.transitions import circuit_breaker, stops
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import (
    BatchAnswer,
    BatchSays,
    BatchState,
    EndCause,
    Grant,
    GrantState,
    HeldBatch,
    HeldGrant,
    LetThrough,
    RevocationTask,
    Submission,
)
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.models import FreeText, LedgerEvent, Notice, Person
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from tests import run_lengths
from tests.approvals.proposals.policy_proposals import changed, in_force
from tests.approvals.refusals import database_refuses
from tests.people import as_actor, as_delegate
from tests.recertification.grant_rows import low_grants
from tests.savepoints import undone
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

JOB = Actor.of_job("approvals.sweep")
RELEASE, DISCARD = BatchSays.RELEASE, BatchSays.DISCARD
HOUR = timedelta(hours=1)


@pytest.fixture
def company(company: Company, stock_in_force: Submission) -> Company:
    """Northwind with Weekly stock report in force: four grants, and twelve of low risk."""
    low_grants(stock_in_force, 12, begins_at=company.now)
    return company


@pytest.fixture
def batch(company: Company) -> HeldBatch:
    """Its owner retired it, which would end all that is live."""
    return retired(company)


def retired(company: Company) -> HeldBatch:
    """What is held once the owner retires it."""
    automation = Automation.objects.get(grants=Grant.objects.earliest("pk"))
    lifecycle.retire(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Replaced.")
    return HeldBatch.objects.get()


def answered(batch: HeldBatch, who: Any, says: BatchSays, company: Company, *, now: Any = None) -> HeldBatch:
    """Somebody says what becomes of it."""
    actor = who if isinstance(who, Actor) else as_actor(who)
    return circuit_breaker.answer_batch(batch, actor=actor, now=now or company.now, reason="I looked.", says=says)


@pytest.mark.rule("G6")
def test_only_security_and_admins_answer_in_person(batch: HeldBatch, company: Company) -> None:
    n = company.people
    for nobody in (n.jonas, n.theo, n.omar, n.yuki):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            answered(batch, nobody, RELEASE, company)
    for not_there in (as_actor(n.sana, None), as_actor(n.sana, 60), as_delegate(n.viktor, giver=n.sana)):
        with pytest.raises(DutyConflict, match=r"^SOD-5: "):
            answered(batch, not_there, RELEASE, company)
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        circuit_breaker.answer_batch(batch, actor=as_actor(n.sana), now=company.now, reason=" ", says=RELEASE)
    assert not BatchAnswer.objects.exists()
    for other in (n.theo, n.jonas):
        assert not HeldBatch.objects.visible_to(as_actor(other), company.now).exists()


@pytest.mark.rule("G6")
def test_list_is_filtered_by_team_and_counts_all_grants_of_a_batch(batch: HeldBatch, company: Company) -> None:
    n, path = company.people, reverse("held_batches")
    who, everything = client_of(n.sana), batch.held.count()
    of_team, of_other = (who.get(path, {"team": team.pk}).context["rows"] for team in (n.finance_ops, n.marketing))
    assert [row.grants for row in of_team] == [everything]
    assert of_other == []


@pytest.mark.rule("G6")
def test_release_needs_one_security_and_one_admin_who_agree(batch: HeldBatch, company: Company) -> None:
    n = company.people
    answered(batch, n.sana, RELEASE, company)
    answered(batch, n.viktor, RELEASE, company)
    assert batch.state == BatchState.OPEN
    answered(batch, n.ines, DISCARD, company)
    assert batch.state == BatchState.OPEN
    answered(batch, n.karl, RELEASE, company)  # the last that each of the two roles said counts
    assert batch.state == BatchState.RELEASED
    with pytest.raises(OutOfTurn, match=r"^STATE: This held batch is released, so this"):
        answered(batch, n.ines, DISCARD, company)


@pytest.mark.rule("G6")
def test_causer_and_delegate_of_other_do_not_answer(company: Company) -> None:
    n = company.people
    many = list(Grant.objects.filter(tier="low").order_by("pk"))
    for grant in many:
        transition_lifecycle.revoke(grant, actor=as_actor(n.sana), now=company.now, reason="Away with it.")
    batch = HeldBatch.objects.get()
    assert batch.cause.person == n.sana
    with pytest.raises(DutyConflict, match=r"^G6: This is what you ended, so two"):
        answered(batch, n.sana, RELEASE, company)
    assert n.sana not in grant_circuit_breaker.people_who_answer(batch, company.now)
    text = FreeText.objects.first()
    with database_refuses("G6: the person who caused a batch cannot answer it"):
        BatchAnswer.objects.create(
            batch=batch, person=n.sana, role="security_reviewer", says=RELEASE, reason=text, said_at=company.now
        )


@pytest.mark.rule("G6")
def test_the_database_ends_no_batch_on_one_persons_word_and_none_twice(batch: HeldBatch, company: Company) -> None:
    n = company.people
    answered(batch, n.sana, RELEASE, company)
    row = HeldBatch.objects.filter(pk=batch.pk)
    with database_refuses("G6: security and an admin give the same answer to a batch"):
        row.update(state="released", ended_at=company.now)
    with database_refuses("held_batch_lapses_in_time"):
        row.update(state="lapsed", ended_at=company.now)
    answer = BatchAnswer.objects.get()
    for who, role in ((n.sana, "admin"), (n.jonas, "admin")):
        with database_refuses("G6: an answer as admin needs that role"):
            BatchAnswer.objects.create(
                batch=batch, person=who, role=role, says=RELEASE, reason=answer.reason, said_at=company.now
            )
    answered(batch, n.ines, RELEASE, company)
    with database_refuses("G6: the outcome of batch # stays"):
        row.update(state="open", ended_at=None)
    with database_refuses("G6: batch # has ended"):
        HeldGrant.objects.create(batch=batch, grant=Grant.objects.earliest("pk"), tier="low", why="retired")


@pytest.mark.rule("G6", "L1", "G3")
def test_a_retirement_that_would_end_too_much_is_out_of_force_at_once(batch: HeldBatch, company: Company) -> None:
    n = company.people
    assert batch.number == 16
    assert batch.answer_by == company.now + 4 * HOUR
    assert not Grant.objects.filter(state=GrantState.ENDED).exists()
    assert not Grant.objects.live(company.now).exists(), "a retired automation may nothing, whatever is held"
    recipients = set(Notice.objects.filter(event="brake_held").values_list("recipient", flat=True))
    assert recipients == {n.sana.pk, n.viktor.pk, n.ines.pk, n.karl.pk, n.jonas.pk}
    assert grant_jobs.end_held_grants(company.now, JOB) == {"batches_lapsed": 0, "held_ended": 0}


@pytest.fixture
def released(batch: HeldBatch, company: Company) -> dict[str, int]:
    """Both say so, and the job runs; what it did."""
    answered(batch, company.people.viktor, RELEASE, company)
    answered(batch, company.people.karl, RELEASE, company)
    return grant_jobs.end_held_grants(company.now, JOB)


@pytest.mark.rule("G6", "L1", "G3")
def test_a_retirement_that_would_end_too_much_ends_when_both_say_so(released: dict[str, int], company: Company) -> None:
    assert released["held_ended"] == 16
    assert grant_jobs.end_held_grants(company.now, JOB)["held_ended"] == 0
    assert set(Grant.objects.values_list("state", "ended_why")) == {("ended", "retired")}
    assert RevocationTask.objects.count() == 16
    assert LedgerEvent.objects.filter(verb="brake.ended", outcome="done").count() == 16


@pytest.mark.rule("G6")
def test_batch_discarded_by_both_keeps_grants(batch: HeldBatch, company: Company) -> None:
    answered(batch, company.people.sana, DISCARD, company)
    answered(batch, company.people.ines, DISCARD, company)
    for hours in (0, 5, 48):
        assert grant_jobs.end_held_grants(company.now + hours * HOUR, JOB) == {"batches_lapsed": 0, "held_ended": 0}
    assert not Grant.objects.filter(state=GrantState.ENDED).exists()


@pytest.mark.rule("G6")
def test_unanswered_high_goes_through_and_the_rest_is_let_be(company: Company) -> None:
    Grant.objects.filter(pk__in=Grant.objects.filter(tier="low").values("pk")[:3]).update(raised_to="high")
    batch = retired(company)
    answered(batch, company.people.sana, DISCARD, company)  # one alone has not answered
    with database_refuses("Cannot update"):
        HeldGrant.objects.filter(tier="low").update(tier="high")
    with pytest.raises(OutOfTurn, match=r"^G6: The time to answer this was over\."):
        answered(batch, company.people.ines, DISCARD, company, now=batch.answer_by)
    with pytest.raises(OutOfTurn, match=r"^G6: There is time to answer it still\."):
        circuit_breaker.lapse_batch(batch, actor=JOB, now=batch.answer_by - timedelta(seconds=1))
    grant_jobs.end_held_grants(batch.answer_by, JOB)
    batch.refresh_from_db()
    assert batch.state == BatchState.LAPSED
    tiers = dict(HeldGrant.objects.values_list("grant", "tier"))
    ended = set(Grant.objects.filter(state=GrantState.ENDED).values_list("pk", flat=True))
    assert ended == {pk for pk, tier in tiers.items() if tier == "high"}
    assert len(ended) == 3
    assert Notice.objects.filter(event="brake_ended").count() == 5


@pytest.mark.rule("G6")
@pytest.mark.parametrize("became", ["released", "discarded", "lapsed"])
def test_causer_is_notified_of_pause_and_outcome(company: Company, became: str) -> None:
    n = company.people
    batch = retired(company)
    if became == "lapsed":
        grant_jobs.end_held_grants(batch.answer_by, JOB)
    else:
        for person in (n.sana, n.ines):
            answered(batch, person, RELEASE if became == "released" else DISCARD, company)
    notices = list(Notice.objects.filter(recipient=n.jonas, event__startswith="brake_").order_by("pk"))
    assert [notice.event for notice in notices] == ["brake_held", "brake_ended"]
    assert all(notice.context["page"][0] == "automation" for notice in notices), "the batch is not theirs to read"
    assert notices[1].context["became"] == became


@pytest.fixture
def stopped(company: Company) -> None:
    """Security has stopped all of them."""
    for grant in Grant.objects.order_by("pk"):
        stops.stop_grant(grant, actor=as_actor(company.people.sana), now=company.now, reason="It leaks.")


@pytest.mark.rule("G6", "G5")
@pytest.mark.usefixtures("stopped")
def test_a_kill_switch_and_the_end_of_a_term_are_never_held(company: Company) -> None:
    assert Grant.objects.filter(state=GrantState.SUSPENDED).count() == 16
    over = company.now + timedelta(days=200)
    assert grant_jobs.expire_due(over, JOB) == 16
    assert not HeldBatch.objects.exists()
    assert not LetThrough.objects.exists()


@pytest.mark.rule("G6")
def test_revocations_of_one_person_are_counted_per_hour(company: Company) -> None:
    n = company.people
    many = list(Grant.objects.filter(tier="low").order_by("pk"))
    for grant in many[:10]:
        transition_lifecycle.revoke(grant, actor=as_actor(n.omar), now=company.now, reason="No.")
    assert not HeldBatch.objects.exists(), "ten are never held"
    transition_lifecycle.revoke(many[10], actor=as_actor(n.omar), now=company.now + HOUR / 2, reason="No.")
    assert Grant.objects.get(pk=many[10].pk).state == GrantState.ACTIVE
    assert HeldBatch.objects.get().number == 1
    assert LedgerEvent.objects.filter(verb="grant.revocation_held").count() == 1
    transition_lifecycle.revoke(many[11], actor=as_actor(n.amara), now=company.now + HOUR / 2, reason="No.")
    assert Grant.objects.get(pk=many[11].pk).state == GrantState.ENDED, "another cause"


@pytest.mark.rule("G6")
def test_fifty_in_an_hour_are_held_however_many_live(company: Company, monkeypatch: Any) -> None:
    monkeypatch.setattr(grant_circuit_breaker, "count_live", lambda now: 100_000)
    row = grant_circuit_breaker.lock(EndCause(key="job:sync", title="A sync"))
    low = list(Grant.objects.filter(tier="low").order_by("pk").values_list("pk", flat=True))
    made = changed(brake={"share": 50, "grants": 12, "hours": 4})
    in_force(company.people.ines, company.people.sana, made, now=company.now)
    assert grant_circuit_breaker.let_through(row, low[:11], company.now)
    assert grant_circuit_breaker.let_through(row, low[:11], company.now), "what was let through is not counted twice"
    assert not grant_circuit_breaker.let_through(row, low, company.now)
    assert grant_circuit_breaker.let_through(row, low, company.now + HOUR)


class _World:
    """What one example of the property does, and what it may look at."""

    def __init__(self, company: Company) -> None:
        self.company, self.now, self.batch = company, company.now, retired(company)

    def do(self, what: str) -> None:
        """One thing that may happen."""
        n, c = self.company.people, self.company
        if what == "later":
            self.now += HOUR
        elif what == "sweep":
            grant_jobs.end_held_grants(self.now, JOB)
        elif what == "kill":
            grant = Grant.objects.exclude(state=GrantState.ENDED).order_by("pk").first()
            if grant is not None:
                self._try(lambda: stops.stop_grant(grant, actor=as_actor(n.viktor), now=self.now, reason="It leaks."))
        elif what == "term":
            grant_jobs.expire_due(c.now + timedelta(days=100), JOB)
        else:
            who, says = what.split()
            person: Person = getattr(n, who)
            batch = HeldBatch.objects.get(pk=self.batch.pk)
            self._try(lambda: answered(batch, person, BatchSays(says), c, now=self.now))

    @staticmethod
    def _try(act: Any) -> None:
        with contextlib.suppress(Refused):
            act()

    def check(self) -> None:
        """Each that is held is released or let be, once, and ended only where it was released or its term is over."""
        batch = HeldBatch.objects.get(pk=self.batch.pk)
        held, released = HeldGrant.objects.all(), HeldGrant.objects.released()
        assert held.count() == 16
        goes = {BatchState.RELEASED: held, BatchState.LAPSED: held.filter(tier="high")}.get(batch.state, held.none())
        assert set(released) == set(goes)
        ended = Grant.objects.filter(state=GrantState.ENDED).exclude(ended_why="term")
        assert set(ended.values_list("pk", flat=True)) <= set(released.values_list("grant", flat=True))

    def settle(self) -> None:
        """However it went, time ends it, and then nothing is left that was released and has not ended."""
        grant_jobs.end_held_grants(self.batch.answer_by + HOUR, JOB)
        assert HeldBatch.objects.get(pk=self.batch.pk).state != BatchState.OPEN
        left = HeldGrant.objects.released().exclude(grant__state=GrantState.ENDED)
        assert not left.exists()
        ends = LedgerEvent.objects.filter(verb="brake.ended", outcome="done").values_list("subject_id", flat=True)
        assert len(ends) == len(set(ends))
        self.check()


WHAT = ("later", "sweep", "kill", "term", *(f"{who} {says}" for who in ("sana", "ines", "karl") for says in BatchSays))


@pytest.mark.rule("G6", "R9")
@settings(
    max_examples=run_lengths.run_length(4, full=8, soak=100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.full("answers two batches of grants")
@given(st.lists(st.sampled_from(WHAT), max_size=12))
def test_each_paused_grant_is_released_or_kept_once(company: Company, order: list[str]) -> None:
    with undone():
        world = _World(company)
        for what in order:
            world.do(what)
            world.check()
        world.settle()


@pytest.mark.full("asks of 70,000 grants")
@pytest.mark.rule("G6")
def test_pause_handles_more_grants_than_statement_parameters() -> None:
    many = range(1, 70_001)
    assert not grant_circuit_breaker.were_let(EndCause(key="campaign:1", title="Everything"), many)
    assert (grant_circuit_breaker.released("campaign:1", many), grant_circuit_breaker.unended_grants(many)) == (
        set(),
        [],
    )
