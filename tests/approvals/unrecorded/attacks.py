"""Plain SQL, by INSERT and UPDATE alone, that writes what no operation of the portal wrote. Each attack leaves one such row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import models

from approvals.models import Approval, Grant, Submission
from governance.controls.models import Person
from inventory.models import Automation, Version
from tests.approvals.attempts import insert_decision, name_candidate, sql

#: ``attack(submission, chance, now)``; the submission is in stage 2 and another one of its team is in force.
Attack = Callable[[Submission, Random, datetime], None]

ENDED = ("rejected", "expired", "not_applicable", "withdrawn")


def _open(submission: Submission, chance: Random) -> Approval:
    return chance.choice(list(submission.approvals.filter(state="open").order_by("pk")))


def _outsider(submission: Submission, chance: Random) -> Person:
    """Somebody who is no party, was not asked, and has decided nothing in it."""
    asked = submission.approvals.values("seats__candidates__person")
    parties = submission.parties.values("person")
    others = Person.objects.filter(is_active=True).exclude(pk__in=asked).exclude(pk__in=parties)
    return chance.choice(list(others.order_by("pk")))


def _held(chance: Random, **fields: Any) -> Grant:
    return chance.choice(list(Grant.objects.filter(**fields).order_by("pk")))


def _copied(model: type[models.Model], pk: int, **changed: str) -> None:
    """Insert a copy of a row, some columns of which are other SQL."""
    names = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    values = [changed.get(name, f'"{name}"') for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    table = model._meta.db_table
    sql(f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} FROM {table} WHERE id = %s", pk)


def decision_off_the_chain(submission: Submission, chance: Random, now: datetime) -> None:
    """Somebody on no escalation chain decides an open approval."""
    approval, person = _open(submission, chance), _outsider(submission, chance)
    insert_decision(approval, person, now=now, seat=name_candidate(approval, person))


def approval_set_to_approved(submission: Submission, chance: Random, now: datetime) -> None:
    """An approval is approved by such a decision in each of its seats."""
    approval = _open(submission, chance)
    for seat in approval.seats.all():
        person = _outsider(submission, chance)
        name_candidate(approval, person)
        sql(
            "INSERT INTO approvals_candidate (seat_id, person_id, \"order\", basis, at) VALUES (%s, %s, 8, 'owner', %s)"
            " ON CONFLICT DO NOTHING",
            *(seat.pk, person.pk, now),
        )
        insert_decision(approval, person, now=now, seat=seat)
    sql(
        "UPDATE approvals_approval SET state = 'approved', granted_term_days = term_days, ended_at = %s WHERE id = %s",
        *(now, approval.pk),
    )


def approval_ended(submission: Submission, chance: Random, now: datetime) -> None:
    """An approval ends in another way."""
    sql(
        "UPDATE approvals_approval SET state = %s, ended_at = %s WHERE id = %s",
        *(chance.choice(ENDED), now, _open(submission, chance).pk),
    )


def automation_inserted_live(submission: Submission, chance: Random, now: datetime) -> None:
    """A live automation that nobody brought in."""
    live = chance.choice(list(Automation.objects.filter(state="live").order_by("pk")))
    made = f"'sql-{chance.getrandbits(40):x}'"
    sql(
        "INSERT INTO inventory_automation (team_id, name, purpose, kind, platform_instance, external_id, environment,"
        " business_owner_id, escalation_contact, state, tier, raised_to, amendment, search, created_at, review_because)"
        f" SELECT team_id, name, purpose, kind, platform_instance, {made}, environment, business_owner_id, '', 'draft', tier,"
        " '', '{}', '', %s, '' FROM inventory_automation WHERE id = %s",
        *(now, live.pk),
    )
    copy = Automation.objects.get(external_id=made.strip("'"))
    assert live.approved_version_id is not None
    _copied(Version, live.approved_version_id, automation_id=str(copy.pk))
    version = Version.objects.get(automation=copy)
    sql("UPDATE inventory_automation SET state = 'live', approved_version_id = %s WHERE id = %s", version.pk, copy.pk)


def automation_set_live(submission: Submission, chance: Random, now: datetime) -> None:
    """An automation under review goes live."""
    sql(
        "UPDATE inventory_automation SET state = 'live', approved_version_id = %s WHERE id = %s",
        *(submission.version_id, submission.automation_id),
    )


def delegation_backdated(submission: Submission, chance: Random, now: datetime) -> None:
    """Somebody decides for somebody else since last week."""
    people = list(Person.objects.filter(is_active=True, delegations_given=None).order_by("pk"))
    giver, taker = chance.sample(people, 2)
    sql(
        "INSERT INTO controls_delegation (giver_id, taker_id, from_at, until_at) VALUES (%s, %s, %s, %s)",
        *(giver.pk, taker.pk, now - timedelta(days=chance.randint(1, 9)), now + timedelta(days=chance.randint(1, 9))),
    )


def clock_moved(submission: Submission, chance: Random, now: datetime) -> None:
    """Business time is another one for every process."""
    sql(
        'INSERT INTO controls_clockoffset (id, "offset") VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET "offset" ='
        ' controls_clockoffset."offset" + excluded."offset"',
        timedelta(hours=chance.randint(1, 900)),
    )


#: The database refuses these when they are committed.
REFUSED: Sequence[Attack] = (
    decision_off_the_chain,
    approval_set_to_approved,
    approval_ended,
    automation_inserted_live,
    automation_set_live,
)

#: These it takes, and the verifier finds them: what is written, and a word of the finding.
FOUND: Mapping[Attack, str] = {delegation_backdated: "Delegation", clock_moved: "Clock offset"}
