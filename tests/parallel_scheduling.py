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

#: Files whose tests start from the states of the matrix, and how many states one process takes at a time. Neighbouring states have most
#: of their walk in common: side by side, each process would walk it.
OF_STATES = ("tests/matrix/test_transitions.py", "tests/matrix/test_tokens.py")
STATES_AT_A_TIME = 12


class Neighbours(LoadScopeScheduling):
    """Hands out runs of neighbours, in the order of the collection."""

    @cached_property
    def _run_of(self) -> dict[str, str]:
        """Node id to the run of neighbours that it belongs to, once the collection is known.

        A run is of one file, or of some neighbouring states of the matrix.
        """
        runs: dict[str, str] = {}
        run, states, last, last_case = 0, 0, "", ""
        for nodeid in self.collection or ():
            file, case = nodeid.partition("::")[0], nodeid.partition("[")[2]
            file = TOGETHER.get(file, file)
            if file in OF_STATES and case and last in OF_STATES:
                states += case != last_case
                run += case != last_case and states % STATES_AT_A_TIME == 0
            else:
                run += file != last
            last, last_case = file, case
            runs[nodeid] = f"{run}"
        return runs

    def _split_scope(self, nodeid: str) -> str:
        return self._run_of[nodeid]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Neighbours:
    """Whatever `--dist` says. Runs stay in the collection's order: committed tests come after those that roll back."""
    config.option.loadscopereorder = False
    return Neighbours(config, log)
