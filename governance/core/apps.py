"""How Django finds governance.controls."""

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    """Controls."""

    name = "governance.controls"
    label = "controls"
    verbose_name = "Controls"

    def ready(self) -> None:
        """Declare the operations about people and teams, and the checks; say what of it still waits for somebody."""
        from governance.core.erasure import notices as erasure_notices
        from governance.core.webhooks import maker_loss

        erasure_notices.register()
        maker_loss.register()
