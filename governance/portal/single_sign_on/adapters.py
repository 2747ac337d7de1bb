"""allauth's OpenID Connect, with the checks of a relying party that it leaves out, and our own people (P1).

allauth runs the code flow with state and PKCE. Here an ID token is verified, a nonce is compared, and an account becomes a person.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import requests
import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthProcess, Provider
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.contrib.auth import logout
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from governance.core.access import Actor, Refusal, Refused, refuse
from governance.core.clock import current_time
from governance.core.duties.refusals import ERRORS
from governance.core.models import Person
from governance.core.sign_in import accounts
from governance.core.sign_in.accounts import Account
from governance.portal.sessions.queries import SIGNED_IN_BY
from governance.portal.single_sign_on import provider_client, tokens
from governance.portal.single_sign_on.tokens import BadToken, NotFresh
from governance.web.pages.page import page
from governance.web.requests.middleware import actor_of

log = structlog.get_logger(__name__)

#: Claims that user info may complete: nothing about the sign-in itself.
ABOUT = ("name", "email", "email_verified")
#: Longest text of a claim that is kept, in characters, as long as the columns of `Person`.
LONGEST_SUBJECT = 255


class Protocol(OpenIDConnectOAuth2Adapter):
    """allauth's OpenID Connect without its shortcuts: the ID token is required and verified, and user info must be of the same account."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's description, of the issuer in our settings."""
        return provider_client.description(self.get_provider().app.settings)

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return the account of an answer.

        Raises:
            BadToken: the ID token is refused, or user info is of another account.
            requests.RequestException: the provider does not answer.
        """
        claims = tokens.verify_id_token(app, kwargs["response"].get("id_token"))
        if not (claims.get("email") and claims.get("name")) and self.openid_config.get("userinfo_endpoint"):
            info = self._fetch_user_info(token.token)
            if not isinstance(info, dict) or info.get("sub") != claims["sub"]:
                raise BadToken("The user info is of another account.")
            claims = {**{name: info[name] for name in ABOUT if name in info}, **claims}
        subject = claims.get(app.settings["uid_field"])
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise BadToken("The token names no account.")
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})


class OpenIDProvider(OpenIDConnectProvider):
    """allauth's provider, by our protocol."""

    oauth2_adapter_class = Protocol


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Turns accounts into people. The providers are those of the settings, never rows of a table."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the providers of the settings."""
        by_kind = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in by_kind.values() for app in apps]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Provider:
        """Return a provider by its id.

        Raises:
            SocialApp.DoesNotExist: the settings have none of this id.
        """
        return OpenIDProvider(request, app=self.get_app(request, provider, client_id))

    def get_requests_session(self) -> requests.Session:
        """Return a session with bounds."""
        return provider_client.BoundedSession()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Nobody fills in a form to sign up."""
        return False

    def serialize_instance(self, instance: Model) -> dict[str, Any]:
        """Keep a person by their key while a second factor is asked for: the session must hold no claim and no password hash."""
        return {"pk": instance.pk} if isinstance(instance, Person) else super().serialize_instance(instance)

    def deserialize_instance(self, model: type[Model], data: Mapping[str, Any]) -> Model:
        """Read the person again."""
        return Person.objects.get(pk=data["pk"]) if model is Person else super().deserialize_instance(model, data)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Mapping[str, Any]) -> Person:
        """Leave the unsaved user empty: `pre_social_login` chooses the person."""
        return sociallogin.user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Check that the answer belongs to our question, and choose the person of the account.

        Raises:
            ImmediateHttpResponse: the account is linked now, or a page with the refusal.
        """
        claims, app = sociallogin.account.extra_data["id_token"], sociallogin.provider.app
        question = sociallogin.state.get("data") or {}
        try:
            _check_answer(claims, question)
            account = _account(app, sociallogin.account.uid, claims)
            if sociallogin.state.get("process") == AuthProcess.CONNECT:
                raise ImmediateHttpResponse(_link(request, app, account))
            sociallogin.user = _person_of(app, account)
        except BadToken as error:
            self.on_authentication_error(request, sociallogin.provider, exception=error)
        except Refused as error:
            raise ImmediateHttpResponse(not_signed_in(request, error.refusal)) from error
        sociallogin.token, sociallogin.account.extra_data = None, {}  # nothing of them is kept
        sociallogin.email_addresses = []
        logout(request)  # an earlier session ends, also of another person
        request.session[SIGNED_IN_BY] = {
            "source": account.source,
            "sub": tokens.text(claims["sub"]),
            "sid": tokens.text(claims.get("sid")),
            "mfa": app.settings["second_factor"] or tokens.has_second_factor(claims),
            "at": tokens.authenticated_at(claims),
        }

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: Mapping[str, Any] | None = None,
    ) -> None:
        """Answer with a page that says what happened. The log has the reason, and nothing that the provider sent.

        Raises:
            ImmediateHttpResponse: always.
        """
        reason = str(exception) if isinstance(exception, BadToken) else type(exception).__name__
        log.info("sign_in.failed", provider=provider.app.provider_id, error=error, reason=reason)
        name, to_do = provider.app.name, "Try again. If it happens again, tell a governance admin."
        sentence = f"{name} did not sign you in."
        if isinstance(exception, requests.RequestException):
            sentence = f"{name} does not answer."
        if isinstance(exception, NotFresh):
            sentence, to_do = (
                f"{name} did not confirm that you have just signed in.",
                f"{to_do} {name} must send auth_time.",
            )
        raise ImmediateHttpResponse(not_signed_in(request, Refusal("P1", "permission", sentence, to_do)))


def not_signed_in(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Show why a sign-in, or the link of an account, did not work. The log has the code."""
    log.info("sign_in.refused", code=refusal.code, kind=refusal.kind)
    status = ERRORS[refusal.kind].status
    return page(request, "account/not_signed_in.html", {"refusal": refusal}, status=status)


def ask_provider(
    request: HttpRequest, provider: Provider, *, process: str, next_path: str, fresh: bool, hint: str = ""
) -> HttpResponse:
    """Lead to the provider's sign-in.

    Args:
        request: the request; its session keeps state, nonce and PKCE verifier.
        provider: the provider.
        process: ``login`` or ``connect``, see `AuthProcess`.
        next_path: the page afterwards.
        fresh: whether the person must prove anew who they are (OpenID Connect Core 1.0, 3.1.2.1).
        hint: the address that they typed.

    Raises:
        ImmediateHttpResponse: the provider does not answer.
    """
    nonce = secrets.token_urlsafe(24)
    params = {
        "nonce": nonce,
        **({"prompt": "login", "max_age": "0"} if fresh else {}),
        **({"login_hint": hint} if hint else {}),
    }
    try:
        return provider.redirect(
            request, process, next_url=next_path, data={"nonce": nonce, "fresh": fresh}, auth_params=params
        )
    except requests.RequestException as error:
        ProviderAdapter(request).on_authentication_error(request, provider, exception=error)
        raise


def _check_answer(claims: Mapping[str, Any], question: Mapping[str, Any]) -> None:
    """Refuse an answer to another question, and an old proof where a fresh one was asked for.

    Raises:
        BadToken: see above.
    """
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not secrets.compare_digest(
        nonce.encode(), str(question.get("nonce", "")).encode()
    ):
        raise BadToken("The token answers another question.")
    if question.get("fresh") and not tokens.is_fresh(claims):
        raise NotFresh("The token proves no fresh sign-in.")


def _account(app: SocialApp, subject: str, claims: Mapping[str, Any]) -> Account:
    """Return the account of verified claims.

    Raises:
        Refused: the provider has not verified the address, or the address is of another domain.
    """
    email, name = (_text(claims.get(key)) for key in ("email", "name"))
    email, domains = accounts.usable_address(email), app.settings["domains"]
    if email and claims.get("email_verified", True) is not True:
        raise refuse(
            Refusal("P1", "permission", f"{app.name} has not verified your address.", "Verify it there first.")
        )
    if domains and not accounts.usable_address(email, domains):
        sentence = f"{app.name} signs in addresses of {', '.join(domains)} here, and yours is another."
        raise refuse(Refusal("P1", "permission", sentence, "Sign in with the account of your organisation."))
    return Account(app.provider_id, subject, name, email)


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) and value.isprintable() else ""


def _person_of(app: SocialApp, account: Account) -> Person:
    """Return the person of an account: known, or admitted now.

    Raises:
        Refused: the account is unknown, and is not admitted.
    """
    now, actor = current_time.now(), Actor.of_job("sign_in")
    person = accounts.find_person(account.source, account.subject)
    if person is None and not app.settings["admits"]:
        sentence = "You have no account here yet."
        raise refuse(Refusal("P1", "permission", sentence, "Ask a governance admin to add you."))
    if person is None:
        if not account.email:
            sentence = f"{app.name} sends no mail address of yours, so nobody can tell whether you are here already."
            raise refuse(
                Refusal("P1", "permission", sentence, "Tell a governance admin: it must send the claim email.")
            )
        new = Person(source=account.source, subject=account.subject, name=account.name, email=account.email)
        new.set_unusable_password()
        try:
            return accounts.admit(new, actor=actor, now=now, provider=app.name)
        except Refused:
            person = accounts.find_person(account.source, account.subject)  # two first sign-ins at once
            if person is None:
                raise
    if accounts.is_news(person, account):
        accounts.describe(person, actor=actor, now=now, account=account)
    return person


def _link(request: HttpRequest, app: SocialApp, account: Account) -> HttpResponse:
    """Link the account to the person who is signed in, and return to their page."""
    actor = actor_of(request)
    if actor is None or actor.person is None:
        return redirect("account_login")
    person = Person.objects.get(pk=actor.person.pk)
    accounts.link_account(person, actor=actor, now=current_time.now(), account=account, provider=app.name)
    return redirect("my_sign_in")
