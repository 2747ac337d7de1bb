"""At most thirty days are handed over in advance, in one delegation or in several (A11)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.duties.refusals import InvalidInput
from governance.core.people.transitions.delegations import delegate, end_delegation
from tests.core.people.test_people import give
from tests.people import NOW, Northwind, as_actor


@pytest.mark.rule("A11")
@pytest.mark.parametrize("gap", [0, 20])
def test_consecutive_delegations_stay_within_30_days(northwind: Northwind, gap: float) -> None:
    n = northwind
    give(n.theo, n.bram, start=0, days=20)
    with pytest.raises(InvalidInput, match="more than 30 days"):
        give(n.theo, n.jonas, start=20 + gap, days=10.01)
    give(n.theo, n.jonas, start=20 + gap, days=10)
    with pytest.raises(InvalidInput, match="more than 30 days"):
        give(n.theo, n.bram, start=30 + gap, days=1)
    end_delegation(n.theo.delegations_given.latest("pk"), actor=as_actor(n.theo), now=NOW)
    give(n.theo, n.bram, start=30 + gap, days=10)


@pytest.mark.rule("A11")
def test_ended_part_of_delegation_can_be_delegated_again(northwind: Northwind) -> None:
    n, first = northwind, give(northwind.theo, northwind.bram, start=0, days=30)
    for later, is_too_much in ((timedelta(days=10), True), (timedelta(days=20), False)):
        more = {"from_at": first.until_at, "until_at": first.until_at + timedelta(days=20)}
        if is_too_much:
            with pytest.raises(InvalidInput, match="more than 30 days"):
                delegate(n.bram, actor=as_actor(n.theo), now=NOW + later, giver=n.theo, **more)
        else:
            delegate(n.bram, actor=as_actor(n.theo), now=NOW + later, giver=n.theo, **more)
