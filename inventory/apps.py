"""Inventory app, and its reactions to events of lower apps."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Inventory."""

    name = "inventory"
    label = "inventory"
    verbose_name = "Inventory"

    def ready(self) -> None:
        """Register relations, erasure, digest lines, webhooks and the upkeep of chains."""
        from governance.core.access import access
        from governance.core.engine import hooks
        from governance.core.engine.discovery import import_declarations
        from governance.core.erasure.transitions import FORGETTING
        from governance.core.models import Team
        from inventory.automations import rules as automation_rules
        from inventory.automations import webhooks
        from inventory.chains import transitions as chain_transitions
        from inventory.models import Automation
        from inventory.ownership import delegates, erasure
        from inventory.ownership import notices as ownership_notices
        from inventory.resources import notices as resource_notices

        import_declarations(self.name)
        access.register_relations(Automation, automation_rules.loaded_relations)
        access.register_relations(Team, automation_rules.loaded_relations)
        ownership_notices.register_lines()
        hooks.register(webhooks.send_event, *webhooks.OF_AUTOMATIONS)
        hooks.register(resource_notices.queue_step, *resource_notices.FOLLOWED)
        hooks.register(erasure.erase_person, FORGETTING)
        hooks.demand(delegates.shares_responsibility, "delegation.set")
        hooks.register(chain_transitions.update_chain, *chain_transitions.FOLLOWED)
