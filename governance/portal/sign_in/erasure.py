"""Erasure of a person's sign-in data in other apps' tables: sessions, addresses, second factors, linked accounts and directory entries (H6)."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Q

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.core.models import DirectoryEntry, Person

#: Where an entry names the manager of a user (RFC 7643, 4.3).
MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Delete the data in the transaction of the erasure.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    EmailAddress.objects.filter(user=known_as.person).delete()
    Authenticator.objects.filter(user=known_as.person).delete()
    UserSession.objects.filter(user=known_as.person).delete()
    _forget_entries(known_as.person)
    for link in known_as.person.linked_accounts.order_by("pk"):
        link.subject = f"erased:{link.pk}"
        step.save(link)
    for session in Session.objects.all().iterator():  # the person's id is inside, signed
        if session.get_decoded().get(SESSION_KEY) == str(known_as.person.pk):
            session.delete()


def _forget_entries(person: Person) -> None:
    """Delete the person's entries, and their name in the entries of their groups and reports."""
    entries = DirectoryEntry.objects.filter(Q(person=person) | Q(source=person.source, external_id=person.subject))
    for key, source in entries.values_list("pk", "source"):
        named = {"value": str(key)}
        others = DirectoryEntry.objects.filter(source=source)
        holders = others.filter(
            Q(document__members__contains=[named]) | Q(**{f"document__{MANAGER}__manager__contains": named})
        )
        for row in holders.iterator():
            for member in row.document.get("members") or []:
                if member.get("value") == str(key):
                    member.pop("display", None)
            row.document.get(MANAGER, {}).get("manager", {}).pop("displayName", None)
            row.save(update_fields=["document"])
    entries.delete()
