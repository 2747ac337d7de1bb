"""What forms say of themselves, whatever was sent."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms

OFFERED = [("a", "A")]


@pytest.mark.rule("I7")
@pytest.mark.parametrize(
    ("field", "sent"),
    [
        (forms.ChoiceField(choices=OFFERED), "line\u2028line"),
        (forms.TypedChoiceField(choices=OFFERED), "line\u2028line"),
        (forms.MultipleChoiceField(choices=OFFERED), ["line\u2028line"]),
    ],
)
def test_no_form_repeats_a_choice_that_it_does_not_offer(field: Any, sent: Any) -> None:
    with pytest.raises(forms.ValidationError) as said:
        field.clean(sent)
    assert said.value.messages == ["Select a valid choice. This is not one of those that are offered."]
