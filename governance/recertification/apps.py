"""App configuration of recertification: hooks into other apps and into every page."""

from django.apps import AppConfig


class RecertificationConfig(AppConfig):
    """Recertification."""

    name = "governance.recertification"
    label = "recertification"
    verbose_name = "Recertification"

    def ready(self) -> None:
        """Register notices, follow-ups of higher risk and erasure.

        The deploy gate refuses automations that were not reviewed in time.
        """
        from approvals.grants import deploy_gate
        from governance.core.engine import hooks
        from governance.core.engine.discovery import import_declarations
        from governance.core.erasure.transitions import FORGETTING
        from governance.recertification.items import drafts
        from governance.recertification.items import notices as item_notices
        from governance.recertification.items import rules as item_rules
        from governance.recertification.items.transitions import risk_increase

        import_declarations(self.name)
        item_notices.register()
        hooks.register(item_notices.announce, "item.escalated", "item.silence_suspended")
        hooks.register(drafts.forget, FORGETTING)
        hooks.demand(item_rules.reviewed_in_time, deploy_gate.GATE_EVENT)
        for event, handler in risk_increase.HANDLERS.items():
            hooks.register(handler, event)
