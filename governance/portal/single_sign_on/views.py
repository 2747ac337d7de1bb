"""Sign-in at a provider, the way back from it, and its word that somebody signed out there (P1)."""

from urllib.parse import urlencode

import requests
import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess, Provider
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from governance.core.access import Actor
from governance.core.clock import current_time
from governance.core.sign_in import accounts
from governance.core.sign_in import transitions as sign_in_transitions
from governance.portal.sessions import queries as sessions
from governance.portal.single_sign_on import adapters, tokens
from governance.portal.single_sign_on.tokens import BadToken
from governance.web.pages.page import refused
from governance.web.requests.middleware import actor_of
from governance.web.requests.request import local_path

#: What a library raises at an answer of another shape than the protocol's.
UNEXPECTED = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)

log = structlog.get_logger(__name__)


def provider_of(request: HttpRequest, provider_id: str) -> Provider:
    """Return the provider of an id, or answer 404."""
    try:
        return get_adapter(request).get_provider(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error


@login_not_required
@require_GET
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider. With ``again`` the person proves anew who they are there; with ``link`` they link the account."""
    provider = provider_of(request, provider_id)
    actor = actor_of(request) if "link" in request.GET else None
    is_link = "link" in request.GET
    if is_link and actor is None:
        return redirect(f"{reverse('account_login')}?{urlencode({'next': reverse('my_sign_in')})}")
    if actor is not None and actor.person is not None:
        refusal = accounts.link_account.refusal(actor.person, actor=actor, now=current_time.now())
        if refusal is not None:
            return refused(request, refusal, context={"back_href": reverse("my_sign_in")})
    try:
        return adapters.ask_provider(
            request,
            provider,
            process=AuthProcess.CONNECT if is_link else AuthProcess.LOGIN,
            next_path=local_path(request.GET.get("next")) or reverse("home"),
            fresh="again" in request.GET or is_link,
            hint=request.GET.get("hint", "")[:254],
        )
    except ImmediateHttpResponse as error:
        return error.response
    except UNEXPECTED as error:
        return _failed(request, provider, error)


@login_not_required
@require_GET
def come_back(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Finish a sign-in: the provider sends the person here with a code."""
    provider = provider_of(request, provider_id)
    try:
        if request.GET.get("iss", provider.app.settings["issuer"]) != provider.app.settings["issuer"]:
            raise BadToken("The answer is of another issuer.")  # RFC 9207, 2.4
        return OAuth2CallbackView.adapter_view(adapters.Protocol(request, provider_id))(request)
    except (BadToken, requests.RequestException, *UNEXPECTED) as error:
        return _failed(request, provider, error)


def _failed(request: HttpRequest, provider: Provider, error: Exception) -> HttpResponse:
    try:
        adapters.ProviderAdapter(request).on_authentication_error(request, provider, exception=error)
    except ImmediateHttpResponse as answer:
        return answer.response
    raise error


@login_not_required
@csrf_exempt  # the provider's server posts a signed token; no browser and no cookie is involved
@require_POST
def signed_out_there(request: HttpRequest, provider_id: str) -> HttpResponse:
    """End sessions that ended at the provider (OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8)."""
    provider = provider_of(request, provider_id)
    try:
        claims = tokens.verify_logout_token(provider.app, request.POST.get("logout_token"))
    except (BadToken, requests.RequestException) as error:
        log.info("sign_out.refused", provider=provider_id, reason=str(error) if isinstance(error, BadToken) else "")
        return JsonResponse({"error": "invalid_request"}, status=400)
    ended = sessions.of_provider(provider_id, sub=claims.get("sub"), sid=claims.get("sid"))
    for person, rows in sessions.by_person(ended):
        sign_in_transitions.end_sessions(
            person, actor=Actor.of_job("sign_out"), now=current_time.now(), end=lambda rows=rows: sessions.end(rows)
        )
    return HttpResponse(status=200)
