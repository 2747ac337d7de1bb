"""How Django finds governance.web."""

from importlib import import_module

from django import forms
from django.apps import AppConfig

#: Of these Django's message repeats what was sent, with whatever nobody sees in it; what is offered stands beside the message.
REPEATING = (forms.ChoiceField, forms.MultipleChoiceField, forms.ModelMultipleChoiceField)
NOT_OFFERED = "Select a valid choice. This is not one of those that are offered."


class WebConfig(AppConfig):
    """Web."""

    name = "governance.web"
    label = "web"
    verbose_name = "Web"

    def ready(self) -> None:
        """Register deploy checks, and have no form repeat a choice that it does not offer."""
        import_module("governance.core.health.deploy_checks")
        for field in REPEATING:
            given = {"invalid_choice": NOT_OFFERED, "invalid_pk_value": NOT_OFFERED}
            known = field.default_error_messages
            field.default_error_messages = {**known, **{name: words for name, words in given.items() if name in known}}
