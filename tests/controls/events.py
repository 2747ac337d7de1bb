"""Events written past every operation."""

from __future__ import annotations

from typing import Any

from governance.controls import ledger
from governance.controls.models import LedgerEvent


def appended(**facts: Any) -> LedgerEvent:
    """An event of these facts (see `ledger.build`), written and read back."""
    ledger.append(**facts)
    return LedgerEvent.objects.filter(verb=facts["verb"]).latest("pk")
