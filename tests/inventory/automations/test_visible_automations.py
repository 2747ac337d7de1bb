"""Paging forwards and backwards shows each automation that a reader may see, and no other (I2, A11)."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.http import QueryDict

from approvals.models import Submission
from governance.core.actors.actor import Actor
from governance.portal.registers import inventory_registers
from governance.web.pages import pager
from governance.web.registers.register import Listing
from inventory.models import Automation, AutomationUserObjectPermission, Entitlement, Privilege, Version
from tests.approvals import stock_report
from tests.people import as_actor, as_delegate
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(company: Company, stock_submitted: Submission) -> Company:
    """A company in which everybody sees something else, and some see one thing for several reasons; two share a name."""
    c, n = company, company.people
    submission = stock_report.another(c)
    owners = (n.jonas, n.omar, n.grace, n.grace, n.tom, n.omar, n.piet)
    teams = (n.finance_ops, n.platform, n.marketing, n.marketing, n.marketing, n.supply, n.supply)
    made = Automation.objects.bulk_create(
        Automation(
            team=team,
            name=f"Job {place // 2}",
            platform_instance="cron",
            business_owner=owner,
            technical_owner=n.amara if place % 3 == 0 else None,
            created_at=c.now,
        )
        for place, (owner, team) in enumerate(zip(owners, teams, strict=True))
    )
    digests = {"source_digest": "x", "manifest_digest": "x", "binding_digest": "x", "manifest": {}}
    versions = Version.objects.bulk_create(
        Version(automation=automation, number=1, created_at=c.now, **digests) for automation in made
    )
    held = Entitlement.objects.create(resource=c.slack, code="x:read", words="Read", level="read")
    Privilege.objects.bulk_create(
        Privilege(version=version, entitlement=held, connector="x", level="read", key="1") for version in versions[::2]
    )
    named = AutomationUserObjectPermission.objects.filter(content_object=submission.automation)[0]
    AutomationUserObjectPermission.objects.create(user=n.nadia, permission=named.permission, content_object=made[4])
    return c


def page_at(actor: Actor, now: datetime, href: str) -> pager.Paged:
    """The page of an address."""
    return Listing(inventory_registers.automations(actor, now), QueryDict(href.partition("?")[2]), "").page()


def pages(actor: Actor, now: datetime) -> tuple[list[pager.Paged], list[pager.Paged]]:
    """The pages that somebody comes by who follows the links on to the end, and back from there."""
    on = [page_at(actor, now, "?")]
    while on[-1].older_href:
        on.append(page_at(actor, now, on[-1].older_href))
    back = on[-1:]
    while back[-1].newer_href:
        back.append(page_at(actor, now, back[-1].newer_href))
    return on, back


@pytest.mark.rule("I2", "A11")
def test_pages_show_exactly_visible_automations(many: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pager, "PAGE", 2)
    n, now = many.people, many.now
    readers = [*map(as_actor, n.people), as_delegate(n.bram, giver=n.omar), Actor.of_job("toys.sweep")]
    seen = {}
    for actor in readers:
        wanted = list(Automation.objects.visible_to(actor, now).order_by("name", "pk").values_list("pk", flat=True))
        on, back = pages(actor, now)
        assert [row.pk for page in on for row in page.rows] == wanted, actor
        assert [row.pk for page in back for row in reversed(page.rows)] == wanted[::-1], actor
        seen[actor.actor_id] = len(wanted)
    assert 0 in seen.values()
    assert len(set(seen.values())) > 4, seen
