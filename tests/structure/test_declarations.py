"""What declared operations and duties have: history, a grant of their permission, and one rule for each code (H1, S5)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from governance.core.engine.transition import Transition, declared
from governance.core.models import AppendOnly
from governance.core.roles.roles import GRANTS


def operations() -> list[Transition[Any]]:
    """The product's operations."""
    return [operation for operation in declared() if not operation.model.__module__.startswith("tests.")]


@pytest.mark.rule("H1")
def test_governed_model_has_history_unless_its_rows_never_change() -> None:
    models = {operation.model for operation in operations()}
    assert len(models) > 20
    assert [model for model in models if not hasattr(model, "history") and not issubclass(model, AppendOnly)] == []


@pytest.mark.rule("S5")
def test_permission_of_an_operation_is_granted_to_a_role_or_relation() -> None:
    granted = set().union(*GRANTS.values())
    needed = {operation.permission for operation in operations() if operation.permission is not None}
    assert needed - granted == set()


@pytest.mark.rule("S5")
def test_code_of_a_duty_stands_for_one_rule() -> None:
    rules: dict[str, set[str]] = defaultdict(set)
    for duty in (duty for operation in operations() for duty in operation.all_duties):
        rules[duty.code].add(duty.rule)
    assert {code for code, of_code in rules.items() if len(of_code) > 1} == {"STATE"}  # the engine's own code
