"""Two who approve for each other: Theo leads Rita's team, and she comes to own what he asks for (S10)."""

from __future__ import annotations

from approvals.models import Submission
from tests import journeys
from tests.approvals import stock
from tests.approvals.bring_in.building import connect
from tests.approvals.lightly import another
from tests.journeys import Company


def of_rita(c: Company, word: str) -> Submission:
    """Another stock report of Rita's, whose app Theo approves."""
    return stock.app_approved(c, stock.submitted(c, another(word)))


def of_theo(c: Company, word: str) -> Submission:
    """One of Theo's, of which Rita approves what it may do on Slack, which is hers."""
    n = c.people
    version = stock.version(c, another(word), by=n.theo, technical_owner=n.jonas)
    made = journeys.submitted(c, version, by=n.theo)
    journeys.approve(journeys.app_of(made), n.bram, now=c.now)
    journeys.approve(stock.privilege_on(made, c.slack), n.rita, now=c.now)
    return made


def three_times(c: Company) -> Submission:
    """Theo approves twice for Rita, and she once for him.

    Omar confirmed what her connections open: her own word as owner of Slack would make what she submits high risk (I8).
    """
    connect(c, *(stock.source(another(word)) for word in ("rita0", "rita1", "more", "standard")))
    for number in range(2):
        of_rita(c, f"rita{number}")
    stock.hand_over(c, c.slack, c.people.rita, c.people.omar)
    return of_theo(c, "theo0")


def four_times(c: Company) -> Submission:
    """And once more."""
    return of_theo(c, "theo1")
