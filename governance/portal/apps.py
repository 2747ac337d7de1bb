"""App configuration of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Portal."""

    name = "governance.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Register the erasure of sign-in data and of uploaded lists."""
        from governance.core.engine import hooks
        from governance.core.erasure.transitions import FORGETTING
        from governance.portal.lists import erasure as list_erasure
        from governance.portal.sign_in import erasure

        hooks.register(erasure.forget, FORGETTING)
        hooks.register(list_erasure.forget, FORGETTING)
