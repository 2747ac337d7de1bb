"""How tests get what is drawn: a change of source alone in force, and a seal over it.

What a test writes in its own transaction is never sealed. So the seal over it is made up here, and `test_spot_checks` draws once from a
real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from approvals.light_path import rules
from approvals.light_path.transitions import spot_checks as transitions
from approvals.models import Sample, Submission
from approvals.submissions.jobs import JOB
from governance.core.actors.actor import Actor
from governance.core.models import Person, Seal
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import of_its_own
from tests.people import NOW
from tests.scenarios import Company

JOBS = Actor.of_job(JOB)


@contextmanager
def sealed(*, falls: bool = True) -> Iterator[None]:
    """The ledger is sealed so far, and the draw falls on everything, or on nothing."""
    seal = Seal(number=7, first=1, last=2, count=2, total=2, last_xid=1, root="a" * 64, previous="b" * 64, at=NOW)
    with (
        mock.patch.object(rules, "seal_over", return_value=seal),
        mock.patch.object(rules, "is_selected", return_value=falls),
    ):
        yield


def changed(c: Company) -> Sample:
    """The stock report, live, comes in with another source and nothing else: in force at once, and noted."""
    newer: Submission = stock_report.submitted(c, stock_report.another_order)
    return newer.samples.get()


def drawn(c: Company) -> Sample:
    """The same, and the draw falls on it: security reviewers are asked."""
    with sealed():
        return transitions.draw(changed(c), actor=JOBS, now=c.now)


def changed_of_its_own(c: Company, word: str, *, by: Person | None = None, **fields: Any) -> Sample:
    """The same of an n8n of its own, whose ids nobody else has: for what is committed, or stands beside others."""
    content = of_its_own(stock_report.EXPORT, word)
    version = scenarios.brought_in(c, stock_report.EXPORT, content=content, by=by, **fields)
    scenarios.decide_all(c, scenarios.submitted(c, version, by=by))
    export = json.loads(content)
    stock_report.another_order(export)
    newer = scenarios.brought_in(c, stock_report.EXPORT, content=json.dumps(export).encode(), by=by, **fields)
    return scenarios.submitted(c, newer, by=by).samples.get()


def drawn_of_its_own(c: Company, word: str, *, by: Person | None = None, **fields: Any) -> Sample:
    """The same, and the draw falls on it."""
    sample = changed_of_its_own(c, word, by=by, **fields)
    with sealed():
        return transitions.draw(sample, actor=JOBS, now=c.now)
