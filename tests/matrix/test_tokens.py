"""Programs in the permission matrix: in each state of each row they are asked about every operation, and the answer is no (S5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.engine.transition import REGISTRY
from governance.core.models import ApiToken, Person
from tests.core.tokens.test_tokens import OPERATIONS
from tests.matrix.cast_and_states import World, again
from tests.matrix.test_transitions import subjects
from tests.starting_points import Ground

pytestmark = pytest.mark.matrix


def program_of(person: Person) -> Actor:
    """A program with a token of somebody's; it is not kept, since asking reads none."""
    at = current_time.real()
    return Actor.of_token(ApiToken(person=person, made_at=at, expires_at=at + timedelta(days=1)))


@pytest.mark.rule("S5")
@pytest.mark.parametrize(("starting_point", "label", "state"), list(subjects()))
def test_program_is_refused_every_decision_in_every_state(
    ground: Ground, starting_point: str, label: str, state: str
) -> None:
    """Each operation, in each state of its subject, by a program of each of the matrix's people, whatever that person may."""
    world, subject = ground.of(starting_point)
    assert isinstance(world, World)
    row, wrong = again(subject), []
    actors = {who: program_of(person) for who, person in world.people.items() if person.is_here}
    for name, verb in REGISTRY.items():
        if name.rpartition(".")[0] != label or name in OPERATIONS or verb.permission is None:
            continue
        for who, actor in actors.items():
            refusal = verb._permission_refusal(row, actor, world.now, None)
            if refusal is None or (refusal.code, refusal.to_do) != (
                "S5",
                "Do this on its page, signed in as yourself.",
            ):
                wrong.append(f"{name} by a program of {who}: {refusal}")
    assert wrong == []
