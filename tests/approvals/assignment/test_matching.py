"""Enough distinct eligible people for all approvals together (A9): the matching, against trying everything."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.assignment.matching import Question, shortage
from governance.core.models import Person


def person(number: int) -> Person:
    return Person(pk=number, name=f"Person {number}")


def question(name: str, stage: int, *seats: tuple[int, ...]) -> Question:
    return Question(name, stage, tuple((f"seat {n}", tuple(map(person, people))) for n, people in enumerate(seats)))


@pytest.mark.rule("A9", "S9")
def test_two_seats_of_one_approval_are_never_filled_by_the_same_person() -> None:
    assert shortage([question("mail", 2, (1,), (1,))]) == ["mail"]


@pytest.mark.rule("A9", "S2")
def test_stage_1_approver_is_not_counted_for_privileges() -> None:
    assert shortage([question("app", 1, (1,)), question("mail", 2, (1,))]) == ["mail"]


@pytest.mark.rule("A9")
def test_missing_stage_1_approver_is_reported() -> None:
    assert shortage([question("app", 1, ()), question("mail", 2, (1,))]) == ["app"]


@pytest.mark.rule("A9")
def test_stage_1_is_filled_so_that_stage_2_can_be() -> None:
    assert shortage([question("app", 1, (1, 2)), question("mail", 2, (1,))]) == []


@pytest.mark.rule("A9")
def test_shortage_is_named_for_best_assignment_of_stage_1() -> None:
    questions = [question("app", 1, (1, 2)), question("a", 2, (1,)), question("b", 2, (1,)), question("c", 2, (2,))]
    assert shortage(questions) == ["c"]


@pytest.mark.rule("A9", "A12")
def test_decider_of_app_in_force_is_used_up() -> None:
    assert shortage([question("mail", 2, (1,))], stage_1_taken=frozenset({1})) == ["mail"]


people = st.lists(st.integers(1, 5), max_size=4, unique=True).map(tuple)
seats = st.lists(people, min_size=1, max_size=2)


def possible(questions: list[Question]) -> bool:
    """Whether any assignment of people to all seats at once respects the duties, by trying every one."""
    slots = [(q.name, q.stage, [p.pk for p in who]) for q in questions for _, who in q.seats]
    for chosen in product(*[who for _, _, who in slots]):
        by_stage = {1: set(), 2: set()}
        by_name: dict[str, list[int]] = {}
        for (name, stage, _), who in zip(slots, chosen, strict=True):
            by_stage[stage].add(who)
            by_name.setdefault(name, []).append(who)
        distinct = all(len(set(who)) == len(who) for who in by_name.values())
        if distinct and not by_stage[1] & by_stage[2]:
            return True
    return False


@pytest.mark.rule("A9")
@given(st.lists(seats, max_size=1), st.lists(seats, max_size=3))
def test_the_matching_agrees_with_trying_every_assignment(first: list, second: list) -> None:
    questions = [question(f"app {n}", 1, *each) for n, each in enumerate(first)]
    questions += [question(f"record {n}", 2, *each) for n, each in enumerate(second)]
    assert (shortage(questions) == []) == possible(questions)
