"""Form field for an owner: it offers eligible people, and the register refuses others."""

from collections.abc import Iterable
from typing import Any

from django import forms

from governance.core.models import Person


class OwnerField(forms.ModelChoiceField):
    """Active person; the page offers those of `offer_owners`.

    A hand-made request with another person reaches the write, whose refusal is recorded (S1, H1).
    """

    def __init__(self, nobody: str = "Choose somebody", **more: Any) -> None:
        active = Person.objects.filter(is_active=True, left_at__isnull=True)
        super().__init__(active, empty_label=nobody, **more)

    def offer(self, people: Iterable[Person]) -> None:
        """Offer people on the page, in this order."""
        self.choices = [("", self.empty_label or ""), *((str(person.pk), person.name) for person in people)]


def offer_owners(form: forms.Form, people: Iterable[Person]) -> None:
    """Offer the same people in every owner field of a form."""
    choices = list(people)
    for field in form.fields.values():
        if isinstance(field, OwnerField):
            field.offer(choices)
