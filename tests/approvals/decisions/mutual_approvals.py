"""Two who approve for each other: Theo leads Rita's team, and she comes to own what he asks for (S10)."""

from __future__ import annotations

from approvals.models import Submission
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import connect
from tests.approvals.light_path.low_risk_report import another
from tests.scenarios import Company


def of_rita(c: Company, word: str) -> Submission:
    """Another stock report of Rita's, whose app Theo approves."""
    return stock_report.app_approved(c, stock_report.submitted(c, another(word)))


def of_theo(c: Company, word: str) -> Submission:
    """One of Theo's, of which Rita approves what it may do on Slack, which is hers."""
    n = c.people
    version = stock_report.version(c, another(word), by=n.theo, technical_owner=n.jonas)
    made = scenarios.submitted(c, version, by=n.theo)
    scenarios.approve(scenarios.app_of(made), n.bram, now=c.now)
    scenarios.approve(stock_report.privilege_on(made, c.slack), n.rita, now=c.now)
    return made


def three_times(c: Company) -> Submission:
    """Theo approves twice for Rita, and she once for him.

    Omar confirmed what her connections open: her own word as owner of Slack would make what she submits high risk (I8).
    """
    connect(c, *(stock_report.source(another(word)) for word in ("rita0", "rita1", "more", "standard")))
    for number in range(2):
        of_rita(c, f"rita{number}")
    stock_report.hand_over(c, c.slack, c.people.rita, c.people.omar)
    return of_theo(c, "theo0")


def four_times(c: Company) -> Submission:
    """And once more."""
    return of_theo(c, "theo1")
