"""What is missing before a preview can be submitted, each with a link to its place on the page (I7, I8)."""

from __future__ import annotations

from typing import Any

from approvals.conflicts.check import submission as conflicts
from approvals.intake.preview.rows import Preview
from approvals.intake.views import preview_rows
from governance.core.texts import free_text
from governance.web.components import times
from governance.web.pages.page import Shape

#: The chosen sibling is in the chosen environment (I10).
SIBLING_IS_HERE = "what it is promoted from is in this environment already: choose another, or nothing"


def things_missing(preview: Preview) -> list[Shape]:
    """Problems that block the submission, each with a link to its place."""
    if preview.refusal is not None:
        return [_thing(preview.refusal.sentence.rstrip(".").replace("You ", "you ", 1), "#about")]
    fields = preview.draft.fields
    missing = []
    if not free_text.seen(str(fields.get("purpose") or "")):
        missing.append(_thing("say what it is for", "#id_purpose"))
    has_owner = bool(fields.get("business_owner"))
    if not has_owner:
        missing.append(_thing("name a business owner", "#id_business_owner"))
    for problem in preview.plan.problems:
        if problem.place == "technical_owner" and has_owner:
            missing.append(_thing("name a second person as technical owner", "#id_technical_owner"))
        elif problem.place == "business_owner":
            missing.append(_thing("name an owner who is here", "#id_business_owner"))
        elif not problem.place:
            missing.append(_thing(problem.sentence.rstrip("."), "#about"))
    if preview.content.registered is None and preview.sibling is None and preview.draft.sibling:
        missing.append(_thing(SIBLING_IS_HERE, "#about"))
    missing += _about_rows(preview)
    refused = conflicts.enforced_conflicts(preview.context.conflicts)
    if refused:
        missing.append(_thing(f"resolve {times.counted(len(refused), 'conflict')}", "#conflicts"))
    if preview.plan.short and has_owner:
        missing.append(_thing("find enough different people", "#route"))
    return missing


def _thing(text: str, href: str) -> Shape:
    return {"text": text, "href": href}


def _about_rows(preview: Preview) -> list[Shape]:
    unnamed: dict[str, Any] = {}
    stuck: dict[str, Any] = {}
    for row in preview.asked:
        if row.connection and not row.is_named:
            unnamed.setdefault(row.connection, row)
        elif row.problems and preview_rows.is_known(row):
            stuck.setdefault(preview_rows.problem_words(row, preview.context.now), row)
    missing = [_thing(f"say what {preview_rows.place(row)} talks to", f"#bind-{row.key}") for row in unnamed.values()]
    if len(missing) > 2:
        missing = [_thing(f"say what its {len(missing)} connections open", missing[0]["href"])]
    missing += [_thing(words, f"#wish-{row.key}") for words, row in stuck.items()]
    unjustified = preview.unjustified
    if len(unjustified) > 2:
        return [*missing, _thing(f"say why it needs {len(unjustified)} of these", f"#why-{unjustified[0].key}")]
    for row in unjustified:
        missing.append(_thing(f"say why it {preview_rows.sentence_after_it(row)}", f"#why-{row.key}"))
    return missing
