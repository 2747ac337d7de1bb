"""How Django finds governance.web."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Web."""

    name = "governance.web"
    label = "web"
    verbose_name = "Web"
