"""The page of a rule: what it says now, what each version said, what is proposed about it, and the way back (S6, S8)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.conflicts.rule_language.rule import parse_text, write_text
from approvals.models import ConflictRule, Proposal, Submission
from tests.approvals.conflicts.rule_language.test_rule_form import Fields
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
    ines, path = client_of(plain.people.ines), f"{RULE}propose/?from=1&as=text"
    text = ines.get(path).context["form"]["text"].value()
    assert parse_text(text).mode == "record"
    answer = ines.post(path, {"text": text, "reason": "Too strict.", "do": "propose"}, follow=True)
    assert "Proposed. It waits for a second person." in answer.content.decode()
    assert Proposal.objects.latest("pk").document["rule"]["mode"] == "record"


def test_open_proposal_is_shown_on_rule_page(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    made = proposed(plain, rule_of(plain, mode="enforce"))
    assert f'href="{made.href}">Open the proposed change</a>' in text_of(plain, "sana", RULE)
    assert "Propose a change" not in text_of(plain, "ines", RULE)
    assert made.href not in text_of(plain, "rita", RULE)
    second = client_of(plain.people.ines).get(f"{RULE}propose/")
    assert (second.status_code, made.href in second.content.decode()) == (409, True)


def test_second_part_of_a_new_rule_is_folded_until_it_is_sent(plain: Company) -> None:
    ines, path = client_of(plain.people.ines), reverse("rule_new")
    page = ines.get(path).content.decode()
    assert re.findall(r'<details class="rule-any" id="([a-z0-9-]+)"( open)?', page) == [
        ("any-legs-1-1", " open"),
        ("any-legs-2-1", ""),
    ]
    proposed(plain, rule_of(plain))
    assert "Read and tell" in ines.get(Proposal.objects.latest("pk").href).content.decode().partition("<h1>")[2][:60]


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
    text = ines.get(f"{path}?as=text").context["form"]["text"].value()
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


# --- the form ------------------------------------------------------------------------------------------------------------


def fields_of(c: Company, path: str) -> dict[str, list[str]]:
    """What the form sends unchanged."""
    reader = Fields()
    reader.feed(client_of(c.people.ines).get(path).content.decode().partition("<main")[2].partition("</main")[0])
    return reader.sent


def test_form_proposes_a_changed_rule(plain: Company) -> None:
    approve(plain, proposed(plain, rule_of(plain)), plain.people.sana)
    ines, path = client_of(plain.people.ines), f"{RULE}propose/"
    before = ConflictRule.objects.get(code="read-and-tell").document
    fields = {**fields_of(plain, path), "mode": ["enforce"], "reason": ["Too much of it."], "do": ["propose"]}
    assert ines.post(path, fields).status_code == 302
    assert Proposal.objects.latest("pk").document["rule"] == {**before, "mode": "enforce"}


def test_form_shows_each_error_beside_its_field(plain: Company) -> None:
    ines, path = client_of(plain.people.ines), "/conflicts/new-rule/"
    fields = {**fields_of(plain, path), "legs 1, any 1, levels": ["unknown"], "do": ["propose"]}
    answer = ines.post(path, fields)
    page = " ".join(answer.content.decode().split())
    assert answer.status_code == 422
    assert 'id="id_title_error"' in page
    assert 'id="id_code_error"' not in page, "it is made from the name"
    assert 'id="legs-1-error"' in page
    assert "This field is required." in page.partition('id="id_title_error"')[2].partition("</p>")[0]
    assert (
        "What is not known counts as write." in page.partition('id="any-legs-1-1"')[2].partition('id="any-legs-2-1"')[0]
    )
    assert "It is empty, which would match everything." in page.partition('id="any-legs-2-1"')[2]
    assert not Proposal.objects.filter(kind="conflict_rule").exists()


def test_value_that_is_added_becomes_a_choice_of_its_set(plain: Company) -> None:
    ines, path = client_of(plain.people.ines), "/conflicts/new-rule/"
    fields = {**fields_of(plain, path), "legs 2, any 1, tags": ["pay", "refund"]}
    part = ines.post(path, fields, headers={"HX-Request": "true", "HX-Target": "any-legs-2-1"}).content.decode()
    assert part.strip().startswith('<details class="rule-any" id="any-legs-2-1" open')
    for tag in ("pay", "refund"):
        assert f'name="legs 2, any 1, tags" value="{tag}" checked' in part
    assert "Tagged: <b>pay or refund</b>" in part


def test_both_views_show_the_same_rule(plain: Company) -> None:
    ines, path = client_of(plain.people.ines), "/conflicts/new-rule/"
    text = ines.get(f"{path}?as=text").context["form"]["text"].value()
    reader = Fields()
    reader.feed(ines.post(path, {"text": text, "do": "show form"}).content.decode().partition("<main")[2])
    back = ines.post(path, {**reader.sent, "do": ["show text"]}).context["form"]["text"].value()
    assert parse_text(back) == parse_text(text)


def test_error_of_the_yaml_names_its_line(plain: Company) -> None:
    ines, path = client_of(plain.people.ines), "/conflicts/new-rule/"
    text = ines.get(f"{path}?as=text").context["form"]["text"].value().replace("rating: high", "rating: huge")
    answer = ines.post(path, {"text": text, "reason": "It happened.", "do": "propose"})
    assert answer.status_code == 422
    assert "<b>Line 4.</b>" in answer.content.decode()


def test_preview_names_who_holds_it_now(company: Company, plain_in_force: Submission) -> None:
    """The rule is not in force, and its matches are found all the same."""
    ines, path = client_of(company.people.ines), "/conflicts/new-rule/"
    text = write_text(rule_of(company)["rule"])
    headers = {"HX-Request": "true", "HX-Target": "matches"}
    part = ines.post(path, {"text": text}, headers=headers).content.decode()
    assert not ConflictRule.objects.filter(code="read-and-tell").exists()
    assert '<span class="count">1</span>' in part
    assert "Weekly stock report" in part
    nobody = ines.post(path, {"text": text.replace("scope: automation", "scope: chain")}, headers=headers)
    assert "Nobody." in nobody.content.decode()
