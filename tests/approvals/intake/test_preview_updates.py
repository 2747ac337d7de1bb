"""What an answer to something typed on the preview carries: all that the page says and that follows from it (I7)."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import STOCK, Build
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I7")]


def test_heading_shows_choice(company: Company, rita: Build) -> None:
    below = scenarios.brought_in(company, STOCK, content=stock_report.source(), environment="test").automation
    below.name = "Stock report (trial)"
    below.save(update_fields=["name"])
    item = rita.import_item(STOCK, stock_report.source())
    for environment, name in (("test", below.name), ("development", item.manifest["name"])):
        panel = rita.panel(item, rita.typed(item, company.people.jonas, environment=environment)).content.decode()
        head = re.search(r'<div id="title".*?</h1>.*?<div class="subline">.*?</div>', panel, re.DOTALL)
        assert head is not None
        assert f">{name}</span>" in head[0]
        assert f'data-title="Preview {name}"' in head[0]
        assert environment in head[0].partition("subline")[2]
        page = rita.client.get(reverse("import_preview", args=[item.pk])).content.decode()
        assert head[0].replace(' hx-swap-oob="true"', "") in page


def test_heading_hides_nothing_of_typed_name(company: Company, rita: Build) -> None:
    item = rita.import_item(STOCK, stock_report.source())
    panel = rita.panel(
        item, rita.typed(item, company.people.jonas, name="\u2067Stock\u2069 \u202ereport")
    ).content.decode()
    assert 'data-title="Preview Stock report"' in panel
    page = rita.client.get(reverse("import_preview", args=[item.pk])).content.decode()
    assert "<title>Preview Stock report · " in page
