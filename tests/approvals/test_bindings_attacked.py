"""The attack on bindings, many times: a party never lowers the tier of its submission by confirming a connection (I8, S1)."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.db import transaction

from governance.controls.refusals import Refused
from inventory import registry
from inventory.models import Binding
from tests import journeys, lengths
from tests.approvals import stock
from tests.approvals.test_bound_by_party import HOST, payroll, reads_payroll
from tests.journeys import Company
from tests.people import as_actor, as_delegate, joins
from tests.unguarded import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S1")]

Say = Callable[[Company], None]


def _bind(c: Company, actor: object) -> None:
    registry.bind(c.model, actor=actor, now=c.now, connector="httpRequest", instance=HOST)  # type: ignore[arg-type]


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


def by_deputy(c: Company) -> None:
    """The deputy, who is no party, says it: a crime only where another owner is known by the host."""
    _bind(c, as_actor(c.people.amara))


def play(c: Company, draw: random.Random) -> tuple[str, bool]:
    """One attack, drawn: what was done, and whether it was refused or judged high."""
    n = c.people
    is_known = draw.random() < 0.5
    port, connector = draw.choice(["", ":443", ":8443"]), draw.choice(["googleDrive", "postgres", "httpRequest"])
    say = draw.choice([by_owner, by_their_delegate, proposed_only, *([by_deputy] if is_known else [])])
    later = draw.random() < 0.5
    what = f"{say.__name__}, known by {connector}{port if is_known else ' nothing'}, {'later' if later else 'before'}"
    if is_known and (connector, port) != ("httpRequest", ""):
        registry.bind(c.drive, actor=as_actor(n.mei), now=c.now, connector=connector, instance=f"{HOST}{port}")
    elif is_known and say is by_deputy:
        return what, True
    say(c)
    owners = {} if later or say is by_deputy else {"technical_owner": n.omar}
    record = payroll(journeys.submitted(c, stock.version(c, reads_payroll, **owners)))
    if later and say is not by_deputy:
        app = record.submission.automation
        registry.amend(app, actor=as_actor(n.jonas), now=c.now, fields={"technical_owner": n.omar})
    try:
        journeys.approve(journeys.app_of(record.submission), n.theo, now=c.now, reason="Fine.")
        journeys.approve(payroll(record.submission), n.amara, now=c.now, reason="Ours.")
    except Refused as no:
        return what, no.refusal.code in ("T1", "I8", "A9", "SOD-1")
    return what, payroll(record.submission).state != "approved"


@pytest.mark.soak
def test_no_submission_is_approved_below_high_risk_on_the_word_of_its_parties(
    company: Company, request: pytest.FixtureRequest
) -> None:
    """Each attack is rolled back, so that all start from the same company."""
    n, draw = company.people, random.Random(8)
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    joins(n.omar, n.finance_ops)
    for number in lengths.rounds(request, 2, soak=1_000, what="attacks on a binding"):
        try:
            with transaction.atomic():
                what, held = play(company, draw)
                raise _Back
        except _Back:
            assert held, f"attack {number}: {what}"


class _Back(Exception):
    """Take everything back."""
