"""How people sign in: local accounts made by an admin; nobody signs themselves up."""

from __future__ import annotations

import time

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from governance.web.middleware import SIGNED_IN_AT


class AccountAdapter(DefaultAccountAdapter):
    """Closes sign-up, and notes in the session when the sign-in was: high-risk decisions ask for a fresh one (S5)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes their own account."""
        return False

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in and note the instant, in real time."""
        super().login(request, user)
        request.session[SIGNED_IN_AT] = int(time.time())
