"""Command `write_rules`: writes docs/rules.md from the declarations in the code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules

from governance.core.engine.transition import Transition, declared
from governance.core.roles.roles import BY_TOKEN, GRANTS, ROLE_WORDS, Relation, Role


def _operation(transition: Transition) -> Iterator[str]:
    verb = transition.name.rpartition(".")[2].replace("_", " ")
    yield f"### {verb}, `{transition.event}`"
    yield ""
    yield transition.words
    yield ""
    if transition.source is not None:
        reached = f" to {', '.join(transition.target)}" if transition.target else ""
        yield f"- From {', '.join(transition.source)}{reached}."
    yield (
        f"- Needs `{transition.permission}`."
        if transition.permission
        else "- Nobody does this directly: it follows from something else."
    )
    if transition.permission in BY_TOKEN:
        yield "- Open to a program with a token."
    if transition.reason_needed:
        yield "- A reason is needed."
    for duty in transition.all_duties:
        yield f"- {duty.code} ({duty.rule}): {duty.words}"
    yield ""


def _diagram(operations: Iterable[Transition]) -> Iterator[str]:
    """A model's states and transitions as a Mermaid diagram; nothing without states."""
    ways: dict[tuple[str, str], list[str]] = {}
    for transition in operations:
        for before in transition.source or ():
            for after in transition.target:
                ways.setdefault((before, after), []).append(transition.name.rpartition(".")[2].replace("_", " "))
    if not ways:
        return
    yield "```mermaid"
    yield "stateDiagram-v2"
    for (before, after), verbs in sorted(ways.items()):
        yield f"    {before} --> {after}: {', '.join(sorted(verbs))}"
    yield "```"
    yield ""


def lines() -> Iterator[str]:
    """Lines of the document: permissions, then each model's states and operations."""
    autodiscover_modules("tasks")  # jobs declare operations, too
    yield "# Rules, as the code declares them"
    yield ""
    yield "Written by `make docs`; do not edit. Codes are those of the product's rules; a test that shows one carries its code."
    yield ""
    yield "## Who is granted what"
    yield ""
    yield "| who | permissions |"
    yield "|---|---|"
    for grantee, granted in GRANTS.items():
        name = (
            ROLE_WORDS[grantee] if isinstance(grantee, Role) else str(Relation(grantee)).replace("_", " ").capitalize()
        )
        yield f"| {name} | {', '.join(f'`{permission}`' for permission in sorted(granted)) or 'nothing by itself'} |"
    kept = ", ".join(f"`{permission}`" for permission in sorted(BY_TOKEN))
    yield ""
    yield f"A program with a token has of what its person is granted no more than {kept} (S5)."
    by_model: dict[str, list[Transition]] = {}
    for transition in declared():
        by_model.setdefault(str(transition.model._meta.verbose_name).capitalize(), []).append(transition)
    for model, operations in sorted(by_model.items()):
        yield ""
        yield f"## {model}"
        yield ""
        yield from _diagram(operations)
        for transition in operations:
            yield from _operation(transition)


def document() -> str:
    """The whole document."""
    return "\n".join(lines()).rstrip() + "\n"


class Command(BaseCommand):
    """Writes docs/rules.md."""

    help = "Write docs/rules.md from the declarations in the code."

    def handle(self, *args: object, **options: object) -> None:
        target = Path(settings.BASE_DIR) / "docs" / "rules.md"
        target.write_text(document(), encoding="utf-8")
        self.stdout.write(f"Wrote {target.relative_to(settings.BASE_DIR)}.")
