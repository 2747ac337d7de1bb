"""What the verifier says of rows and events that do not fit: both directions, a bounded list, every case that is no finding (H1, H2)."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.decisions.transitions import decide, undo
from approvals.models import Submission
from governance.core.clock import demo_clock
from governance.core.ledger import ledger_export
from governance.core.ledger.verifier import Report
from governance.core.models import ClockOffset, Delegation, LedgerEvent, Person
from governance.core.people.transitions.delegations import delegate
from inventory.imports.transitions import confirmation
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.refusals import sql
from tests.core.ledger.appended_events import appended
from tests.people import NOW, Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("H1", "H2")]


def findings_of_reconciliation() -> list[str]:
    """What the comparison of rows and events finds."""
    report = Report()
    ledger_export.reconcile(report)
    return report.lines


def forged(n: Northwind, **facts: Any) -> LedgerEvent:
    """A delegation's event without its row."""
    row = Delegation(pk=4711, giver=n.jonas, taker=n.tom)
    return appended(actor=as_actor(n.jonas), verb="delegation.set", subject=row, now=NOW, **facts)


def test_an_event_without_its_row_is_found(northwind: Northwind) -> None:
    event = forged(northwind)
    (finding,) = findings_of_reconciliation()
    assert finding == (
        f"Event {event.pk} has no delegation (4711): the row was removed or altered. Restore it from a backup."
    )


def test_a_decision_event_without_its_decision_is_found(company: Company, stock_in_stage_2: Submission) -> None:
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    event = appended(actor=as_actor(company.people.omar), verb="approval.approved", subject=record, now=company.now)
    (finding,) = findings_of_reconciliation()
    assert finding.startswith(f"Event {event.pk} has no decision ({record.pk} approval.approved ")


@pytest.mark.rule("S6")
def test_a_signature_without_its_event_is_found(plain: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: plain.now)
    conflict_rules.no_other_rules()
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="approval")
    made = stock_report.submitted(plain)
    scenarios.decide_app(plain, made)
    scenarios.approve(
        stock_report.privilege_on(made, plain.slack), plain.people.sana, now=plain.now, reason="To buyers alone."
    )
    assert findings_of_reconciliation() == []
    sql(
        "INSERT INTO approvals_conflictsignature (submission_id, rule_id, decision_id, person_id, reason_id, digest, covers, at)"
        " SELECT submission_id, rule_id, decision_id, person_id, reason_id, repeat('0', 64), covers, at"
        " FROM approvals_conflictsignature"
    )
    (finding,) = findings_of_reconciliation()
    assert finding.startswith("Signature of a conflict ")
    assert finding.endswith(
        " has no event: it was not written by the portal. Withdraw its submission and have the conflict signed again."
    )


def test_altered_row_is_named_with_difference_and_remedy(northwind: Northwind) -> None:
    n, begins = northwind, NOW + timedelta(days=1)
    made = delegate(
        n.tom, actor=as_actor(n.jonas), now=NOW, giver=n.jonas, from_at=begins, until_at=begins + timedelta(days=3)
    )
    event = LedgerEvent.objects.get(verb="delegation.set")
    sql("UPDATE controls_delegation SET from_at = %s WHERE id = %s", NOW, made.pk)
    (finding,) = findings_of_reconciliation()
    assert finding == (
        f"Delegation {made.pk}: its beginning is “2026-11-24T09:00:00.000000+00:00”, but event {event.pk} says"
        " “2026-11-25T09:00:00.000000+00:00”: it was not changed by the portal."
        " Have its giver end it, and check every decision of the taker."
    )


def test_many_findings_are_counted_and_some_of_them_listed(stock_in_stage_2: Submission, northwind: Northwind) -> None:
    people = Person.objects.exclude(pk__in=stock_in_stage_2.parties.values("person")).order_by("pk")
    strangers = people.exclude(decisions__approval__submission=stock_in_stage_2)[:12]
    for person in strangers:
        sql(
            "INSERT INTO approvals_party (submission_id, person_id, capacity) VALUES (%s, %s, 'editor')",
            *(stock_in_stage_2.pk, person.pk),
        )
    lines = findings_of_reconciliation()
    assert len(lines) == ledger_export.LISTED + 1
    assert lines[-1] == "12 problems in all; 2 are not listed."
    with pytest.raises(SystemExit):
        call_command("verify_ledger", stdout=StringIO(), stderr=(errors := StringIO()))
    assert lines[-1] in errors.getvalue()
    answer = client_of(northwind.yuki).post(reverse("ledger_verify")).content.decode()
    assert "12 things do not fit." in answer
    assert "it was not written by the portal" in answer


@pytest.mark.full("writes each kind of row, to count statements")
def test_each_kind_is_compared_by_a_fixed_number_of_statements(company: Company, stock_in_force: Submission) -> None:
    with CaptureQueriesContext(connection) as few:
        assert findings_of_reconciliation() == []
    stock_report.in_force(company, lambda export: export.update(id="another"))
    with CaptureQueriesContext(connection) as more:
        assert findings_of_reconciliation() == []
    assert len(few) == len(more)


def test_the_clock_has_an_event_for_each_move_and_is_never_moved_in_production(
    northwind: Northwind, settings: Any
) -> None:
    demo_clock.move(timedelta(days=2), actor=as_actor(northwind.rita))
    demo_clock.move(timedelta(hours=1))
    moves = LedgerEvent.objects.filter(verb="clock.moved").order_by("pk")
    assert [event.actor_id for event in moves] == [str(northwind.rita.opaque_id), "clock"]
    assert findings_of_reconciliation() == []
    ClockOffset.objects.update(offset=timedelta(days=9))
    (finding,) = findings_of_reconciliation()
    assert finding.startswith("Clock offset 1: its microseconds is “777600000000”, but event")
    ClockOffset.objects.update(offset=timedelta(days=2, hours=1))
    settings.DEMO = False
    assert [finding.partition(" ")[0] for finding in findings_of_reconciliation()] == ["Clock", "Event", "Event"]


def test_legitimate_history_is_no_finding(company: Company, stock_in_stage_2: Submission) -> None:
    c, n = company, company.people
    record = stock_report.privilege_on(stock_in_stage_2, c.slack)
    scenarios.approve(record, n.omar, now=c.now)
    decision = record.decisions.get()
    undo.retract(record, actor=as_actor(n.omar), now=c.now, decision=decision.pk)
    scenarios.approve(record, n.omar, now=c.now)  # in the same instant again
    other = stock_report.privilege_on(stock_in_stage_2, c.erp)
    decide.ask_for_changes(
        other, actor=as_actor(n.omar), now=c.now, reason="Which?", shown_digest=scenarios.shown(other)
    )
    decide.answer(other, actor=as_actor(n.jonas), now=c.now, reason="All.")
    automation = stock_in_stage_2.automation
    confirmation.amend_automation(automation, actor=as_actor(n.rita), now=c.now, fields={"technical_owner": n.bram})
    assert {(n.jonas.pk, "answered"), (n.bram.pk, "technical_owner")} <= {
        *stock_in_stage_2.parties.values_list("person", "capacity")
    }
    assert findings_of_reconciliation() == []


def test_a_submission_from_before_its_event_named_parties_is_compared_as_far_as_that_says(
    stock_in_stage_2: Submission,
) -> None:
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("ALTER TABLE controls_ledgerevent DISABLE TRIGGER USER")
    sql("UPDATE controls_ledgerevent SET payload = payload - 'parties' WHERE verb LIKE 'submission.%%'")
    assert findings_of_reconciliation() == []


def test_the_whole_verification_includes_it(northwind: Northwind) -> None:
    event = forged(northwind)
    assert [problem for problem in ledger_export.verify_database().problems if f"Event {event.pk} " in problem] != []
