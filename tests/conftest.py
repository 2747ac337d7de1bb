"""What every test shares: the run's servers, the fence around the network, markers, order, and the two reports at the end.

Three kinds of test write to the database:

- a *rule* test (`@pytest.mark.django_db`, or the `db` fixture) runs in a transaction that is rolled back;
- a *committed* test (marked `race`, `browser` or `process`, or taking the `committed` fixture) commits for real, after all rule
  tests, into a database that the tests of its file share. Nothing is truncated between them, since the ledger can't be: such a test
  makes its own people and teams, and asserts about those only;
- everything else may not touch the database.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from pytest_django.plugin import blocking_manager_key

from tests import environment, run_lengths
from tests import real_exports as real_exports_beside
from tests.template_database import Template

ENVIRONMENT = environment.prepare()  # before anything loads Django's settings

import django  # noqa: E402

django.setup()

import governance.celery  # noqa: E402, F401  nudges go through this application
from governance.core.keys import key_files  # noqa: E402
from governance.settings import garbage_collection  # noqa: E402
from tests import prepared_statements  # noqa: E402

prepared_statements.keep()

# How long something takes is no test's matter: on a busy machine the first draw of a strategy takes more than a second.
hypothesis.settings.register_profile(
    "countersign",
    deadline=None,
    max_examples=run_lengths.run_length(25, full=100),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("countersign")

pytest_plugins = [
    "tests.reports",
    "tests.processes",
    "tests.mail_server",
    "tests.chromium",
    "tests.starting_points",
    "tests.parallel_scheduling",
    "tests.statement_budget",
    "tests.recursion_room",
]

#: In this order; each group runs after the one before. Committed tests come last: rule tests meet what they start from, and nothing else.
COMMITTED = ("race", "browser", "process")

#: Of each group of committed tests those files come first that take longest: side by side, none is left alone at the end.
LONGEST = (
    "tests/browser/test_axe.py",
    "tests/web/pages/test_browser.py",
    "tests/approvals/intake/test_import_browser.py",
    "tests/approvals/intake/uploads/test_folder_browser.py",
    "tests/journeys/test_approval_journey.py",
    "tests/demo/loading/test_loaded_demo.py",
    "tests/core/ledger/test_sealing.py",
    "tests/journeys/test_refused_journey.py",
    "tests/recertification/items/test_kills.py",
    "tests/core/mail/test_delivery.py",
    "tests/devserver/test_run.py",
    "tests/approvals/submissions/test_races.py",
    "tests/devserver/test_parts.py",
    "tests/browser/test_portal_pages.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Say what each marker means."""
    for line in (
        "rule(*codes): the rules of the product that the test shows (A6, I7, …); `make rules` lists them",
        "matrix: a cell of a table written by hand: role by state by transition, role by address",
        "race: real threads and commits",
        "browser: drives Chromium; `make full` runs it",
        "process: real worker or beat processes, signals, kills; `make full` runs it",
        "database: depends on the database's version; `.ci/run` runs it on the lowest PostgreSQL of the machine too",
        "starting_point(name): where a test starts; `tests.starting_points.starting_point` makes the marker",
        "full: `make full` runs it too, longer; full('reason'): `make full` alone runs it, as it costs too much for `make test`",
        "smoke: `make test` runs it although it drives a browser or processes: one journey per role, one worker and beat",
        "soak: `make soak` runs it, as long as real use might take; soak(only=True): nothing else does",
    ):
        config.addinivalue_line("markers", line)


def _turn(item: pytest.Item) -> int:
    """When a test's group runs: rules, then the matrix, then the committed kinds."""
    for turn, name in enumerate(COMMITTED, start=2):
        if item.get_closest_marker(name):
            return turn
    if "committed" in getattr(item, "fixturenames", ()):
        return 2
    return 1 if item.get_closest_marker("matrix") else 0


def _order(item: pytest.Item) -> tuple[int, ...]:
    """The order of tests: groups in turn; committing tests by length of their file, the others by starting point."""
    from tests.starting_points import rank

    turn, file = _turn(item), item.nodeid.partition("::")[0]
    if turn < 2:
        return turn, *rank(item)
    return turn, LONGEST.index(file) if file in LONGEST else len(LONGEST)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put committed tests last: rule tests meet a database that holds what migrations put there and what they start from."""
    others = [item for item in items if not run_lengths.is_run(item)]
    items[:] = [item for item in items if run_lengths.is_run(item)]
    config.hook.pytest_deselected(items=others)
    items.sort(key=_order)  # stable: within a group the order stays
    for item in items:
        if item.get_closest_marker("django_db") and _turn(item) >= 2:
            raise pytest.UsageError(f"{item.nodeid} commits for real: it may not also be marked django_db")


def pytest_collection_finish() -> None:
    """What is loaded by now stays until the end: the collector need not go through it thousands of times."""
    garbage_collection.leave_what_stands()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Side by side, each process prepares an environment of its own, from what this one was given."""
    ENVIRONMENT.hand_back()


class Committed:
    """Whose rows stand in the database: those of one file at most."""

    file: Path | None = None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A file's committed tests begin on a database as migrating left it, before whatever they share is made."""
    if _turn(item) < 2 or item.path == Committed.file:
        return
    from django.conf import settings
    from django.core.cache import cache
    from django.db import connections

    from tests import processes
    from tests.starting_points import GROUND

    with item.config.stash[blocking_manager_key].unblock():
        GROUND.at("")
        connections.close_all()  # a job that failed in a rule test's transaction holds its place for as long as the connection lasts
    if Committed.file is not None:
        processes.stop_background()
        ENVIRONMENT.renew()
        processes.await_sites()
        cache.clear()
        Path(settings.LEDGER_CHECKPOINT_FILE).unlink(missing_ok=True)  # it is about another ledger
    Committed.file = item.path


@pytest.fixture(autouse=True)
def _commits_where_marked(request: pytest.FixtureRequest) -> None:
    """Let tests marked race, browser or process commit."""
    if any(request.node.get_closest_marker(name) for name in COMMITTED):
        request.getfixturevalue("committed")


def pytest_unconfigure() -> None:
    """Leave nothing behind, whatever ended the run."""
    ENVIRONMENT.stop()


@pytest.fixture(scope="session")
def surroundings() -> environment.Environment:
    """The run's folder, servers and addresses."""
    return ENVIRONMENT


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return environment.ROOT


@pytest.fixture(scope="session")
def real_exports() -> Path:
    """The folder of the real exports; see `tests.real_exports`."""
    return real_exports_beside.folder()


@pytest.fixture(scope="session")
def template(pytestconfig: pytest.Config) -> Template | None:
    """Where a migrated database is kept between runs; None under `-p no:cacheprovider`."""
    cache = getattr(pytestconfig, "cache", None)
    return Template(cache.mkdir("database"), ENVIRONMENT.cluster.installation.major) if cache else None


def pytest_report_header() -> list[str]:
    """On which PostgreSQL the tests run, and whether the real exports are missing."""
    missing = real_exports_beside.missing()
    return [f"PostgreSQL {ENVIRONMENT.cluster.installation.major}", *([f"WARNING: {missing}"] if missing else [])]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at the end, too, that the tests of real exports did not run."""
    if missing := real_exports_beside.missing():
        terminalreporter.write_line(f"WARNING: {missing}", red=True)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any, template: Template | None) -> Iterator[None]:
    """Start the servers on a migrated database. It is this run's own, so that it needs no test name and no drop."""
    from django.db import connections

    from tests.starting_points import GROUND

    with template.lock() if template else nullcontext():
        if template is None or not template.copy_to(ENVIRONMENT.cluster.data):
            ENVIRONMENT.start()
            with django_db_blocker.unblock():
                _migrate()
            if template is not None:
                template.keep(ENVIRONMENT.cluster.data)
    ENVIRONMENT.start()
    yield
    with django_db_blocker.unblock():
        GROUND.at("")
        connections.close_all()


def _migrate() -> None:
    """Migrate the run's database, keep it as `MIGRATED` too, and stop its server, so that the data can be copied."""
    from django.core.management import call_command
    from django.db import connection, connections

    call_command("migrate", verbosity=0, interactive=False)
    connections.close_all()
    with psycopg.connect(ENVIRONMENT.superuser_url(), dbname="template1", autocommit=True) as opened:
        opened.execute(f"CREATE DATABASE {environment.MIGRATED} TEMPLATE {connection.settings_dict['NAME']}")
    ENVIRONMENT.cluster.stop()


@pytest.fixture(scope="session", autouse=True)
def _keys() -> None:
    """The keys that `make run` makes on its first start."""
    from django.conf import settings

    key_files.ensure(settings.LEDGER_KEY_FILE, settings.DIGEST_KEY_FILE)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits in the shared database; nothing is rolled back and nothing is truncated."""
    from django.db import connections

    with django_db_blocker.unblock():
        yield
        connections.close_all()


def _is_near(address: object) -> bool:
    """Whether a socket's address is a file or on the loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


@pytest.fixture(scope="session", autouse=True)
def _closed_network() -> Iterator[None]:
    """No test reaches beyond this machine."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}

    def fenced(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            if not _is_near(arguments[-1]):
                raise RuntimeError(f"a test may not reach {arguments[-1]!r}: sockets are closed beyond the loopback")
            return real[name](self, *arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(socket.socket, name, fenced(name))
        yield
