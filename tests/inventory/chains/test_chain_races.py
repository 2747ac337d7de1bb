"""Two that join each other come into use at once: real threads, real commits. The lock lets one see the other (A16)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connections, transaction

from governance.core.actors.actor import Actor
from governance.core.ledger import ledger_events
from inventory.chains import queries as chain_queries
from inventory.chains import transitions as chain_transitions
from inventory.models import Automation, ChainEnd, ChainMember
from tests import run_lengths, scenarios
from tests.inventory.chains.test_chains import automation, version, world
from tests.people import build
from tests.scenarios import Company

pytestmark = [pytest.mark.race, pytest.mark.soak]

ROUNDS = run_lengths.run_length(3, full=6, soak=40)


@pytest.fixture(scope="module")
def firm(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """A company of this module's own, committed."""
    with django_db_blocker.unblock():
        yield scenarios.company(build(uuid.uuid4().hex[:8]))
        ChainMember.objects.all().delete()
        ChainEnd.objects.all().delete()
        Automation.objects.filter(name__startswith="Made up").update(state="retired")
        connections.close_all()


def went_live(automation: Automation) -> None:
    """Append its event (H1)."""
    payload = {"to": "live", "version": automation.versions.get().number}
    ledger_events.append(
        actor=Actor.of_job("toy"),
        verb="automation.went_live",
        subject=automation,
        now=automation.created_at,
        payload=payload,
    )


def comes_into_use(automation: Automation, together: threading.Barrier, failed: list[BaseException]) -> None:
    try:
        with transaction.atomic():
            Automation.objects.filter(pk=automation.pk).update(state="live", approved_version=automation.versions.get())
            went_live(automation)
            together.wait(30)
            chain_transitions.refresh_chains(automation.pk)
            with suppress(threading.BrokenBarrierError):
                together.wait(0.3)  # neither commits before both have looked, save where one waits for the other
    except BaseException as error:  # told to the test
        failed.append(error)
    finally:
        connections.close_all()


@pytest.mark.full
@pytest.mark.rule("A16", "R9")
def test_two_that_come_into_use_at_once_are_joined(firm: Company, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        rows = world(firm)
        for turn in range(ROUNDS):
            pair = [automation(firm, 1000 + 2 * turn + side) for side in range(2)]
            for member, level in zip(pair, ("write", "read"), strict=True):
                version(member, ((level, f"table {turn}"),), rows)
            together, failed = threading.Barrier(2), list[BaseException]()
            threads = [threading.Thread(target=comes_into_use, args=(member, together, failed)) for member in pair]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert not failed
            assert chain_queries.chain_of(pair[0].pk).others == {pair[1].pk}
            assert set(ChainMember.objects.filter(chain=pair[0].pk).values_list("automation", flat=True)) == {
                member.pk for member in pair
            }
