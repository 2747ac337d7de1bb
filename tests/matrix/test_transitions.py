"""The permission matrix: for each state, everybody is asked about every operation, and the answer is the table's.

A table is written by hand from the product's rules. Columns: ``transition``; ``state`` and ``who``, one name or several apart;
``who`` may be ``*`` for everybody without a line of their own for that transition and state; ``expected``, which is ``ok`` or
``kind:code`` of the refusal. Asking only reads. Where the table says ``ok`` the operation is performed too, and rolled back: by `DOERS` in each state, under
`make full` by everybody whose line says ``ok``.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import REGISTRY, Transition
from governance.core.models import LedgerEvent
from tests import run_lengths
from tests.matrix.cast_and_states import ARGUMENTS, CREATING, STATES, World, again, everybody, in_turn
from tests.starting_points import Ground

pytestmark = pytest.mark.matrix

FOLDER = Path(__file__).parent
#: A table is written by hand before anything is asked; it counts from when its states can be reached.
TABLES = sorted(path.stem for path in FOLDER.glob("*.csv") if (FOLDER / f"{path.stem}_states.py").exists())
for table in TABLES:
    importlib.import_module(f"tests.matrix.{table}_states")

Cells = dict[tuple[str, str], dict[str, str]]

#: How many permitted people do it in each state: another in the next state, and for the next transition.
DOERS = run_lengths.run_length(1, full=100)


def read(table: str) -> Cells:
    """(transition, state) to who to what is expected; a cell named twice, or nobody's, is an error in the table."""
    named: Cells = {}
    rest: dict[tuple[str, str], str] = {}
    with (FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            for state in line["state"].split():
                key = (line["transition"], state)
                cells = named.setdefault(key, {})
                for who in line["who"].split():
                    if who == "*":
                        assert key not in rest, f"{table}: {key} has two lines for everybody else"
                        rest[key] = line["expected"]
                        continue
                    assert who in everybody(table), f"{table}: nobody is called {who}"
                    assert who not in cells, f"{table}: {key} names {who} twice"
                    cells[who] = line["expected"]
    return {key: {who: cells.get(who) or rest[key] for who in everybody(table)} for key, cells in named.items()}


ALL = {table: read(table) for table in TABLES}


def read_events() -> dict[str, tuple[str, frozenset[str]]]:
    """The ledger event of each transition, and the events that it may cause (H1), from the handwritten ``events.csv``."""
    with (FOLDER / "events.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len({line["transition"] for line in lines}) == len(lines)
    return {line["transition"]: (line["event"], frozenset(line["may_follow"].split())) for line in lines}


EVENTS = read_events()


def subjects() -> Iterator[Any]:
    """Each subject in each state that any table names."""
    named = [(name.rpartition(".")[0], state) for cells in ALL.values() for name, state in cells]
    for label, state in dict.fromkeys(named):
        yield pytest.param(STATES[label, state], label, state, id=f"{label}:{state}")


def app_of(verb: Transition[Any]) -> str:
    """Whose operation it is: the app in which its body stands, which need not be its subject's."""
    first, second, *_ = verb.body.__module__.split(".")
    return second if first == "governance" else first


@pytest.mark.parametrize("table", TABLES)
def test_an_operation_that_is_missing_from_its_apps_table_or_from_one_of_its_states_is_found(table: str) -> None:
    declared = {name for name, verb in REGISTRY.items() if app_of(verb) == table}
    assert {name for name, _ in ALL[table]} == declared
    for name in declared:
        label = name.rpartition(".")[0]
        there = {state for model, state in STATES if model == label and (state == "new") == (name in CREATING)}
        assert {state for operation, state in ALL[table] if operation == name} == there, name


def verdict_of(refusal: Refusal | None) -> str:
    return "ok" if refusal is None else f"{refusal.kind}:{refusal.code}"


@pytest.mark.full
@pytest.mark.rule("S5")
@pytest.mark.parametrize(("starting_point", "label", "state"), list(subjects()))
def test_every_role_may_do_exactly_what_tables_allow(
    ground: Ground, starting_point: str, label: str, state: str
) -> None:
    world, subject = ground.of(starting_point)
    tables = ALL.values()
    operations = {
        name: cells for table in tables for (name, at), cells in table.items() if at == state and _is_of(name, label)
    }
    actors = {who: world.actor(who) for who in {who for cells in operations.values() for who in cells}}
    as_it_is = again(subject)  # asking only reads, so that one copy answers all, and once who is what to it
    if hasattr(as_it_is, "relations"):
        as_it_is.relations = cache(as_it_is.relations)
    wrong, states = [], list(dict.fromkeys(at for _, at in STATES))
    load = cache(lambda loader: loader(as_it_is, world.now))
    for turn, (name, cells) in enumerate(operations.items(), start=states.index(state)):
        doers = in_turn([who for who, expected in cells.items() if expected == "ok"], turn)[:DOERS]
        loader = REGISTRY[name].load_context
        context = load(loader) if loader is not None else None
        for who, expected in cells.items():
            answer = verdict_of(REGISTRY[name].refusal(as_it_is, actor=actors[who], now=world.now, context=context))
            if answer != expected:
                wrong.append(f"{name} by {who}: the table says {expected}, the rule {answer}")
            elif who in doers:
                _perform(world, REGISTRY[name], again(subject), who)
    assert wrong == []


def _is_of(name: str, label: str) -> bool:
    return name.rpartition(".")[0] == label


def _perform(world: World, verb: Transition[Any], subject: Any, who: str) -> None:
    """Do it for real, and undo it: what the rule allows, the write must carry out."""
    world.made["who"] = who
    given = ARGUMENTS[verb.name](world, subject) if verb.name in ARGUMENTS else {}
    undo = transaction.savepoint()
    last = LedgerEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    verb(subject, actor=world.actor(who), now=world.now, reason="A reason.", **given)
    written = list(LedgerEvent.objects.filter(pk__gt=last).values_list("verb", "outcome"))
    transaction.savepoint_rollback(undo)
    event, may_follow = EVENTS[verb.name]
    assert (event, "done") in written, f"{verb.name} by {who} left no {event}"
    assert {name for name, _ in written} - {event} <= may_follow, f"{verb.name} by {who} left {written}"
    assert {outcome for _, outcome in written} == {"done"}
