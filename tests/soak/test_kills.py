"""2,000 grants come up for review while worker, beat, broker and database connections are killed ten times (R9).

Each is started again as its supervisor does; the other processes must recover by themselves.
"""

from __future__ import annotations

import pytest
from django.utils import timezone

from governance.core.ledger import ledger_export, sealing
from tests import run_lengths
from tests.environment import Environment
from tests.processes import Mailbox
from tests.recertification.due_grants import due, nudged_until
from tests.soak.process_kills import Blows, keep_commits, lost_claims

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]

MANY = run_lengths.run_length(200, soak=2_000)

#: Ten SIGKILLs, and between them connections that are cut.
ORDER = [
    "worker",
    "connection",
    "broker",
    "cut",
    "beat",
    "worker",
    "connection",
    "cut",
    "broker",
    "beat",
    "connection",
    "cut",
    "worker",
]


@pytest.mark.rule("R5", "R9", "H2")
def test_2000_due_grants_give_one_item_notice_and_digest_despite_kills(
    surroundings: Environment, redis: str, committed: None, mailbox: Mailbox, request: pytest.FixtureRequest
) -> None:
    if surroundings.redis is None:
        pytest.skip("the broker of REDIS_URL is not ours to kill")
    keep_commits(surroundings)
    all_due, look = due(MANY), lost_claims()
    blows = Blows(surroundings, request.getfixturevalue("worker"), request.getfixturevalue("beat"))
    whole = MANY + MANY
    reached = [0]

    def has_reached(share: int) -> bool:
        look()
        reached[0] = all_due.items().count() + all_due.sent()
        run_lengths.going(request, f"{reached[0]:,} of {whole:,} items and mails, after {blow} of {len(ORDER)} blows")
        blows.prove_that_the_others_live()
        return reached[0] >= share

    for blow, name in enumerate(ORDER):
        share = (blow + 1) * whole // (len(ORDER) + 1)
        nudged_until(lambda share=share: has_reached(share), f"{share} items and mails", seconds=120)
        assert reached[0] < whole, "it was killed in the middle"
        getattr(blows, name)()
    blow = len(ORDER)
    nudged_until(lambda: has_reached(whole) and all_due.is_told(), "every item, mail and digest", seconds=120)
    all_due.prove(mailbox, kills=len(ORDER))
    sealing.seal_all(at=timezone.now())
    assert ledger_export.verify_database().problems == []
    killed = ", ".join(f"{name} {ORDER.count(name)}" for name in ("worker", "beat", "broker", "connection"))
    run_lengths.did(
        request,
        f"{MANY:,} due grants, {all_due.asked:,} notices of them, {MANY:,} mails beside their digests; SIGKILLs: {killed}; connections cut {ORDER.count('cut')}",
    )
