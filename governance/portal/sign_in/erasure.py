"""Erasure of a person's sign-in data in other apps' tables: sessions, addresses and second factors (H6)."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Delete the data in the transaction of the erasure.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    EmailAddress.objects.filter(user=known_as.person).delete()
    Authenticator.objects.filter(user=known_as.person).delete()
    for session in Session.objects.all().iterator():  # the person's id is inside, signed
        if session.get_decoded().get(SESSION_KEY) == str(known_as.person.pk):
            session.delete()
