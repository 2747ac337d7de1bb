"""A campaign's scope in words. One query for each row that the scope names by id."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, TextChoices

from governance.core.models import Person, Team
from governance.recertification.campaigns.scope import AUTOMATIONS, BOTH, GRANTS, Scope
from inventory.models import AutomationKind, DataClass, Environment, Resource

ABOUT = {
    GRANTS: "What automations may do",
    AUTOMATIONS: "The automations themselves",
    BOTH: "Automations, and what they may do",
}

#: Phrases of the fields that narrow the scope, in their order.
PHRASES = {
    "tier": "of {} risk",
    "team": "of {} and the teams below it",
    "resource": "on {}",
    "data_class": "on {} data",
    "kind": "of the kind {}",
    "environment": "in {}",
    "owner": "owned by {}",
    "unused_days": "not used for {} days, as far as use is measured",
    "reviewed_before": "neither approved nor reviewed since {}",
}
CHOICES: dict[str, type[TextChoices]] = {"data_class": DataClass, "kind": AutomationKind, "environment": Environment}
#: Rows that a field names by id, with the words for a deleted one.
ROWS: dict[str, tuple[type[Model], str]] = {
    "team": (Team, "a team that is no more"),
    "resource": (Resource, "a resource that is no more"),
    "owner": (Person, "somebody who is no more"),
}


def scope_sentence(scope: Scope) -> str:
    """One sentence: "What automations may do, of high risk, on Finance ERP, not used for 60 days"."""
    fields = scope.to_dict()
    phrases = [words.format(_shown(name, fields[name])) for name, words in PHRASES.items() if name in fields]
    return ", ".join([ABOUT[scope.about], *phrases])


def _shown(name: str, value: Any) -> str:
    """The value of a field in words."""
    if name in ROWS:
        model, deleted = ROWS[name]
        row: Any = model._default_manager.filter(pk=value).first()
        return row.name if row is not None else deleted
    return str(CHOICES[name](value).label).lower() if name in CHOICES else str(value)
