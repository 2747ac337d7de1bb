"""How the demo's past is put in order, and that none of it happens outside a demo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.core.models import JobRun, LedgerEvent, Person
from governance.demo.loading import load
from governance.demo.loading.load import DatabaseContent, NotADemo
from governance.demo.stories.scenes import LEAST, Ago, Story, play
from tests.people import Northwind

#: A Tuesday.
PRESENT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("command", ["load_demo", "demo_hints"])
def test_demo_commands_do_nothing_outside_demo(settings: Any, command: str) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="COUNTERSIGN_DEMO is off"):
        call_command(command)


@pytest.mark.parametrize("act", [load.load, load.empty, lambda: load.play_past(PRESENT)])
def test_demo_data_is_not_loaded_or_deleted_outside_demo(settings: Any, act: Any) -> None:
    settings.DEMO = False
    with pytest.raises(NotADemo):
        act()


def test_data_that_is_not_the_demos_is_left_alone(northwind: Northwind) -> None:
    output, people, events = StringIO(), Person.objects.count(), LedgerEvent.objects.count()
    assert load.check_database() is DatabaseContent.OTHER
    call_command("load_demo", stdout=output)
    assert "nothing was loaded" in output.getvalue()
    assert (Person.objects.count(), LedgerEvent.objects.count()) == (people, events)
    call_command("demo_hints", stdout=(hints := StringIO()))
    assert hints.getvalue() == ""


@pytest.mark.django_db
@pytest.mark.parametrize("ended", ["never", "with an error"])
def test_a_load_that_was_interrupted_is_thrown_away_and_begun_again(
    monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    JobRun.objects.create(
        job=load.JOB,
        started_at=PRESENT,
        began_at=PRESENT,
        seen_at=None if ended == "never" else PRESENT,
        error="" if ended == "never" else "KeyError",
    )
    done: list[str] = []
    monkeypatch.setattr(load, "empty", lambda: done.append("emptied"))
    monkeypatch.setattr(load, "load", lambda: done.append("loaded"))
    assert load.check_database() is DatabaseContent.HALF
    call_command("load_demo")
    assert done == ["emptied", "loaded"]


def test_resetting_throws_away_a_demo_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(load, "check_database", lambda: DatabaseContent.DEMO)
    monkeypatch.setattr(load, "empty", lambda: done.append("emptied"))
    monkeypatch.setattr(load, "load", lambda: done.append("loaded"))
    call_command("load_demo", reset=True)
    assert done == ["emptied", "loaded"]


def test_a_day_of_a_weekend_is_the_friday_before() -> None:
    assert Ago(1, "09:30").instant(PRESENT) == datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    friday = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert [Ago(days, "09:30").instant(PRESENT) for days in (2, 3, 4)] == [friday] * 3


def test_stories_play_in_order_of_time() -> None:
    log: list[tuple[str, datetime]] = []

    def story(name: str, *steps: Any) -> Story:
        for step in steps:
            log.append((name, (yield step)))

    minutes = timedelta(minutes=5)
    seen: list[datetime] = []
    stories = [story("a", Ago(6, "10:00"), Ago(1, "10:00")), story("b", Ago(5, "10:00"), minutes, PRESENT)]
    play(stories, present=PRESENT, each_step=seen.append)
    assert [name for name, _ in log] == ["a", "b", "b", "a", "b"]
    assert seen == [at for _, at in log] == sorted(seen)
    assert log[2][1] - log[1][1] == minutes
    assert log[-1][1] == PRESENT


def test_two_steps_that_fall_on_one_weekend_keep_their_order() -> None:
    moments: list[datetime] = []

    def story() -> Story:
        moments.append((yield Ago(3, "15:00")))
        moments.append((yield Ago(2, "09:00")))

    play([story()], present=PRESENT, each_step=lambda now: None)
    assert moments[1] == moments[0] + LEAST


def test_stories_end_at_present() -> None:
    def story() -> Story:
        yield PRESENT + timedelta(seconds=1)

    with pytest.raises(ValueError, match="after the demo's present"):
        play([story()], present=PRESENT, each_step=lambda now: None)


def test_the_file_to_bring_in_by_hand_is_none_that_is_loaded() -> None:
    from governance.demo.management.commands.demo_hints import TO_IMPORT

    story = Path(load.__file__).parents[1] / "stories"
    assert TO_IMPORT.is_file()
    assert not any(TO_IMPORT.name in file.read_text() for file in story.glob("*.yaml"))
