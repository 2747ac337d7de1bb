"""Every operation's event has words of its own in a timeline: none is shown by its name (H3)."""

from __future__ import annotations

import pytest

from governance.core.engine.transition import declared
from governance.core.timeline.event_words import OF_ITSELF, QUIET, WORDS

pytestmark = pytest.mark.rule("H3")


def test_what_happens_is_said_in_words() -> None:
    ours = {one.event for one in declared() if not one.model.__module__.startswith("tests.")}
    assert "approval.approved" in ours
    assert sorted(ours - set(WORDS)) == []


def test_what_is_said_of_an_event_is_of_one_that_has_words() -> None:
    assert sorted((OF_ITSELF | QUIET) - set(WORDS)) == []
