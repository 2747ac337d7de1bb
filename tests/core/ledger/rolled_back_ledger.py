"""The ledger of a test that is rolled back, sealed and verified as it will be once such a thing has been committed (H2)."""

from __future__ import annotations

from unittest import mock

from django.utils import timezone

from governance.core.ledger import ledger_export, sealing

#: The sealer takes what finished transactions wrote; here it also takes what this one did.
_ALSO_OWN = sealing._NEXT.replace("AND xid < pg_snapshot_xmin(pg_current_snapshot())", "")
assert sealing._NEXT != _ALSO_OWN


def problems() -> list[str]:
    """What the verifier says of all that has happened. It is the test's last deed: nothing can be written below a seal."""
    with mock.patch.object(sealing, "_NEXT", _ALSO_OWN):
        sealing.seal_next(at=timezone.now())
    assert not sealing.unsealed().exists()
    return list(ledger_export.verify_database().problems)
