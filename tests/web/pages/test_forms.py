"""What forms say of themselves, whatever was sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django import forms
from django.urls import get_resolver

OURS = ("governance.", "approvals.", "inventory.")


def of_ours(above: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    """Every form of the product."""
    for one in above.__subclasses__():
        if one.__module__.startswith(OURS):
            yield one
        yield from of_ours(one)


@pytest.mark.rule("I7")
def test_form_does_not_echo_unknown_choice() -> None:
    assert get_resolver().url_patterns  # with them come the views, and with these the forms
    chosen = {
        f"{one.__module__}.{one.__qualname__}.{name}": field
        for one in of_ours()
        for name, field in one.base_fields.items()
        if "invalid_choice" in field.error_messages
    }
    assert len(chosen) > 5
    assert [name for name, field in chosen.items() if "%(value)s" in str(field.error_messages["invalid_choice"])] == []
    several = forms.MultipleChoiceField(choices=[("a", "A")])
    with pytest.raises(forms.ValidationError) as said:
        several.clean(["line\u2028line"])
    assert said.value.messages == ["Select a valid choice. This is not one of the choices offered."]
