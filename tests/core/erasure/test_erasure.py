"""Erasing a person who has left, by two admins, and refused otherwise; with their name in texts of others (H6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from approvals.models import SavedView
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.engine import hooks
from governance.core.erasure import transitions as erasure_transitions
from governance.core.erasure.redaction import ERASED_NAME, KnownAs
from governance.core.erasure.transitions import FORGETTING, ask_erasure, drop_erasure, erase
from governance.core.mail.jobs import send_due
from governance.core.models import Erasure, FreeText, LedgerEvent, Notice, Person, UnwantedMail
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from governance.core.texts import free_text
from tests.appointments import propose_role, record_leaver
from tests.people import NOW, Northwind, as_actor, as_delegate, give_role, make_person

pytestmark = pytest.mark.django_db


def gone(n: Northwind, person: Person, reason: str = "A new job.") -> Person:
    """Somebody who has left."""
    return record_leaver(person, actor=as_actor(n.ines), now=NOW, reason=reason)


def request_erasure(n: Northwind, person: Person, reason: str = "They want it.") -> Erasure:
    """By Ines, for a person who has left."""
    ask_erasure(person, actor=as_actor(n.ines), now=NOW, reason=reason, named=person.name)
    return Erasure.objects.get(person=person, dropped_at__isnull=True)


def erased(n: Northwind, person: Person) -> Person:
    """They left, Ines asked and Karl confirmed."""
    row = request_erasure(n, gone(n, person))
    erase(row, actor=as_actor(n.karl), now=NOW, named=person.name)
    person.refresh_from_db()
    return person


def raw(sql: str, *values: Any) -> None:
    """Run SQL as somebody would who goes past the program."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


# --- refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H6")
def test_only_admin_requests_confirms_and_drops_erasure(northwind: Northwind) -> None:
    n = northwind
    row = request_erasure(n, gone(n, n.rita))
    gone(n, n.tom)
    for stranger in (n.theo, n.sana, n.yuki, n.jonas):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            ask_erasure(n.tom, actor=as_actor(stranger), now=NOW, reason="Let me.", named=n.tom.name)
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            erase(row, actor=as_actor(stranger), now=NOW, named=n.rita.name)
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            drop_erasure(row, actor=as_actor(stranger), now=NOW)
    assert Person.objects.get(pk=n.rita.pk).name == "Rita Novak"
    assert LedgerEvent.objects.filter(outcome="refused", code="PERMISSION").count() == 12


@pytest.mark.rule("H6")
def test_present_person_is_not_erased(northwind: Northwind) -> None:
    n = northwind
    with pytest.raises(OutOfTurn) as error:
        ask_erasure(n.rita, actor=as_actor(n.ines), now=NOW, reason="Why not.", named=n.rita.name)
    assert error.value.refusal.sentence == "Rita Novak is here."
    with pytest.raises(DatabaseError, match="H6"):
        raw(
            "INSERT INTO controls_erasure (person_id, asked_by_id, asked_at) VALUES (%s, %s, now())",
            n.rita.pk,
            n.ines.pk,
        )


@pytest.mark.rule("H6")
def test_requester_does_not_confirm_erasure(northwind: Northwind) -> None:
    n = northwind
    row = request_erasure(n, gone(n, n.rita))
    with pytest.raises(DutyConflict) as error:
        erase(row, actor=as_actor(n.ines), now=NOW, named=n.rita.name)
    assert error.value.refusal.code == "H6"
    with pytest.raises(DatabaseError, match="erasure_second_admin_confirms"):
        raw("UPDATE controls_erasure SET confirmed_by_id = asked_by_id, confirmed_at = now()")
    assert Person.objects.get(pk=n.rita.pk).name == "Rita Novak"
    assert Notice.objects.get(event="erasure_asked").recipient == n.karl, "the other admin is told"


@pytest.mark.rule("H6")
def test_nobody_erases_themself(northwind: Northwind) -> None:
    """Who has left acts no more; should that ever be otherwise, the duty and the database say no."""
    n = northwind
    give_role(n.tom, Role.ADMIN, admins=(n.ines, n.karl))  # the last two stay (S9)
    row = request_erasure(n, gone(n, n.karl))
    for verb, subject in ((ask_erasure, n.karl), (erase, row)):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            verb(subject, actor=as_actor(n.karl), now=NOW, reason="Mine.", named=n.karl.name)
        duty = next(duty for duty in verb.all_duties if duty == erasure_transitions.not_oneself)
        refusal = duty.asks(subject, as_actor(n.karl), NOW)
        assert refusal is not None
        assert (refusal.code, refusal.kind) == ("H6", "duty")
    for column in ("asked_by_id = person_id", "confirmed_by_id = person_id, confirmed_at = now()"):
        with pytest.raises(DatabaseError, match="erasure_nobody_themself"):
            raw(f"UPDATE controls_erasure SET {column}")


@pytest.mark.rule("H6", "A11")
def test_delegate_does_not_erase(northwind: Northwind) -> None:
    n = northwind
    mei = n.mei
    give_role(mei, Role.ADMIN, admins=(n.ines, n.karl))
    stands_in = as_delegate(mei, giver=n.karl)
    row = request_erasure(n, gone(n, n.rita))
    with pytest.raises(DutyConflict, match=r"^H6: Nobody is erased in somebody else's place\."):
        erase(row, actor=stands_in, now=NOW, named=n.rita.name)
    gone(n, n.tom)
    with pytest.raises(DutyConflict, match=r"^H6: Nobody is erased in somebody else's place\."):
        ask_erasure(n.tom, actor=stands_in, now=NOW, reason="For Karl.", named=n.tom.name)


@pytest.mark.rule("H6")
def test_wrong_typed_name_erases_nobody_and_is_not_stored(northwind: Northwind) -> None:
    n = northwind
    gone(n, n.rita)
    kept = (LedgerEvent.objects.count(), FreeText.objects.count())
    with pytest.raises(InvalidInput, match=r"^NAME: This is not their name: type"):
        ask_erasure(n.rita, actor=as_actor(n.ines), now=NOW, reason="Rightly.", named="Rita Novack")
    assert kept == (LedgerEvent.objects.count(), FreeText.objects.count())
    row = request_erasure(n, n.rita)
    for typed in ("", "rita novak", "Jonas Weil"):
        with pytest.raises(InvalidInput, match=r"^NAME: This is not their name: type"):
            erase(row, actor=as_actor(n.karl), now=NOW, named=typed)
    assert Person.objects.get(pk=n.rita.pk).name == "Rita Novak"
    erase(row, actor=as_actor(n.karl), now=NOW, named=" Rita  Novak ")
    assert Person.objects.get(pk=n.rita.pk).name == ERASED_NAME


@pytest.mark.rule("H6")
def test_person_is_erased_once_for_good(northwind: Northwind) -> None:
    n = northwind
    row = request_erasure(n, gone(n, n.rita))
    with pytest.raises(OutOfTurn, match=r"^STATE: This was asked for already\."):
        ask_erasure(n.rita, actor=as_actor(n.karl), now=NOW, reason="Again.", named=n.rita.name)
    erase(row, actor=as_actor(n.karl), now=NOW, named="Rita Novak")
    for verb, subject, more in (
        (ask_erasure, n.rita, {"named": ERASED_NAME}),
        (erase, row, {"named": ERASED_NAME}),
        (drop_erasure, row, {}),
    ):
        with pytest.raises(OutOfTurn, match=r"^STATE: This"):
            verb(subject, actor=as_actor(n.karl), now=NOW, reason="Again.", **more)
    for statement in ("UPDATE controls_erasure SET dropped_at = now()", "DELETE FROM controls_erasure"):
        with pytest.raises(DatabaseError, match="Cannot"):
            raw(statement)


@pytest.mark.rule("H6")
def test_dropped_erasure_can_be_requested_again(northwind: Northwind) -> None:
    n = northwind
    row = request_erasure(n, gone(n, n.rita))
    drop_erasure(row, actor=as_actor(n.karl), now=NOW)
    with pytest.raises(OutOfTurn, match=r"^STATE: This was confirmed or dropped already\."):
        erase(row, actor=as_actor(n.karl), now=NOW, named=n.rita.name)
    assert request_erasure(n, n.rita) != row
    assert Person.objects.get(pk=n.rita.pk).name == "Rita Novak"


@pytest.mark.rule("H6")
def test_text_is_only_erased_with_its_key(northwind: Northwind) -> None:
    row = free_text.keep("Because it is needed.")
    assert row is not None
    for statement in (
        "UPDATE controls_freetext SET text = 'Because I say so.' WHERE id = %s",
        "UPDATE controls_freetext SET text = '', erased_at = now() WHERE id = %s",  # the key would confirm a guess
        "UPDATE controls_freetext SET key = '', digest = 'x', erased_at = now() WHERE id = %s",
        "DELETE FROM controls_freetext WHERE id = %s",
    ):
        with pytest.raises(DatabaseError, match="H6"):
            raw(statement, row.pk)
    free_text.erase(FreeText.objects.filter(pk=row.pk), now=NOW)
    row.refresh_from_db()
    assert (row.text, bytes(row.key), row.shown, row.erased_at) == ("", b"", "[erased]", NOW)


# --- done ---------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H6")
def test_erased_person_stays_in_ledger_by_opaque_id(northwind: Northwind) -> None:
    n = northwind
    opaque = str(n.rita.opaque_id)
    person = erased(n, n.rita)
    assert (person.name, person.email, person.title, person.subject) == (ERASED_NAME, "", "", f"erased:{opaque}")
    assert not person.has_usable_password()
    assert not person.is_here
    event = LedgerEvent.objects.get(verb="person.erased")
    assert (event.subject_type, event.subject_id) == ("controls.person", str(person.pk))
    assert event.payload["person"] == opaque
    assert event.actor_id == str(n.karl.opaque_id)
    assert person.history.latest().history_change_reason.startswith("person.erased")
    erasure_event = LedgerEvent.objects.get(verb="person.erasure_asked")
    assert erasure_event.about == [f"controls.erasure:{Erasure.objects.get().pk}", f"controls.person:{person.pk}"]


@pytest.mark.rule("H6")
def test_same_address_after_erasure_is_a_new_person(northwind: Northwind) -> None:
    n = northwind
    address = n.rita.email
    first, second = erased(n, n.rita), erased(n, n.tom)
    assert first.subject != second.subject
    anew = make_person("Rita Novak")
    assert anew.email == address
    assert anew.pk != first.pk


@pytest.mark.rule("H6")
def test_texts_of_others_lose_the_name(northwind: Northwind) -> None:
    n = northwind
    quiet = make_person("Nils Quiet")
    gone(n, quiet, "Tom Ashby told Rita  Novak (rita.novak@northwind.example), who told Rita's team.")
    erased(n, n.rita)
    left = LedgerEvent.objects.get(verb="person.left", subject_id=str(quiet.pk))
    assert left.reason is not None
    assert left.reason.text == f"Tom Ashby told {ERASED_NAME} ({ERASED_NAME}), who told Rita's team."
    assert bytes(left.reason.key) == b""
    assert left.payload["reason"] == left.reason.digest, "the chain knows it by its digest"
    untouched = LedgerEvent.objects.get(verb="person.erasure_asked").reason
    assert untouched is not None
    assert (untouched.text, untouched.erased_at) == ("They want it.", None)


@pytest.mark.rule("H6")
def test_apps_that_keep_texts_of_people_forget_them(northwind: Northwind) -> None:
    assert hooks.registered()[FORGETTING] == [
        "inventory.ownership.erasure.erase_person",
        "approvals.submissions.erasure.erase_person",
        "governance.recertification.items.drafts.forget",
        "governance.portal.sign_in.erasure.forget",
        "governance.portal.lists.erasure.forget",
    ]


@pytest.mark.rule("H6")
def test_erasure_removes_saved_views_of_person_only(northwind: Northwind) -> None:
    n = northwind
    for person in (n.rita, n.omar):
        SavedView.objects.create(person=person, name=f"{person.name}, risky", query="tier=high")
        UnwantedMail.objects.create(person=person, event="commented")
    erased(n, n.rita)
    assert UnwantedMail.objects.get().person == n.omar
    assert list(SavedView.objects.values_list("person", "name")) == [(n.omar.pk, f"{n.omar.name}, risky")]


# --- names of a person ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("H6")
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ask RITA NOVAK.", f"Ask {ERASED_NAME}."),
        ("Ask Rita\nNovak’s team", f"Ask {ERASED_NAME}’s team"),
        ("Ask Rita Novakova", "Ask Rita Novakova"),
        ("Rita.Novak@northwind.example.", f"{ERASED_NAME}."),
        ("x.rita.novak@northwind.example", "x.rita.novak@northwind.example"),
        ("rita.novak@northwind.example.org", "rita.novak@northwind.example.org"),
        ("Novak, Rita", "Novak, Rita"),
    ],
)
def test_a_name_and_an_address_are_found_whole(northwind: Northwind, text: str, left: str) -> None:
    assert KnownAs.load(northwind.rita).without(text) == left


@pytest.mark.rule("H6")
def test_a_name_in_a_page_is_found_as_pages_write_it(northwind: Northwind) -> None:
    names = KnownAs.load(make_person("Miles O'Brien"))
    assert names.without("<p>Miles O&#x27;Brien asks.</p>") == f"<p>{ERASED_NAME} asks.</p>"


@pytest.mark.rule("H6")
def test_shared_name_or_address_is_kept(northwind: Northwind) -> None:
    other = make_person("Rita Novak", word="two")
    Person.objects.filter(pk=other.pk).update(email=northwind.rita.email.upper())
    names = KnownAs.load(northwind.rita)
    assert (names.name, names.addresses) == ("", ())
    assert names.without("Rita Novak, rita.novak@northwind.example") == "Rita Novak, rita.novak@northwind.example"
    assert not Person.objects.filter(names.may_be_in("name", "email")).exists()


@pytest.mark.rule("H6")
def test_a_name_of_one_word_is_a_word_but_where_it_stands_alone(northwind: Northwind) -> None:
    names = KnownAs.load(make_person("Will"))
    assert names.without("Will it run? Will says so.") == "Will it run? Will says so."
    assert names.without_in({"by": "Will", "said": ["Will it run?"]}) == {"by": ERASED_NAME, "said": ["Will it run?"]}
    assert names.without("Asked by Will", alone=True) == f"Asked by {ERASED_NAME}"


@pytest.mark.rule("H6", "R9")
@pytest.mark.parametrize("name", ["Rita Novak", "Will"])
@pytest.mark.parametrize("others", [0, 1])
def test_notices_to_erased_are_emptied_and_others_lose_the_name(northwind: Northwind, name: str, others: int) -> None:
    n = northwind
    n.rita.name = name
    n.rita.save()
    for person in (n.rita, n.jonas)[: others + 1]:  # Karl gets a notice about her, alone or among others
        propose_role(person, Role.AUDITOR, by=n.ines, now=NOW)
    until = NOW + timedelta(days=3)
    delegate(n.rita, actor=as_actor(n.tom), now=NOW, giver=n.tom, from_at=NOW, until_at=until)  # she gets a notice
    send_due(now=NOW, gathering=timedelta())
    digest, to = Notice.objects.get(event="digest"), Notice.objects.get(event="delegation_set")
    kept = ("text", "html") if others else ("subject", "text", "html")
    assert all(name in " ".join(getattr(digest, part).split()) for part in kept)
    erased(n, n.rita)
    digest.refresh_from_db()
    to.refresh_from_db()
    assert digest.carried.order_by("pk")[0].context["who"] == ERASED_NAME
    for part in kept:
        assert ERASED_NAME in " ".join(getattr(digest, part).split())
        assert name not in getattr(digest, part)
    assert (to.context, to.subject, to.text, to.html) == ({}, "", "", "")
    assert (to.state, to.sent_at) == ("sent", NOW), "that it was sent, and when, is no text"
