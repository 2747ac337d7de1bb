"""Writes to the register that are no change of state: bringing in, amending, resources and who answers for them."""

from inventory.registry.automations import Drift, amend, confirm_import, drift, register_by_hand
from inventory.registry.imports import discard, preview, save_draft
from inventory.registry.resources import (
    accept_ownership,
    activate,
    add_entitlement,
    amend_resource,
    bind,
    name_owner,
    propose_resource,
    register_resource,
)

__all__ = [
    "Drift",
    "accept_ownership",
    "activate",
    "add_entitlement",
    "amend",
    "amend_resource",
    "bind",
    "confirm_import",
    "discard",
    "drift",
    "name_owner",
    "preview",
    "propose_resource",
    "register_by_hand",
    "register_resource",
    "save_draft",
]
