"""What forms say of themselves, whatever was sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django import forms
from django.urls import get_resolver

OURS = ("governance.", "approvals.", "inventory.")


def form_classes(above: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    """Every form of the product."""
    for form_class in above.__subclasses__():
        if form_class.__module__.startswith(OURS):
            yield form_class
        yield from form_classes(form_class)


@pytest.mark.rule("I7")
def test_form_does_not_echo_unknown_choice() -> None:
    assert get_resolver().url_patterns  # with them come the views, and with these the forms
    chosen = {
        f"{form_class.__module__}.{form_class.__qualname__}.{name}": field
        for form_class in form_classes()
        for name, field in form_class.base_fields.items()
        if "invalid_choice" in field.error_messages
    }
    assert len(chosen) > 5
    assert [name for name, field in chosen.items() if "%(value)s" in str(field.error_messages["invalid_choice"])] == []
    several = forms.MultipleChoiceField(choices=[("a", "A")])
    with pytest.raises(forms.ValidationError) as refused:
        several.clean(["line\u2028line"])
    assert refused.value.messages == ["Select a valid choice. This is not one of the choices offered."]
