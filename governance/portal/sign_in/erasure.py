"""What sign-in forgets of a person who is erased (H6): sessions, addresses and second factors, in tables that are others'."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs


def forget(known: KnownAs, step: Step[Any]) -> None:
    """Erase it, in the transaction in which the person is erased.

    Args:
        known: as whom the person is known.
        step: the erasure.
    """
    EmailAddress.objects.filter(user=known.person).delete()
    Authenticator.objects.filter(user=known.person).delete()
    for session in Session.objects.all().iterator():  # whose it is stands inside, signed
        if session.get_decoded().get(SESSION_KEY) == str(known.person.pk):
            session.delete()
