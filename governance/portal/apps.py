"""App configuration of the portal."""

from pathlib import Path

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Portal."""

    name = "governance.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Register the erasure of sign-in data and the count of unread notices."""
        from governance.core.engine import hooks
        from governance.core.erasure.transitions import FORGETTING
        from governance.portal.sign_in import erasure
        from governance.web.pages import navigation

        hooks.register(FORGETTING, erasure.forget)
        navigation.register_counts(Path(self.path, "notifications", "counts"))
