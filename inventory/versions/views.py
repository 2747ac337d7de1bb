"""Versions tab of an automation: its versions, their differences and their authors."""

from governance.web.components.facts import Fact
from governance.web.pages.page import Shape
from inventory.models import Automation, Trigger, Version
from inventory.models.version import newest_assessment
from inventory.ownership import parties
from inventory.versions import trigger_descriptions
from inventory.versions.diff import diff_versions

#: Most versions that the tab lists.
SHOWN = 30


def versions_context(automation: Automation, wanted: str) -> Shape:
    """Context of ``inventory/versions/versions.html``.

    Args:
        automation: the automation.
        wanted: number of the version to compare, from the address; empty for the newest.
    """
    rows = automation.versions.select_related("imported_by").annotate(tier=newest_assessment("pk", "tier"))
    versions = list(rows.defer("manifest").order_by("-number")[:SHOWN])
    chosen = next((v for v in versions if str(v.number) == wanted), versions[0] if versions else None)
    before = automation.approved_version
    if chosen is not None and (before is None or before.pk == chosen.pk):
        before = next((v for v in versions if v.number < chosen.number), None)
    return {
        "versions": versions,
        "chosen": chosen,
        "compare": diff_context(before, chosen) if before is not None and chosen is not None else None,
    }


def diff_context(before: Version, chosen: Version) -> Shape:
    """Context of ``inventory/versions/diff.html`` for the difference between two versions."""
    difference = diff_versions(before, chosen)
    rows = [
        *({"label": "Starts", "before": _trigger_text(t)} for t in difference.triggers_removed),
        *({"label": "Starts", "after": _trigger_text(t)} for t in difference.triggers_added),
        *({"label": "Credential", "before": c.sentence} for c in difference.credentials_removed),
        *({"label": "Credential", "after": c.sentence} for c in difference.credentials_added),
    ]
    if difference.source_changed:
        old, new = (version.source_digest.partition(":")[2][:10] for version in (before, chosen))
        rows.append({"label": "Source", "before": old, "after": new})
    return {"from": before.number, "to": chosen.number, "rows": rows, "diff": difference}


def _trigger_text(trigger: Trigger) -> str:
    text = trigger_descriptions.trigger_sentence(trigger.type, trigger.detail)
    return f"{text}, open to anybody" if trigger.is_open else text


def author_rows(shown: Version | None) -> list[Fact]:
    """Authors that the source of the shown version names: a person, or the source's own words (S1); one query."""
    if shown is None:
        return []
    named = list(shown.authors.select_related("person", "said"))
    matches = parties.all_matches(row.said.text for row in named if row.person is None)
    rows = []
    for row in named:
        people = {row.person} if row.person is not None else matches.get(row.said.text, set())
        text, quiet = row.said.text or "Erased", "not matched to anybody"
        if len(people) == 1:
            text, quiet = next(iter(people)).name, "a party"
        elif people:
            quiet = "several people here, each a party"
        rows.append(Fact(text, "Named by its source", quiet))
    return rows
