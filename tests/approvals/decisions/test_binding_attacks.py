"""The attack on bindings, many times: a party never lowers the tier of its submission by confirming a connection (I8, S1)."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import transaction

from governance.core.duties.refusals import Refused
from inventory.imports.transitions import confirmation
from inventory.models import Binding
from inventory.resources.transitions import bindings
from tests import run_lengths, scenarios
from tests.approvals import stock_report
from tests.approvals.decisions.test_bindings_of_parties import HOST, payroll, reads_payroll
from tests.people import as_actor, as_delegate, joins
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S1")]

Say = Callable[[Company], None]


def _bind(c: Company, actor: object) -> None:
    bindings.bind_connection(c.model, actor=actor, now=c.now, connector="httpRequest", instance=HOST)  # type: ignore[arg-type]


def by_owner(c: Company) -> None:
    """The owner of the harmless resource says it."""
    _bind(c, as_actor(c.people.omar))


def by_their_delegate(c: Company) -> None:
    """Their deputy says it in their place."""
    _bind(c, as_delegate(c.people.amara, giver=c.people.omar))


def proposed_only(c: Company) -> None:
    """The owner proposes it for their own resource and confirms nothing."""
    Binding.objects.create(
        connector="httpRequest",
        instance_name=HOST,
        resource=c.model,
        proposed_by=c.people.omar,
        proposed_at=c.now,
    )


def by_colleague(c: Company) -> None:
    """Nobody says it before Rita brings it in: she proposes it, for the resource of a party."""


def by_move(c: Company) -> None:
    """The host is known to open Mei's drive. The owner asks that it opens theirs, and Mei agrees."""
    connection = {"connector": "httpRequest", "instance": HOST}
    bindings.bind_connection(c.drive, actor=as_actor(c.people.mei), now=c.now, **connection)
    bindings.request_move(c.model, actor=as_actor(c.people.omar), now=c.now, **connection)
    row = Binding.objects.get(connector="httpRequest", instance_name=HOST)
    bindings.agree_to_move(row, actor=as_actor(c.people.mei), now=c.now, resource=c.model.pk)


def by_deputy(c: Company) -> None:
    """The deputy, who is no party, says it: an attack only where the host is known for another owner's resource."""
    _bind(c, as_actor(c.people.amara))


def play(c: Company, draw: random.Random) -> tuple[str, bool]:
    """One attack, drawn: what was done, and whether its privilege was approved without security."""
    is_known, later = draw.random() < 0.5, draw.random() < 0.5
    known_by = draw.choice(["googleDrive", "postgres"]), draw.choice(["payroll.example:443", "Payroll.Example.", HOST])
    say = draw.choice(
        [by_owner, by_their_delegate, proposed_only, by_colleague, by_move, *([by_deputy] if is_known else [])]
    )
    later = later and say not in (by_colleague, proposed_only)  # the next owner of the resource vouches for these
    what = f"{say.__name__}, known by {' '.join(known_by) if is_known else 'nothing'}, {'later' if later else 'before'}"
    return what, attack(c, say, known_by if is_known else None, later=later)


def attack(c: Company, say: Say, known_by: tuple[str, str] | None, *, later: bool) -> bool:
    """Bind, build and approve; whether the privilege was approved without security.

    Args:
        c: the company.
        say: who says that the host opens the harmless resource.
        known_by: connector and name by which the host was known for another owner's resource.
        later: the owner becomes a party after the submission, instead of before; a deputy's word makes nobody one.
    """
    n = c.people
    if known_by is not None:
        connector, name = known_by
        bindings.bind_connection(c.drive, actor=as_actor(n.mei), now=c.now, connector=connector, instance=name)
    say(c)
    is_party = say is not by_deputy
    if is_party and later:
        for resource in (c.model, c.erp, c.slack):  # an approver can't become a party
            stock_report.hand_over(c, resource, n.mei, n.amara)
    owners = {"technical_owner": n.omar} if is_party and not later else {}
    made = scenarios.submitted(c, stock_report.version(c, reads_payroll, **owners))
    if is_party and later:
        confirmation.amend_automation(
            made.automation, actor=as_actor(n.jonas), now=c.now, fields={"technical_owner": n.omar}
        )
    with suppress(Refused):
        scenarios.approve(scenarios.app_of(made), n.theo, now=c.now, reason="Fine.")
    for person in (n.omar, n.mei, n.amara):
        with suppress(Refused):
            scenarios.approve(payroll(made), person, now=c.now, reason="Ours.")
    return payroll(made).state == "approved"


@pytest.fixture
def harmless(company: Company) -> Company:
    """Omar's model gateway is public, and he may own automations of Finance Operations."""
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    stock_report.confirm_connections(company)
    joins(company.people.omar, company.people.finance_ops)
    return company


def test_the_same_approvers_approve_it_on_the_word_of_the_deputy(harmless: Company) -> None:
    assert attack(harmless, by_deputy, None, later=False)


@pytest.mark.soak
def test_word_of_parties_never_lowers_risk(harmless: Company, request: pytest.FixtureRequest) -> None:
    """Each attack is rolled back, so that all start from the same company."""
    draw = random.Random(8)
    for number in run_lengths.rounds(request, 1, soak=100, what="attacks on a binding"):
        undo = transaction.savepoint()
        what, is_approved = play(harmless, draw)
        transaction.savepoint_rollback(undo)
        for resource in (harmless.model, harmless.erp, harmless.slack, harmless.drive):
            resource.refresh_from_db()
        assert not is_approved, f"attack {number}: {what}"
