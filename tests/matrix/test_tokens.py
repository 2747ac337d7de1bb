"""Programs in the permission matrix: in each state of each row they are asked about every operation, and the answer is no (S5)."""

from __future__ import annotations

import pytest

from governance.core.engine.transition import REGISTRY
from tests.core.tokens.test_tokens import OPERATIONS, by_token
from tests.matrix.cast_and_states import World, again
from tests.matrix.test_transitions import subjects
from tests.starting_points import Ground

pytestmark = pytest.mark.matrix


@pytest.mark.rule("S5")
@pytest.mark.parametrize(("starting_point", "label", "state"), list(subjects()))
def test_a_program_of_anybodys_is_refused_whatever_decides_in_whatever_state(
    ground: Ground, starting_point: str, label: str, state: str
) -> None:
    """Each operation, in each state of its subject, by a program of each of the matrix's people, whatever that person may."""
    world, subject = ground.of(starting_point)
    assert isinstance(world, World)
    row, wrong = again(subject), []
    actors = {who: by_token(one) for who, one in world.people.items() if one.is_here}
    for name, verb in REGISTRY.items():
        if name.rpartition(".")[0] != label or name in OPERATIONS or verb.permission is None:
            continue
        for who, actor in actors.items():
            no = verb._permission_refusal(row, actor, world.now)
            if no is None or no.code != "S5":
                wrong.append(f"{name} by a program of {who}: {no}")
    assert wrong == []
