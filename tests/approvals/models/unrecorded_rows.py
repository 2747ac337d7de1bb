"""Plain SQL, by INSERT and UPDATE alone, that writes what no operation of the portal wrote. Each attack leaves one such row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random

from django.db import models

from approvals.models import Approval, Grant, Submission
from governance.core.models import Delegation, LedgerEvent, Person
from inventory.models import Automation, Privilege, Version
from inventory.ownership import delegates
from tests.approvals.refusals import insert_decision, name_candidate, sql

#: ``attack(submission, chance, now)``; the submission is in stage 2, another one is in force, and somebody has delegated.
Attack = Callable[[Submission, Random, datetime], None]

ENDED = ("rejected", "expired", "not_applicable", "withdrawn")


def _open(submission: Submission, chance: Random) -> Approval:
    return chance.choice(list(submission.approvals.filter(state="open").order_by("pk")))


def _outsider(submission: Submission, chance: Random) -> Person:
    """Somebody who is no party, was not asked, and has decided nothing in it."""
    candidates = submission.approvals.values("seats__candidates__person")
    parties = submission.parties.values("person")
    others = Person.objects.filter(is_active=True).exclude(pk__in=candidates).exclude(pk__in=parties)
    return chance.choice(list(others.order_by("pk")))


def _held(chance: Random, **fields: str) -> Grant:
    return chance.choice(list(Grant.objects.filter(state="active", **fields).order_by("pk")))


def _live(chance: Random) -> Automation:
    return chance.choice(list(Automation.objects.filter(state="live").order_by("pk")))


def _delegation(chance: Random) -> Delegation:
    return chance.choice(list(Delegation.objects.filter(ended_at=None).order_by("pk")))


def _copied(model: type[models.Model], pk: int, **changed: str) -> None:
    """Insert a copy of a row, some columns of which are other SQL."""
    fields = model._meta.concrete_fields
    names = [field.column for field in fields if field.column in changed or not field.primary_key]
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
    live = _live(chance)
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


def automation_given_another_version(submission: Submission, chance: Random, now: datetime) -> None:
    """A live automation runs a version that nobody approved."""
    live = _live(chance)
    assert live.approved_version_id is not None
    _copied(Version, live.approved_version_id, number="number + 1", manifest_digest="'another'")
    version = live.versions.get(manifest_digest="another")
    sql("UPDATE inventory_automation SET approved_version_id = %s WHERE id = %s", version.pk, live.pk)


def automation_taken_out_of_suspension(submission: Submission, chance: Random, now: datetime) -> None:
    """Somebody stops a live automation by SQL and starts it again in the same way."""
    live = _live(chance)
    for state in ("suspended", "live"):
        sql("UPDATE inventory_automation SET state = %s WHERE id = %s", state, live.pk)


def grant_suspended(submission: Submission, chance: Random, now: datetime) -> None:
    """A grant is taken out of force."""
    sql("UPDATE approvals_grant SET state = 'suspended', suspended_why = 'stopped' WHERE id = %s", _held(chance).pk)


def grant_ended(submission: Submission, chance: Random, now: datetime) -> None:
    """A credential's grant ends; that of its last privilege would be refused by A2 before."""
    sql(
        "UPDATE approvals_grant SET state = 'ended', ended_at = %s, ended_why = 'revoked' WHERE id = %s",
        *(now, _held(chance, kind="credential").pk),
    )


def grant_renewed(submission: Submission, chance: Random, now: datetime) -> None:
    """A grant ends, and another one of the same approvals follows it."""
    grant = _held(chance)
    sql(
        "UPDATE approvals_grant SET state = 'ended', ended_at = %s, ended_why = 'succeeded' WHERE id = %s",
        *(grant.begins_at, grant.pk),
    )
    none = {"ended_at": "NULL", "ended_why": "''", "state": "'active'"}
    _copied(Grant, grant.pk, **none, predecessor_id=str(grant.pk))


def grant_cut_short(submission: Submission, chance: Random, now: datetime) -> None:
    """A grant ends sooner than anybody decided."""
    sql("UPDATE approvals_grant SET ends_at = ends_at - interval '1 hour' WHERE id = %s", _held(chance).pk)


def approval_closed_again(submission: Submission, chance: Random, now: datetime) -> None:
    """An open approval waits."""
    sql("UPDATE approvals_approval SET state = 'waiting' WHERE id = %s", _open(submission, chance).pk)


def submission_withdrawn(submission: Submission, chance: Random, now: datetime) -> None:
    """A submission ends without its submitter."""
    sql("UPDATE approvals_submission SET state = 'withdrawn', ended_at = %s WHERE id = %s", now, submission.pk)


def approval_added(submission: Submission, chance: Random, now: datetime) -> None:
    """A submission asks for one approval more."""
    approval = _open(submission, chance)
    version = submission.version
    _copied(Privilege, version.privileges.order_by("pk")[0].pk, key=f"'more-{chance.getrandbits(40):x}'")
    privilege = version.privileges.latest("pk")
    changed = {"kind": "'privilege'", "credential_id": "NULL", "decided_on_id": "NULL", "state": "'waiting'"}
    _copied(Approval, approval.pk, **changed, privilege_id=str(privilege.pk))


def party_named(submission: Submission, chance: Random, now: datetime) -> None:
    """Somebody becomes a party, and decides nothing any more."""
    decided = submission.approvals.values("decisions__person")
    others = Person.objects.filter(is_active=True).exclude(pk__in=submission.parties.values("person"))
    person = chance.choice(list(others.exclude(pk__in=decided.exclude(decisions=None)).order_by("pk")))
    sql(
        "INSERT INTO approvals_party (submission_id, person_id, capacity) VALUES (%s, %s, %s)",
        *(submission.pk, person.pk, chance.choice(["editor", "author", "importer"])),
    )


def decision_taken_back(submission: Submission, chance: Random, now: datetime) -> None:
    """A decision of stage 1 is taken back in the name of who made it."""
    decision = submission.approvals.get(stage=1).decisions.get()
    sql(
        "INSERT INTO approvals_retraction (decision_id, person_id, at) VALUES (%s, %s, %s)",
        *(decision.pk, decision.person_id, now),
    )


def delegation_moved_back(submission: Submission, chance: Random, now: datetime) -> None:
    """A delegation of tomorrow counts since yesterday."""
    sql(
        "UPDATE controls_delegation SET from_at = from_at - %s WHERE id = %s",
        *(timedelta(hours=chance.randint(30, 200)), _delegation(chance).pk),
    )


def delegation_given_to_another(submission: Submission, chance: Random, now: datetime) -> None:
    """A delegation names another eligible delegate."""
    delegation = _delegation(chance)
    others = delegates.eligible_delegates(delegation.giver, now).exclude(pk=delegation.taker_id)
    sql("UPDATE controls_delegation SET taker_id = %s WHERE id = %s", chance.choice(list(others)).pk, delegation.pk)


def delegation_ended(submission: Submission, chance: Random, now: datetime) -> None:
    """A delegation ends without its giver."""
    sql("UPDATE controls_delegation SET ended_at = %s WHERE id = %s", now, _delegation(chance).pk)


def delegation_backdated(submission: Submission, chance: Random, now: datetime) -> None:
    """Somebody decides for somebody else since last week."""
    givers = list(Person.objects.filter(is_active=True, delegations_given=None).order_by("pk"))
    chance.shuffle(givers)
    giver, taker = next(
        (person, chance.choice(takers))
        for person in givers
        if (takers := list(delegates.eligible_delegates(person, now)))
    )
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


def event_with_a_late_id(submission: Submission, chance: Random, now: datetime) -> None:
    """An event stays the newest of an approval: every later decision there would be refused."""
    of_it = LedgerEvent.objects.filter(subject_type="approvals.approval", subject_id=str(_open(submission, chance).pk))
    late = str(chance.randint(10**9, 9 * 10**18))
    _copied(LedgerEvent, of_it.order_by("-pk")[0].pk, id=late, event_id="gen_random_uuid()", reason_id="NULL")


#: The database refuses these when they are committed. Where somebody switched its triggers off, a finding begins like this; the last two
#: leave the row as it was.
REFUSED: Mapping[Attack, str] = {
    decision_off_the_chain: "Decision",
    approval_set_to_approved: "Approval",
    approval_ended: "Approval",
    automation_inserted_live: "Automation",
    automation_set_live: "Automation",
    automation_given_another_version: "Automation",
    grant_suspended: "Grant",
    grant_ended: "Grant",
    grant_renewed: "Grant",
    automation_taken_out_of_suspension: "",
    event_with_a_late_id: "",
}

#: These it takes, and the verifier finds them: what is written, and how the finding begins.
FOUND: Mapping[Attack, str] = {
    grant_cut_short: "Grant",
    approval_closed_again: "Approval",
    approval_added: "Submission",
    submission_withdrawn: "Submission",
    party_named: "Party",
    decision_taken_back: "Retraction",
    delegation_backdated: "Delegation",
    delegation_moved_back: "Delegation",
    delegation_given_to_another: "Delegation",
    delegation_ended: "Delegation",
    clock_moved: "Clock offset",
}
