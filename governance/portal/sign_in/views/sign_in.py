"""Sign-in, and fresh sign-in before high-risk decisions (S5). allauth signs out."""

from __future__ import annotations

from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from django.conf import settings
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from governance.core.clock import business_time
from governance.core.models import Person, RoleAssignment
from governance.portal.sign_in.adapters import note_authentication, note_sign_in
from governance.web.pages.page import page
from governance.web.requests.request import local_path


class SignIn(account.LoginView):
    """allauth's sign-in; a demo also offers its people by name."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add a demo's people."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if settings.DEMO:
            current = RoleAssignment.objects.filter(confirmed_at__lte=business_time.now(), until__isnull=True)
            people = Person.objects.filter(is_active=True, left_at__isnull=True).order_by("name")
            related = Prefetch("role_assignments", current.order_by("pk"))
            context["demo_people"] = people.prefetch_related(related)
        return context


def next_address(request: HttpRequest) -> str:
    """The address to continue with: a path on this portal, or home. A word without a slash is not a path."""
    return local_path(request.POST.get("next") or request.GET.get("next")) or reverse("home")


def reauthenticate(request: HttpRequest) -> HttpResponseBase:
    """Ask for the password again; people of a demo have none and use a button."""
    if settings.DEMO and isinstance(request.user, Person) and not request.user.has_usable_password():
        return _reauthenticate_by_button(request, request.user)
    answer = account.reauthenticate(request)
    note_authentication(request)
    return answer


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
