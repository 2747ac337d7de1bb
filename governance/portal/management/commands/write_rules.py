"""`write_rules`: docs/rules.md from the declarations that the code itself runs by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules

from governance.core.engine.transition import Transition, declared
from governance.core.roles.roles import BY_TOKEN, GRANTS, ROLE_WORDS, Relation, Role


def _operation(one: Transition) -> Iterator[str]:
    verb = one.name.rpartition(".")[2].replace("_", " ")
    yield f"### {verb}, `{one.event}`"
    yield ""
    yield one.words
    yield ""
    if one.source is not None:
        reached = f" to {', '.join(one.target)}" if one.target else ""
        yield f"- From {', '.join(one.source)}{reached}."
    yield (
        f"- Needs `{one.permission}`."
        if one.permission
        else "- Nobody does this directly: it follows from something else."
    )
    if one.permission in BY_TOKEN:
        yield "- Open to a program with a token."
    if one.reason_needed:
        yield "- A reason is needed."
    for duty in one.all_duties:
        yield f"- {duty.code} ({duty.rule}): {duty.words}"
    yield ""


def _diagram(operations: Iterable[Transition]) -> Iterator[str]:
    """The states of one model and what leads from each to the next, as Mermaid draws them; nothing for a model without states."""
    ways: dict[tuple[str, str], list[str]] = {}
    for one in operations:
        for before in one.source or ():
            for after in one.target:
                ways.setdefault((before, after), []).append(one.name.rpartition(".")[2].replace("_", " "))
    if not ways:
        return
    yield "```mermaid"
    yield "stateDiagram-v2"
    for (before, after), verbs in sorted(ways.items()):
        yield f"    {before} --> {after}: {', '.join(sorted(verbs))}"
    yield "```"
    yield ""


def lines() -> Iterator[str]:
    """The document, line by line: who is granted what, then by model its states and every operation."""
    autodiscover_modules("tasks")  # with the jobs comes what only they do
    yield "# Rules, as the code declares them"
    yield ""
    yield "Written by `make docs`; do not edit. Codes are those of the product's rules; a test that shows one carries its code."
    yield ""
    yield "## Who is granted what"
    yield ""
    yield "| who | permissions |"
    yield "|---|---|"
    for who, granted in GRANTS.items():
        name = ROLE_WORDS[who] if isinstance(who, Role) else str(Relation(who)).replace("_", " ").capitalize()
        yield f"| {name} | {', '.join(f'`{one}`' for one in sorted(granted)) or 'nothing by itself'} |"
    kept = ", ".join(f"`{one}`" for one in sorted(BY_TOKEN))
    yield ""
    yield f"A program with a token has of what its person is granted no more than {kept} (S5)."
    by_model: dict[str, list[Transition]] = {}
    for one in declared():
        by_model.setdefault(str(one.model._meta.verbose_name).capitalize(), []).append(one)
    for model, operations in sorted(by_model.items()):
        yield ""
        yield f"## {model}"
        yield ""
        yield from _diagram(operations)
        for one in operations:
            yield from _operation(one)


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
