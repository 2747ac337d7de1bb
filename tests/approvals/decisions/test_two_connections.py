"""Two connections to one resource: each is confirmed, refused and asked about by itself (I8, A12)."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from approvals.models import Submission
from inventory.models import Binding, Version
from tests import scenarios
from tests.inventory.importers.samples import node, workflow
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

HOSTS = ("drive-one.example.com", "drive-two.example.com")  # `scenarios` says that both open the Supplier Drive


def version(c: Company, *hosts: str) -> Version:
    """A workflow that reads one path of each host."""
    nodes = (node("httpRequest", f"Ask {host}", 4, url=f"https://{host}/orders") for host in hosts)
    content = json.dumps(workflow(*nodes, id="orders1")).encode()
    return scenarios.brought_in(c, "orders.json", content=content)


def in_stage_2(c: Company, *hosts: str) -> Submission:
    """It asks Mei about each host."""
    made = scenarios.submitted(c, version(c, *hosts))
    app = scenarios.app_of(made)
    scenarios.approve(app, c.people.theo, now=c.now)
    return made


def is_confirmed(host: str) -> bool:
    return Binding.objects.filter(instance_name=host, confirmed_at__isnull=False).exists()


@pytest.mark.rule("I8")
def test_binding_answer_covers_one_connection_only(company: Company) -> None:
    made = in_stage_2(company, *HOSTS)
    first, second = (made.approvals.get(privilege__instance=host) for host in HOSTS)
    scenarios.approve(first, company.people.mei, now=company.now)
    assert [is_confirmed(host) for host in HOSTS] == [True, False]
    scenarios.approve(second, company.people.mei, now=company.now)
    assert [is_confirmed(host) for host in HOSTS] == [True, True]


@pytest.mark.rule("I8", "A12")
def test_second_connection_is_independent_of_first_approval(company: Company) -> None:
    scenarios.decide_all(company, scenarios.submitted(company, version(company, HOSTS[0])))
    assert is_confirmed(HOSTS[0])
    later = scenarios.submitted(company, version(company, *HOSTS))
    instances = later.approvals.filter(stage=2).values_list("privilege__instance", flat=True)
    assert list(instances) == [HOSTS[1]]
    assert not is_confirmed(HOSTS[1])


@pytest.mark.rule("I8")
def test_the_review_shows_both_connections(company: Company) -> None:
    made = in_stage_2(company, *HOSTS)
    html = client_of(company.people.mei).get(reverse("review", args=[made.pk])).content.decode()
    assert all(host in html for host in HOSTS)
