"""The preview shows the builder what the review shows the approver: findings, credentials, reasons (I5, I6, T2)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Submission
from tests import scenarios
from tests.approvals.intake import builder
from tests.approvals.intake.builder import STOCK, Build
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def context(answer: Any) -> Any:
    """What a page was drawn from."""
    assert answer.status_code == 200
    return answer.context


@pytest.mark.rule("I5", "I6")
def test_preview_and_review_show_same_text(company: Company, rita: Build, chaser_in_stage_2: Submission) -> None:
    n = company.people
    assert chaser_in_stage_2.version.version_credentials.exists(), "which use the same credentials"
    builder.connect(company, STOCK)
    item = rita.import_item(STOCK)
    shown = context(rita.client.get(reverse("import_preview", args=[item.pk])))
    rita.post(item, rita.typed(item, n.jonas), do="submit")
    made = Submission.objects.exclude(pk=chaser_in_stage_2.pk).get()
    review = context(client_of(n.theo).get(reverse("review", args=[made.pk])))
    leads = {f"{label}." for _, label in review["app"]["findings"]}
    assert any(lead.startswith("Shared credential: ") for lead in leads)
    assert leads <= {finding.lead for finding in shown["noticed"]}
    secrets = [row for group in shown["groups"] for row in group["rows"] if row["wish"].level == "secret"]
    tags = {row["wish"].sentence: {tag["text"] for tag in row["tags"]} for row in secrets}
    rows = [row for row in review["rows"] if row["level"] == "secret"]
    assert rows
    for row in rows:
        texts = next(words for sentence, words in tags.items() if row["name"] in sentence)
        assert {tag["text"] for tag in row["tags"]} <= texts, row["name"]
        assert "Reach unknown" in texts


@pytest.mark.rule("T2")
def test_shared_facts_are_shown_once(company: Company) -> None:
    made = scenarios.submitted(company)
    app = context(client_of(company.people.theo).get(reverse("review", args=[made.pk])))["app"]
    texts = [re.sub("^.*: ", "", reason.text) for reason in app["reasons"]]
    assert len(texts) == len(set(texts))
    whole = [reason.partition(": ")[2] for reason in made.reasons]
    assert len(whole) >= len(texts)
