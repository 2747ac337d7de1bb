"""The rows of the preview: each privilege and credential in plain words, with what it asks the builder and what stands in its way (I8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms

from approvals.intake.preview.rows import Preview, Wanted
from approvals.intake.views import route
from approvals.review.views import credentials
from governance.core.models import Person
from governance.web.components import times
from inventory.models import Resource, ResourceState
from inventory.versions import findings

Shape = dict[str, Any]


@dataclass
class Form:
    """What the page shows beside what is true.

    Args:
        about: the fields beside the rows.
        options: resources that can be chosen for a connection.
        has_more: whether the register has more of them, which are found by searching.
        may_register: whether the builder may propose a resource.
        submitted: whether it was tried to submit, so that what is missing stands beside its field.
    """

    about: forms.Form
    options: Sequence[Resource] = field(default_factory=list)
    has_more: bool = False
    may_register: bool = False
    submitted: bool = False


def rows(preview: Preview, form: Form) -> list[Shape]:
    """Every row, in the order of the source; the first that uses a connection asks what it opens."""
    first: dict[str, str] = {}
    for one in preview.wanted:
        first.setdefault(one.connection, one.key)
    return [
        _row(preview, one, form, bool(one.connection) and first[one.connection] == one.key) for one in preview.wanted
    ]


def is_known(one: Wanted) -> bool:
    """Whether what it is about stands in the register, or can't be said on this page."""
    if is_decided_at_run_time(one):
        return True
    return not (one.connection and not one.is_named) and (one.resource is None or one.resource.pk is not None)


def is_decided_at_run_time(one: Wanted) -> bool:
    """Whether whom it talks to does not stand in the source, so that nobody can say it here (I8)."""
    return one.asked.privilege is not None and not one.asked.privilege.instance


def is_recognised(one: Wanted) -> bool:
    """Whether the importer knew what it is and whom it talks to."""
    return one.asked.privilege is None or one.asked.privilege.recognised


def _row(preview: Preview, one: Wanted, form: Form, is_first: bool) -> Shape:
    privilege, resource = one.asked.privilege, one.resource
    strange = not one.is_named or not is_recognised(one)
    people = next((seat.people for seat in one.seats if not seat.is_security), ())
    return {
        "key": one.key,
        "level": "secret" if privilege is None else privilege.level if is_recognised(one) else "unknown",
        "sentence": _sentence(one),
        "name": one.asked.credential.name if one.asked.credential is not None else "",
        "scope": _scope(one),
        "tags": _tags(preview, one),
        "data_class": preview.counted_class(one) if resource is not None and resource.data_class else None,
        "tier": one.asked.tier,
        "asked_of": "" if one.problems else _asked_of(preview, people) if one.is_asked else "Held already",
        "unknown": strange,
        "unsettled": _unsettled(one) if one.is_asked and is_known(one) else [],
        "binding": _binding(preview, one, form) if is_first else None,
        "proposed": one.proposed,
        "why": _why(preview, one, form) if one.is_asked else None,
        "term": _terms(preview, one) if one.is_asked else [],
    }


def _asked_of(preview: Preview, people: Sequence[Person]) -> str:
    """Who decides it first: people, or policy on the light path."""
    return f"Policy version {preview.policy.version.number}" if preview.is_light else route.names(people)


def _terms(preview: Preview, one: Wanted) -> list[Shape]:
    """The terms to choose from; the longest has no number, so that it stays the longest when the tier changes."""
    chosen, longest = preview.term(one), preview.policy.longest_term(one.asked.tier)
    return [
        {"value": "" if days == longest else days, "label": times.counted(days, "day"), "selected": days == chosen}
        for days in preview.terms(one)
    ]


def _sentence(one: Wanted) -> str:
    if one.asked.credential is not None:
        return one.asked.credential.sentence
    privilege = one.asked.privilege
    assert privilege is not None  # one of the two
    if not privilege.instance:
        return f"{place(one)} talks to something that is decided when it runs"
    if not privilege.recognised:
        on = f" in {one.resource.name}" if one.is_named and one.resource is not None else ""
        return f"{place(one)} does something that we do not recognise{on}"
    return privilege.sentence


def _scope(one: Wanted) -> str:
    credential = one.asked.credential
    if credential is not None:
        kept = f"kept in {credential.kept_in.name}" if credential.kept_in is not None else credential.platform_instance
        parts = [credential.kind, kept, credential.get_lifetime_display().lower()]
        return " · ".join(dict.fromkeys(part for part in parts if part))
    privilege = one.asked.privilege
    assert privilege is not None  # one of the two
    places = privilege.at[0] if len(privilege.at) == 1 else f"{len(privilege.at)} places"
    host = privilege.through if one.is_named and privilege.recognised else privilege.instance
    return " · ".join(part for part in (privilege.entitlement.code, host, privilege.target, places) if part)


def _tags(preview: Preview, one: Wanted) -> list[Shape]:
    privilege = one.asked.privilege
    found = []
    if one.asked.why == "stopped":
        found.append({"text": "Was stopped", "tone": "no", "icon": "ring-cross"})
    if one.asked.why in ("raised", "wider", "held back"):
        found.append({"text": one.asked.why.capitalize(), "tone": "wait", "icon": "arrow"})
    if privilege is not None and privilege.model_controlled:
        found.append({"text": "A model chooses", "tone": "", "icon": "robot"})
    if privilege is not None and not privilege.active:
        found.append({"text": "Switched off", "tone": "", "icon": ""})
    if privilege is not None:
        found += [{"text": short, "tone": "ok", "icon": "check"} for _, short in privilege.entitlement.controls_said]
    return [*found[:3], *_of_credential(preview, one)]


def _of_credential(preview: Preview, one: Wanted) -> list[Shape]:
    """What stands out about a credential, as its owner will read it on the review (I6)."""
    credential = one.asked.credential
    if credential is None:
        return []
    held = [each.asked.privilege for each in preview.wanted if each.asked.privilege is not None]
    return credentials.stands_out(credential, findings.beyond(credential, held), preview.now)


def _unsettled(one: Wanted) -> list[str]:
    """What keeps it from being submitted and can't be settled on this page, in a sentence under it."""
    if not one.problems:
        return []
    if is_decided_at_run_time(one):
        return [
            "It can be saved and discussed. To submit it, put a fixed address into the source and bring it in again."
        ]
    return list(one.problems)


def _binding(preview: Preview, one: Wanted, form: Form) -> Shape | None:
    """The choice of what a connection opens: asked where nobody has named it, changed where the builder did."""
    assert one.asked.privilege is not None  # only a privilege has a connection
    picked = preview.draft.chosen.get(one.connection)
    if one.is_named and picked is None:
        return None
    options = [
        {"value": row.pk, "label": _label(row), "selected": row.pk == picked}
        for row in _with_picked(form.options, one.resource if picked else None)
    ]
    words = "" if one.is_named else "Counts as restricted data until then"
    words = words if is_recognised(one) or one.is_named else "Counts as write on restricted data until then"
    if one.said_no:
        words = f"{one.said_no}: say what else it opens."
        picked = None
    return {
        "options": options,
        "may_register": form.may_register,
        "has_more": form.has_more,
        "words": words if not picked else "Its owner confirms this with the first decision.",
        "error": "Say what it talks to." if form.submitted and not one.is_named else "",
    }


def _with_picked(options: Sequence[Resource], picked: Resource | None) -> Iterable[Resource]:
    if picked is None or picked.pk is None or any(row.pk == picked.pk for row in options):
        return options
    return [picked, *options]


def _label(row: Resource) -> str:
    return row.name if row.state == ResourceState.ACTIVE else f"{row.name} (proposed)"


def _why(preview: Preview, one: Wanted, form: Form) -> Shape:
    value, is_settled = preview.why(one), bool(preview.reason(one) or preview.uses(one))
    return {
        "value": value,
        "hint": "Say why, if there is more to it than what it opens"
        if one.asked.credential
        else "Say why in one sentence",
        "is_settled": is_settled,
        "error": "Say why in one sentence." if form.submitted and not is_settled else "",
    }


def problem_words(one: Wanted, now: datetime) -> str:
    """What the builder does, or waits for, about something that can't be submitted as it stands."""
    resource = one.resource
    if is_decided_at_run_time(one):
        return f"give {place(one)} a fixed address in its source"
    if resource is not None and resource.state != ResourceState.ACTIVE:
        return f"wait until somebody has accepted to own {resource.name}"
    if resource is not None and resource.is_ownerless(now):
        return f"wait until {resource.name} has an owner"
    return " ".join(one.problems).rstrip(".")


def place(one: Wanted) -> str:
    """Where in the source it stands: “Post report”."""
    privilege = one.asked.privilege
    return f"“{privilege.at[0]}”" if privilege is not None and privilege.at else "this"


def bare(one: Wanted) -> str:
    """A sentence after "it": "may post messages …", "uses …"."""
    sentence = _sentence(one)
    return sentence[:1].lower() + sentence[1:]
