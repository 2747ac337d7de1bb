"""What rule tests start from, walked once a run: savepoints one in the other, for as long as tests stand on them.

Founding the company and walking an export through both stages takes longer than most tests. So tests of one starting point run
one after the other (`rank`, by which they are sorted), each walk starts where the one below ended, all of it in one transaction
that is never committed, and each test has a savepoint of its own. A test that wants an empty database (a rule test that names no
starting point, a committed test) makes all of it undone first.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest
from django.db import connection

from approvals.grants.transitions import stops
from approvals.models import Grant, Submission
from approvals.submissions.transitions import withdraw
from governance.core.clock import current_time
from tests import people, scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.decisions import mutual_approvals
from tests.approvals.light_path import low_risk_report, spot_checks
from tests.people import NOW, Northwind, as_actor
from tests.savepoints import undone
from tests.scenarios import Company
from tests.trigger_bypass import without_events


def _on(walk: Callable[[Company, Submission], object]) -> Callable[[Company], Submission]:
    """A walk that goes on with the newest submission, which it leaves."""

    def go(c: Company) -> Submission:
        made = stock_report.newest(c)
        walk(c, made)
        return made

    return go


def _declined(c: Company, made: Submission) -> None:
    scenarios.reject(stock_report.privilege_on(made, c.slack), c.people.omar, now=c.now, reason="Too public.")
    stock_report.decide_rest(c, made)
    withdraw.decline(made, actor=as_actor(c.people.jonas), now=c.now, reason="All or nothing.")


def _withdrawn(c: Company, made: Submission) -> None:
    scenarios.approve(stock_report.privilege_on(made, c.slack), c.people.omar, now=c.now, reason="Quiet enough.")
    withdraw.withdraw(made, actor=as_actor(c.people.rita), now=c.now, reason="Later.")


def _stopped(c: Company, live: Submission) -> None:
    grant = Grant.objects.get(approval=stock_report.privilege_on(live, c.slack))
    stops.stop_grant(grant, actor=as_actor(c.people.sana), now=c.now, reason="It posts nonsense.")


#: Starting points: which one each starts from, and how it is reached from there. Each of these has a fixture of its name, below;
#: `tests.matrix.cast_and_states` adds the matrix's states, and a test file its own walks (`starting_point`).
STARTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "northwind": ("", lambda _: people.build()),
    "company": ("northwind", scenarios.company),
    "plain": ("company", lambda c: conflict_rules.no_other_rules(c.now)),
    "chaser_submitted": ("company", scenarios.submitted),
    "chaser_in_stage_2": ("chaser_submitted", _on(scenarios.decide_app)),
    "chaser_in_force": ("chaser_in_stage_2", _on(scenarios.decide_rest)),
    "stock_low": ("company", stock_report.low),
    "stock_low_in_force": ("stock_low", _on(stock_report.decide_rest)),
    "light_submitted": ("company", low_risk_report.submitted),
    "light_in_force": ("light_submitted", _on(stock_report.app_approved)),
    "three_times": ("company", mutual_approvals.three_times),
    "four_times": ("three_times", mutual_approvals.four_times),
    "for_theo_alone": ("company", stock_report.for_theo_alone),
    "stock_submitted": ("company", stock_report.submitted),
    "stock_in_stage_2": ("stock_submitted", _on(stock_report.app_approved)),
    "stock_declined": ("stock_in_stage_2", _on(_declined)),
    "stock_withdrawn": ("stock_in_stage_2", _on(_withdrawn)),
    "stock_in_force": ("stock_in_stage_2", _on(stock_report.decide_rest)),
    "stock_stopped": ("stock_in_force", _on(_stopped)),
    "plain_in_force": ("stock_in_force", _on(lambda c, _: conflict_rules.no_other_rules(c.now))),
    "stock_drawn": ("stock_in_force", lambda c: spot_checks.drawn(c).submission),
    "one_channel_more": ("stock_in_force", lambda c: stock_report.submitted(c, stock_report.one_more_channel)),
}


def starting_point(
    below: str | pytest.MarkDecorator, walk: Callable[[Any], Any], name: str = ""
) -> pytest.MarkDecorator:
    """Make the walk of a test file a starting point, walked once for its tests; returns the marker of these tests.

    The fixture `start` gives what the walk returned.

    Args:
        below: the name or the marker of the starting point from which it goes on.
        walk: takes the company (or Northwind) and returns what its tests need.
        name: tells walks of one function apart.
    """
    from_name = below if isinstance(below, str) else str(below.args[0])
    key = f"{walk.__module__}.{walk.__qualname__} from {from_name} {name}".strip()
    assert STARTS.get(key, (from_name, walk)) == (from_name, walk), f"give this walk a name of its own: {key}"
    STARTS[key] = from_name, walk
    return pytest.mark.starting_point(key)


def path(start: str) -> list[str]:
    """The starting points below one, and itself."""
    return [*path(STARTS[start][0]), start] if start else []


def start_of(item: pytest.Item) -> str:
    """The starting point of a test: its marker or parameter ``starting_point``, else of the fixtures that it names the longest."""
    if (marker := item.get_closest_marker("starting_point")) is not None:
        return str(marker.args[0])
    if (given := getattr(item, "callspec", None)) is not None and "starting_point" in given.params:
        return str(given.params["starting_point"])
    named = STARTS.keys() & getattr(item, "fixturenames", ())
    return max(named, key=list(STARTS).index, default="")


def rank(item: pytest.Item) -> tuple[int, ...]:
    """When a test's starting point has its turn: after the one below, before whatever doesn't stand on it."""
    return _turns(start_of(item), len(STARTS))


@cache
def _turns(start: str, count: int) -> tuple[int, ...]:
    """The places of a starting point's path among all that are ``count``: thousands of tests ask for the same few."""
    turns = {name: turn for turn, name in enumerate(STARTS)}
    return tuple(turns[name] for name in path(start))


def _forget_undone_rows() -> None:
    """Free the tables of rows that were never committed: later tests would read past hundreds of thousands of them."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")


@contextmanager
def _begins_now() -> Iterator[None]:
    """Set the clock to the instant at which tests begin, whatever day it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(current_time, "now", lambda: NOW + current_time.offset())
        yield


def _copy_of(made: Any) -> Any:
    """What a walk left, for one to do with as they like; by pickle, which takes a third of the time, where that can hold it."""
    try:
        return pickle.loads(pickle.dumps(made))
    except (pickle.PicklingError, AttributeError, TypeError):  # it holds a function of its own
        return copy.deepcopy(made)


class Ground:
    """What stands at the moment."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, ExitStack, Any]] = []

    def at(self, start: str) -> None:
        """Undo and walk as far as it takes.

        Args:
            start: one of `STARTS`; empty for an empty database.
        """
        wanted, stood = path(start), bool(self.stack)
        while [name for name, _, _ in self.stack] != wanted[: len(self.stack)]:
            self.stack.pop()[1].close()
        if stood and not self.stack:
            _forget_undone_rows()
        for name in wanted[len(self.stack) :]:
            with ExitStack() as undo, _begins_now():  # a walk that fails leaves nothing
                undo.enter_context(undone())
                made = STARTS[name][1](self.of(STARTS[name][0]))
                self.stack.append((name, undo.pop_all(), made))

    def of(self, start: str) -> Any:
        """What a walk left, for one to do with as they like: a copy; a submission as the database has it.

        From the company on, a walk goes on with the company.
        """
        by_name = {name: made for name, _, made in self.stack}
        return _copy_of(by_name.get("company" if "company" in path(start) else start))

    def made(self, start: str) -> Any:
        """Copy the result of a starting point's walk."""
        return _copy_of(self.shared(start))

    def shared(self, start: str) -> Any:
        """The result of a starting point's walk, one for all tests."""
        return next(made for name, _, made in self.stack if name == start)

    def submission(self, start: str) -> Submission:
        """The submission that a walk left or went on with."""
        return Submission.objects.get(pk=next(made.pk for name, _, made in self.stack if name == start))


GROUND = Ground()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    """Before the transaction of a test marked ``django_db`` begins, what it starts from stands."""
    if fixturedef.argname == "_django_db_helper":
        with request.getfixturevalue("django_db_blocker").unblock():
            GROUND.at(start_of(request.node))
    return (yield)


@pytest.fixture
def ground(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """What one test starts from; what the test does to it is undone. Business time begins where the walk ended, whatever day it is."""
    monkeypatch.setattr(current_time, "now", lambda: NOW + current_time.offset())
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        request.getfixturevalue("db")
        yield GROUND
        return
    request.getfixturevalue("django_db_setup")
    with request.getfixturevalue("django_db_blocker").unblock():
        GROUND.at(start_of(request.node))
        with undone():
            yield GROUND


@pytest.fixture
def unrecorded(ground: Ground) -> None:
    """Rows that a test writes by SQL need no ledger event (H1)."""
    without_events()


@pytest.fixture
def start(ground: Ground, request: pytest.FixtureRequest) -> Any:
    """What the walk to the test's own starting point returned."""
    return ground.made(start_of(request.node))


@pytest.fixture
def northwind(ground: Ground) -> Northwind:
    """Northwind Foods as founded."""
    northwind: Northwind = ground.of("northwind")
    return northwind


@pytest.fixture
def company(ground: Ground) -> Company:
    """Northwind with its resources."""
    company: Company = ground.of("company")
    return company


@pytest.fixture
def clock_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Business time stays at the instant at which Northwind is founded."""
    monkeypatch.setattr(current_time, "now", lambda: NOW)


@pytest.fixture
def stock_submitted(ground: Ground) -> Submission:
    """The stock report submitted by Rita: stage 1 is open, stage 2 waits."""
    return ground.submission("stock_submitted")


@pytest.fixture
def stock_in_stage_2(ground: Ground) -> Submission:
    """The stock report: the app approved by Theo, two privileges and two credentials open, all on Omar's resources."""
    return ground.submission("stock_in_stage_2")


@pytest.fixture
def stock_in_force(ground: Ground) -> Submission:
    """The stock report in force, with four grants."""
    return ground.submission("stock_in_force")


@pytest.fixture
def stock_declined(ground: Ground) -> Submission:
    """The stock report, refused by Omar on Slack; the rest was approved, and declined by Jonas."""
    return ground.submission("stock_declined")


@pytest.fixture
def stock_withdrawn(ground: Ground) -> Submission:
    """The stock report, withdrawn by Rita after Theo approved the app and Omar what it may do on Slack."""
    return ground.submission("stock_withdrawn")


@pytest.fixture
def stock_stopped(ground: Ground) -> Submission:
    """The stock report in force, of which Sana stopped the grant on Slack."""
    return ground.submission("stock_stopped")


@pytest.fixture
def plain_in_force(ground: Ground) -> Submission:
    """The stock report in force, in a company without any conflict rule."""
    return ground.submission("plain_in_force")


@pytest.fixture
def stock_drawn(ground: Ground) -> Submission:
    """A change of the stock report's source alone, in force: its sample was drawn, and reviewers are asked."""
    return ground.submission("stock_drawn")


@pytest.fixture
def stock_low(ground: Ground) -> Submission:
    """The stock report in stage 2, where reading the ERP is low risk: internal data, by a credential that opens only that."""
    return ground.submission("stock_low")


@pytest.fixture
def stock_low_in_force(ground: Ground) -> Submission:
    """The same, all of it approved and in force: reading stands as low for a year."""
    return ground.submission("stock_low_in_force")


@pytest.fixture
def light_submitted(ground: Ground) -> Submission:
    """The stock report where all of it is low risk, submitted by Rita: stage 1 is open, and policy would approve the rest."""
    return ground.submission("light_submitted")


@pytest.fixture
def light_in_force(ground: Ground) -> Submission:
    """The same in force: the app approved by Theo, one privilege and one credential by policy."""
    return ground.submission("light_in_force")


@pytest.fixture
def three_times(ground: Ground) -> Submission:
    """Rita and Theo have approved for each other three times; the last submission of them."""
    return ground.submission("three_times")


@pytest.fixture
def four_times(ground: Ground) -> Submission:
    """And once more, which is a signal."""
    return ground.submission("four_times")


@pytest.fixture
def for_theo_alone(ground: Ground) -> Submission:
    """The stock report submitted where Theo leads the team and is the only one left for Slack; Bram is deputy lead."""
    return ground.submission("for_theo_alone")


@pytest.fixture
def one_channel_more(ground: Ground) -> Submission:
    """A second version of the stock report in force, with one channel more and nothing else: stage 2 is asked about that."""
    return ground.submission("one_channel_more")


@pytest.fixture
def chaser_submitted(ground: Ground) -> Submission:
    """The invoice chaser, high risk, submitted by Rita: stage 1 is open, with a seat for security."""
    return ground.submission("chaser_submitted")


@pytest.fixture
def chaser_in_force(ground: Ground) -> Submission:
    """The invoice chaser in force, with thirteen grants."""
    return ground.submission("chaser_in_force")


@pytest.fixture
def chaser_in_stage_2(ground: Ground) -> Submission:
    """The invoice chaser, high risk: the app approved by Theo and Viktor, seven privileges and six credentials open."""
    return ground.submission("chaser_in_stage_2")
