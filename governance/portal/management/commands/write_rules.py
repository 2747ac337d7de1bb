"""Command `write_rules`: writes docs/rules.md from the declarations in the code."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.template.loader import render_to_string
from django.utils.module_loading import autodiscover_modules

from governance.core.access import ROLE_WORDS, Relation, Role
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Transition, declared
from governance.core.roles.roles import BY_TOKEN, GRANTS


def _verb(transition: Transition[Any]) -> str:
    return transition.name.rpartition(".")[2].replace("_", " ")


def _grantee(grantee: Role | Relation) -> str:
    return ROLE_WORDS[grantee] if isinstance(grantee, Role) else str(grantee).replace("_", " ").capitalize()


def _states(operations: Iterable[Transition[Any]]) -> list[tuple[str, str, list[str]]]:
    """A model's changes of state, each with its operations; none without states."""
    ways: dict[tuple[str, str], list[str]] = defaultdict(list)
    for transition in operations:
        for before in transition.source or ():
            for after in transition.target:
                ways[before, after].append(_verb(transition))
    return [(before, after, sorted(verbs)) for (before, after), verbs in sorted(ways.items())]


def document() -> str:
    """The whole document: permissions, then each model's states and operations."""
    autodiscover_modules("tasks")  # jobs declare operations, too
    by_model = grouped((str(verb.model._meta.verbose_name).capitalize(), verb) for verb in declared())
    context = {
        "grants": [(_grantee(grantee), sorted(granted)) for grantee, granted in GRANTS.items()],
        "by_token": sorted(BY_TOKEN),
        "models": [
            (model, _states(operations), [_operation(transition) for transition in operations])
            for model, operations in sorted(by_model.items())
        ],
    }
    return render_to_string("portal/rules.md", context).rstrip() + "\n"


def _operation(transition: Transition[Any]) -> dict[str, object]:
    names = ("event", "words", "source", "target", "permission", "reason_needed", "all_duties")
    facts = {name: getattr(transition, name) for name in names}  # a template would call the transition
    return {"verb": _verb(transition), "declared": facts, "by_token": transition.permission in BY_TOKEN}


class Command(BaseCommand):
    """Writes docs/rules.md."""

    help = "Write docs/rules.md from the declarations in the code."

    def handle(self, *args: object, **options: object) -> None:
        target = Path(settings.BASE_DIR) / "docs" / "rules.md"
        target.write_text(document(), encoding="utf-8")
        self.stdout.write(f"Wrote {target.relative_to(settings.BASE_DIR)}.")
