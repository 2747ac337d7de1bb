"""App configuration of the demo."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Demo."""

    name = "governance.demo"
    label = "demo"
    verbose_name = "Demo"
