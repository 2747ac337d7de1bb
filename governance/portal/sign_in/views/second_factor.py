"""allauth's pages that change how somebody signs in, each inside the operation that puts it on record (H1)."""

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
    """Have allauth change something inside an operation on the person who asks for it; its answer comes back, or the refusal.

    What is refused here is what two requests at once ask for: the second finds an authenticator that its page did not see.
    """
    assert isinstance(request.user, Person)  # the page asks for a sign-in
    person = Person.objects.get(pk=request.user.pk)
    answers: list[HttpResponse] = []
    try:
        verb(person, actor=Actor.of(person), now=business_time.now(), change=lambda: answers.append(change()))
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": reverse("mfa_index")})
    return answers[0]


class Activate(totp.ActivateTOTPView):
    """An authenticator is enrolled."""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Enrol it on record."""
        return _on_record(
            self.request, sign_in_transitions.enrol_second_factor, lambda: super(Activate, self).form_valid(form)
        )


class Deactivate(totp.DeactivateTOTPView):
    """The authenticator is removed."""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Remove it on record."""
        verb = sign_in_transitions.remove_second_factor
        return _on_record(self.request, verb, lambda: super(Deactivate, self).form_valid(form))


class Generate(recovery_codes.GenerateRecoveryCodesView):
    """New recovery codes take the place of the old ones."""

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Make them on record."""
        return _on_record(
            self.request, sign_in_transitions.make_recovery_codes, lambda: super(Generate, self).form_valid(form)
        )
