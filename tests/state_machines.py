"""The frame of a state machine over the register: each run is rolled back at its end, and its ledger sealed and verified first (H2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from governance.core.duties.refusals import Refused
from tests.core.ledger import rolled_back_ledger
from tests.savepoints import undone


class Undone(RuleBasedStateMachine):
    """Anybody tries any operation; a refusal changes nothing."""

    request: ClassVar[pytest.FixtureRequest]
    #: How many steps were taken, over all runs.
    taken: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.undo = undone()
        self.undo.__enter__()

    def teardown(self) -> None:
        try:
            assert rolled_back_ledger.problems() == []
        finally:
            self.undo.__exit__(None, None, None)

    def facts(self) -> tuple[Any, ...]:
        """Everything that a step can change."""
        raise NotImplementedError

    def attempt(self, act: Callable[[], Any]) -> bool:
        """Do it, or be refused: then nothing has changed but the ledger."""
        before = self.facts()
        try:
            act()
        except Refused:
            assert self.facts() == before
            return False
        return True
