"""Versions tab of an automation: its versions, their differences and their authors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory.models import Automation, AutomationState, Privilege, Trigger, Version
from inventory.ownership import authors
from inventory.versions import trigger_descriptions
from inventory.versions.diff import diff_versions

Shape = dict[str, Any]

#: Most versions that the tab lists.
SHOWN = 30


def versions_context(automation: Automation, wanted: str) -> Shape:
    """Context of ``inventory/versions/versions.html``.

    Args:
        automation: the automation.
        wanted: number of the version to compare, from the address; empty for the newest.
    """
    rows = automation.versions.select_related("imported_by").prefetch_related("assessments").defer("manifest")
    versions = list(rows.order_by("-number")[:SHOWN])
    chosen = next((v for v in versions if str(v.number) == wanted), versions[0] if versions else None)
    return {
        "versions": [_version(automation, version, chosen) for version in versions],
        "compare": _compare(automation, versions, chosen),
    }


def _version(automation: Automation, version: Version, chosen: Version | None) -> Shape:
    judged = max(version.assessments.all(), key=lambda assessment: assessment.pk, default=None)
    is_approved = version.pk == automation.approved_version_id
    return {
        "number": version.number,
        "href": f"{automation.href}?tab=versions&version={version.number}#compare",
        "at": version.created_at,
        "author": version.imported_by.name if version.imported_by else "",
        "words": "compared below" if chosen is not None and version.pk == chosen.pk else "",
        "approved": is_approved,
        "running": is_approved and automation.state == AutomationState.LIVE,
        "digest": version.manifest_digest.partition(":")[2],
        "tier": judged.tier if judged else "",
    }


def _compare(automation: Automation, versions: Sequence[Version], chosen: Version | None) -> Shape | None:
    """Comparison with the approved version; for the approved one, with the previous version."""
    if chosen is None:
        return None
    before = automation.approved_version
    if before is None or before.pk == chosen.pk:
        before = next((v for v in versions if v.number < chosen.number), None)
    if before is None:
        return None
    return diff_context(before, chosen)


def diff_context(before: Version, chosen: Version) -> Shape:
    """Context of ``inventory/versions/diff.html`` for the difference between two versions."""
    difference = diff_versions(before, chosen)
    rows = [
        *({"label": "Starts", "before": _trigger_text(t), "after": ""} for t in difference.triggers_removed),
        *({"label": "Starts", "before": "", "after": _trigger_text(t)} for t in difference.triggers_added),
        *({"label": "Credential", "before": c.sentence, "after": ""} for c in difference.credentials_removed),
        *({"label": "Credential", "before": "", "after": c.sentence} for c in difference.credentials_added),
    ]
    if difference.source_changed:
        digests = (v.source_digest.partition(":")[2][:10] for v in (before, chosen))
        rows.append(dict(zip(("label", "before", "after"), ("Source", *digests), strict=True)))
    return {
        "from": before.number,
        "to": chosen.number,
        "rows": rows,
        "added": [_privilege_shape(p) for p in difference.added],
        "removed": [_privilege_shape(p) for p in difference.removed],
        "changed": [
            _privilege_shape(change.after)
            | {"rows": [{"label": a, "before": b, "after": c} for a, b, c in change.rows]}
            for change in difference.changed
        ],
        "same": difference.is_empty and not rows,
    }


def _privilege_shape(privilege: Privilege) -> Shape:
    scope = " · ".join(filter(None, [privilege.entitlement.code, privilege.through, privilege.target]))
    return {"level": privilege.level, "sentence": privilege.sentence, "scope": scope}


def _trigger_text(trigger: Trigger) -> str:
    text = trigger_descriptions.trigger_sentence(trigger.type, trigger.detail)
    return f"{text}, open to anybody" if trigger.is_open else text


def author_rows(shown: Version | None) -> list[Shape]:
    """Authors that the source of the shown version names: a person, or the source's own words (S1); one query."""
    authors_shown = list(shown.authors.select_related("person", "said")) if shown is not None else []
    now = authors.all_matches(row.said.text for row in authors_shown if row.person is None)
    rows = []
    for row in authors_shown:
        people = {row.person} if row.person is not None else now.get(row.said.text, set())
        text = row.said.text or "Erased"
        if len(people) == 1:
            shown_as = {"text": next(iter(people)).name, "quiet": "a party"}
        else:
            shown_as = {
                "text": text,
                "quiet": "several people here, each a party" if people else "not matched to anybody",
            }
        rows.append({"label": "Named by its source", **shown_as})
    return rows
