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
from governance.core.models import DirectoryEntry


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Delete the data in the transaction of the erasure.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    EmailAddress.objects.filter(user=known_as.person).delete()
    Authenticator.objects.filter(user=known_as.person).delete()
    UserSession.objects.filter(user=known_as.person).delete()
    own = Q(person=known_as.person) | Q(source=known_as.person.source, external_id=known_as.person.subject)
    DirectoryEntry.objects.filter(own).delete()
    for link in known_as.person.linked_accounts.order_by("pk"):
        link.subject = f"erased:{link.pk}"
        step.save(link)
    for session in Session.objects.all().iterator():  # the person's id is inside, signed
        if session.get_decoded().get(SESSION_KEY) == str(known_as.person.pk):
            session.delete()
