"""What people typed is not put into other words; where somebody got past the database, the verifier says which event's text it was (H6, H2)."""

from __future__ import annotations

from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.core.keys.key_files import keyed_digest
from governance.core.ledger import ledger_events, ledger_export
from governance.core.models import FreeText, LedgerEvent
from governance.core.texts import free_text
from inventory.models import Automation
from tests.approvals.refusals import database_refuses, sql
from tests.core.ledger.appended_events import appended
from tests.people import NOW, Northwind, as_actor
from tests.scenarios import Company, brought_in
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def record_text(n: Northwind, text: str = "It pays suppliers twice.", *, now: datetime = NOW) -> LedgerEvent:
    """An event with a reason that Ines gave."""
    return appended(actor=as_actor(n.ines), verb="toy.moved", subject=n.rita, now=now, reason=free_text.keep(text))


def past_the_triggers(statement: str, *arguments: Any) -> None:
    """As an admin of the database does who switches them off, and on again."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    for table in ("controls_freetext", "controls_ledgerevent"):
        sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    sql(statement, *arguments)
    for table in ("controls_freetext", "controls_ledgerevent"):
        sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.rule("H6")
def test_a_text_is_not_put_into_other_words(northwind: Northwind) -> None:
    row = record_text(northwind, "Rita asked 50% more_or less.").reason
    assert row is not None
    for change in (
        "text = 'I never said that'",
        "text = 'I never said that', key = '', erased_at = now()",
        "text = 'Erased person never said that', key = '', erased_at = now()",
        "text = 'Erased person asked 50x more_or less.', key = '', erased_at = now()",  # a sign of LIKE is a sign
        "text = 'Erased person asked 50%% more!or less.', key = '', erased_at = now()",
        "text = '', erased_at = now()",  # the key would confirm a guess
        "text = '', key = ''",
        "key = '', erased_at = now()",
        "text = '', key = '', digest = '', erased_at = now()",
        "id = id",
    ):
        with database_refuses("H6: a text is kept as it is, or erased with its"):
            sql(f"UPDATE controls_freetext SET {change} WHERE id = %s", row.pk)
    with database_refuses("H6: a text is kept as it is, or erased with its"):
        sql("DELETE FROM controls_freetext")
    row.refresh_from_db()
    assert (row.text, row.erased_at) == ("Rita asked 50% more_or less.", None)


@pytest.mark.rule("H6")
def test_text_is_erased_whole_and_once(northwind: Northwind) -> None:
    erase = "UPDATE controls_freetext SET text = %s, key = '', erased_at = now() WHERE id = %s"
    whole, part = record_text(northwind).reason, record_text(northwind, "Rita said 50%\nto Tom and Rita.").reason
    assert whole is not None
    assert part is not None
    for left in (
        "Erased person said 50%\nto Tom and Erased person.",
        "Erased person said 50%\nto Erased person and Erased person.",
    ):
        sql(erase, left, part.pk)
    sql(erase, "", whole.pk)
    for row, text in (
        (part, "Rita said 50%\nto Tom and Rita."),
        (whole, "It pays suppliers twice."),
        (whole, "Erased person"),
    ):
        with database_refuses(
            "H6: a text is kept as it is, or erased with its"
        ):  # what is gone does not come back in other words
            sql(erase, text, row.pk)
    with database_refuses("H6: a text is kept as it is, or erased with its"):
        sql("UPDATE controls_freetext SET erased_at = NULL WHERE id = %s", whole.pk)


@pytest.mark.rule("H6", "H2")
def test_a_rewritten_text_is_found_and_named_by_its_event(northwind: Northwind) -> None:
    record_text(northwind, "Fine.")
    event, other = record_text(northwind), record_text(northwind, "No.")
    assert event.reason is not None
    assert other.reason is not None
    assert ledger_export.verify_database().problems == []
    tricks = {
        "UPDATE controls_freetext SET text = 'I never said that' WHERE id = %s": event.reason_id,
        "UPDATE controls_freetext SET key = '' WHERE id = %s": event.reason_id,
        "UPDATE controls_freetext SET text = '', key = '', erased_at = now() WHERE id = %s": event.reason_id,
        f"UPDATE controls_ledgerevent SET reason_id = {other.reason_id} WHERE id = %s": event.pk,
        "UPDATE controls_ledgerevent SET reason_id = NULL WHERE id = %s": event.pk,
        "UPDATE controls_ledgerevent SET payload = payload - 'reason' WHERE id = %s": event.pk,
    }
    for statement, subject in tricks.items():
        problems = _found_after(statement, subject)
        assert len(problems) == 1, problems
        assert f"event {event.pk} " in problems[0], problems
    key = b"k" * 32  # and who knows how digests are made writes another one too
    rewritten = "I never said that"
    problems = _found_after(
        "UPDATE controls_freetext SET text = %s, key = %s, digest = %s WHERE id = %s",
        rewritten,
        key,
        keyed_digest(key, rewritten),
        event.reason_id,
    )
    assert [f"event {event.pk} " in problem for problem in problems] == [True]
    assert ledger_export.verify_database().problems == []


def _found_after(statement: str, *arguments: Any) -> list[str]:
    """What the verifier says after one change past the triggers, which is undone."""
    sql("SAVEPOINT before")
    past_the_triggers(statement, *arguments)
    problems = list(ledger_export.verify_database().problems)
    sql("ROLLBACK TO SAVEPOINT before")
    return problems


@pytest.mark.rule("H6", "H2")
def test_a_text_that_no_event_was_given_is_compared_with_its_own_digest(northwind: Northwind) -> None:
    row = free_text.keep("It is needed for the reminder.")
    assert row is not None
    past_the_triggers("UPDATE controls_freetext SET text = 'It is not.' WHERE id = %s", row.pk)
    (problem,) = ledger_export.verify_database().problems
    assert f"Text {row.pk}, which no event was given, was rewritten" in problem


@pytest.mark.rule("H6", "H2")
def test_recorded_erasure_is_no_finding(northwind: Northwind) -> None:
    event = record_text(northwind)
    sql("UPDATE controls_freetext SET text = '', key = '', erased_at = %s WHERE id = %s", NOW, event.reason_id)
    (problem,) = ledger_export.verify_database().problems
    assert problem == f"The text given with event {event.pk} was erased, and no erasure is on record."
    ledger_events.append(actor=as_actor(northwind.karl), verb=free_text.ERASING, subject=northwind.ines, now=NOW)
    assert ledger_export.verify_database().problems == []


@pytest.mark.rule("H6", "H9")
def test_the_command_and_the_page_say_so(northwind: Northwind) -> None:
    event = record_text(northwind)
    past_the_triggers("UPDATE controls_freetext SET text = 'I never said that' WHERE id = %s", event.reason_id)
    words, out = f"The text given with event {event.pk} was rewritten", StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_ledger", stdout=out, stderr=out)
    assert words in out.getvalue()
    assert "DOES NOT HOLD" in out.getvalue()
    assert words in client_of(northwind.yuki).post(reverse("ledger_verify")).content.decode()


@pytest.mark.rule("H6", "H9")
def test_many_texts_are_read_a_chunk_at_a_time(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk is in memory at a time, and there is no query for each."""
    for number in range(30):
        record_text(northwind, f"Reason {number}.")
    held: list[int] = []
    real = FreeText.from_db.__func__
    monkeypatch.setattr(free_text, "CHUNK", 10)
    monkeypatch.setattr(FreeText, "from_db", classmethod(lambda *given: held.append(1) or real(*given)))
    first = next(free_text.rewritten(), None)
    assert (first, len(held)) == (None, FreeText.objects.count())
    held.clear()
    past_the_triggers("UPDATE controls_freetext SET text = 'x' WHERE id = %s", FreeText.objects.order_by("pk")[0].pk)
    held.clear()
    assert next(free_text.rewritten()) is not None
    assert len(held) <= 10
    with CaptureQueriesContext(connection) as queries:
        assert len(list(free_text.rewritten())) == 1
    assert len(queries) <= 5


@pytest.mark.rule("H1", "H6")
def test_history_of_automation_forgets_erased_contact_only(company: Company) -> None:
    automation = brought_in(company, escalation_contact="Rita Novak, desk 4").automation
    row = Automation.history.filter(escalation_contact__contains="Rita").first()
    assert row is not None, automation
    change = "UPDATE inventory_historicalautomation SET {} WHERE history_id = %s"
    for other in (
        "escalation_contact = 'Jonas Weil, desk 4'",
        "escalation_contact = 'Erased person, desk 5'",
        "escalation_contact = 'Erased person, desk 4', name = 'Another'",
        "state = 'live'",
        "history_user_id = NULL",
        "history_id = history_id",
    ):
        with database_refuses("Cannot update"):
            sql(change.format(other), row.history_id)
    sql(change.format("escalation_contact = 'Erased person, desk 4'"), row.history_id)
