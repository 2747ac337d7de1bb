"""Sign-in and fresh sign-in (S5), second factors and passwords: allauth's pages, each change as a recorded operation (H1).

allauth signs out. An admin invites a person, who then sets a first password.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account import views as account
from allauth.account.authentication import get_authentication_records
from allauth.account.forms import UserTokenForm
from allauth.decorators import rate_limit
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods, require_POST
from django.views.generic import FormView

from governance.core.access import Actor, Refused
from governance.core.clock import current_time
from governance.core.engine.transition import Transition
from governance.core.models import Person, RoleAssignment
from governance.core.sign_in import transitions as sign_in_transitions
from governance.portal.sessions import queries as sessions
from governance.portal.sign_in.adapters import note_authentication, note_sign_in
from governance.portal.single_sign_on import providers
from governance.web.pages.page import SIGN_IN_AGAIN, page, refused, sign_in_again
from governance.web.requests.middleware import SECOND_FACTOR, actor_of
from governance.web.requests.request import Request, local_path

#: Longest typed address, in characters.
LONGEST_ADDRESS = 254


class SignIn(account.LoginView):
    """allauth's sign-in by password, after the providers; a demo also offers its people by name.

    With providers the address comes first: its domain leads to its provider, any other to the password.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the password, or take the address for the next step."""
        if "password" in request.POST and settings.PASSWORD_SIGN_IN:
            return super().post(request, *args, **kwargs)
        address = request.POST.get("login", "").strip()[:LONGEST_ADDRESS]
        provider = providers.of_address(address)
        step = {
            "address": address,
            "provider": provider,
            "is_unknown": provider is None and not settings.PASSWORD_SIGN_IN,
        }
        response = self.render_to_response(
            self.get_context_data(form=self.form_class(initial={"login": address}), **step)
        )
        if provider is not None:
            # The answer leads on by itself. A redirect of this form would need the provider's address in form-action.
            query = {"next": next_address(request), "hint": address}
            response["Refresh"] = f"0;url={reverse('openid_connect_login', args=[provider.id])}?{urlencode(query)}"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the providers, and a demo's people."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context |= {"providers": providers.configured(), "passwords": settings.PASSWORD_SIGN_IN}
        context["wants_password"] = settings.PASSWORD_SIGN_IN and "password" in self.request.GET
        if settings.DEMO:
            current = RoleAssignment.objects.filter(confirmed_at__lte=current_time.now(), until__isnull=True)
            people = Person.objects.filter(is_active=True, left_at__isnull=True).order_by("name")
            related = Prefetch("role_assignments", current.order_by("pk"))
            context["demo_people"] = people.prefetch_related(related)
        return context


def next_address(request: HttpRequest) -> str:
    """The address to continue with: a path on this portal, or home. A word without a slash is not a path."""
    return local_path(request.POST.get("next") or request.GET.get("next")) or reverse("home")


def reauthenticate(request: HttpRequest) -> HttpResponseBase:
    """Ask for the password again. Who signed in at a provider does so there; people of a demo use a button."""
    records = get_authentication_records(request, request.user)
    source = next((record["provider"] for record in reversed(records) if record["method"] == "socialaccount"), "")
    if request.method == "GET" and any(provider.id == source for provider in providers.configured()):
        query = urlencode({"again": 1, "next": next_address(request)})
        return redirect(f"{reverse('openid_connect_login', args=[source])}?{query}")
    if not settings.PASSWORD_SIGN_IN and not settings.DEMO:
        logout(request)  # the password that opened this session proves nothing any more
        return redirect(f"{reverse('account_login')}?{urlencode({'next': next_address(request)})}")
    if request.method == "GET" and may_prove_more(request):
        return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': next_address(request)})}")
    if settings.DEMO and not source and isinstance(request.user, Person) and not request.user.has_usable_password():
        return _reauthenticate_by_button(request, request.user)
    answer = account.reauthenticate(request)
    note_authentication(request)
    return answer


def may_prove_more(request: HttpRequest) -> bool:
    """Whether the person has an authenticator here that this session has not seen."""
    if not isinstance(request.user, Person) or request.session.get(SECOND_FACTOR):
        return False
    return Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).exists()


def reauthenticate_by_code(request: HttpRequest) -> HttpResponseBase:
    """Ask for an authenticator code instead."""
    answer = mfa.reauthenticate(request)
    note_authentication(request)
    return answer


@require_http_methods(["GET", "POST"])
def _reauthenticate_by_button(request: HttpRequest, person: Person) -> HttpResponse:
    if request.method == "POST":
        note_sign_in(request)
        return redirect(next_address(request))
    ask: dict[str, Any] = {"id": "again", "title": "Say again that it is you", "label": f"I am {person.name}"}
    ask["text"] = "This step needs a sign-in from the last 15 minutes. In the demo, a button is enough."
    ask |= {"action": reverse("account_reauthenticate"), "fields": {"next": next_address(request)}}
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": next_address(request)})


def with_passwords(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer 404 where passwords are off (P1)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.PASSWORD_SIGN_IN:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


class RecordedView(FormView):
    """Runs allauth's change inside the operation ``verb`` on the person."""

    verb: Transition[Person]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask for a fresh sign-in first, which the operation needs."""
        actor = actor_of(request)
        if actor is not None and actor.person is not None:
            refusal = self.verb.refusal(Person.objects.get(pk=actor.person.pk), actor=actor, now=current_time.now())
            if refusal is not None and refusal.code == SIGN_IN_AGAIN:
                return redirect(sign_in_again(request, back_href=request.path))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Return allauth's response.

        Two requests at once lead to a refusal: the second finds an authenticator that its page did not show.
        """
        assert isinstance(self.request.user, Person)  # the page needs a sign-in
        person, actor = Person.objects.get(pk=self.request.user.pk), actor_of(self.request)
        assert actor is not None
        change, answers = super().form_valid, list[HttpResponse]()
        self.verb(person, actor=actor, now=current_time.now(), change=lambda: answers.append(change(form)))
        return answers[0]


class Activate(RecordedView, totp.ActivateTOTPView):
    """Enrol an authenticator."""

    verb = sign_in_transitions.enrol_second_factor


class Deactivate(RecordedView, totp.DeactivateTOTPView):
    """Remove the authenticator."""

    verb = sign_in_transitions.remove_second_factor


class GenerateRecoveryCodes(RecordedView, recovery_codes.GenerateRecoveryCodesView):
    """Replace the recovery codes."""

    verb = sign_in_transitions.make_recovery_codes


class ChangePassword(account.PasswordChangeView):
    """Change the password with the old one; a person without one gets a mail."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect a person without a password to the page that mails a link."""
        if isinstance(request.user, Person) and not request.user.has_usable_password():
            return redirect("account_reset_password")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Change it. The session gets a new key and stays the provider's to end."""
        facts = sessions.facts_of(self.request)
        response = super().form_valid(form)
        sessions.note(self.request, facts)
        return response


@method_decorator(rate_limit(action="reset_password_from_key"), name="dispatch")
@method_decorator(login_not_required, name="dispatch")
class PasswordFromKey(account.PasswordResetFromKeyView):
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
    if sign_in_transitions.invite.refusal(person, actor=actor, now=now) is not None:
        return None
    newest = person.notices.filter(event=sign_in_transitions.INVITATION).order_by("-id").first()
    sent_at = newest.created_at if newest is not None else None
    return {"action": reverse("person_invite", args=[person.pk]), "sent_at": sent_at}


@require_POST
def person_invite(request: Request, pk: int) -> HttpResponse:
    """Mail a link for a first password."""
    person = get_object_or_404(Person, pk=pk)
    sign_in_transitions.invite(person, actor=request.actor, now=request.now())
    messages.success(request, f"The invitation to {person.name} is on its way.")
    return redirect("person", pk)
