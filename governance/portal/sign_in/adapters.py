"""Sign-in with local accounts that an admin creates; there is no sign-up."""

import base64
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.core.access import Actor, Refused
from governance.core.clock import current_time
from governance.core.keys import key_files
from governance.core.models import Person
from governance.core.sign_in import transitions as sign_in_transitions
from governance.portal.sessions import queries as sessions
from governance.web.requests.middleware import SECOND_FACTOR, SIGNED_IN_AT
from governance.web.requests.request import local_path

log = structlog.get_logger(__name__)

#: Seconds within which a password and a code are one proof.
SAME_PROOF_SECONDS = 15 * 60
#: Messages without a banner, because the page shows the same.
SILENT = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})


class AccountAdapter(DefaultAccountAdapter):
    """Closes sign-up, and stores the time of the sign-in: high-risk decisions need a fresh one (S5)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody creates their own account."""
        return False

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in as a recorded operation, and store the real time.

        Raises:
            ImmediateHttpResponse: the person left during the sign-in, for instance before the second factor.
        """
        assert isinstance(user, Person)  # the installation's only kind of user
        begin, by = partial(super().login, request, user), _provider_facts(request, user)
        source = by.get("source", "local")
        try:
            sign_in_transitions.sign_in(
                user, actor=Actor.of_person(user), now=current_time.now(), begin=begin, source=source
            )
        except Refused as error:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user)) from error
        note_sign_in(request, by.get("at"))
        records = get_authentication_records(request, user)
        request.session[SECOND_FACTOR] = bool(by.get("mfa")) or has_code(records, time.time())
        sessions.note(request, by)

    def is_safe_url(self, url: str) -> bool:
        """Whether allauth may redirect to this address: only a path on this portal."""
        return bool(local_path(url))

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Set a password as a recorded operation (H1).

        Raises:
            Refused: the person has left.
        """
        person = Person.objects.get(pk=user.pk)
        sign_in_transitions.set_password(
            person, actor=Actor.of_person(person), now=current_time.now(), password=password
        )
        user.password = person.password  # allauth keeps this session by the new hash

    def send_password_reset_mail(self, user: AbstractBaseUser, email: str, context: dict[str, Any]) -> None:
        """Queue the mail; its link is created at sending."""
        assert isinstance(user, Person)
        sign_in_transitions.ask_reset(user, now=current_time.now())

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return to the person's own page."""
        return reverse("me")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt, and log only the client's address."""
        log.info("sign_in.failed")
        super().authentication_failed(request, **credentials)

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        """Answer people who have left as after a wrong password."""
        return redirect("account_login")

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Drop messages that the page itself shows."""
        if message_template not in SILENT:
            super().add_message(request, level, message_template, *args, **kwargs)


def _provider_facts(request: HttpRequest, user: Person) -> dict[str, Any]:
    """How a provider signed the person in, if it did: their newest proof counts, and a second factor is none of its own."""
    records = get_authentication_records(request, user)
    methods = [record["method"] for record in records if record["method"] in ("password", "socialaccount")]
    facts = request.session.pop(sessions.SIGNED_IN_BY, {})
    return facts if methods[-1:] == ["socialaccount"] else {}


class ByAddress(AuthenticationBackend):
    """allauth's backend by address, without people who are kept out, at sign-in and in running sessions."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:
        """Check address and password, unless passwords are off (P1)."""
        return super().authenticate(request, **credentials) if settings.PASSWORD_SIGN_IN else None

    def user_can_authenticate(self, user: Person | AnonymousUser | None) -> bool:
        """Whether the person may sign in; checked at every request, too."""
        if isinstance(user, Person) and user.kept_out_until is not None and user.is_kept_out(current_time.now()):
            return False
        return bool(super().user_can_authenticate(user))


def note_sign_in(request: HttpRequest, at: float | None = None) -> None:
    """Store the real time of this proof of identity; ``at`` in seconds since the epoch."""
    request.session[SIGNED_IN_AT] = int(time.time() if at is None else at)


def note_authentication(request: HttpRequest) -> None:
    """Store the time of the newest proof in this portal that allauth recorded. A provider's proof is as old as the provider says."""
    records = [
        record for record in get_authentication_records(request, request.user) if record["method"] != "socialaccount"
    ]
    newest = max((float(record.get("at", 0)) for record in records), default=0.0)
    if newest > request.session.get(SIGNED_IN_AT, 0):
        note_sign_in(request, newest)
        request.session[SECOND_FACTOR] = has_code(records, newest)


def has_code(records: Iterable[Mapping[str, Any]], at: float) -> bool:
    """Whether a second factor of this portal was part of a proof at ``at``, by allauth's records of the session."""
    codes = (float(record.get("at", 0)) for record in records if record["method"] == "mfa")
    return any(at - code <= SAME_PROOF_SECONDS for code in codes)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Encrypts authenticator keys in the database with a key derived from the installation's key."""

    def encrypt(self, text: str) -> str:
        """Encrypt to a Fernet token."""
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a Fernet token."""
        return _fernet().decrypt(encrypted_text.encode()).decode()


def _fernet() -> Fernet:
    derived = key_files.keyed_digest(key_files.digest_key(), "keys of authenticators")
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived)))
