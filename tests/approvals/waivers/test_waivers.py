"""A waiver is asked, granted by somebody who gains nothing, lifts what it names, and ends loudly (S7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals.assignment import additional_seats
from approvals.assignment.context import load_context
from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts import leg_members
from approvals.conflicts import transitions as conflict_transitions
from approvals.conflicts.check.find_conflicts import case_of_version, find_conflicts
from approvals.conflicts.transitions import waiver_of
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import Conflict, ConflictRule, Seat, SeatLabel, Submission, Waiver, WaiverState
from approvals.waivers import jobs as waiver_jobs
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refused
from governance.core.models import Delegation, Notice, Person
from governance.core.roles.roles import Role
from inventory.models import Automation, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.ledger_records import recorded
from tests.people import as_actor, give_role, shares
from tests.scenarios import Company
from tests.starting_points import Ground, starting_point
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S7")]

JOB = Actor.of_job(conflict_jobs.JOB)


@pytest.fixture
def version(ground: Ground) -> Version:
    """A version that an enforced rule does not let be submitted."""
    return ground.made(FORBIDDEN.args[0])


def ask(c: Company, automation: Automation, *, now: object = None, by: Person | None = None, **more: object) -> Waiver:
    """Rita asks for thirty days."""
    fields = {
        "code": "read-and-tell",
        "subject_id": automation.pk,
        "control": "Piet reads every post.",
        "days": 30,
    } | more
    return waiver_transitions.ask_waiver(
        automation, actor=as_actor(by or c.people.rita), now=now or c.now, reason="The report is due.", **fields
    )


def grant(c: Company, waiver: Waiver, by: Person, *, now: object = None, **more: object) -> Waiver:
    """Somebody grants it."""
    return waiver_transitions.grant_waiver(waiver, actor=as_actor(by), now=now or c.now, reason="For now.", **more)


def forbidden(c: Company) -> Version:
    """An enforced rule does not let the stock report be submitted."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="enforce")
    return stock_report.version(c)


def requested_waiver(c: Company) -> Waiver:
    """Rita asks for a waiver of the only automation."""
    return ask(c, Automation.objects.get())


def granted(c: Company) -> Waiver:
    """Sana grants the only waiver."""
    return grant(c, Waiver.objects.get(), c.people.sana)


def signed_for(c: Company) -> tuple[Version, Waiver]:
    """A waiver is granted of a rule that asks for an extra approval."""
    version = stock_report.version(c)
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval")
    return version, granted_of(c, version)


def granted_of(c: Company, version: Version) -> Waiver:
    """Rita asks, and Sana grants."""
    return grant(c, ask(c, version.automation), c.people.sana)


def held_under_a_waiver(c: Company) -> Version:
    """An automation in force holds two things to read under a waiver."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="enforce")
    made = posting(c, "read")
    granted_of(c, made)
    in_force(c, made)
    return made


def is_waived(c: Company, version: Version, at: object) -> bool:
    """Whether what the version would hold is waived."""
    (conflict,) = find_conflicts(case_of_version(version.automation, version), at)
    return conflict.waiver is not None


FORBIDDEN = starting_point("plain", forbidden)
ASKED = starting_point(FORBIDDEN, requested_waiver)
GRANTED = starting_point(ASKED, granted)
SIGNED_FOR = starting_point("plain", signed_for)
HELD = starting_point("plain", held_under_a_waiver)


@pytest.mark.parametrize("who", ["rita", "jonas"])
@FORBIDDEN
def test_beneficiary_does_not_grant_waiver(plain: Company, version: Version, who: str) -> None:
    n = plain.people
    person = getattr(n, who)
    give_role(person, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    waiver = ask(plain, version.automation)
    with pytest.raises(Refused) as refused:
        grant(plain, waiver, person)
    assert refused.value.refusal.code == "S7"


@pytest.mark.parametrize("decide", [waiver_transitions.grant_waiver, waiver_transitions.refuse_waiver])
@ASKED
def test_later_responsible_person_does_not_grant_waiver(
    plain: Company, version: Version, start: Waiver, decide: Any
) -> None:
    n = plain.people
    waiver = start
    assert n.sana.pk not in waiver.beneficiaries
    Automation.objects.filter(pk=version.automation_id).update(technical_owner=n.sana)
    with pytest.raises(Refused) as refused:
        decide(waiver, actor=as_actor(n.sana), now=plain.now, reason="For now.")
    assert refused.value.refusal.code == "S7"
    decide(waiver, actor=as_actor(n.viktor), now=plain.now, reason="For now.")
    assert n.sana.pk in waiver.beneficiaries
    with pytest.raises(IntegrityError, match="S7: the decision about waiver"), transaction.atomic():
        Waiver.objects.filter(pk=waiver.pk).update(decided_by=n.sana)


@pytest.mark.rule("S7", "A11")
@pytest.mark.parametrize("way", ["for the asker", "for the owner", "by the owner", "over by now"])
@pytest.mark.parametrize("decide", [waiver_transitions.grant_waiver, waiver_transitions.refuse_waiver])
@ASKED
def test_delegate_of_beneficiary_does_not_grant_waiver(
    plain: Company, version: Version, start: Waiver, decide: Any, way: str
) -> None:
    n = plain.people
    waiver = start
    giver, taker = {"for the asker": (n.rita, n.sana), "for the owner": (n.jonas, n.sana)}.get(way, (n.sana, n.jonas))
    if giver == n.sana:
        give_role(taker, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    shares(taker, giver)
    until = plain.now + timedelta(days=2)
    Delegation.objects.create(giver=giver, taker=taker, from_at=plain.now, until_at=until)
    at = plain.now + timedelta(days=3 if way == "over by now" else 1)
    with pytest.raises(Refused) as refused:
        decide(waiver, actor=as_actor(n.sana), now=at, reason="For now.")
    assert refused.value.refusal.code == "A11"
    fields = {"state": "granted", "begins_at": at, "ends_at": at + timedelta(days=1), "decided_at": at}
    for who in ({"decided_by": n.sana}, {"decided_by": n.viktor, "decided_for": n.sana}):
        with pytest.raises(IntegrityError, match="A11"), transaction.atomic():
            Waiver.objects.filter(pk=waiver.pk).update(**fields, **who)
    decide(waiver, actor=as_actor(n.viktor), now=at, reason="For now.")


@pytest.mark.parametrize("who", ["rita", "jonas"])
@ASKED
def test_database_refuses_beneficiary_and_delegate(plain: Company, version: Version, start: Waiver, who: str) -> None:
    n, at = plain.people, plain.now
    waiver, person = start, getattr(plain.people, who)
    fields = {"state": "granted", "begins_at": at, "ends_at": at + timedelta(days=1)}
    for named in ({"decided_by": person}, {"decided_by": n.sana, "decided_for": person}):
        with pytest.raises(IntegrityError, match=r"waiver_(by|for)_nobody_who_gains"), transaction.atomic():
            Waiver.objects.filter(pk=waiver.pk).update(**fields, **named)


@GRANTED
def test_database_allows_only_earlier_end(plain: Company, version: Version, start: Waiver) -> None:
    waiver = start
    begins = plain.now + timedelta(days=200)
    for change in (
        {"ends_at": plain.now + timedelta(days=31)},
        {"begins_at": begins, "ends_at": begins + timedelta(days=30)},
        {"begins_at": plain.now + timedelta(days=1)},
        {"covers": [*waiver.covers, "1/anything"]},
        {"code": "other"},
        {"rule_digest": "0" * 64},
        {"days": 29},
        {"in_a_row": 2},
        {"beneficiaries": []},
        {"state": "asked"},
        {"decided_by": plain.people.viktor},
    ):
        with pytest.raises(IntegrityError, match="S7"), transaction.atomic():
            Waiver.objects.filter(pk=waiver.pk).update(**change)
    sooner = plain.now + timedelta(days=1)
    assert Waiver.objects.filter(pk=waiver.pk).update(ends_at=sooner, state="ended") == 1
    with pytest.raises(IntegrityError, match="S7"), transaction.atomic():
        Waiver.objects.filter(pk=waiver.pk).update(state="granted")


@FORBIDDEN
def test_waiver_is_never_longer_than_requested(plain: Company, version: Version) -> None:
    waiver, at = ask(plain, version.automation, days=5), plain.now
    fields = {"state": "granted", "begins_at": at, "ends_at": at + timedelta(days=6), "decided_by": plain.people.sana}
    for more in ({}, {"days": 6}):
        with pytest.raises(IntegrityError, match="S7"), transaction.atomic():
            Waiver.objects.filter(pk=waiver.pk).update(**fields, **more)


@pytest.mark.rule("S7", "A6")
@SIGNED_FOR
@pytest.mark.parametrize(
    "more",
    [{"mode": "enforce"}, {"rating": "high"}, {"reason": "Another thing."}, {"title": "Steal"}, {"scope": "owner"}],
)
def test_waiver_of_older_rule_version_lifts_nothing(
    plain: Company, more: dict[str, str], start: tuple[Version, Waiver]
) -> None:
    c, (version, waiver) = plain, start
    legs = on(c.erp), on(c.slack)
    assert is_waived(c, version, c.now)
    anew(c, conflict_rules.document(*legs, **{"mode": "approval"} | more))
    assert not is_waived(c, version, c.now)
    assert not conflicts_waived(c, waiver)
    anew(c, conflict_rules.document(*legs, mode="approval"))
    assert is_waived(c, version, c.now), "it says again what was read"


@pytest.mark.rule("S7", "A6")
@ASKED
def test_unseen_waiver_is_not_granted(plain: Company, version: Version, start: Waiver) -> None:
    c = plain
    waiver = start
    read = waiver.rule_digest
    anew(c, conflict_rules.document(on(c.erp), on(c.slack), mode="enforce", rating="high"))
    for shown in ({}, {"shown_digest": read}, {"shown_digest": ""}):
        with pytest.raises(Refused) as refused:
            grant(c, waiver, c.people.sana, **shown)
        assert (refused.value.refusal.code, refused.value.status) == ("A6", 409)
    now_said = ConflictRule.objects.in_force(c.now).get().digest
    grant(c, waiver, c.people.sana, shown_digest=now_said)
    assert is_waived(c, version, c.now)


@pytest.mark.rule("S7", "A6")
@ASKED
def test_waiver_of_changed_or_ended_rule_is_not_granted(plain: Company, version: Version, start: Waiver) -> None:
    c = plain
    waiver = start
    anew(c, conflict_rules.document(on(c.erp), on(c.slack), mode="enforce", scope="owner"))
    for _ in ("another scope", "given up"):
        shown = ConflictRule.objects.filter(code=waiver.code).order_by("-number")[0].digest
        with pytest.raises(Refused) as refused:
            grant(c, waiver, c.people.sana, shown_digest=shown)
        assert (refused.value.refusal.code, refused.value.refusal.kind) == ("S7", "state")
        conflict_rules.no_other_rules(c.now)


def anew(c: Company, document: dict[str, Any]) -> None:
    """The rule says something else, signed by two."""
    made = conflict_rules.unsaved(document, c.now)
    made.number = ConflictRule.objects.filter(code=made.code).count() + 1
    made.ships, made.proposed_by, made.approved_by = False, c.people.ines, c.people.karl
    with unguarded(ConflictRule):
        made.save()
    leg_members.update_all(c.now)


def conflicts_waived(c: Company, waiver: Waiver) -> bool:
    """Whether what is held is waived, as a page says it."""
    conflict_jobs.scan_all(c.now, JOB)
    return Conflict.objects.telling_waived(c.now).filter(waived_until__isnull=False, code=waiver.code).exists()


@pytest.mark.parametrize("who", ["theo", "omar", "ines", "yuki", "rita"])
@ASKED
def test_only_security_grants_waiver(plain: Company, version: Version, start: Waiver, who: str) -> None:
    waiver = start
    with pytest.raises(Refused) as refused:
        grant(plain, waiver, getattr(plain.people, who))
    assert refused.value.refusal.code == "PERMISSION"


@FORBIDDEN
def test_waived_submission_is_possible_until_waiver_ends(plain: Company, version: Version) -> None:
    with pytest.raises(Refused, match=r"^S6: Read stock and tell of it: What"):
        scenarios.submitted(plain, version)
    grant(plain, ask(plain, version.automation), plain.people.sana)
    at = plain.now + timedelta(days=30)
    with pytest.raises(Refused, match=r"^S6: Read stock and tell of it: What"):
        scenarios.submitted(plain, version, now=at)
    made = scenarios.submitted(plain, version, now=at - timedelta(seconds=1))
    assert (
        made.approvals.filter(facts__conflicts=[f"read-and-tell 1, waived by {Waiver.objects.get().pk}"]).count() == 2
    )


@pytest.mark.parametrize(("mode", "signatures"), [("approval", 2), ("record", 0), ("enforce", 0)])
def test_waiver_lifts_refusal_but_no_seat(plain: Company, mode: str, signatures: int) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode=mode)
    version = stock_report.version(plain)
    grant(plain, ask(plain, version.automation), plain.people.sana)
    made = scenarios.submitted(plain, version)
    assert Seat.objects.filter(approval__submission=made, label=SeatLabel.CONFLICT).count() == signatures
    context = load_context(made, plain.now)
    assert not any(additional_seats.missing_seats(context, made.approvals.all()).values())
    (conflict,) = context.conflicts.as_asked
    (tag,) = conflict_rows.tags([conflict])
    assert ("waived" in tag["text"]) == (mode != "approval")


@GRANTED
def test_waiver_covers_named_grants_only(plain: Company, version: Version) -> None:
    assert is_waived(plain, version, plain.now)
    more = stock_report.version(plain, stock_report.one_more_channel)
    assert not is_waived(plain, more, plain.now)


@HELD
def test_it_names_grants_and_not_how_they_are_held(plain: Company, start: Version) -> None:
    c, more = plain, posting(plain, "admin")
    assert set(more.privileges.values_list("key", flat=True)) == set(start.privileges.values_list("key", flat=True))
    assert is_waived(c, more, c.now)
    conflict_jobs.scan_all(c.now, JOB)
    assert waiver_of(Conflict.objects.get(), c.now) == Waiver.objects.get()


def posting(c: Company, level: str) -> Version:
    """An automation that holds the same two things, each at a level."""
    return described(
        c, "Posting", (c.slack, level, "in", "row:any"), (c.erp, level, "stock", "db:any"), external_id="posting"
    )


@FORBIDDEN
def test_two_follow_each_other_and_no_third(plain: Company, version: Version) -> None:
    at = plain.now
    for number in (1, 2):
        waiver = grant(plain, ask(plain, version.automation, now=at, days=90), plain.people.sana, now=at)
        assert waiver.in_a_row == number
        at += timedelta(days=90, hours=1)
    with pytest.raises(Refused) as refused:
        ask(plain, version.automation, now=at)
    assert refused.value.refusal.code == "S7"
    assert ask(plain, version.automation, now=at + timedelta(days=31)).in_a_row == 1


@GRANTED
def test_second_waiver_needs_end_within_two_weeks(plain: Company, version: Version) -> None:
    with pytest.raises(Refused) as refused:
        ask(plain, version.automation, now=plain.now + timedelta(days=16) - timedelta(seconds=1))
    assert refused.value.refusal.code == "S7"


@GRANTED
def test_one_more_is_asked_before_the_end_and_begins_there_and_no_third(
    plain: Company, version: Version, start: Waiver
) -> None:
    first = start
    at = plain.now + timedelta(days=16)
    assert waiver_jobs.remind(at) == 2
    second = grant(plain, ask(plain, version.automation, now=at, days=90), plain.people.sana, now=at)
    assert (second.follows, second.in_a_row, second.begins_at) == (first, 2, first.ends_at)
    assert second.ends_at == first.ends_at + timedelta(days=90)
    assert waiver_jobs.remind(at + timedelta(days=12)) == 0
    for when, counts in ((at, first), (first.ends_at - timedelta(seconds=1), first), (first.ends_at, second)):
        assert find_conflicts(case_of_version(version.automation, version), when)[0].waiver == counts
    for when in (at, second.ends_at - timedelta(days=14), second.ends_at + timedelta(days=1)):
        with pytest.raises(Refused, match=r"^S7: "):
            ask(plain, version.automation, now=when)


@pytest.mark.parametrize("end", ["withdrawn", "refused"])
@FORBIDDEN
def test_refused_waiver_counts_not_in_sequence(plain: Company, version: Version, end: str) -> None:
    n, at = plain.people, plain.now
    for _ in (1, 2):
        grant(plain, ask(plain, version.automation, now=at, days=90), n.sana, now=at)
        at += timedelta(days=90, hours=1)
        if not Waiver.objects.filter(in_a_row=2).exists():
            given_up(plain, ask(plain, version.automation, now=at), end, at)
    assert list(Waiver.objects.filter(state=WaiverState.GRANTED).order_by("pk").values_list("in_a_row", flat=True)) == [
        1,
        2,
    ]
    with pytest.raises(Refused) as refused:
        ask(plain, version.automation, now=at)
    assert refused.value.refusal.code == "S7"


def given_up(c: Company, waiver: Waiver, end: str, at: datetime) -> None:
    """It comes to nothing."""
    if end == "withdrawn":
        waiver_transitions.withdraw_waiver(waiver, actor=as_actor(c.people.rita), now=at)
    else:
        waiver_transitions.refuse_waiver(waiver, actor=as_actor(c.people.sana), now=at, reason="Not now.")


@FORBIDDEN
def test_the_database_counts_them_too(plain: Company, version: Version) -> None:
    first = grant(plain, ask(plain, version.automation, days=90), plain.people.sana)
    at = plain.now + timedelta(days=91)
    second = ask(plain, version.automation, now=at)
    fields = {"state": "granted", "begins_at": at, "ends_at": at + timedelta(days=1), "decided_by": plain.people.sana}
    with pytest.raises(IntegrityError, match="S7: this is waiver 2 in a row"), transaction.atomic():
        Waiver.objects.filter(pk=second.pk).update(**fields, in_a_row=1, follows=None)
    assert Waiver.objects.filter(pk=second.pk).update(**fields) == 1
    assert Waiver.objects.get(pk=second.pk).follows == first


@FORBIDDEN
def test_late_answer_counts_not_in_sequence(plain: Company, version: Version) -> None:
    at = plain.now
    for wait in (timedelta(), timedelta(days=40)):
        requested = ask(plain, version.automation, now=at, days=90)
        waiver = grant(plain, requested, plain.people.sana, now=at + wait)
        at = waiver.ends_at + timedelta(hours=1)
    assert waiver.in_a_row == 2


@pytest.mark.parametrize(("field", "value"), [("days", 91), ("days", 0), ("control", " ")])
@FORBIDDEN
def test_waiver_needs_compensating_control_and_ends_in_ninety_days(
    plain: Company, version: Version, field: str, value: object
) -> None:
    with pytest.raises(Refused) as refused:
        ask(plain, version.automation, **{field: value})
    assert refused.value.refusal.detail[0][0] == field
    assert not Waiver.objects.exists()


@ASKED
def test_one_is_asked_at_a_time_and_withdrawn_by_its_side(plain: Company, version: Version, start: Waiver) -> None:
    waiver = start
    with pytest.raises(Refused, match=r"^S7: A waiver is asked for already\."):
        ask(plain, version.automation)
    waiver_transitions.withdraw_waiver(waiver, actor=as_actor(plain.people.jonas), now=plain.now)
    assert waiver.state == WaiverState.WITHDRAWN
    assert ask(plain, version.automation).state == WaiverState.ASKED


@FORBIDDEN
def test_security_shortens_it_and_ends_it_early(plain: Company, version: Version) -> None:
    waiver = grant(plain, ask(plain, version.automation), plain.people.sana, days=5)
    assert waiver.ends_at == plain.now + timedelta(days=5)
    at = plain.now + timedelta(days=1)
    waiver_transitions.end_waiver(waiver, actor=as_actor(plain.people.viktor), now=at, reason="It went wrong.")
    assert not is_waived(plain, version, at)


def test_waived_access_is_kept_and_expiry_is_prominent(plain: Company, plain_in_force: Submission) -> None:
    n = plain.people
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce", rating="high")
    conflict_jobs.scan_all(plain.now, JOB)
    (conflict,) = Conflict.objects.all()
    waiver = grant(plain, ask(plain, plain_in_force.automation), n.sana)
    at = plain.now + timedelta(days=8)
    with pytest.raises(Refused) as refused:
        conflict_transitions.enforce(conflict, actor=JOB, now=at)
    assert refused.value.refusal.code == "S7"
    assert waiver_jobs.remind(plain.now + timedelta(days=16)) == 2
    assert waiver_jobs.remind(plain.now + timedelta(days=16)) == 0
    assert waiver.ends_at is not None
    waiver_transitions.expire_waiver(waiver, actor=JOB, now=waiver.ends_at)
    payload = recorded("waiver.expired", waiver, by=JOB)
    assert payload == {"rule": conflict.code, "is_held": True, "from": "granted", "to": "ended"}
    recipients = set(
        Notice.objects.filter(event="waiver_expired", context__is_held=True).values_list("recipient", flat=True)
    )
    assert recipients == {n.rita.pk, n.jonas.pk, n.sana.pk, n.viktor.pk}
    conflict_transitions.enforce(conflict, actor=JOB, now=waiver.ends_at)
