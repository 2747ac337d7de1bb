"""Rows and sentences about a credential's age, store and reach. Permissions are checked elsewhere.

The days of a credential are days in UTC, as in a certificate.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from django.db.models import Q

from governance.core.access import Actor
from governance.web.components import times
from governance.web.components.facts import Fact
from inventory.models import Credential, Lifetime, Reach, Resource
from inventory.models.resource import sees_whole_register

#: Credentials that a resource's page lists.
MOST = 50
NO_OWNER = "nobody has said"


def _day(on: datetime | date, now: datetime) -> str:
    day = on.astimezone(UTC).date() if isinstance(on, datetime) else on
    return times.day_words(day, now.date())


def problems(credential: Credential, now: datetime) -> list[str]:
    """Problems of a credential's age: expired, rotation overdue."""
    lines = []
    if credential.expires_at is not None and credential.is_expired(now):
        lines.append(f"Expired on {_day(credential.expires_at, now)}")
    if credential.rotation_due_on is not None and credential.is_overdue(now):
        lines.append(f"Rotation overdue since {_day(credential.rotation_due_on, now)}")
    return lines


def age_text(credential: Credential, now: datetime) -> str:
    """Lifetime and age in one line, without unknown parts."""
    expires = credential.expires_at if not credential.is_expired(now) else None
    days: tuple[tuple[str, datetime | date | None], ...] = (
        ("issued", credential.issued_at),
        ("last rotated", credential.rotated_at),
        ("rotation due", credential.rotation_due_on),
        ("expires", expires),
    )
    lifetime = [] if credential.lifetime == Lifetime.UNKNOWN else [credential.get_lifetime_display()]
    parts = [*lifetime, *(f"{label} {_day(on, now)}" for label, on in days if on is not None)]
    return ", ".join(parts) or "nobody has said how old it is"


def store_texts(credential: Credential) -> tuple[str, str]:
    """Confirmed store of a credential, or that none is confirmed; and person and store of an open claim, or nothing."""
    kept = credential.kept_in.name if credential.kept_in is not None else "not confirmed"
    if (claimed := credential.said_kept_in) is None:
        return kept, ""
    name = credential.said_by.name if credential.said_by is not None else "Somebody"
    return kept, f"{name} says that {claimed.name} keeps it; who answers for that has not confirmed it"


def reach_text(credential: Credential) -> str:
    """Resource and reach of a credential in one line."""
    if credential.reach_kind == Reach.UNKNOWN:
        return "not known"
    how = "read from the backend" if credential.reach_kind == Reach.READ else "declared"
    return f"{times.counted(len(credential.reach), 'entitlement')}, {how}"


def day_facts(credential: Credential, now: datetime) -> list[Fact]:
    """Days of a credential, each for ``components/fact.html``."""
    days = (
        ("Issued", credential.issued_at, ""),
        ("Last rotated", credential.rotated_at, ""),
        ("Rotation due", credential.rotation_due_on, "overdue" if credential.is_overdue(now) else ""),
        ("Expires", credential.expires_at, "expired" if credential.is_expired(now) else ""),
    )
    return [Fact(_day(on, now) if on else NO_OWNER, label, quiet) for label, on, quiet in days]


#: Credential with its owner, relations to the resource in a few words each, age and reach in one line each, and problems.
CredentialRow = tuple[Credential, Sequence[str], str, str, Sequence[str]]


def credentials_panel(resource: Resource, actor: Actor, now: datetime) -> list[CredentialRow] | None:
    """Credentials that a resource keeps or that open it, if the reader may see them; None for others without any."""
    touched = Q(opens=resource) | Q(kept_in=resource) | Q(said_kept_in=resource)
    seen = Credential.objects.visible_to(actor, now).filter(touched).select_related("owner", "said_by", "said_kept_in")
    rows: list[CredentialRow] = [
        (each, _relations(each, resource), age_text(each, now), reach_text(each), problems(each, now))
        for each in seen.order_by("name", "pk")[:MOST]
    ]
    is_theirs = actor.person is not None and bool(resource.answering_as(actor.person, now))
    return rows if rows or is_theirs or sees_whole_register(actor, now) else None


def _relations(credential: Credential, resource: Resource) -> list[str]:
    """Relations of a credential to a resource, in a few words each."""
    relations = {
        "Kept here": credential.kept_in_id,
        "Said to be kept here, not confirmed": credential.said_kept_in_id,
        "Opens it": credential.opens_id,
    }
    return [text for text, pk in relations.items() if pk == resource.pk]
