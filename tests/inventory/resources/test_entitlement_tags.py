"""An entitlement has its tags from the moment it is made: imported, or added by an owner (S6)."""

from __future__ import annotations
