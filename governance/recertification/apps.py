"""How Django finds governance.recertification, what it follows, and what it tells the frame around every page."""

from django.apps import AppConfig


class RecertificationConfig(AppConfig):
    """Recertification."""

    name = "governance.recertification"
    label = "recertification"
    verbose_name = "Recertification"

    def ready(self) -> None:
        """Show beside the main link how much waits for the reader; review what has become riskier; forget who is erased; have the deploy
        gate say no to what nobody has reviewed in time.
        """
        from approvals.grants import deploy_gate
        from governance.core.engine import hooks as engine_hooks
        from governance.core.engine.discovery import import_declarations
        from governance.core.erasure.transitions import FORGETTING
        from governance.recertification.campaigns import notices as campaign_notices
        from governance.recertification.items import hooks, risk_increase
        from governance.recertification.items import rules as item_rules
        from governance.recertification.items.views import queue
        from governance.recertification.reminders import notices as reminder_notices

        import_declarations(self.name)
        queue.register()
        reminder_notices.register()
        campaign_notices.register()
        hooks.register()
        engine_hooks.register(FORGETTING, hooks.forget)
        engine_hooks.demand(deploy_gate.ASKED, item_rules.REVIEWED_IN_TIME)
        for event, handler in risk_increase.FOLLOWED.items():
            engine_hooks.register(event, handler)
