"""App configuration of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Portal."""

    name = "governance.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Register the erasure of sign-in data."""
        from governance.core.engine import hooks
        from governance.core.erasure.transitions import FORGETTING
        from governance.portal.sign_in import erasure

        hooks.register(erasure.forget, FORGETTING)
