"""How Django finds governance.core."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Core. Its label is its first name, `controls`, which names its tables (decision 0039)."""

    name = "governance.core"
    label = "controls"
    verbose_name = "Core"

    def ready(self) -> None:
        """Declare the operations about people, teams and webhooks, and the system checks."""
        from governance.core.engine.discovery import import_declarations
        from governance.core.erasure import transitions as erasure_transitions
        from governance.core.health import system_checks  # noqa: F401  importing registers the checks
        from governance.core.webhooks import transitions as webhook_transitions

        import_declarations(self.name)
        erasure_transitions.register()
        webhook_transitions.register()
