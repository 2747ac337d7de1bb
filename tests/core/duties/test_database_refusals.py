"""What only the database refuses is a refusal like any other: said with its rule, recorded, nothing changed (S5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import OutOfTurn
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import LedgerEvent
from governance.core.roles.roles import GRANTS, Permission, Role
from tests.core.engine.toy_subject import NOT_THE_PAINTER, Door
from tests.people import Northwind, as_actor

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CODED = "DO $$ BEGIN RAISE EXCEPTION 'SOD-0: somebody painted door 7' USING ERRCODE = 'check_violation'; END $$"
APPEND_ONLY = "UPDATE controls_ledgerevent SET verb = 'door.shut'"
NOT_NULL = "INSERT INTO controls_membership (team_id, person_id) VALUES (NULL, NULL)"


def declare_break(statement: str) -> Any:
    """An operation that opens a door and then runs a statement that the database does not take."""

    def break_door(step: Step[Door]) -> Effect:
        """Break a door."""
        with connection.cursor() as cursor:
            cursor.execute(statement)
        return Effect()

    return transition(
        Door, event="door.broken", permission=Permission.TEAM_MANAGE, target=("open",), duties=[NOT_THE_PAINTER]
    )(break_door)


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        (CODED, "SOD-0", "who painted a door does not open it."),  # in the words of the duty, without the trigger's ids
        (APPEND_ONLY, "H2", "what is on record is not changed."),
        ("DO $$ BEGIN RAISE EXCEPTION 'H2: it is not truncated'; END $$", "H2", "it is not truncated."),
    ],
)
def test_trigger_refusal_is_recorded_with_code_and_changes_nothing(
    statement: str, code: str, words: str, doors: Any, northwind: Northwind
) -> None:
    door = Door.objects.create(name="front")
    with pytest.raises(OutOfTurn) as caught:
        declare_break(statement)(door, actor=as_actor(northwind.ines), now=northwind.now, reason="It sticks.")
    refusal = caught.value.refusal
    assert (refusal.code, refusal.kind) == (code, "state")
    assert refusal.sentence == f"The database refused this: {words}"
    event = LedgerEvent.objects.order_by("-pk")[0]
    assert (event.verb, event.outcome, event.code) == ("door.broken", "refused", code)
    assert event.payload["by"] == "database"
    assert Door.objects.get(pk=door.pk).state == "closed"


@pytest.mark.rule("S5")
def test_constraint_without_duty_is_named(doors: Any, northwind: Northwind) -> None:
    rita = northwind.rita.pk
    to_herself = (
        "INSERT INTO controls_delegation (giver_id, taker_id, from_at, until_at)"
        f" VALUES ({rita}, {rita}, now(), now() + interval '1 day')"
    )
    door = Door.objects.create(name="front")
    with pytest.raises(OutOfTurn) as caught:
        declare_break(to_herself)(door, actor=as_actor(northwind.ines), now=northwind.now)
    assert caught.value.refusal.code == "DATABASE"
    assert "delegation to another" in caught.value.refusal.sentence


@pytest.mark.rule("S5")
def test_an_error_that_keeps_no_rule_stays_an_error(doors: Any, northwind: Northwind) -> None:
    door = Door.objects.create(name="front")
    with pytest.raises(IntegrityError):
        declare_break(NOT_NULL)(door, actor=as_actor(northwind.ines), now=northwind.now)
    assert not LedgerEvent.objects.filter(verb="door.broken").exists()


@pytest.mark.rule("S5", "R9")
def test_a_job_that_meets_another_is_no_refusal_on_record(
    doors: Any, northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GRANTS, Role.JOB, GRANTS[Role.JOB] | {Permission.TEAM_MANAGE})
    door = Door.objects.create(name="front")
    with pytest.raises(IntegrityError):
        declare_break(CODED)(door, actor=Actor.of_job("doors.sweep"), now=northwind.now)
    assert not LedgerEvent.objects.filter(verb="door.broken").exists()
