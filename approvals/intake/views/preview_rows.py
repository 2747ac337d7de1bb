"""Rows of the preview: each privilege and credential in plain words, with its fields and problems (I8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django import forms

from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.intake.views import route
from approvals.models import SeatLabel
from approvals.review.views import credentials
from governance.web.pages.page import Shape
from inventory.models import Resource, ResourceState
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


def rows(preview: Preview, form: Form) -> list[Shape]:
    """All rows in the order of the source. The first row of a connection asks for its resource."""
    first = {row.connection: row.key for row in reversed(preview.wanted) if row.connection}
    return [_row(preview, row, form, first.get(row.connection) == row.key) for row in preview.wanted]


def offers_choice(preview: Preview) -> bool:
    """Whether a row asks for the resource of its connection."""
    return any(row.connection and _may_choose(preview, row) for row in preview.wanted)


def _may_choose(preview: Preview, row: PreviewRow) -> bool:
    """Whether the resource of a row's connection is unknown or was chosen by the builder."""
    return not row.is_named or preview.draft.chosen.get(row.connection) is not None


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
    return {
        "key": row.key,
        "level": "secret" if privilege is None else privilege.level if is_recognised(row) else "unknown",
        "sentence": _sentence(row),
        "name": row.requested.credential.name if row.requested.credential is not None else "",
        "scope": _scope(row),
        "tags": _tags(preview, row),
        "data_class": preview.counted_class(row) if resource is not None and resource.data_class else None,
        "tier": row.requested.tier,
        "asked_of": _asked_of(preview, row),
        "unknown": is_unknown,
        "unsettled": _unsettled(row) if row.is_asked and is_known(row) else [],
        "binding": _binding(preview, row, form) if is_first else None,
        "proposed": row.proposed,
        "answer": row.answer if row.is_asked else None,
        "terms": _terms(preview, row) if row.is_asked else [],
    }


def _terms(preview: Preview, row: PreviewRow) -> list[int]:
    """Terms to choose from, in days; the last is the tier's maximum."""
    longest = preview.context.policy.longest_term(row.requested.tier)
    return sorted({*(days for days in TERMS if days < longest), longest, row.answer.request.term_days or longest})


def _asked_of(preview: Preview, row: PreviewRow) -> str:
    """The first deciders: people, or policy on the light path."""
    if row.problems or not row.is_asked:
        return "" if row.problems else "Held already"
    if preview.context.light:
        return f"Policy version {preview.context.policy.version.number}"
    return route.names(next((seat.may_decide for seat in row.seats if seat.label != SeatLabel.SECURITY), ()))


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


def _unsettled(row: PreviewRow) -> list[str]:
    """Problems that can't be solved on this page, as sentences."""
    if row.problems and is_decided_at_run_time(row):
        return ["It can be saved and discussed. To submit it, put a fixed address into the source and import it again."]
    return list(row.problems)


def _binding(preview: Preview, row: PreviewRow, form: Form) -> Shape | None:
    """The choice of a connection's resource, if it is unknown or was chosen by the builder."""
    assert row.requested.privilege is not None  # only a privilege has a connection
    if not _may_choose(preview, row):
        return None
    picked = preview.draft.chosen.get(row.connection)
    options = list(form.options)
    if picked and row.resource is not None and row.resource.pk and row.resource not in options:
        options.insert(0, row.resource)
    words = "Its owner confirms this with the first decision." if picked else ""
    if row.said_no:
        words = f"{row.said_no}: say what else it opens."
    elif not picked and not row.is_named:
        data = "restricted data" if is_recognised(row) else "write on restricted data"
        words = f"Counts as {data} until then"
    error = "Say what it talks to." if form.submitted and not row.is_named else ""
    return {"options": options, "picked": picked, "words": words, "error": error}


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
