"""How Django finds governance.web."""

from django import forms
from django.apps import AppConfig

#: Of these Django's message repeats what was sent, with whatever nobody sees in it; what is offered stands beside the message.
REPEATING = (forms.ChoiceField, forms.MultipleChoiceField, forms.ModelMultipleChoiceField)
NOT_OFFERED = "Select a valid choice. This is not one of the choices offered."


class WebConfig(AppConfig):
    """Web."""

    name = "governance.web"
    label = "web"
    verbose_name = "Web"

    def ready(self) -> None:
        """Have no form repeat a choice that it does not offer."""
        messages = {"invalid_choice": NOT_OFFERED, "invalid_pk_value": NOT_OFFERED}
        for field in REPEATING:
            field.default_error_messages = {**field.default_error_messages, **messages}
