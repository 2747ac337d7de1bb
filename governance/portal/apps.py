"""App configuration of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Portal."""

    name = "governance.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Register the ledger links and the erasure of sign-in data."""
        from governance.core.engine import hooks
        from governance.core.erasure.transitions import FORGETTING
        from governance.portal.sign_in import erasure
        from governance.web.pages import ledger_links

        ledger_links.register()
        hooks.register(FORGETTING, erasure.forget)
