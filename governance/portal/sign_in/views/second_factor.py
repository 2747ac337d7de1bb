"""allauth's pages for second factors, each as a recorded operation (H1)."""

from __future__ import annotations

from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.generic import FormView

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refused
from governance.core.engine.transition import Transition
from governance.core.models import Person
from governance.core.sign_in import transitions as sign_in_transitions
from governance.web.pages.page import refused


class RecordedView(FormView):
    """Runs allauth's change inside the operation ``verb`` on the person."""

    verb: Transition[Person]

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Return allauth's response, or the refusal.

        Two requests at once lead to a refusal: the second finds an authenticator that its page did not show.
        """
        assert isinstance(self.request.user, Person)  # the page needs a sign-in
        person = Person.objects.get(pk=self.request.user.pk)
        change, answers = super().form_valid, list[HttpResponse]()
        try:
            self.verb(
                person, actor=Actor.of(person), now=business_time.now(), change=lambda: answers.append(change(form))
            )
        except Refused as error:
            return refused(self.request, error.refusal, context={"back_href": reverse("mfa_index")})
        return answers[0]


class Activate(RecordedView, totp.ActivateTOTPView):
    """Enrol an authenticator."""

    verb = sign_in_transitions.enrol_second_factor


class Deactivate(RecordedView, totp.DeactivateTOTPView):
    """Remove the authenticator."""

    verb = sign_in_transitions.remove_second_factor


class Generate(RecordedView, recovery_codes.GenerateRecoveryCodesView):
    """Replace the recovery codes."""

    verb = sign_in_transitions.make_recovery_codes
