"""A form field that names a person: the server searches while somebody types, so no page carries everybody (P1)."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.core.models import Person

#: A name and an address, as mail programs write them.
LONGEST = 400


def text_of(person: Person) -> str:
    """Return what names a person in a field: "Rita Novak <rita.novak@northwind.example>"."""
    return f"{person.name} <{person.email}>" if person.email else person.name


class PersonInput(forms.TextInput):
    """Text with suggestions of the server; without JavaScript the whole name or address is typed.

    Args:
        among: the people who are suggested, a key of ``AMONG`` in `governance.portal.people.views.pick`.
        hint: what an empty field means.
    """

    def __init__(self, among: str, hint: str) -> None:
        super().__init__({"autocomplete": "off", "maxlength": LONGEST, "spellcheck": "false"})
        self.among, self.hint = among, hint

    def format_value(self, value: Any) -> str | None:
        """Return the text of the person with this key; what was typed stays as it was typed."""
        person = Person.objects.filter(pk=value).first() if _is_key(value) else None
        return text_of(person) if person is not None else super().format_value(value)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """Draw the text and its list of suggestions."""
        suggestions = f"{(attrs or {}).get('id') or f'id_{name}'}_people"
        asks = {
            "placeholder": self.hint,
            "list": suggestions,
            "hx-get": f"{reverse('pick_people', args=[self.among])}?field={name}",
            "hx-trigger": "input changed delay:200ms",
            "hx-target": f"#{suggestions}",
            "hx-swap": "innerHTML",
            "hx-sync": "this:replace",
        }
        drawn = super().render(name, value, {**(attrs or {}), **asks}, renderer)
        return drawn + format_html('<datalist id="{}"></datalist>', suggestions)


class PersonField(forms.ModelChoiceField):
    """One of some people: chosen from the suggestions, or typed as a name that one person has, or as an address. Programs send the key.

    Args:
        queryset: who may be named; everybody who is here by default.
        among: who is suggested: ``everybody`` who is here, or ``delegates`` of the reader.
        empty_label: what an empty field means.
    """

    def __init__(
        self,
        queryset: QuerySet[Person] | None = None,
        *,
        among: str = "everybody",
        empty_label: str = "A name or an address",
        **more: Any,
    ) -> None:
        rows = Person.objects.here() if queryset is None else queryset
        super().__init__(rows, widget=PersonInput(among, empty_label), empty_label=empty_label, **more)

    def to_python(self, value: Any) -> Person | None:
        """Find the person.

        Raises:
            ValidationError: nobody, or more than one, is meant.
        """
        if isinstance(value, Person) or value in self.empty_values or _is_key(value):
            found: Person | None = super().to_python(value.pk if isinstance(value, Person) else value)
            return found
        typed = str(value).strip()
        if len(typed) > LONGEST or "\x00" in typed:
            raise ValidationError(NOBODY, code="invalid_choice")
        queryset = self.queryset if self.queryset is not None else Person.objects.none()
        name, _, address = typed.removesuffix(">").rpartition("<") if typed.endswith(">") else ("", "", typed)
        rows = queryset.filter(email__iexact=address.strip()) if "@" in address else queryset.none()
        if name.strip():
            rows = rows.filter(name__iexact=name.strip())
        people: list[Person] = list(rows[:2]) or list(queryset.filter(name__iexact=typed)[:2])
        if len(people) != 1:
            raise ValidationError(SEVERAL if people else NOBODY, code="invalid_choice")
        return people[0]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell whether another person is named now."""
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True


#: What was typed is not repeated: it stands in the field.
NOBODY = "Nobody who can be named has this name or address. Type a few letters and choose from the list."
SEVERAL = "More than one person has this name. Type their address, or choose from the list."


def _is_key(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdecimal())
