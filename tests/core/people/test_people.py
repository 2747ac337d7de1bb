"""The first roles, delegations, coming and leaving: refused first, and again by the database. Roles: `approvals/proposals/test_roles.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from governance.core.access import access
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import Delegation, LedgerEvent, Membership, Notice, Person, RoleAssignment, Team
from governance.core.people import bootstrap
from governance.core.people.transitions.delegations import delegate, end_delegation
from governance.core.people.transitions.people import add_person
from governance.core.roles.roles import Permission, Role
from governance.core.teams.transitions import found_team, join_team, leave_team, name_leads
from tests.appointments import appoint, end_role, record_leaver
from tests.people import NOW, Northwind, as_actor, give_role, shares
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db


def raw(sql: str, *values: Any) -> None:
    """Run SQL as somebody would who goes past the program."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


# --- S9: the first roles -------------------------------------------------------------------------------------------


@pytest.mark.rule("S8", "H1")
@pytest.mark.parametrize("command", ["createsuperuser", "changepassword"])
def test_commands_that_would_go_past_the_ledger_are_closed(command: str) -> None:
    with pytest.raises(CommandError):
        call_command(command)


@pytest.mark.rule("S9")
def test_check_reports_missing_roles(northwind: Northwind) -> None:
    assert bootstrap.missing_for_work(NOW) == []
    for row in RoleAssignment.objects.exclude(role=Role.ADMIN).select_related("person"):
        end_role(row.person, Role(row.role), now=NOW)
    with unguarded(Team):
        Team.objects.update(lead=None)
    Person.objects.filter(pk=northwind.karl.pk).update(left_at=NOW, is_active=False)  # as a source of people says it
    assert [sentence.partition(":")[0] for sentence in bootstrap.missing_for_work(NOW)] == [
        "Governance admin",
        "Security reviewer",
        "Builder",
        "Team lead",
    ]


# --- A11: delegations -----------------------------------------------------------------------------------------------


def give(giver: Person, taker: Person, *, start: float = 1, days: float = 7, by: Person | None = None) -> Delegation:
    """Delegate from ``start`` days ahead for so many days, to somebody who shares what the giver answers for."""
    shares(taker, giver)
    begins = NOW + timedelta(days=start)
    return delegate(
        taker, actor=as_actor(by or giver), now=NOW, giver=giver, from_at=begins, until_at=begins + timedelta(days=days)
    )


@pytest.mark.rule("A11")
def test_a_delegation_is_set_by_the_person_and_a_try_by_another_is_on_record(northwind: Northwind) -> None:
    with pytest.raises(NotPermitted, match=r"^A11: A delegation is set by the person"):
        give(northwind.theo, northwind.bram, by=northwind.bram)
    with pytest.raises(NotPermitted, match=r"^A11: A delegation is set by the person"):
        give(northwind.theo, northwind.bram, by=northwind.ines)
    assert LedgerEvent.objects.filter(verb="delegation.set", outcome="refused", code="A11").count() == 2
    assert not Delegation.objects.exists()


@pytest.mark.rule("A11")
@pytest.mark.parametrize(
    ("start", "days", "sentence"),
    [(-0.01, 7, "future"), (1, 30.01, "30 days"), (1, 0, "30 days"), (1, -3, "30 days"), (90.01, 7, "within 90 days")],
)
def test_a_delegation_is_for_the_future_and_at_most_30_days(
    northwind: Northwind, start: float, days: float, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        give(northwind.theo, northwind.bram, start=start, days=days)


@pytest.mark.rule("A11")
def test_a_delegation_goes_one_level_and_one_at_a_time(northwind: Northwind) -> None:
    with pytest.raises(InvalidInput, match="your own delegate"):
        give(northwind.theo, northwind.theo)
    give(northwind.theo, northwind.bram, start=1, days=7)
    with pytest.raises(InvalidInput, match="already"):
        give(northwind.theo, northwind.jonas, start=7, days=3)
    with pytest.raises(InvalidInput, match="one level"):
        give(northwind.bram, northwind.rita, start=2, days=3)
    with pytest.raises(InvalidInput, match="one level"):
        give(northwind.rita, northwind.theo, start=2, days=3)
    assert LedgerEvent.objects.filter(verb="delegation.set", outcome="refused", code="A11").count() == 4
    give(northwind.theo, northwind.jonas, start=8, days=3)


@pytest.mark.rule("A11")
def test_a_delegate_has_the_same_duty_and_is_here(northwind: Northwind) -> None:
    with pytest.raises(InvalidInput, match="not trusted as security reviewer"):
        give(northwind.sana, northwind.rita)
    with pytest.raises(InvalidInput, match="not trusted as governance admin"):
        give(northwind.ines, northwind.sana)
    record_leaver(northwind.viktor, actor=as_actor(northwind.ines), now=NOW, reason="New job")
    with pytest.raises(OutOfTurn, match="has left"):
        give(northwind.sana, northwind.viktor)


@pytest.mark.rule("S9")
@pytest.mark.parametrize("who", ["karl", "ines"])
def test_one_admin_alone_does_not_send_the_last_two_away(northwind: Northwind, who: str) -> None:
    with pytest.raises(OutOfTurn, match="Only 2 governance admins are left"):
        record_leaver(getattr(northwind, who), actor=as_actor(northwind.ines), now=NOW, reason="Retired")
    assert bootstrap.missing_for_work(NOW) == []


@pytest.mark.rule("A11")
def test_a_delegate_acts_in_the_capacity_of_the_giver_while_it_runs_and_not_a_moment_longer(
    northwind: Northwind,
) -> None:
    given = give(northwind.ines, northwind.karl, start=1, days=7)
    actor = as_actor(northwind.karl).for_person(northwind.ines)
    permission = Permission.PERSON_MANAGE
    assert not access.may(actor, permission, None, now=given.from_at - timedelta(seconds=1))
    assert access.may(actor, permission, None, now=given.from_at)
    assert not access.may(actor, permission, None, now=given.until_at)
    give_role(northwind.tom, Role.ADMIN, admins=(northwind.ines, northwind.karl))
    record_leaver(northwind.ines, actor=as_actor(northwind.karl), now=NOW, reason="New job")
    assert not access.may(actor.afresh(), permission, None, now=given.from_at), "a leaver's delegation ends"


@pytest.mark.rule("A11")
def test_a_delegate_answers_as_the_giver_while_it_stands_and_the_giver_is_here(northwind: Northwind) -> None:
    given = give(northwind.theo, northwind.bram, start=1, days=7)
    taker, giver = northwind.bram.pk, northwind.theo.pk
    moments = {
        given.from_at - timedelta(seconds=1): (taker,),
        given.from_at: (taker, giver),
        given.until_at - timedelta(seconds=1): (taker, giver),
        given.until_at: (taker,),
    }
    assert {at: access.answers_as(as_actor(northwind.bram), at) for at in moments} == moments
    Person.objects.filter(pk=giver).update(left_at=NOW)
    assert access.answers_as(as_actor(northwind.bram), given.from_at) == (taker,)


@pytest.mark.rule("A11")
def test_only_giver_ends_delegation_at_once(northwind: Northwind) -> None:
    given = give(northwind.theo, northwind.bram, start=0)
    for other in (northwind.bram, northwind.ines):
        with pytest.raises(NotPermitted, match=r"^A11: Only who gave a delegation ends it\."):
            end_delegation(given, actor=as_actor(other), now=NOW)
    assert access.stands_in(as_actor(northwind.bram).for_person(northwind.theo), NOW)
    end_delegation(given, actor=as_actor(northwind.theo), now=NOW)
    assert not access.stands_in(as_actor(northwind.bram).for_person(northwind.theo), NOW)
    with pytest.raises(OutOfTurn, match=r"^STATE: This delegation has ended already\."):
        end_delegation(given, actor=as_actor(northwind.theo), now=NOW + timedelta(days=1))
    assert given.ended_at == NOW
    assert Notice.objects.get(event="delegation_set").recipient == northwind.bram


@pytest.mark.rule("A11")
def test_the_database_refuses_long_overlapping_and_reflexive_delegations(northwind: Northwind) -> None:
    given = give(northwind.theo, northwind.bram)
    with pytest.raises(IntegrityError, match="delegation_at_most_30_days"):
        raw("UPDATE controls_delegation SET until_at = until_at + interval '60 days' WHERE id = %s", given.pk)
    with pytest.raises(IntegrityError, match="delegation_to_another"):
        raw("UPDATE controls_delegation SET taker_id = giver_id WHERE id = %s", given.pk)
    copy = (
        "INSERT INTO controls_delegation (giver_id, taker_id, from_at, until_at)"
        " SELECT giver_id, %s, from_at + interval '1 day', until_at FROM controls_delegation"
    )
    shares(northwind.jonas, northwind.theo)
    with pytest.raises(IntegrityError, match="delegation_one_at_a_time"):
        raw(copy, northwind.jonas.pk)


# --- coming, leaving, teams -----------------------------------------------------------------------------------------


@pytest.mark.rule("S1", "R8")
def test_leaver_is_recorded_once_with_reason_and_loses_rights(northwind: Northwind) -> None:
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        record_leaver(northwind.rita, actor=as_actor(northwind.theo), now=NOW, reason="New job")
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        record_leaver(northwind.rita, actor=as_actor(northwind.ines), now=NOW)
    record_leaver(northwind.rita, actor=as_actor(northwind.ines), now=NOW, reason="New job")
    assert access.roles_of(northwind.rita, NOW) == frozenset()
    assert not access.may(as_actor(northwind.rita), Permission.DELEGATION_SET, northwind.rita, now=NOW)
    with pytest.raises(OutOfTurn, match=r"^STATE: Rita Novak has left already\."):
        record_leaver(northwind.rita, actor=as_actor(northwind.ines), now=NOW, reason="Again")
    assert RoleAssignment.objects.filter(person=northwind.rita, until__isnull=True).exists(), "the record stays"


@pytest.mark.rule("H1", "H6")
def test_a_person_is_entered_by_an_admin_and_the_history_knows_no_name(northwind: Northwind) -> None:
    new = Person(name="Noor Bakker", email="noor@northwind.example", subject="noor@northwind.example")
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        add_person(new, actor=as_actor(northwind.theo), now=NOW)
    add_person(new, actor=as_actor(northwind.ines), now=NOW)
    with pytest.raises(InvalidInput, match=r"^PERSON: Somebody with this sign-in is here already\."):
        add_person(Person(name="Noor", subject=new.subject), actor=as_actor(northwind.ines), now=NOW)
    with pytest.raises(OutOfTurn, match=r"^STATE: Noor Bakker is here already\."):
        add_person(new, actor=as_actor(northwind.ines), now=NOW)
    assert access.roles_of(new, NOW) == {Role.EMPLOYEE}
    columns = {field.name for field in Person.history.model._meta.fields}
    assert not columns & {"name", "email", "title", "password", "last_login"}


@pytest.mark.rule("H1")
def test_signing_in_writes_no_history(northwind: Northwind) -> None:
    before = Person.history.count()
    northwind.rita.set_password("correct horse battery staple")
    northwind.rita.save(update_fields=["password"])
    northwind.rita.save(update_fields=["last_login"])
    assert Person.history.count() == before
    northwind.rita.save()
    assert Person.history.count() == before + 1


@pytest.mark.rule("S8")
def test_admin_makes_themself_neither_lead_nor_member(northwind: Northwind) -> None:
    team, admin = northwind.marketing, as_actor(northwind.ines)
    for lead in (northwind.ines, northwind.tom):
        with pytest.raises(NotPermitted, match=r"^INTERNAL: "):
            name_leads(team, actor=admin, now=NOW, lead=lead, deputy_lead=None)
    with pytest.raises(DutyConflict, match=r"^SOD-8: You can't put yourself into a team\."):
        join_team(team, actor=admin, now=NOW, person=northwind.ines)
    with pytest.raises(NotPermitted, match=r"^INTERNAL: "):
        name_leads(team, actor=as_actor(northwind.grace), now=NOW, lead=northwind.grace, deputy_lead=northwind.tom)
    with pytest.raises(DutyConflict, match=r"^S8: Who is a fallback owner decides where"):
        join_team(northwind.fallback, actor=admin, now=NOW, person=northwind.tom)
    with pytest.raises(DutyConflict, match=r"^S8: Who is a fallback owner decides where"):
        leave_team(northwind.fallback, actor=admin, now=NOW, person=northwind.amara)
    with pytest.raises(IntegrityError, match="team_lead_is_not_deputy"), unguarded(Team):
        raw("UPDATE controls_team SET deputy_lead_id = lead_id WHERE id = %s", team.pk)


@pytest.mark.rule("H1")
def test_teams_are_founded_led_joined_and_left_on_record(northwind: Northwind) -> None:
    admin = as_actor(northwind.ines)
    team = found_team(Team(name="Logistics", parent=northwind.operations), actor=admin, now=NOW)
    appoint("team_lead", f"{team.pk}-lead", {"person": northwind.lena.pk}, now=NOW)
    join_team(team, actor=admin, now=NOW, person=northwind.tom)
    join_team(team, actor=admin, now=NOW, person=northwind.tom)
    assert list(team.members.all()) == [northwind.tom]
    leave_team(team, actor=admin, now=NOW, person=northwind.tom)
    assert not Membership.objects.filter(team=team).exists()
    events = LedgerEvent.objects.filter(subject_type="controls.team", subject_id=str(team.pk)).order_by("id")
    assert [event.verb for event in events] == [
        "team.founded",
        "team.leads_named",
        "team.joined",
        "team.joined",
        "team.left",
    ]
    assert [row.history_user for row in team.history.order_by("history_id")] == [northwind.ines, northwind.lena]


@pytest.mark.rule("H6")
def test_ledger_rows_hold_no_names_addresses_or_texts(northwind: Northwind) -> None:
    secret = "He was seen with Grace at the canal"
    give(northwind.theo, northwind.bram)
    record_leaver(northwind.tom, actor=as_actor(northwind.ines), now=NOW, reason=secret)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        record_leaver(northwind.nadia, actor=as_actor(northwind.rita), now=NOW, reason=secret)
    with connection.cursor() as cursor:
        rows = ""
        for table in ("ledgerevent", "historicalperson", "historicalroleassignment", "historicaldelegation"):
            cursor.execute(f"SELECT string_agg(to_jsonb(t)::text, ' ') FROM controls_{table} t")
            rows += cursor.fetchone()[0]
    names = [part for person in northwind.people for part in (*person.name.split(), person.email) if len(part) > 2]
    assert [word for word in [*names, secret, "canal"] if word in rows] == []
    assert str(northwind.tom.opaque_id) in rows
