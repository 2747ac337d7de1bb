"""The field that names an owner: it offers who can be one, and leaves to the register what it says of anybody else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from governance.core.models import Person


class OwnerField(forms.ModelChoiceField):
    """A person who is here, of those that `offer_owners` puts on the page.

    Somebody else who was posted by hand is refused by the write, in the words of the rule, and that stands on record (S1, H1).
    """

    def __init__(self, nobody: str = "Choose somebody", **more: Any) -> None:
        active = Person.objects.filter(is_active=True, left_at__isnull=True)
        super().__init__(active, empty_label=nobody, **more)

    def offer(self, people: Iterable[Person]) -> None:
        """Put people on the page, in this order."""
        self.choices = [("", self.empty_label or ""), *((str(person.pk), person.name) for person in people)]


def offer_owners(form: forms.Form, people: Iterable[Person]) -> None:
    """Have each field of a form that names an owner offer the same people."""
    choices = list(people)
    for field in form.fields.values():
        if isinstance(field, OwnerField):
            field.offer(choices)
