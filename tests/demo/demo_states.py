"""Which states the demo is to show: every one that the product has, but those that nothing leads to yet, each with why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from approvals.models import Approval, Grant, RevocationTask, Submission
from governance.recertification.models import Campaign, Item
from inventory.models import Automation, InterimOwner, NonHumanIdentity, Resource


@dataclass(frozen=True)
class Column:
    """One column that holds one of some words.

    Args:
        model: whose.
        name: the column's.
        missing: words that can't occur, each with why.
    """

    model: type[Model]
    name: str
    missing: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.model.__name__}.{self.name}"

    @property
    def choices(self) -> set[str]:
        """Every word that the column may hold."""
        field: Any = self.model._meta.get_field(self.name)
        return {value for value, _ in field.choices}

    @property
    def occurring(self) -> set[str]:
        """The words that are there, without none at all."""
        return set(self.model._default_manager.values_list(self.name, flat=True)) - {""}


NO_STOP = "no operation stops or retires an identity by itself yet; what runs as it is stopped"

COLUMNS = (
    Column(Automation, "state", {"observed": "what is found running is adopted by a later issue (O1)"}),
    Column(Automation, "environment"),
    Column(Submission, "state"),
    Column(Approval, "state"),
    Column(Approval, "kind"),
    Column(Grant, "state"),
    Column(RevocationTask, "state"),
    Column(RevocationTask, "outcome", {"driver": "no driver ships", "in_use": "nothing of the demo was granted again"}),
    Column(Item, "state"),
    Column(Item, "outcome", {"resolved": "no conflict of the demo was under an enforced rule and resolved"}),
    Column(Campaign, "state"),
    Column(InterimOwner, "state"),
    Column(Resource, "state", {"retired": "no operation retires a resource yet"}),
    Column(Resource, "kind"),
    Column(Resource, "data_class"),
    Column(NonHumanIdentity, "state", {"suspended": NO_STOP, "retired": NO_STOP}),
)
