"""What pages say of a credential: how old it is, where it is kept, what it opens. Words and rows; whether somebody may, is asked elsewhere.

The days of a credential are days in UTC, as a certificate has them: they mean the same instant to whoever reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Q

from governance.core.actors.actor import Actor
from governance.web.components import times
from inventory.importers import sentences
from inventory.models import Credential, Lifetime, Reach, Resource
from inventory.models.resource import sees_all

Shape = dict[str, Any]

#: How many credentials a resource's page lists.
MOST = 50
NOBODY = "nobody has said"


def _day(on: datetime | date, now: datetime) -> str:
    day = on.astimezone(UTC).date() if isinstance(on, datetime) else on
    return times.day_words(day, now.date())


def problems(one: Credential, now: datetime) -> list[str]:
    """What is wrong with its age, in words: that it has expired, that its rotation is overdue."""
    found = []
    if one.expires_at is not None and one.is_expired(now):
        found.append(f"Expired on {_day(one.expires_at, now)}")
    if one.rotation_due_on is not None and one.is_overdue(now):
        found.append(f"Rotation overdue since {_day(one.rotation_due_on, now)}")
    return found


def age(one: Credential, now: datetime) -> str:
    """How long it lives and how old it is, in one line; what nobody has said is left out."""
    said = [] if one.lifetime == Lifetime.UNKNOWN else [one.get_lifetime_display()]
    said += [f"issued {_day(one.issued_at, now)}"] if one.issued_at else []
    said += [f"last rotated {_day(one.rotated_at, now)}"] if one.rotated_at else []
    said += [f"rotation due {_day(one.rotation_due_on, now)}"] if one.rotation_due_on else []
    said += [f"expires {_day(one.expires_at, now)}"] if one.expires_at and not one.is_expired(now) else []
    return ", ".join(said) or "nobody has said how old it is"


def kept(one: Credential) -> str:
    """The store that is confirmed to keep it, or that nobody has confirmed one."""
    return one.kept_in.name if one.kept_in is not None else "not confirmed"


def said_to_be_kept(one: Credential) -> str:
    """Who says which store keeps it, where that store's side has not answered yet; else nothing."""
    if one.said_kept_in is None:
        return ""
    who = one.said_by.name if one.said_by is not None else "Somebody"
    return f"{who} says that {one.said_kept_in.name} keeps it; who answers for that has not confirmed it"


def opened(one: Credential) -> str:
    """What it opens, as far as it is known, in one line."""
    if one.reach_kind == Reach.UNKNOWN:
        return "not known"
    how = "read from the backend" if one.reach_kind == Reach.READ else "declared"
    return f"{times.counted(len(one.reach), 'entitlement')}, {how}"


def facts(one: Credential, now: datetime) -> list[Shape]:
    """Everything that is known of it, for ``components/facts.html``."""
    due, expires = one.rotation_due_on, one.expires_at
    return [
        {
            "label": "Kept in",
            "text": kept(one),
            "quiet": said_to_be_kept(one),
            "href": one.kept_in.href if one.kept_in else "",
        },
        {
            "label": "Opens",
            "text": one.opens.name if one.opens else "not known",
            "href": one.opens.href if one.opens else "",
        },
        {"label": "Reach", "text": opened(one), "quiet": f"said by {one.reach_by.name}" if one.reach_by else ""},
        {"label": "Owner", "text": one.owner.name if one.owner else NOBODY, "quiet": _gone(one)},
        {"label": "Lifetime", "text": one.get_lifetime_display() if one.lifetime != Lifetime.UNKNOWN else NOBODY},
        {"label": "Issued", "text": _day(one.issued_at, now) if one.issued_at else NOBODY},
        {"label": "Last rotated", "text": _day(one.rotated_at, now) if one.rotated_at else NOBODY},
        {
            "label": "Rotation due",
            "text": _day(due, now) if due else NOBODY,
            "quiet": "overdue" if one.is_overdue(now) else "",
        },
        {
            "label": "Expires",
            "text": _day(expires, now) if expires else NOBODY,
            "quiet": "expired" if one.is_expired(now) else "",
        },
        {
            "label": "Platform",
            "text": sentences.platform(one.platform_instance) or "not known",
            "quiet": one.external_id,
        },
    ]


def _gone(one: Credential) -> str:
    return "is not here any more" if one.owner is not None and not one.owner.is_here else ""


def panel(resource: Resource, actor: Actor, now: datetime) -> Shape | None:
    """The credentials that a resource keeps or that open it, as far as the reader may see them; None where none is theirs to see."""
    touched = Q(opens=resource) | Q(kept_in=resource) | Q(said_kept_in=resource)
    found = Credential.objects.visible_to(actor, now).filter(touched).select_related("owner", "said_by", "said_kept_in")
    rows = [_row(one, resource, now) for one in found.order_by("name", "pk")[:MOST]]
    is_theirs = actor.person is not None and (sees_all(actor, now) or bool(resource.answering_as(actor.person, now)))
    return {"rows": rows} if rows or is_theirs else None


def _row(one: Credential, resource: Resource, now: datetime) -> Shape:
    return {
        "href": one.href,
        "name": str(one),
        "kind": " · ".join(filter(None, [one.kind if one.name else "", one.external_id])),
        "stands": _stands(one, resource),
        "waits": one.said_kept_in_id == resource.pk,
        "age": age(one, now),
        "problems": problems(one, now),
        "reach": opened(one),
        "owner": one.owner.name if one.owner else "",
    }


def _stands(one: Credential, resource: Resource) -> Sequence[str]:
    """How it stands to a resource, each in a few words."""
    return [
        said
        for holds, said in (
            (one.kept_in_id == resource.pk, "Kept here"),
            (one.said_kept_in_id == resource.pk, "Said to be kept here, not confirmed"),
            (one.opens_id == resource.pk, "Opens it"),
        )
        if holds
    ]
