"""What is missing before a preview can be submitted: the problems of its plan in short words, with their fields (I8)."""

from collections.abc import Iterator

from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.review.remarks import Remark
from governance.core.texts.number_words import counted

#: Short words for a problem of the automation, and the id of its field on the page.
OF_AUTOMATION = {
    "purpose": Remark("say what it is for", place="id_purpose"),
    "no_owner": Remark("name a business owner", place="id_business_owner"),
    "owner_left": Remark("name an owner who is here", place="id_business_owner"),
    "one_owner": Remark("name a second person as technical owner", place="id_technical_owner"),
    "sibling": Remark(
        "what it is promoted from is in this environment already: choose another, or nothing", place="about"
    ),
}


def missing_answers(preview: Preview) -> Iterator[Remark]:
    """Yield what blocks the submission, each with its place on the page."""
    if preview.refusal is not None:
        yield Remark(preview.refusal.sentence.rstrip(".").replace("You ", "you ", 1), place="about")
        return
    problems = preview.plan.problems
    for problem in problems:
        if problem.kind in OF_AUTOMATION:
            yield OF_AUTOMATION[problem.kind]
        elif problem.kind in ("identity", "takeover"):
            yield Remark(problem.sentence.rstrip("."), place="about")
    yield from (Remark(text, place=place) for text, place in _missing_in_rows(preview))
    if conflicts := sum(problem.kind == "conflict" for problem in problems):
        yield Remark(f"resolve {counted(conflicts, 'conflict')}", place="conflicts")
    if any(problem.kind == "shortage" for problem in problems):
        yield Remark("find enough different people", place="route")


def _missing_in_rows(preview: Preview) -> Iterator[tuple[str, str]]:
    unnamed, stuck = preview.unnamed, dict[str, PreviewRow]()
    for row in preview.asked_rows:
        if row.problems and row.kinds.isdisjoint(("connection", "follows_connection")):
            stuck.setdefault(_problem_words(row), row)
    if len(unnamed) > 2:
        yield f"say what its {len(unnamed)} connections open", f"bind-{unnamed[0].key}"
    else:
        yield from ((f"say what {row.group_name} opens", f"bind-{row.key}") for row in unnamed)
    groups = {row.group: row for row in reversed(preview.asked_rows) if not row.is_justified}
    if len(groups) > 2:
        yield f"give a reason for {len(groups)} connections", f"reason-{next(reversed(groups))}"
    else:
        yield from ((f"give a reason for {row.group_name}", f"reason-{key}") for key, row in reversed(groups.items()))
    yield from ((words, f"wish-{row.key}") for words, row in stuck.items())


def _problem_words(row: PreviewRow) -> str:
    """What the builder has to do, or wait for, before the row can be submitted."""
    if "at_run_time" in row.kinds:
        return f"give {row.place} a fixed address in its source"
    if "not_accepted" in row.kinds and row.resource is not None:
        return f"wait for {row.resource.waits_for}"
    if "ownerless" in row.kinds:
        return f"wait until {row.resource} has an owner"
    return " ".join(problem.sentence for problem in row.problems).rstrip(".")
