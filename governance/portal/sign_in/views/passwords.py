"""Passwords of local accounts: allauth's pages for change and reset, and an admin's invitation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.account import views as account
from allauth.account.forms import UserTokenForm
from allauth.decorators import rate_limit
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.models import Person
from governance.core.sign_in import password_links
from governance.portal.view_guards.decorators import answers_refusals
from governance.web.pages.page import refused
from governance.web.requests.request import Request


class Change(account.PasswordChangeView):
    """Change the password with the old one; a person without one gets a mail."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect a person without a password to the page that mails a link."""
        if isinstance(request.user, Person) and not request.user.has_usable_password():
            return redirect("account_reset_password")
        return super().dispatch(request, *args, **kwargs)


@method_decorator(rate_limit(action="reset_password_from_key"), name="dispatch")
@method_decorator(login_not_required, name="dispatch")
class FromKey(account.PasswordResetFromKeyView):
    """Set a password by a mailed link. allauth's own view would store the key in the session, a database row."""

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase:
        """Check the key in the address at each request, and sign out anybody else."""
        self.request, self.key = request, key
        token = UserTokenForm(data={"uidb36": uidb36, "key": key})
        self.reset_user = token.reset_user if token.is_valid() else None
        if self.reset_user is None:
            return self.render_to_response(self.get_context_data(token_fail=True))
        if request.user.is_authenticated and request.user.pk != self.reset_user.pk:
            self.logout()
        return FormView.dispatch(self, request, uidb36=uidb36, key=key, **kwargs)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Set the password, or show the refusal if the person has left."""
        try:
            return super().form_valid(form)
        except Refused as error:
            return refused(self.request, error.refusal, context={"back_href": reverse("account_login")})


def invitation_part(person: Person, actor: Actor, now: datetime) -> dict[str, Any] | None:
    """Last invitation of a person without a password, and the address for a new one; None without the right."""
    if password_links.invite.refusal(person, actor=actor, now=now) is not None:
        return None
    newest = person.notices.filter(event=password_links.INVITATION).order_by("-id").first()
    sent_at = newest.created_at if newest is not None else None
    return {"action": reverse("person_invite", args=[person.pk]), "sent_at": sent_at}


@require_POST
@answers_refusals
def person_invite(request: Request, pk: int) -> HttpResponse:
    """Mail a link for a first password."""
    person = get_object_or_404(Person, pk=pk)
    password_links.invite(person, actor=request.actor, now=business_time.now())
    messages.success(request, f"The invitation to {person.name} is on its way.")
    return redirect("person", pk)
