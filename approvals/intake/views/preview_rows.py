"""Rows of the preview: each privilege and credential in plain words, with its fields and problems (I8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django import forms

from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.review.views import credentials
from governance.core.database.grouping import grouped
from governance.web.pages.page import Shape
from inventory.models import Resource
from inventory.versions import findings

#: Terms to choose from, in days, up to the maximum of the tier.
TERMS = (7, 30, 60, 90, 180, 365)


@dataclass
class Form:
    """Inputs of the preview page.

    Args:
        details: the form beside the rows.
        options: resources to choose from for a connection.
        has_more: whether search finds more resources.
        may_register: whether the builder may propose a resource.
        submitted: whether to show missing answers beside their fields, after an attempt to submit.
    """

    details: forms.Form
    options: Sequence[Resource] = field(default_factory=list)
    has_more: bool = False
    may_register: bool = False
    submitted: bool = False


def group_shapes(preview: Preview, form: Form) -> list[Shape]:
    """Rows by connection, in the order of the source. The first row of a connection asks for its resource."""
    groups = grouped((row.group, row) for row in preview.wanted)
    return [_group(preview, key, rows, form) for key, rows in groups.items()]


def _group(preview: Preview, key: str, rows: Sequence[PreviewRow], form: Form) -> Shape:
    asked_rows = [row for row in rows if row.is_asked]
    head, levels = rows[0], {row.level for row in asked_rows}
    asks = next((row for row in rows if may_choose(preview, row)), None)
    return {
        "key": key,
        "head": head,
        "name": head.group_name,
        "rows": [_row(preview, row) for row in rows],
        "asked": asked_rows,
        "reason": preview.draft.reasons.get(key, ""),
        "is_missing": any(not row.is_justified for row in asked_rows),
        "hints": next(
            (level for level in ("admin", "execute", "write", "unknown", "read") if level in levels), "secret"
        ),
        "binding": _binding(preview, asks, form.options) if asks is not None else None,
        "asks": asks,
    }


def may_choose(preview: Preview, row: PreviewRow) -> bool:
    """Whether the resource of a row's connection is unknown or was chosen by the builder."""
    return bool(row.connection) and (not row.is_named or preview.draft.chosen.get(row.connection) is not None)


def _row(preview: Preview, row: PreviewRow) -> Shape:
    longest, own_term = row.longest_term_days, preview.draft.terms.get(row.key)
    usual = min(preview.draft.term or longest, longest)
    terms = sorted({*(days for days in TERMS if days < longest), longest, own_term or longest} - {usual})
    return {"wish": row, "tags": _tags(preview, row), "terms": terms, "usual": usual, "own_term": own_term}


def term_choices(preview: Preview) -> list[int]:
    """Terms for all rows, in days: those below the longest of its tiers."""
    longest = max((row.longest_term_days for row in preview.asked_rows), default=0)
    return [days for days in TERMS if 30 <= days < longest]


def _tags(preview: Preview, row: PreviewRow) -> list[Shape]:
    """Notable facts: of a privilege at most three, of a credential as its owner reads them on the review (I6)."""
    privilege, credential, why = row.requested.privilege, row.requested.credential, row.requested.why
    shown = (
        (why == "stopped", "Was stopped", "no", "ring-cross"),
        (why in ("raised", "wider", "held back"), why.capitalize(), "wait", "arrow"),
        (privilege is not None and privilege.model_controlled, "A model chooses", "", "robot"),
        (privilege is not None and not privilege.active, "Switched off", "", ""),
    )
    tags = [{"text": text, "tone": tone, "icon": icon} for is_so, text, tone, icon in shown if is_so][:3]
    if credential is None:
        return tags
    beyond = findings.codes_beyond_request(credential, preview.privileges)
    return [*tags, *credentials.stands_out(credential, beyond, preview.context.now)]


def _binding(preview: Preview, row: PreviewRow, resources: Sequence[Resource]) -> Shape:
    """The choice of a connection's resource, which is unknown or was chosen by the builder."""
    picked = preview.draft.chosen.get(row.connection)
    options = list(resources)
    if picked and row.resource is not None and row.resource.pk and row.resource not in options:
        options.insert(0, row.resource)
    return {"options": options, "picked": picked}
