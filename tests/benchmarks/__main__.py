"""`make bench`: queries, bytes and CPU milliseconds of the busiest pages at 1,000 automations, against their goals.

JSON lines ``{"name", "value", "unit", "goal", "holds"}``; a table on a terminal. CPU is this process's own, the database's not
counted; the median of several requests after a warm one. A goal that does not hold fails nothing here: the line says so.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from dataclasses import asdict, dataclass

from tests import environment

ENVIRONMENT = environment.prepare()  # before anything loads Django's settings

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402

import governance.celery  # noqa: E402, F401  nudges go through this application
from approvals.models import Submission  # noqa: E402
from governance.controls import keys  # noqa: E402
from governance.controls.models import Person  # noqa: E402
from inventory.models import Automation  # noqa: E402
from tests import journeys, people  # noqa: E402
from tests.portal.signed_in import client_of  # noqa: E402

AUTOMATIONS = 1000
ROUNDS = 7


@dataclass(frozen=True)
class Line:
    """One figure against its goal."""

    name: str
    value: float
    unit: str
    goal: float
    holds: bool


@dataclass(frozen=True)
class Page:
    """One page with its goals: queries, bytes, CPU milliseconds."""

    name: str
    path: str
    queries: int
    size: int
    cpu: int


def fill() -> tuple[Person, Submission]:
    """One automation in review by the product's own operations, and a thousand plain rows beside it for the lists.

    The rows are drafts without history: what is measured reads them and nothing is decided on them.
    """
    company = journeys.company(people.build())
    submission = journeys.submitted(company)
    n = company.people
    teams = [n.finance_ops, n.supply, n.marketing, n.it_ops]
    Automation.objects.bulk_create(
        Automation(
            team=teams[number % len(teams)],
            name=f"Automation {number:04d}",
            purpose="Moves one list from one place to another every morning.",
            platform_instance="n8n bench",
            external_id=f"bench-{number}",
            business_owner=n.jonas,
            technical_owner=n.rita,
            search=f"automation {number:04d} moves one list from one place to another every morning n8n bench",
            created_at=company.now,
        )
        for number in range(AUTOMATIONS)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return n.sana, submission


def pages(submission: Submission) -> list[Page]:
    """What is measured, with the goals of the product's speed table."""
    automation = submission.automation_id
    return [
        Page("list", "/automations/", 8, 60_000, 30),
        Page("list, a page in the middle", "/automations/?after=500-Automation%200480", 8, 60_000, 30),
        Page("search", "/automations/?q=automation+07", 8, 60_000, 35),
        Page("detail", f"/automations/{automation}/", 15, 60_000, 30),
        Page("review", f"/review/{submission.pk}/", 20, 60_000, 40),
        Page("home", "/", 8, 60_000, 30),
    ]


def measure(client: Client, page: Page) -> list[Line]:
    """Queries and bytes of one request, and the median CPU of several."""
    client.get(page.path)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(page.path)
    queries = len(asked)  # counted now: the log that it slices is emptied below
    if answer.status_code != 200:
        raise SystemExit(f"{page.path} answered {answer.status_code}")
    spent = []
    for _ in range(ROUNDS):
        reset_queries()
        began = time.process_time()
        client.get(page.path)
        spent.append((time.process_time() - began) * 1000)
    found = (
        ("queries", float(queries), page.queries),
        ("bytes", float(len(answer.content)), page.size),
        ("CPU ms", round(statistics.median(spent), 1), page.cpu),
    )
    return [Line(page.name, value, unit, goal, value <= goal) for unit, value, goal in found]


def tell(line: Line) -> None:
    """A row on a terminal, else a line of JSON."""
    if sys.stdout.isatty():
        word = "holds" if line.holds else "DOES NOT HOLD"
        print(f"{line.name:28} {line.value:>9,.1f} {line.unit:8} goal {line.goal:>9,.0f}  {word}")
    else:
        print(json.dumps(asdict(line)))


def main() -> None:
    """Start a database, fill it, measure each page."""
    logging.disable(logging.WARNING)  # figures and nothing else on standard output
    ENVIRONMENT.start()
    try:
        call_command("migrate", verbosity=0, interactive=False)
        keys.ensure(settings.LEDGER_KEY_FILE, settings.DIGEST_KEY_FILE)
        setup_test_environment()
        reader, submission = fill()
        client = client_of(reader)
        for page in pages(submission):
            for line in measure(client, page):
                tell(line)
    finally:
        connections.close_all()
        ENVIRONMENT.stop()


main()
