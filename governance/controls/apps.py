"""How Django finds governance.controls."""

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    """Controls."""

    name = "governance.controls"
    label = "controls"
    verbose_name = "Controls"

    def ready(self) -> None:
        """Declare the operations about people and teams, and the checks; say what of it still waits for somebody."""
        from governance.controls import checks, people, still_open, teams, webhook_forgetting, webhook_makers  # noqa: F401  importing is declaring

        still_open.register()
        webhook_makers.register()
