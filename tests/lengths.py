"""How long a test goes on: short enough for every change, or, under `make soak`, as long as real use might take.

A long test says meanwhile how far it is. What it prints is kept from the terminal, side by side even by another process, so the
word travels as test results do, as a report of its own kind; `tests.reports` prints it where the run was started.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

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
    node.user_properties[:] = [one for one in node.user_properties if one[0] != "reached"] + [("reached", words)]
    now = time.monotonic()
    began = node.stash.setdefault(_began, now)
    if not IS_SOAK or now - node.stash.setdefault(_heard, began) < EVERY:
        return
    node.stash[_heard] = now
    said = [("going", f"{words}, {(now - began) // 60:.0f}:{(now - began) % 60:02.0f}")]
    report = pytest.TestReport(node.nodeid, node.location, {}, "passed", None, GOING, user_properties=said)  # type: ignore[arg-type]
    node.ihook.pytest_runtest_logreport(report=report)


def proves(*codes: str) -> pytest.MarkDecorator:
    """The rules that a long test shows where it is long; a few steps of it show that it runs, and other tests show the rules."""
    return pytest.mark.rule(*(codes if IS_SOAK else ()))


def of(usual: int, *, soak: int) -> int:
    """How many rounds, rows or steps a test takes.

    Args:
        usual: under `make test`; the design's figure where it names one.
        soak: under `make soak`, where whoever asks has minutes to an hour.
    """
    return soak if IS_SOAK else usual


def rounds(request: pytest.FixtureRequest, usual: int, *, soak: int, what: str) -> Iterator[int]:
    """The numbers of a test's rounds; says how far it is, and at the end what it did.

    Args:
        request: the test's.
        usual: how many under `make test`.
        soak: how many under `make soak`.
        what: completes "1,000 …".
    """
    count = of(usual, soak=soak)
    for number in range(count):
        going(request, f"{number:,} of {count:,} {what}")
        yield number
    did(request, f"{count:,} {what}")
