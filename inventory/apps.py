"""How Django finds inventory, and what it does when something happens lower down."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Inventory."""

    name = "inventory"
    label = "inventory"
    verbose_name = "Inventory"

    def ready(self) -> None:
        """Forget what is said here of somebody who is erased; say what of that which somebody was told still waits for them; tell webhooks;
        keep the chains of what comes into use and goes out of it.
        """
        from governance.controls import consequences
        from governance.controls.erasing import FORGETTING
        from inventory import announcing, chain_keeping, delegates, erasing, still_open

        still_open.register()
        announcing.register()
        consequences.register(FORGETTING, erasing.forget)
        consequences.demand("delegation.set", delegates.SHARES_RESPONSIBILITY)
        for event in chain_keeping.FOLLOWED:
            consequences.register(event, chain_keeping.follow)
