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
        from governance.core.erasure import notices as erasure_notices
        from governance.core.health import deploy_checks, startup_checks  # noqa: F401  importing registers the checks
        from governance.core.sign_in import password_links  # noqa: F401  importing declares an event
        from governance.core.webhooks import transitions as webhook_transitions

        import_declarations(self.name)
        erasure_notices.register()
        webhook_transitions.register()
