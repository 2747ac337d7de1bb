"""The page of a rule: what it says now, what each version said, what is proposed about it, and the way back (S6, S8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.conflicts.rule_language.rule import parse_text
from approvals.models import Proposal
from tests.approvals.proposals.test_conflict_rule_proposals import approve, proposed, rule_of
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands"), pytest.mark.rule("S6", "S8")]

RULE = "/conflicts/rules/read-and-tell/"


def text_of(c: Company, who: str, path: str) -> str:
    answer = client_of(getattr(c.people, who)).get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_version_that_there_never_was_is_no_page(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    assert client_of(plain.people.sana).get(f"{RULE}?version=7").status_code == 404
    assert client_of(plain.people.ines).get(f"{RULE}propose/?from=7").status_code == 404


def test_each_rule_version_shows_text_and_changes(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    approve(plain, proposed(plain, rule_of(plain, mode="enforce")), plain.people.viktor)
    now, then = text_of(plain, "ines", RULE), text_of(plain, "ines", f"{RULE}?version=1")
    assert "mode: enforce" in now
    assert "What it changed from version 1" in now
    assert "Propose a change" in now
    assert "mode: record" in then
    assert "This version is not in force." in then
    assert f"{RULE}propose/?from=1" in then
    assert f'href="{RULE}?version=1"' in now
    assert "Propose" not in text_of(plain, "rita", f"{RULE}?version=1").partition("<main")[2].replace("Proposed by", "")


def test_an_earlier_version_is_proposed_again_as_it_was(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    approve(plain, proposed(plain, rule_of(plain, mode="enforce")), plain.people.sana)
    ines, path = client_of(plain.people.ines), f"{RULE}propose/?from=1"
    text = ines.get(path).context["form"]["text"].value()
    assert parse_text(text).mode == "record"
    assert ines.post(path, {"text": text, "reason": "Too strict.", "do": "propose"}).status_code == 302
    assert Proposal.objects.latest("pk").document["rule"]["mode"] == "record"


def test_open_proposal_is_shown_on_rule_page(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    made = proposed(plain, rule_of(plain, mode="enforce"))
    assert made.href in text_of(plain, "sana", RULE)
    assert "Propose a change" not in text_of(plain, "ines", RULE)
    assert made.href not in text_of(plain, "rita", RULE)


def test_a_rule_that_was_given_up_says_so_and_stands_below_the_list(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain, mode="enforce")), plain.people.sana)
    approve(plain, proposed(plain, {}), plain.people.sana)
    text = text_of(plain, "ines", RULE)
    assert "This rule is no longer in force." in text
    assert "It is refused unless it is waived." not in text
    assert "Propose this one again" in text
    assert RULE in text_of(plain, "rita", "/conflicts/rules/").partition("Given up")[2]


# --- amending ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "status"), [("karl", 403), ("sana", 403), ("rita", 404)])
def test_only_author_amends_proposal(plain: Company, who: str, status: int) -> None:
    made = proposed(plain, rule_of(plain))
    person = client_of(getattr(plain.people, who))
    assert person.get(f"/conflicts/amend/{made.pk}/").status_code == status
    assert person.post(f"/conflicts/amend/{made.pk}/", {"text": "x", "reason": "x"}).status_code == status


@pytest.mark.parametrize("is_new", [True, False])
def test_author_amends_proposal_by_button(plain: Company, is_new: bool) -> None:
    if not is_new:
        approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    made = proposed(plain, rule_of(plain, mode="approval"))
    ines = client_of(plain.people.ines)
    path = f"/conflicts/amend/{made.pk}/"
    assert f'href="{path}"' in text_of(plain, "ines", made.href)
    text = ines.get(path).context["form"]["text"].value()
    assert "at_once" not in ines.get(path).context["form"].fields
    fields = {"text": text.replace("mode: approval", "mode: enforce"), "reason": "More of it.", "do": "propose"}
    answer = ines.post(path, fields)
    assert (answer.status_code, answer["Location"]) == (302, made.href)
    made.refresh_from_db()
    assert (made.round, made.document["rule"]["mode"]) == (2, "enforce")


def test_rule_acting_at_once_shows_its_end(plain: Company) -> None:
    proposed(plain, rule_of(plain, mode="enforce"), at_once=True)
    assert "One person tightened this." in text_of(plain, "rita", RULE)
    assert plain.now + timedelta(hours=72) == Proposal.objects.latest("pk").acting_until
    assert "Amend it" not in text_of(plain, "ines", Proposal.objects.latest("pk").href)
