"""Every operation's event has words of its own in a timeline: none is shown by its name (H3)."""

from __future__ import annotations

import pytest

from governance.core.engine.transition import declared
from governance.core.timeline.queries import OF_ITSELF, QUIET, WORDS

pytestmark = pytest.mark.rule("H3")


def test_every_event_has_words() -> None:
    ours = {transition.event for transition in declared() if not transition.model.__module__.startswith("tests.")}
    assert "approval.approved" in ours
    assert sorted(ours - set(WORDS)) == []


def test_event_words_belong_to_events() -> None:
    assert sorted((OF_ITSELF | QUIET) - set(WORDS)) == []
