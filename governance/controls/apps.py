"""How Django finds governance.controls."""

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    """Controls."""

    name = "governance.controls"
    label = "controls"
    verbose_name = "Controls"
