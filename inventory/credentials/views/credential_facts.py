"""Rows and sentences about a credential's age, store and reach. Permissions are checked elsewhere.

The days of a credential are days in UTC, as in a certificate.
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
from inventory.models.resource import sees_whole_register

Shape = dict[str, Any]

#: Credentials that a resource's page lists.
MOST = 50
NO_OWNER = "nobody has said"


def _day(on: datetime | date, now: datetime) -> str:
    day = on.astimezone(UTC).date() if isinstance(on, datetime) else on
    return times.day_words(day, now.date())


def problems(credential: Credential, now: datetime) -> list[str]:
    """Problems of a credential's age: expired, rotation overdue."""
    words = []
    if credential.expires_at is not None and credential.is_expired(now):
        words.append(f"Expired on {_day(credential.expires_at, now)}")
    if credential.rotation_due_on is not None and credential.is_overdue(now):
        words.append(f"Rotation overdue since {_day(credential.rotation_due_on, now)}")
    return words


def age_text(credential: Credential, now: datetime) -> str:
    """Lifetime and age in one line, without unknown parts."""
    words = [] if credential.lifetime == Lifetime.UNKNOWN else [credential.get_lifetime_display()]
    words += [f"issued {_day(credential.issued_at, now)}"] if credential.issued_at else []
    words += [f"last rotated {_day(credential.rotated_at, now)}"] if credential.rotated_at else []
    words += [f"rotation due {_day(credential.rotation_due_on, now)}"] if credential.rotation_due_on else []
    words += (
        [f"expires {_day(credential.expires_at, now)}"]
        if credential.expires_at and not credential.is_expired(now)
        else []
    )
    return ", ".join(words) or "nobody has said how old it is"


def store_text(credential: Credential) -> str:
    """Confirmed store of a credential, or that none is confirmed."""
    return credential.kept_in.name if credential.kept_in is not None else "not confirmed"


def claimed_store_text(credential: Credential) -> str:
    """Person and store of an unconfirmed claim; empty without one."""
    if credential.said_kept_in is None:
        return ""
    name = credential.said_by.name if credential.said_by is not None else "Somebody"
    return f"{name} says that {credential.said_kept_in.name} keeps it; who answers for that has not confirmed it"


def reach_text(credential: Credential) -> str:
    """Resource and reach of a credential in one line."""
    if credential.reach_kind == Reach.UNKNOWN:
        return "not known"
    how = "read from the backend" if credential.reach_kind == Reach.READ else "declared"
    return f"{times.counted(len(credential.reach), 'entitlement')}, {how}"


def credential_facts(credential: Credential, now: datetime) -> list[Shape]:
    """All facts of a credential, for ``components/facts.html``."""
    due, expires = credential.rotation_due_on, credential.expires_at
    return [
        {
            "label": "Kept in",
            "text": store_text(credential),
            "quiet": claimed_store_text(credential),
            "href": credential.kept_in.href if credential.kept_in else "",
        },
        {
            "label": "Opens",
            "text": credential.opens.name if credential.opens else "not known",
            "href": credential.opens.href if credential.opens else "",
        },
        {
            "label": "Reach",
            "text": reach_text(credential),
            "quiet": f"said by {credential.reach_by.name}" if credential.reach_by else "",
        },
        {
            "label": "Owner",
            "text": credential.owner.name if credential.owner else NO_OWNER,
            "quiet": _end_text(credential),
        },
        {
            "label": "Lifetime",
            "text": credential.get_lifetime_display() if credential.lifetime != Lifetime.UNKNOWN else NO_OWNER,
        },
        {"label": "Issued", "text": _day(credential.issued_at, now) if credential.issued_at else NO_OWNER},
        {"label": "Last rotated", "text": _day(credential.rotated_at, now) if credential.rotated_at else NO_OWNER},
        {
            "label": "Rotation due",
            "text": _day(due, now) if due else NO_OWNER,
            "quiet": "overdue" if credential.is_overdue(now) else "",
        },
        {
            "label": "Expires",
            "text": _day(expires, now) if expires else NO_OWNER,
            "quiet": "expired" if credential.is_expired(now) else "",
        },
        {
            "label": "Platform",
            "text": sentences.platform_label(credential.platform_instance) or "not known",
            "quiet": credential.external_id,
        },
    ]


def _end_text(credential: Credential) -> str:
    return "is not here any more" if credential.owner is not None and not credential.owner.is_here else ""


def credentials_panel(resource: Resource, actor: Actor, now: datetime) -> Shape | None:
    """Credentials that a resource keeps or that open it, if the reader may see them; None without any."""
    touched = Q(opens=resource) | Q(kept_in=resource) | Q(said_kept_in=resource)
    credentials = (
        Credential.objects.visible_to(actor, now).filter(touched).select_related("owner", "said_by", "said_kept_in")
    )
    rows = [_row(credential, resource, now) for credential in credentials.order_by("name", "pk")[:MOST]]
    is_theirs = actor.person is not None and (
        sees_whole_register(actor, now) or bool(resource.answering_as(actor.person, now))
    )
    return {"rows": rows} if rows or is_theirs else None


def _row(credential: Credential, resource: Resource, now: datetime) -> Shape:
    return {
        "href": credential.href,
        "name": str(credential),
        "kind": " · ".join(filter(None, [credential.kind if credential.name else "", credential.external_id])),
        "stands": _relation_text(credential, resource),
        "waits": credential.said_kept_in_id == resource.pk,
        "age": age_text(credential, now),
        "problems": problems(credential, now),
        "reach": reach_text(credential),
        "owner": credential.owner.name if credential.owner else "",
    }


def _relation_text(credential: Credential, resource: Resource) -> Sequence[str]:
    """Relations of a credential to a resource, in a few words each."""
    return [
        words
        for holds, words in (
            (credential.kept_in_id == resource.pk, "Kept here"),
            (credential.said_kept_in_id == resource.pk, "Said to be kept here, not confirmed"),
            (credential.opens_id == resource.pk, "Opens it"),
        )
        if holds
    ]
