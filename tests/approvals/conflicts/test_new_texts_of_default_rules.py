"""A release that ships another text of a rule changes none that stands: its page offers the text as a proposal (S6, S8)."""

from __future__ import annotations

import pytest

from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language import text as rule_language_text
from approvals.models import ConflictRule, Proposal
from tests.approvals.conflicts.test_rule_pages import text_of
from tests.approvals.proposals.test_conflict_rule_proposals import approve
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]


@pytest.fixture(autouse=True)
def stands(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands."""
    monkeypatch.setattr("governance.core.clock.business_time.now", lambda: company.now)


def earlier_text(code: str) -> None:
    """A rule stands as an earlier release shipped it: it does not say what it needs."""
    rule = ConflictRule.objects.get(code=code, number=1)
    said = {name: value for name, value in rule.document.items() if name != "needs"}
    with unguarded(ConflictRule):
        ConflictRule.objects.filter(pk=rule.pk).update(document=said, digest=rule_language_rule.parse_rule(said).digest)


def test_rule_that_a_later_release_ships_otherwise_is_changed_by_a_proposal_alone(company: Company) -> None:
    code = "private-untrusted-outbound"
    path = f"/conflicts/rules/{code}/"
    assert "Propose the shipped text" not in text_of(company, "ines", path)
    earlier_text(code)
    assert "Propose the shipped text" in text_of(company, "ines", path)
    assert "Propose the shipped text" not in text_of(company, "rita", path)
    assert "Countersign now ships another text of this rule." in text_of(company, "sana", path)
    ines, href = client_of(company.people.ines), f"{path}propose/?from=shipped"
    text = ines.get(href).context["form"]["text"].value()
    assert rule_language_text.parse_text(text).needs is not None
    assert ines.post(href, {"text": text, "reason": "As it ships now.", "do": "propose"}).status_code == 302
    assert ConflictRule.objects.filter(code=code).count() == 1, "nothing changes until security countersigns"
    approve(company, Proposal.objects.latest("pk"), company.people.sana)
    assert ConflictRule.objects.in_force(company.now).get(code=code).number == 2
    assert "Countersign now ships another text of this rule." not in text_of(company, "sana", path)
