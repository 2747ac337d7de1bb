"""`make bench`: queries, bytes and CPU milliseconds of the busiest pages at 1,000 automations, against their goals.

JSON lines ``{"name", "value", "unit", "goal", "holds"}``; a table on a terminal. CPU is what a request costs this process and
the database's: the least of several rounds in which all pages take turns, since whatever else runs only adds. Pages are measured
as an operator runs them: no demo, no instruments of the test runner. A goal that does not hold fails nothing here: the line says
so. The first line is a yardstick, a fixed piece of work: where it does not hold, the machine is slow or busy and CPU figures are too
high by as much. ``make bench ARGS=10000`` measures a larger estate, ``make bench ARGS="120000 conflicts campaign"`` some parts of it alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests import environment

ENVIRONMENT = environment.prepare()  # before anything loads Django's settings

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, reset_queries  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

import governance.celery  # noqa: E402, F401  nudges go through this application
from approvals.decisions.transitions import decide  # noqa: E402
from approvals.models import Submission  # noqa: E402
from approvals.models.submission import UNFINISHED  # noqa: E402
from governance.core.clock import current_time  # noqa: E402
from governance.core.jobs import job_runs  # noqa: E402
from governance.core.keys import key_files  # noqa: E402
from governance.core.ledger import sealing  # noqa: E402
from governance.core.models import Person  # noqa: E402
from governance.portal.figures import jobs as figure_jobs  # noqa: E402
from governance.settings import garbage_collection  # noqa: E402
from inventory.models import Automation  # noqa: E402
from inventory.risk.tiers import Tier  # noqa: E402
from tests import (  # noqa: E402
    people,
    scenarios,
)
from tests.benchmarks import (  # noqa: E402
    answers,
    campaign,
    conflicts,
    import_costs,
    ledger_triggers,
    proposals,
    tiers,
)
from tests.benchmarks import engine as measuring  # noqa: E402
from tests.benchmarks.scale import large_company  # noqa: E402
from tests.signed_in_client import client_of  # noqa: E402

AUTOMATIONS = 1000
#: In the order in which they are measured where none is named.
PARTS = ("pages", "answers", "engine", "conflicts", "what-if", "campaign", "imports", "recorded", "tiers")
#: Parts that need no estate.
ALONE = frozenset({"tiers"})
#: A statement is prepared at its sixth use, and has a plan of its own for each until the eleventh.
WARM, ROUNDS = 12, 15
#: Steps of the yardstick, and the CPU milliseconds that they take on a machine that does nothing else.
STEPS, YARDSTICK = 50_000, 12
#: What htmx sends when it asks for the rows of a list alone.
ROWS = {"HX-Request": "true", "HX-Target": "list"}


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
    """One page as one person sees it, with its goals: queries, bytes, CPU milliseconds."""

    name: str
    path: str
    reader: Person
    queries: int
    size: int
    cpu: int
    rows_only: bool = False


def fill(automations: int) -> tuple[scenarios.Company, Submission, Submission]:
    """An estate, and two submissions by the product's own operations: one before stage 1, one in stage 2."""
    northwind = people.build()
    company = scenarios.company(northwind)
    cast = large_company.Cast(northwind.rita, northwind.jonas, northwind.omar, northwind.amara)
    large_company.seed(
        automations, cast, current_time.now(), lambda done: show_progress(f"{done:,} of {automations:,} automations")
    )
    sealing.seal_all(at=current_time.real() - timedelta(hours=1))  # as one that stands for a while
    job_runs.run_job(figure_jobs.JOB, figure_jobs.sweep)
    waiting = scenarios.submitted(company)
    second = scenarios.submitted(company, scenarios.brought_in(company, "weekly-stock-report.json"))
    scenarios.decide_app(company, second)
    sent_back = second.approvals.filter(stage=2, state="open").exclude(privilege=None).order_by("-pk")[0]
    decide.ask_for_changes(
        sent_back,
        actor=people.as_actor(northwind.omar),
        now=company.now,
        reason="Which rows of it?",
        shown_digest=scenarios.shown(sent_back),
    )
    return company, waiting, second


def pages(n: people.Northwind, waiting: Submission, second: Submission) -> list[Page]:
    """What is measured, with the goals of the product's speed table: Sana sees all, Omar owns resources, Rita builds."""
    middle = Automation.objects.order_by("name", "pk")[Automation.objects.count() // 2]
    live = Automation.objects.filter(state="live", business_owner=n.jonas).order_by("pk")[0]
    listed = "/automations/"
    return [
        Page("list", listed, n.sana, 8, 60_000, 40),
        Page("list, what one answers for", listed, n.omar, 8, 60_000, 40),
        Page("list, a page in the middle", f"{listed}?after={middle.pk}", n.sana, 8, 60_000, 40),
        Page("list, rows for htmx", listed, n.sana, 8, 30_000, 40, rows_only=True),
        Page("search", f"{listed}?q=stock+07", n.sana, 8, 60_000, 45),
        Page("search, a common word", f"{listed}?q=stock", n.sana, 8, 60_000, 45),  # a full page at 1,000 too
        Page("search, what one answers for", f"{listed}?q=stock", n.omar, 8, 60_000, 45),
        Page("search, nothing that one may see", f"{listed}?q=stock", n.nadia, 8, 60_000, 45),
        Page("detail", f"{listed}{live.pk}/", n.sana, 15, 60_000, 40),
        Page("review, before stage 1", f"/review/{waiting.pk}/", n.sana, 25, 60_000, 50),
        Page("review, an owner decides", f"/review/{second.pk}/", n.omar, 25, 60_000, 50),
        Page("home, an owner", "/", n.omar, 15, 60_000, 40),
        Page("home, a builder", "/", n.rita, 15, 60_000, 40),
        Page("dashboard, the organisation", "/dashboard/", n.sana, 15, 60_000, 60),
        Page("dashboard, a team", "/dashboard/", n.rita, 15, 60_000, 60),
        Page("approvals", "/approvals/", n.omar, 15, 60_000, 40),
        Page(
            "my recertifications", "/recertify/", n.omar, 15, 60_000, 40
        ),  # a whole card beside the list: as a detail page
    ]


def yardstick() -> float:
    """CPU milliseconds of a fixed piece of work in Python."""
    began = time.process_time()
    len({str(number) for number in range(STEPS)})
    sum(number * number % 7 for number in range(STEPS))
    return (time.process_time() - began) * 1000


def ask(client: Client, page: Page) -> bytes:
    """The page, or only its rows."""
    answer = client.get(page.path, headers=ROWS if page.rows_only else {})
    if answer.status_code != 200:
        raise SystemExit(f"{page.path} answered {answer.status_code}")
    return answer.content


def database_cpu() -> float:
    """Milliseconds of CPU that this connection's server process has used."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1_000_000


def cost(client: Client, page: Page) -> float:
    """CPU milliseconds of one request, here and in the database."""
    reset_queries()
    began, began_there = time.process_time(), database_cpu()
    ask(client, page)
    return (time.process_time() - began) * 1000 + database_cpu() - began_there


def size(client: Client, page: Page) -> tuple[int, int]:
    """Queries and bytes of one request, after warm ones."""
    for _ in range(WARM):
        ask(client, page)
    with CaptureQueriesContext(connection) as queries:
        content = ask(client, page)
    return len(queries), len(content)  # counted now: the log that it slices is emptied later


def measure(measured: Sequence[Page]) -> Iterator[Line]:
    """Every figure of every page, the yardstick first; in each round all pages take their turn."""
    clients = {page.name: client_of(page.reader) for page in measured}
    sizes = {page.name: size(clients[page.name], page) for page in measured}
    sticks: list[float] = []
    spent: dict[str, list[float]] = {page.name: [] for page in measured}
    for _ in range(ROUNDS):
        sticks.append(yardstick())
        for page in measured:
            spent[page.name].append(cost(clients[page.name], page))
    yield line("yardstick", "CPU ms", min(sticks), YARDSTICK)
    for page in measured:
        queries, content = sizes[page.name]
        yield line(page.name, "queries", queries, page.queries)
        yield line(page.name, "bytes", content, page.size)
        yield line(page.name, "CPU ms", min(spent[page.name]), page.cpu)


def line(name: str, unit: str, value: float, goal: float, *, at_least: bool = False) -> Line:
    """One figure, rounded as it is shown, against its goal."""
    shown = round(value, 1)
    return Line(name, shown, unit, goal, shown >= goal if at_least else shown <= goal)


def engine() -> Iterator[Line]:
    """What runs without anybody looking."""
    proposals.freeze(Submission.objects.filter(state__in=UNFINISHED))
    for name, seconds, goal in measuring.sweeps():
        yield line(f"nothing due: {name}", "s", seconds, goal)
    yield line("ledger, 8 writers", "% of plain", 100 * measuring.append(), 60, at_least=True)
    yield line("ledger, verify", "x floor", measuring.verify(), 2)


def held_together() -> Iterator[Line]:
    """What may not be held together, looked for in everything and in one thing more (S6)."""
    conflicts.prepare()
    ratio, conflict_count = conflicts.scan()
    yield line(f"conflicts, {conflicts.RULES} rules, {conflict_count:,} found", "x self-join", ratio, 3)
    yield line(f"conflicts, a proposed grant of {conflicts.ASKED}", "ms", conflicts.one_more(), 1)


def reviews(company: scenarios.Company) -> Iterator[Line]:
    """The answers of a page, submitted together: each in its own transaction (R7)."""
    name, spent = (
        f"{answers.ANSWERS:,} answers in a batch",
        answers.submit(answers.prepare(company), company, database_cpu),
    )
    yield line(name, "s", spent.seconds, 3)
    yield line(name, "CPU s", spent.here + spent.there, 3)
    yield line(f"{name}, of that here", "CPU s", spent.here, 3)


def reviewed(n: people.Northwind) -> Iterator[Line]:
    """A campaign of everything that is held, killed once, and the pages of who is asked most beside who is asked a hundred things (R2, R9)."""
    measured = campaign.measure(n)
    yield line(f"campaign of {measured.items:,} items", "x plain", measured.ratio, 2)
    yield line("campaign, grants opened twice", "", measured.twice, 0)
    yield line("campaign, asking, an item", "µs", measured.asking, 1000)
    yield line("nothing due: recertification, all of it open", "s", measured.swept, 5)
    usual, busiest = (
        Page(name, "/recertify/", who, 15, 60_000, 40) for name, who in (("u", measured.usual), ("b", measured.busiest))
    )
    few, many = client_of(usual.reader), client_of(busiest.reader)
    queries = size(many, busiest)[0] - size(few, usual)[0]
    spent = [(cost(few, usual), cost(many, busiest)) for _ in range(ROUNDS)]
    yield line("my recertifications, busiest", "queries+", queries, 0)
    yield line("my recertifications, busiest", "x usual", min(b for _, b in spent) / min(a for a, _ in spent), 1.3)


def what_if() -> Iterator[Line]:
    """What a policy, and a conflict rule, would have changed for every submission of the estate."""
    proposals.freeze(Submission.objects.all())
    counted = [("policy", proposals.count_policy()), ("rule", proposals.count_rule())]
    counted += [(f"rule by {scope}", proposals.count_rule(scope)) for scope in ("team", "chain")]
    for name, cost in counted:
        yield line(f"what-if of a {name}, {cost.submissions:,} submissions", "s", cost.seconds, cost.goal)


def imports(n: people.Northwind) -> Iterator[Line]:
    """Real exports, brought in and brought in again; nothing where there are none."""
    files = import_costs.exports()
    if not files:
        print(f"No real exports in {import_costs.EXPORTS}: the import is not measured.", file=sys.stderr)
        return
    for name, goal in (("import", 60), ("import again", 20)):
        spent = import_costs.bring_in(files, n, database_cpu)
        if spent.outcomes.total() != len(files) or (goal == 20 and set(spent.outcomes) != {"unchanged"}):
            raise SystemExit(f"Of {len(files)} exports came {dict(spent.outcomes)}")
        yield line(f"{name}, {len(files):,} real exports", "CPU s", spent.here + spent.there, goal)
        yield line(f"{name}, of that here", "CPU s", spent.here, goal)
        yield line(f"{name}, an automation", "queries", spent.queries, 40)


def on_record() -> Iterator[Line]:
    """What the triggers cost that ask for an event at each commit (H1)."""
    for kind, ratio in ledger_triggers.ratios(database_cpu):
        yield line(f"{ledger_triggers.ROWS:,} {kind} with their events", "x without", ratio, 2)


def tier_shares() -> Iterator[Line]:
    """Shares of the real exports by tier, bound and with data classes unset, and how many are high for which reason."""
    if not tiers.EXPORTS.is_dir():
        print(f"No real exports in {tiers.EXPORTS}: tiers are not measured.", file=sys.stderr)
        return
    for name, data_class, goal in (("bound", "internal", 25), ("class unset", "", 100)):
        judged = list(tiers.exports(tiers.EXPORTS, data_class))
        for tier, share in tiers.shares(judged).items():
            most = goal if tier is Tier.HIGH else 100
            yield line(f"{len(judged)} exports, {name}, {tier.word}", "%", share, most)
        for cause, number in tiers.causes(judged).most_common():
            yield line(f"{name}, high: {cause}", "exports", number, len(judged))


def show_progress(sentence: str) -> None:
    """Progress for a terminal."""
    if sys.stderr.isatty():
        print(f"\r{sentence:60}", end="", file=sys.stderr, flush=True)


def tell(figure: Line) -> None:
    """A row on a terminal, else a line of JSON."""
    if sys.stdout.isatty():
        word = "holds" if figure.holds else "DOES NOT HOLD"
        print(f"{figure.name:36} {figure.value:>9,.1f} {figure.unit:8} goal {figure.goal:>9,.0f}  {word}")
    else:
        print(json.dumps(asdict(figure)), flush=True)


def wanted() -> argparse.Namespace:
    """What the command line asks for: how many automations, and which parts in which order."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure pages, sweeps, ledger and reviews.")
    parser.add_argument("words", nargs="*", metavar="[automations] [part ...]", help=f"parts are {', '.join(PARTS)}")
    words = parser.parse_args().words
    number = int(words.pop(0)) if words and words[0].isdecimal() else AUTOMATIONS
    if number < 1:
        parser.error("At least 1 automation.")
    if unknown := set(words) - set(PARTS):
        parser.error(f"No part is called {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")
    return argparse.Namespace(automations=number, parts=words)


def parts(company: scenarios.Company, measured: Sequence[Page]) -> dict[str, Callable[[], Iterator[Line]]]:
    """What measures each of `PARTS` that needs an estate."""
    n = company.people
    functions = (
        partial(measure, measured),
        partial(reviews, company),
        engine,
        held_together,
        what_if,
        partial(reviewed, n),
        partial(imports, n),
        on_record,
    )
    return dict(zip([name for name in PARTS if name not in ALONE], functions, strict=True))


def told_of(name: str, part: Callable[[], Iterator[Line]]) -> bool:
    """Measure a part and print its lines. Return whether it finished: an error is printed, and the others go on."""
    try:
        for figure in part():
            tell(figure)
    except (Exception, SystemExit) as error:
        print(f"{name}: {error!r}", file=sys.stderr)
        return False
    return True


def main() -> None:
    """Start a database, fill it, and measure each requested part."""
    options = wanted()
    logging.disable(logging.WARNING)  # figures and nothing else on standard output
    ENVIRONMENT.start()
    try:
        call_command("migrate", verbosity=0, interactive=False)
        key_files.ensure(settings.LEDGER_KEY_FILE, settings.DIGEST_KEY_FILE)
        by_name: dict[str, Callable[[], Iterator[Line]]] = {"tiers": tier_shares}
        if not options.parts or set(options.parts) - ALONE:
            company, *open_ones = fill(options.automations)
            by_name |= parts(company, pages(company.people, *open_ones))
        garbage_collection.leave_what_stands()  # as the web process does
        with override_settings(DEMO=False, ALLOWED_HOSTS=["testserver"]):
            failed = [name for name in options.parts or PARTS if not told_of(name, by_name[name])]
            if failed:
                raise SystemExit(f"Not measured to the end: {', '.join(failed)}.")
    finally:
        connections.close_all()
        ENVIRONMENT.stop()


if __name__ == "__main__":
    main()
