"""The digest asks people who may still confirm an interim owner (I3, R5)."""

from __future__ import annotations

import pytest

from governance.core.models import Notice, Team
from inventory.ownership import notices as ownership_notices
from tests.inventory.ownership.test_interim_owner import name, orphan
from tests.scenarios import Company
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db


@pytest.mark.rule("I3", "R5")
def test_ineligible_confirmer_is_not_asked(company: Company) -> None:
    n, c = company.people, company
    named = name(c, orphan(c), n.rita, n.sana)
    threads = {f"interim:{named.pk}"}
    notices = list(Notice.objects.filter(event="interim_named").order_by("pk"))
    assert notices
    for notice in notices:
        assert set(ownership_notices.named_lines(notice.recipient, threads, c.now)) == threads
    assert (
        ownership_notices.named_lines(n.rita, threads, c.now)
        == ownership_notices.named_lines(n.sana, threads, c.now)
        == {}
    )
    with unguarded(Team):
        Team.objects.filter(lead=notices[0].recipient).update(lead=n.bram)
        Team.objects.filter(deputy_lead=notices[0].recipient).update(deputy_lead=None)
    assert ownership_notices.named_lines(notices[0].recipient, threads, c.now) == {}
