"""Words, marks and times: what a reader sees for a value, and nothing that is only a colour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template

from governance.celery import TIMETABLE
from governance.web.components import charts, marks, state_words, times
from tests.web.harness import NOW
from tests.web.samples.gallery import sprite
from tests.web.samples.row_samples import at


def render(source: str, **context: object) -> str:
    """Render a line of template."""
    return Template(source).render(Context({"now": NOW, **context}))


def test_a_state_without_a_word_is_an_error_and_no_guess() -> None:
    with pytest.raises(KeyError):
        state_words.state_word("approval", "pending")


def test_no_state_is_called_pending() -> None:
    every = [word.text for states in state_words.STATES.values() for word in states.values()]
    assert not [text for text in every if "pending" in text.lower()]


@pytest.mark.parametrize("kind", state_words.STATES)
def test_every_state_has_an_icon_of_the_sprite_and_a_word(kind: str) -> None:
    icons = {*sprite(), "seal-none", "seal-left", "seal-right", "seal-full"}
    for value, word in state_words.STATES[kind].items():
        assert word.text, value
        assert word.icon in icons, value


def test_waiting_state_names_people() -> None:
    assert "Waiting for you" in render('{% state "approval" "open" mine=True %}')
    assert "Waiting for Mei Tanaka" in render('{% state "approval" "open" holder="Mei Tanaka" %}')


@pytest.mark.rule("I3")
def test_a_data_class_that_is_not_set_reads_as_restricted_and_says_so() -> None:
    drawn = marks.data_class(None)
    assert "#data-4" in drawn
    assert "Restricted" in drawn
    assert "not set" in drawn


def test_only_high_risk_is_coloured_and_each_tier_has_a_word() -> None:
    assert "tier-high" in marks.tier("high").split(">")[0]
    assert "tier-high" not in marks.tier("standard")
    assert ">Low<" in marks.tier("low")


def test_compact_level_has_accessible_text() -> None:
    assert '<span class="visually-hidden">Write</span>' in marks.level("write", small=True)


def test_markup_in_a_value_is_shown_and_not_obeyed() -> None:
    hostile = "<script>alert(1)</script>"
    assert "<script" not in marks.tag(hostile)
    assert "<script" not in marks.person(hostile, href='"><script>', role=hostile)
    assert "<script" not in render("{% strong text name %}", text=f"Uses {hostile}", name=hostile)
    assert "<script" not in render('{% note "no" %}{{ text }}{% endnote %}', text=hostile)
    assert "<script" not in charts.weekly_bars([1], hostile, hostile)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Omar Haddad", "OH"), ("Piet de Vries", "PV"), ("Yuki", "Y"), ("", "?"), ("ada", "A")],
)
def test_initials_are_two_letters(name: str, letters: str) -> None:
    assert marks.initials(name) == letters


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (at(24, 9, 21), "today 09:21"),
        (at(23, 16, 40), "yesterday 16:40"),
        (at(25, 17), "tomorrow 17:00"),
        (at(18, 16, 5), "Wed 18 Nov 16:05"),
        (at(12, 9, month=6), "12 Jun 2026"),
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), "today 00:30"),
    ],
)
def test_an_instant_reads_as_on_a_calendar_of_the_readers_zone(moment: datetime, words: str) -> None:
    assert times.moment_words(moment, NOW) == words


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=-2), "2 minutes ago"),
        (timedelta(hours=1), "in 1 hour"),
        (timedelta(hours=-16), "yesterday"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=-30), "30 days ago"),
    ],
)
def test_a_distance_reads_as_one_would_say_it(away: timedelta, words: str) -> None:
    assert times.distance_words(NOW + away, NOW) == words


def test_an_instant_carries_its_exact_value() -> None:
    html = render("{% when moment %}", moment=at(24, 9, 21))
    assert 'datetime="2026-11-24T08:21:00+00:00"' in html
    assert "Tuesday 24 November 2026, 09:21:00 CET" in html


def test_a_deadline_is_loud_only_when_it_is_near_or_over() -> None:
    assert "Overdue 1 day" in render("{% due moment %}", moment=at(23, 17))
    assert "#clock" in render("{% due moment %}", moment=at(23, 17))
    assert "Overdue since 09:30" in render("{% due moment %}", moment=at(24, 9, 30))
    assert "Today 17:00" in render("{% due moment %}", moment=at(24, 17))
    assert "state" not in render("{% due moment %}", moment=at(30, 17))
    assert "Due Thu 26 Nov 17:00, in 2 days" in render('{% due moment "Due" full=True %}', moment=at(26, 17))
    assert "No clock runs" in render("{% due moment %}", moment=None)


def test_a_term_bar_never_draws_outside_itself() -> None:
    long_over = charts.elapsed(at(1, month=1), at(1, month=3), NOW)
    not_begun = charts.elapsed(at(1, month=1, year=2027), at(1, month=3, year=2027), NOW)
    assert (long_over, not_begun) == (100.0, 0.0)
    assert charts.elapsed(at(1), at(1), NOW) == 100.0
    assert 'width="100%"' in charts.bar(412)


def test_segments_are_read_aloud_as_counts() -> None:
    drawn = charts.segments(["approved", "approved", "refused", "mine"])
    assert 'aria-label="2 approved, 1 rejected, 1 waiting for you"' in drawn
    assert drawn.count("<span") == 5


def test_numbers_and_lists_read_as_in_a_sentence() -> None:
    assert render('{{ 1|counted:"privilege" }}, {{ 5|counted:"party,parties" }}, {{ 18204|number }}') == (
        "1 privilege, 5 parties, 18,204"
    )
    assert render("{{ names|listed }}", names=["Omar", "Mei", "Rita"]) == "Omar, Mei and Rita"
    assert render("{{ names|listed }}", names=[]) == ""
    assert render("{{ digest|short_digest }}", digest="9f2c41ab" + "0" * 54 + "e7") == "9f2c41ab…e7"


def test_every_job_has_words() -> None:
    assert set(state_words.STATES["job"]) == set(TIMETABLE)
