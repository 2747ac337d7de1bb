"""Writes to the register that are no change of state: bringing in, amending, resources and who answers for them."""

from inventory.interim import NAMING_OWNERS
from inventory.registry.automations import (
    Described,
    amend,
    confirm_import,
    describe,
    known,
    platform_of,
    raise_tier,
    register_by_hand,
)
from inventory.registry.bindings import (
    agree_to_move,
    answers_for,
    ask_to_move,
    bind,
    claiming,
    confirm_binding,
    drop_move,
    refuse_binding,
)
from inventory.registry.credentials import (
    answers_for_it,
    confirm_kept_in,
    declare_reach,
    describe_credential,
    is_its_side,
    owner_stays,
    refuse_kept_in,
    say_kept_in,
)
from inventory.registry.imports import discard, preview, save_draft
from inventory.registry.owning import possible_owners
from inventory.registry.resources import (
    accept_ownership,
    activate,
    add_entitlement,
    amend_resource,
    name_owner,
    propose_resource,
    register_resource,
)
from inventory.registry.versions import Change, Drift, compare, drift, hand_over_identities

__all__ = [
    "NAMING_OWNERS",
    "Change",
    "Described",
    "Drift",
    "accept_ownership",
    "activate",
    "add_entitlement",
    "agree_to_move",
    "amend",
    "amend_resource",
    "answers_for",
    "answers_for_it",
    "ask_to_move",
    "bind",
    "claiming",
    "compare",
    "confirm_binding",
    "confirm_import",
    "confirm_kept_in",
    "declare_reach",
    "describe",
    "describe_credential",
    "discard",
    "drift",
    "drop_move",
    "hand_over_identities",
    "is_its_side",
    "known",
    "name_owner",
    "owner_stays",
    "platform_of",
    "possible_owners",
    "preview",
    "propose_resource",
    "raise_tier",
    "refuse_binding",
    "refuse_kept_in",
    "register_by_hand",
    "register_resource",
    "save_draft",
    "say_kept_in",
]
