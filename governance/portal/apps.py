"""How Django finds governance.portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Portal."""

    name = "governance.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Lead to the ledger only whoever may read it; forget how somebody signed in who is erased."""
        from governance.controls import consequences
        from governance.controls.erasing import FORGETTING
        from governance.portal import erasing
        from governance.web import ledger_links

        ledger_links.register()
        consequences.register(FORGETTING, erasing.forget)
