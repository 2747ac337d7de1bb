"""How long a test goes on: short under `make test`, longer under `make full`, and as long as real use might take under `make soak`.

A long test prints its progress. What it prints is kept from the terminal, side by side even by another process, so the
word travels as test results do, as a report of its own kind; `tests.reports` prints it where the run was started.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

#: Set by `make full`: the tests and lengths that a merge must pass beside `make test`.
IS_FULL = bool(os.environ.get("FULL"))

#: Set by `make soak`: the long versions.
IS_SOAK = bool(os.environ.get("SOAK"))

#: Seconds between two words of one test.
EVERY = 15

#: What a report of how far a test is gives as its phase.
GOING = "going"

_began = pytest.StashKey[float]()
_heard = pytest.StashKey[float]()


def did(request: pytest.FixtureRequest, words: str) -> None:
    """Have the end of the run say what a long test did: "1,000 rounds of two deciders at once"."""
    request.node.user_properties.append(("did", words))


def going(request: pytest.FixtureRequest, words: str) -> None:
    """Say how far a long test is, now and then; how far it came stands with what broke.

    Args:
        request: the test's.
        words: "312 of 1,000 races".
    """
    node = request.node
    node.user_properties[:] = [entry for entry in node.user_properties if entry[0] != "reached"] + [("reached", words)]
    now = time.monotonic()
    began = node.stash.setdefault(_began, now)
    if not IS_SOAK or now - node.stash.setdefault(_heard, began) < EVERY:
        return
    node.stash[_heard] = now
    properties = [("going", f"{words}, {(now - began) // 60:.0f}:{(now - began) % 60:02.0f}")]
    report = pytest.TestReport(node.nodeid, node.location, {}, "passed", None, GOING, user_properties=properties)  # type: ignore[arg-type]
    node.ihook.pytest_runtest_logreport(report=report)


def proves(*codes: str) -> pytest.MarkDecorator:
    """The rules that a long test shows where it is long; a few steps of it show that it runs, and other tests show the rules."""
    return pytest.mark.rule(*(codes if IS_SOAK else ()))


def is_run(item: pytest.Item) -> bool:
    """Whether a test runs at the length that was asked for: `make test`, `make full` or `make soak`."""
    if IS_SOAK:
        return True  # `-m soak` selects
    if any(marker.kwargs.get("only") for marker in item.iter_markers("soak")):
        return False
    if IS_FULL:
        return is_full_only(item) or any(item.get_closest_marker(name) for name in ("full", "hypothesis"))
    return not is_full_only(item)


def is_full_only(item: pytest.Item) -> bool:
    """Whether `make full` alone runs a test: by its marker, or since it drives a browser or processes and is no smoke test."""
    if any(marker.args or marker.kwargs for marker in item.iter_markers("full")):
        return True
    return item.get_closest_marker("smoke") is None and any(map(item.get_closest_marker, ("browser", "process")))


def run_length(usual: int, *, full: int | None = None, soak: int | None = None) -> int:
    """The number of rounds, rows or steps of a test.

    Args:
        usual: under `make test`.
        full: under `make full`; the usual number if not given.
        soak: under `make soak`; the number of `make full` if not given.
    """
    longer = usual if full is None else full
    if IS_SOAK:
        return longer if soak is None else soak
    return longer if IS_FULL else usual


def rounds(
    request: pytest.FixtureRequest, usual: int, *, full: int | None = None, soak: int, what: str
) -> Iterator[int]:
    """The numbers of a test's rounds; says how far it is, and at the end what it did.

    Args:
        request: the test's.
        usual: how many under `make test`.
        full: how many under `make full`.
        soak: how many under `make soak`.
        what: completes "1,000 …".
    """
    count = run_length(usual, full=full, soak=soak)
    for number in range(count):
        going(request, f"{number:,} of {count:,} {what}")
        yield number
    did(request, f"{count:,} {what}")
