"""allauth's pages for second factors, each as a recorded operation (H1)."""

from __future__ import annotations

from collections.abc import Callable

from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.engine.transition import Transition
from governance.core.models import Person
from governance.core.sign_in import transitions as sign_in_transitions
from governance.web.pages.page import refused


def _on_record(request: HttpRequest, verb: Transition[Person], change: Callable[[], HttpResponse]) -> HttpResponse:
    """Run allauth's change inside an operation on the person; return its response, or the refusal.

    Two requests at once lead to a refusal: the second finds an authenticator that its page did not show.
    """
    assert isinstance(request.user, Person)  # the page needs a sign-in
    person = Person.objects.get(pk=request.user.pk)
    answers: list[HttpResponse] = []
    try:
        verb(person, actor=Actor.of(person), now=business_time.now(), change=lambda: answers.append(change()))
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": reverse("mfa_index")})
    return answers[0]


class Activate(totp.ActivateTOTPView):
    """Enrol an authenticator."""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Enrol it as a recorded operation."""
        return _on_record(
            self.request, sign_in_transitions.enrol_second_factor, lambda: super(Activate, self).form_valid(form)
        )


class Deactivate(totp.DeactivateTOTPView):
    """Remove the authenticator."""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Remove it as a recorded operation."""
        verb = sign_in_transitions.remove_second_factor
        return _on_record(self.request, verb, lambda: super(Deactivate, self).form_valid(form))


class Generate(recovery_codes.GenerateRecoveryCodesView):
    """Replace the recovery codes."""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Create them as a recorded operation."""
        return _on_record(
            self.request, sign_in_transitions.make_recovery_codes, lambda: super(Generate, self).form_valid(form)
        )
