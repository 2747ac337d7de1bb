"""Tests side by side (`-n`): each process has servers of its own, and takes a file's tests that stand next to each other at a time.

So what they share (a company, a browser, a worker) is made once. pytest-xdist's own groups are written into a test's node id, which
pytest 9.2 no longer lets a plugin change: they are ignored without a word.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: A file whose tests begin in the company that another's were asked in: both go to one process, which founds it once.
TOGETHER = {"tests/matrix/test_programs.py": "tests/matrix/test_addresses.py"}


class Neighbours(LoadScopeScheduling):
    """Hands out runs of neighbours, in the order of the collection."""

    @cached_property
    def _run_of(self) -> dict[str, str]:
        """Node id to the run of neighbours that it belongs to, once the collection is known.

        A run is of one file, or of one case of several files: the tests of one state of the matrix start from the same walk.
        """
        found: dict[str, str] = {}
        run, last, last_case = 0, "", ""
        for nodeid in self.collection or ():
            file, case = nodeid.partition("::")[0], nodeid.partition("[")[2]
            file = TOGETHER.get(file, file)
            run += file != last and (case != last_case or not case)
            last, last_case = file, case
            found[nodeid] = f"{run}"
        return found

    def _split_scope(self, nodeid: str) -> str:
        return self._run_of[nodeid]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Neighbours:
    """Whatever `--dist` says. Runs stay in the collection's order: committed tests come after those that roll back."""
    config.option.loadscopereorder = False
    return Neighbours(config, log)
