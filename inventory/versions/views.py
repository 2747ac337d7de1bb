"""The tab of an automation's versions: each as it came, what one changed against the approved one or the one before, and who made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory.models import Automation, AutomationState, Privilege, Trigger, Version
from inventory.ownership import authors
from inventory.versions import trigger_descriptions
from inventory.versions.diff import drift

Shape = dict[str, Any]

#: The most versions that the tab lists.
SHOWN = 30


def context(one: Automation, wanted: str) -> Shape:
    """What ``inventory/versions/versions.html`` takes.

    Args:
        one: the automation.
        wanted: the number of the version to compare, as the address has it; empty for the newest.
    """
    rows = one.versions.select_related("imported_by").prefetch_related("assessments").defer("manifest")
    versions = list(rows.order_by("-number")[:SHOWN])
    chosen = next((v for v in versions if str(v.number) == wanted), versions[0] if versions else None)
    return {
        "versions": [_version(one, version, chosen) for version in versions],
        "compare": _compare(one, versions, chosen),
    }


def _version(one: Automation, version: Version, chosen: Version | None) -> Shape:
    judged = max(version.assessments.all(), key=lambda assessment: assessment.pk, default=None)
    is_approved = version.pk == one.approved_version_id
    return {
        "number": version.number,
        "href": f"{one.href}?tab=versions&version={version.number}#compare",
        "at": version.created_at,
        "author": version.imported_by.name if version.imported_by else "",
        "words": "compared below" if chosen is not None and version.pk == chosen.pk else "",
        "approved": is_approved,
        "running": is_approved and one.state == AutomationState.LIVE,
        "digest": version.manifest_digest.partition(":")[2],
        "tier": judged.tier if judged else "",
    }


def _compare(one: Automation, versions: Sequence[Version], chosen: Version | None) -> Shape | None:
    """Against the approved version; the approved one itself against the one before it."""
    if chosen is None:
        return None
    before = one.approved_version
    if before is None or before.pk == chosen.pk:
        before = next((v for v in versions if v.number < chosen.number), None)
    if before is None:
        return None
    return compared(before, chosen)


def compared(before: Version, chosen: Version) -> Shape:
    """What ``inventory/versions/diff.html`` takes: the difference between two versions."""
    found = drift(before, chosen)
    rows = [
        *({"label": "Starts", "before": _trigger(t), "after": ""} for t in found.triggers_removed),
        *({"label": "Starts", "before": "", "after": _trigger(t)} for t in found.triggers_added),
        *({"label": "Credential", "before": c.sentence, "after": ""} for c in found.credentials_removed),
        *({"label": "Credential", "before": "", "after": c.sentence} for c in found.credentials_added),
    ]
    if found.source_changed:
        digests = (v.source_digest.partition(":")[2][:10] for v in (before, chosen))
        rows.append(dict(zip(("label", "before", "after"), ("Source", *digests), strict=True)))
    return {
        "from": before.number,
        "to": chosen.number,
        "rows": rows,
        "added": [_said(p) for p in found.added],
        "removed": [_said(p) for p in found.removed],
        "changed": [
            _said(change.after) | {"rows": [{"label": a, "before": b, "after": c} for a, b, c in change.rows]}
            for change in found.changed
        ],
        "same": found.is_empty and not rows,
    }


def _said(one: Privilege) -> Shape:
    scope = " · ".join(filter(None, [one.entitlement.code, one.through, one.target]))
    return {"level": one.level, "sentence": one.sentence, "scope": scope}


def _trigger(one: Trigger) -> str:
    said = trigger_descriptions.said(one.type, one.detail)
    return f"{said}, open to anybody" if one.is_open else said


def named(shown: Version | None) -> list[Shape]:
    """Whom the source of the shown version names as its author: somebody here, or only what it says (S1); one query."""
    found = list(shown.authors.select_related("person", "said")) if shown is not None else []
    now = authors.everybody(one.said.text for one in found if one.person is None)
    rows = []
    for one in found:
        people = {one.person} if one.person is not None else now.get(one.said.text, set())
        said = one.said.text or "Erased"
        if len(people) == 1:
            shown_as = {"text": next(iter(people)).name, "quiet": "a party"}
        else:
            shown_as = {
                "text": said,
                "quiet": "several people here, each a party" if people else "not matched to anybody",
            }
        rows.append({"label": "Named by its source", **shown_as})
    return rows
