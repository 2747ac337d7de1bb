"""Events written past every operation."""

from __future__ import annotations

from typing import Any

from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent


def appended(**facts: Any) -> LedgerEvent:
    """An event of these facts (see `ledger.build`), written and read back."""
    ledger_events.append(**facts)
    return LedgerEvent.objects.filter(verb=facts["verb"]).latest("pk")
