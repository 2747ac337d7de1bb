"""Rows of the preview: each privilege and credential in plain words, with its fields and problems (I8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms

from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.intake.views import route
from approvals.models import SeatLabel
from approvals.review.views import credentials
from governance.core.models import Person
from governance.web.components import times
from inventory.models import Resource, ResourceState
from inventory.versions import findings

Shape = dict[str, Any]


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


def rows(preview: Preview, form: Form) -> list[Shape]:
    """All rows in the order of the source. The first row of a connection asks for its resource."""
    first: dict[str, str] = {}
    for row in preview.wanted:
        first.setdefault(row.connection, row.key)
    return [
        _row(preview, row, form, bool(row.connection) and first[row.connection] == row.key) for row in preview.wanted
    ]


def is_known(row: PreviewRow) -> bool:
    """Whether its resource is registered, or can't be named on this page."""
    if is_decided_at_run_time(row):
        return True
    return not (row.connection and not row.is_named) and (row.resource is None or row.resource.pk is not None)


def is_decided_at_run_time(row: PreviewRow) -> bool:
    """Whether its target is chosen at run time, so that it can't be named here (I8)."""
    return row.requested.privilege is not None and not row.requested.privilege.instance


def is_recognised(row: PreviewRow) -> bool:
    """Whether the importer recognises the operation and its target."""
    return row.requested.privilege is None or row.requested.privilege.recognised


def _row(preview: Preview, row: PreviewRow, form: Form, is_first: bool) -> Shape:
    privilege, resource = row.requested.privilege, row.resource
    is_unknown = not row.is_named or not is_recognised(row)
    people = next((seat.may_decide for seat in row.seats if seat.label != SeatLabel.SECURITY), ())
    return {
        "key": row.key,
        "level": "secret" if privilege is None else privilege.level if is_recognised(row) else "unknown",
        "sentence": _sentence(row),
        "name": row.requested.credential.name if row.requested.credential is not None else "",
        "scope": _scope(row),
        "tags": _tags(preview, row),
        "data_class": preview.counted_class(row) if resource is not None and resource.data_class else None,
        "tier": row.requested.tier,
        "asked_of": "" if row.problems else _asked_of(preview, people) if row.is_asked else "Held already",
        "unknown": is_unknown,
        "unsettled": _unsettled(row) if row.is_asked and is_known(row) else [],
        "binding": _binding(preview, row, form) if is_first else None,
        "proposed": row.proposed,
        "why": _why(preview, row, form) if row.is_asked else None,
        "term": _terms(preview, row) if row.is_asked else [],
    }


def _asked_of(preview: Preview, people: Sequence[Person]) -> str:
    """The first deciders: people, or policy on the light path."""
    return f"Policy version {preview.context.policy.version.number}" if preview.context.light else route.names(people)


def _terms(preview: Preview, row: PreviewRow) -> list[Shape]:
    """Terms to choose from. The maximum has no number, so that it follows a change of tier."""
    chosen, longest = (
        preview.answers.term(row.key, row.requested),
        preview.context.policy.longest_term(row.requested.tier),
    )
    return [
        {"value": "" if days == longest else days, "label": times.counted(days, "day"), "selected": days == chosen}
        for days in preview.answers.terms(row.key, row.requested)
    ]


def _sentence(row: PreviewRow) -> str:
    if row.requested.credential is not None:
        return row.requested.credential.sentence
    privilege = row.requested.privilege
    assert privilege is not None  # one of the two
    if not privilege.instance:
        return f"{place(row)} talks to something that is decided when it runs"
    if not privilege.recognised:
        place_words = f" in {row.resource.name}" if row.is_named and row.resource is not None else ""
        return f"{place(row)} does something that we do not recognise{place_words}"
    return privilege.sentence


def _scope(row: PreviewRow) -> str:
    credential = row.requested.credential
    if credential is not None:
        kept = f"kept in {credential.kept_in.name}" if credential.kept_in is not None else credential.platform_instance
        parts = [credential.kind, kept, credential.get_lifetime_display().lower()]
        return " · ".join(dict.fromkeys(part for part in parts if part))
    privilege = row.requested.privilege
    assert privilege is not None  # one of the two
    places = privilege.at[0] if len(privilege.at) == 1 else f"{len(privilege.at)} places"
    host = privilege.through if row.is_named and privilege.recognised else privilege.instance
    return " · ".join(part for part in (privilege.entitlement.code, host, privilege.target, places) if part)


def _tags(preview: Preview, row: PreviewRow) -> list[Shape]:
    privilege = row.requested.privilege
    tags = []
    if row.requested.why == "stopped":
        tags.append({"text": "Was stopped", "tone": "no", "icon": "ring-cross"})
    if row.requested.why in ("raised", "wider", "held back"):
        tags.append({"text": row.requested.why.capitalize(), "tone": "wait", "icon": "arrow"})
    if privilege is not None and privilege.model_controlled:
        tags.append({"text": "A model chooses", "tone": "", "icon": "robot"})
    if privilege is not None and not privilege.active:
        tags.append({"text": "Switched off", "tone": "", "icon": ""})
    if privilege is not None:
        tags += [{"text": short, "tone": "ok", "icon": "check"} for _, short in privilege.entitlement.controls_said]
    return [*tags[:3], *_credential_tags(preview, row)]


def _credential_tags(preview: Preview, row: PreviewRow) -> list[Shape]:
    """Notable facts of a credential, as its owner reads them on the review (I6)."""
    credential = row.requested.credential
    if credential is None:
        return []
    held = [other.requested.privilege for other in preview.wanted if other.requested.privilege is not None]
    return credentials.stands_out(credential, findings.codes_beyond_request(credential, held), preview.context.now)


def _unsettled(row: PreviewRow) -> list[str]:
    """Problems that can't be solved on this page, as sentences."""
    if not row.problems:
        return []
    if is_decided_at_run_time(row):
        return ["It can be saved and discussed. To submit it, put a fixed address into the source and import it again."]
    return list(row.problems)


def _binding(preview: Preview, row: PreviewRow, form: Form) -> Shape | None:
    """The choice of a connection's resource, if it is unknown or was chosen by the builder."""
    assert row.requested.privilege is not None  # only a privilege has a connection
    picked = preview.draft.chosen.get(row.connection)
    if row.is_named and picked is None:
        return None
    options = [
        {"value": resource.pk, "label": _label(resource), "selected": resource.pk == picked}
        for resource in _with_picked(form.options, row.resource if picked else None)
    ]
    words = "" if row.is_named else "Counts as restricted data until then"
    words = words if is_recognised(row) or row.is_named else "Counts as write on restricted data until then"
    if row.said_no:
        words = f"{row.said_no}: say what else it opens."
        picked = None
    return {
        "options": options,
        "may_register": form.may_register,
        "has_more": form.has_more,
        "words": words if not picked else "Its owner confirms this with the first decision.",
        "error": "Say what it talks to." if form.submitted and not row.is_named else "",
    }


def _with_picked(options: Sequence[Resource], picked: Resource | None) -> Iterable[Resource]:
    if picked is None or picked.pk is None or any(resource.pk == picked.pk for resource in options):
        return options
    return [picked, *options]


def _label(resource: Resource) -> str:
    return resource.name if resource.state == ResourceState.ACTIVE else f"{resource.name} (proposed)"


def _why(preview: Preview, row: PreviewRow, form: Form) -> Shape:
    value, is_settled = (
        preview.answers.why(row.key),
        bool(preview.answers.reason(row.key) or preview.answers.uses(row.key)),
    )
    return {
        "value": value,
        "hint": "Say why, if there is more to it than what it opens"
        if row.requested.credential
        else "Say why in one sentence",
        "is_settled": is_settled,
        "error": "Say why in one sentence." if form.submitted and not is_settled else "",
    }


def problem_words(row: PreviewRow, now: datetime) -> str:
    """What the builder has to do, or wait for, before the row can be submitted."""
    resource = row.resource
    if is_decided_at_run_time(row):
        return f"give {place(row)} a fixed address in its source"
    if resource is not None and resource.state != ResourceState.ACTIVE:
        return f"wait until somebody has accepted to own {resource.name}"
    if resource is not None and resource.is_ownerless(now):
        return f"wait until {resource.name} has an owner"
    return " ".join(row.problems).rstrip(".")


def place(row: PreviewRow) -> str:
    """Place in the source: “Post report”."""
    privilege = row.requested.privilege
    return f"“{privilege.at[0]}”" if privilege is not None and privilege.at else "this"


def sentence_after_it(row: PreviewRow) -> str:
    """A sentence to follow "it": "may post messages …", "uses …"."""
    sentence = _sentence(row)
    return sentence[:1].lower() + sentence[1:]
