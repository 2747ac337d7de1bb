"""How Django finds governance.recertification."""

from django.apps import AppConfig


class RecertificationConfig(AppConfig):
    """Recertification."""

    name = "governance.recertification"
    label = "recertification"
    verbose_name = "Recertification"
