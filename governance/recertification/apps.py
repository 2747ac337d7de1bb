"""How Django finds governance.recertification, and what it tells the frame around every page."""

from django.apps import AppConfig


class RecertificationConfig(AppConfig):
    """Recertification."""

    name = "governance.recertification"
    label = "recertification"
    verbose_name = "Recertification"

    def ready(self) -> None:
        """Show beside the main link how much waits for the reader."""
        from governance.recertification.views import queue

        queue.register()
