"""How Django finds governance.core."""

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    """Controls."""

    name = "governance.core"
    label = "controls"
    verbose_name = "Controls"

    def ready(self) -> None:
        """Declare the operations about people and teams, and the checks; say what of it still waits for somebody."""
        from governance.core.engine.discovery import import_declarations
        from governance.core.erasure import transitions as erasure_transitions
        from governance.core.health import system_checks  # noqa: F401  importing registers the checks
        from governance.core.webhooks import transitions as webhook_transitions

        import_declarations(self.name)
        erasure_transitions.register()
        webhook_transitions.register()
