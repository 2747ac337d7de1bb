"""Automations that a person describes without an export, as the form registers them: a preview, confirmed at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.core.access import Actor
from governance.core.models import Team
from inventory.importers.manifest import Manifest
from inventory.importers.reader import ReadResult
from inventory.imports.transitions import confirmation, previews
from inventory.models import Version


def registered(team: Team, *, actor: Actor, now: datetime, manifest: Manifest, fields: Mapping[str, Any]) -> Version:
    """The version of a description, in the register."""
    batch = previews.keep_results([(manifest.name, ReadResult(manifest))], actor=actor, now=now, team=team)
    item = batch.items.get()
    made: Version = confirmation.confirm_import(team, actor=actor, now=now, item=item, fields=fields)
    return made
