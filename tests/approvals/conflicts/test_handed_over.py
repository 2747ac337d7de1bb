"""A live automation that takes an identity over with a submission joins a chain as it runs already: its conflicts are asked then (S6, A16, I5)."""

from __future__ import annotations

import pytest

from approvals import transitions
from approvals.conflicts import scanning, standing
from approvals.models import Submission
from governance.controls.refusals import InvalidInput
from inventory.models import Automation, NonHumanIdentity, Version
from tests import journeys
from tests.approvals import chained
from tests.approvals.conflicts import ruling
from tests.approvals.conflicts.ruling import on
from tests.journeys import Company
from tests.people import as_actor

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "A16", "I5")]


def a_rule(c: Company, mode: str = "enforce") -> None:
    """No chain writes to the workspace and reads it."""
    ruling.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode=mode, scope="chain")


@pytest.fixture
def writes(plain: Company) -> Automation:
    """What runs already and writes, as nobody in particular."""
    return chained.in_force(plain, version(plain, "Writes", "write")).automation


@pytest.fixture
def reads(plain: Company) -> Automation:
    """Another reads as the robot, which serves a draft that came to nothing."""
    first = journeys.submitted(plain, version(plain, "Nothing", "read", identity="robot"))
    made = chained.in_force(plain, version(plain, "Reads", "read", identity="robot")).automation
    transitions.withdraw(first, actor=as_actor(plain.people.rita), now=plain.now, reason="No use.")
    assert NonHumanIdentity.objects.get().automation == first.automation
    return made


def version(c: Company, name: str, level: str, **more: str) -> Version:
    place = more.pop("place", name)
    return chained.described(c, name, (c.slack, level, place), external_id=name, **more)


def takes_it_over(c: Company) -> Submission:
    """The one that writes is to write no more, and to run as the robot."""
    return journeys.submitted(c, version(c, "Writes", "read", place="elsewhere", identity="robot"))


def test_what_runs_already_is_not_joined_to_what_it_may_not_stand_in_a_chain_with(
    plain: Company, writes: Automation, reads: Automation
) -> None:
    a_rule(plain)
    with pytest.raises(InvalidInput) as no:
        takes_it_over(plain)
    assert no.value.refusal.code == "S6"
    assert (
        "What is in force of it would be joined at once with what else runs as n8n/robot" in no.value.refusal.sentence
    )
    assert "What is read could be told to the wrong people." in no.value.refusal.sentence
    assert NonHumanIdentity.objects.get().automation.name == "Nothing"
    assert not scanning.scan(standing.in_force(plain.now), plain.now)


def test_where_no_rule_minds_it_takes_it_over(plain: Company, writes: Automation, reads: Automation) -> None:
    a_rule(plain, mode="record")
    takes_it_over(plain)
    assert NonHumanIdentity.objects.get().automation == writes
    assert scanning.scan(standing.in_force(plain.now), plain.now)


def test_what_was_in_conflict_before_keeps_nobody_from_it(plain: Company, writes: Automation) -> None:
    chained.in_force(plain, version(plain, "Beside", "read", place="Writes"))
    version(plain, "Nothing", "read", identity="robot")
    a_rule(plain)
    assert scanning.scan(standing.in_force(plain.now), plain.now)
    takes_it_over(plain)
    assert NonHumanIdentity.objects.get().automation == writes
