"""Policies and proposals as pages: written as text or as numbers, read, answered; everything without a script (S8)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from approvals.models import Proposal, ProposalState, Submission
from approvals.policies import document
from approvals.policies import queries as policy_queries
from approvals.policies.views.policy_edit import PolicyForm
from approvals.proposals import impact_count
from governance.core.models import Person
from tests.approvals.proposals.policy_proposals import changed, in_force, looser, propose, tighter
from tests.people import NOW, Northwind
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def browser(person: Person) -> Client:
    return client_of(person)


def write(client: Client, text: str, **more: Any) -> Any:
    form = {"as": "text", "text": text, "do": "propose", "reason": "We decided so.", **more}
    return client.post(reverse("policy_propose"), form)


def test_non_admin_is_refused_policy_page(northwind: Northwind) -> None:
    for person in (northwind.rita, northwind.sana, northwind.yuki):
        assert browser(person).get(reverse("policy_propose")).status_code == 403


def test_text_errors_are_listed_with_lines_and_input_is_kept(northwind: Northwind) -> None:
    text = (
        document.as_text(policy_queries.shipped())
        .replace("builder_working_days: 10", "builder_working_days: 99")
        .replace("high: 90", "high: 9000", 1)
    )
    answer = write(browser(northwind.ines), text)
    page = answer.content.decode()
    assert answer.status_code == 422
    line = text[: text.index("builder_working_days: 99")].count("\n") + 1
    assert f"Line {line}.</b> 99 is too much. At most 60." in page
    assert "9000 is too much. At most 90." in page
    assert "builder_working_days: 99" in page
    assert "We decided so." in page
    assert not Proposal.objects.filter(kind="policy").exists()


def test_impact_is_shown_before_proposing(northwind: Northwind) -> None:
    page = write(browser(northwind.ines), document.as_text(tighter()), do="look").content.decode()
    assert "Longest term of a high-risk grant: <del>90 days</del> <ins>60 days</ins>" in page
    assert page.count("Tightens") == 2
    assert not Proposal.objects.filter(kind="policy").exists()


def test_policy_proposal_needs_reason(northwind: Northwind) -> None:
    answer = write(browser(northwind.ines), document.as_text(tighter()), reason="")
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()


def filled_in(page: str) -> dict[str, Any]:
    """The fields that a browser sends from the unchanged form."""
    fields: dict[str, Any] = dict(re.findall(r'name="([a-z_.]+)" value="(\d+)"', page))
    for name, value in re.findall(r'<input type="checkbox" name="([a-z_.]+)" value="([a-z_]+)"[^>]* checked', page):
        fields.setdefault(name, []).append(value)
    for name in re.findall(r'<input type="checkbox" name="(tiers[a-z_.]+)"(?! value)[^>]* checked', page):
        fields[name] = "on"
    for name, options in re.findall(r'<select name="([a-z_.]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        fields[name] = re.findall(r'value="([a-z]+)" selected', options)[0]
    return fields


def by_form(northwind: Northwind, **more: Any) -> Any:
    """Ines sends the form with changed fields; None leaves a field empty."""
    client = browser(northwind.ines)
    fields = filled_in(client.get(reverse("policy_propose"), {"as": "form"}).content.decode()) | more
    given = {name: value for name, value in fields.items() if value is not None}
    return client.post(reverse("policy_propose"), {**given, "as": "form", "do": "propose", "reason": "We decided so."})


def test_the_form_leaves_seats_in_the_order_that_they_had(northwind: Northwind) -> None:
    form = PolicyForm(changed(**{"seats.app.high": ["security", "lead"]}))
    sent = QueryDict(mutable=True)
    for path, field in form.fields.items():
        values = field.initial if isinstance(field.initial, list) else [field.initial]
        sent.setlist(path, [str(value) for value in values if value not in (None, False)])
    sent.setlist("seats.app.high", ["lead", "security"])  # as its boxes stand
    filled = PolicyForm(changed(**{"seats.app.high": ["security", "lead"]}), sent)
    assert filled.is_valid(), filled.errors
    policy = filled.document(changed(**{"seats.app.high": ["security", "lead"]}))
    assert policy["seats"]["app"]["high"] == ["security", "lead"]


def test_forbidden_seats_are_refused_beside_their_boxes(northwind: Northwind) -> None:
    answer = by_form(northwind, **{"seats.privilege.high": None})
    assert answer.status_code == 422
    assert 'id="id_seats.privilege.high_error"' in answer.content.decode()
    assert by_form(northwind, **{"seats.app.high": ["lead", "everybody"]}).status_code == 422
    assert not Proposal.objects.filter(kind="policy").exists()


def test_form_covers_every_part_of_document(northwind: Northwind) -> None:
    more = {
        "seats.app.high": ["lead", "security"],
        "tiers.high.levels": ["execute", "admin"],
        "tiers.at_least.pipeline": "high",
        "two_owners": ["standard", "high"],
        "fresh_sign_in_minutes.standard": "60",
    }
    answer = by_form(northwind, **more)
    assert answer.status_code == 302, re.findall(r"field-error.*", answer.content.decode())
    expected = {**more, "fresh_sign_in_minutes.standard": 60}
    assert Proposal.objects.get(kind="policy").document == changed(**expected)


def test_unchanged_form_equals_policy_in_force(northwind: Northwind) -> None:
    client = browser(northwind.ines)
    fields = filled_in(client.get(reverse("policy_propose"), {"as": "form"}).content.decode())
    page = client.post(reverse("policy_propose"), {**fields, "as": "form", "do": "look"}).content.decode()
    assert "Nothing: it says what the policy in force says." in page


def test_number_form_shows_errors_beside_fields(northwind: Northwind) -> None:
    client = browser(northwind.ines)
    page = client.get(reverse("policy_propose"), {"as": "form"}).content.decode()
    fields = filled_in(page)
    assert fields["longest_term.high"] == "90"
    form = {"as": "form", "do": "propose", "reason": "Shorter."}
    answer = client.post(
        reverse("policy_propose"), {**form, **fields, "longest_term.high": "91", "builder_working_days": "x"}
    )
    assert answer.status_code == 422
    answer = client.post(reverse("policy_propose"), {**form, **fields, "longest_term.high": "91"})
    assert answer.status_code == 422
    assert "91 is too much. At most 90." in answer.content.decode()
    answer = client.post(reverse("policy_propose"), {**form, **fields, "longest_term.high": "60"})
    assert answer.status_code == 302
    assert Proposal.objects.get(kind="policy").document == changed(**{"longest_term.high": 60})


def test_errors_are_listed_above_the_form_at_the_changed_fields(northwind: Northwind) -> None:
    client, href = browser(northwind.ines), reverse("policy_propose")
    page = client.get(href).content.decode()
    assert "data-problems" not in page
    assert "Lowest risk of a kind: AI app" in page
    form = {**filled_in(page), "do": "propose", "reason": "Shorter.", "longest_term.low": "6", "review_after.low": "x"}
    unread = client.post(href, form).content.decode().partition("data-problems")[2].partition("</section>")[0]
    assert 'href="#id_review_after.low"' in unread
    listed = client.post(href, {**form, "review_after.low": filled_in(page)["review_after.low"]}).content.decode()
    listed = listed.partition("data-problems")[2].partition("</section>")[0]
    assert re.findall(r'href="#id_([a-z_.]+)"', listed) == ["longest_term.low"], "not the one that it is compared with"
    assert "Standard risk would have longer than low. At most 6 for standard, or at least" in listed


def test_second_proposal_about_the_same_leads_to_the_open_one(northwind: Northwind) -> None:
    client = browser(northwind.ines)
    assert write(client, document.as_text(looser())).status_code == 302
    made = Proposal.objects.get(kind="policy")
    shown = client.get(reverse("policies")).content.decode()
    assert f'href="{made.href}">Open the proposed change</a>' in shown
    assert "Propose a change" not in shown
    refused = client.get(reverse("policy_propose"))
    assert refused.status_code == 409
    assert f'href="{made.href}"' in refused.content.decode()


def test_changed_value_is_marked_against_the_one_in_force(northwind: Northwind) -> None:
    client, href = browser(northwind.ines), reverse("policy_propose")
    page = client.get(href).content.decode()
    assert "In force:" not in page
    assert "The approver can shorten the term, never lengthen it." in page
    fields = {**filled_in(page), "longest_term.high": "60"}
    part = client.post(href, fields, headers={"HX-Request": "true", "HX-Target": "change"}).content.decode()
    assert '<section class="panel" id="change"' in part
    mark = re.search(r'<p class="policy-mark" id="id_longest_term.high-mark" hx-swap-oob="true">(.*?)</p>', part)
    assert mark is not None
    assert "In force: <b>90 days</b>" in mark[1]


def test_typed_values_go_along_to_the_other_view(northwind: Northwind) -> None:
    client, href = browser(northwind.ines), reverse("policy_propose")
    fields = {**filled_in(client.get(href).content.decode()), "longest_term.high": "60", "do": "show text"}
    text = client.post(href, fields).context["text"]
    assert text == document.as_text(changed(**{"longest_term.high": 60}))
    page = client.post(href, {"text": text, "do": "show form"}).content.decode()
    assert filled_in(page)["longest_term.high"] == "60"
    broken = client.post(href, {"text": text.replace("60", "6000", 1), "do": "show form"})
    assert broken.status_code == 422
    assert "6000 is too much." in broken.content.decode()


def test_written_read_and_countersigned_by_two_browsers(northwind: Northwind) -> None:
    n = northwind
    assert write(browser(n.ines), document.as_text(looser())).status_code == 302
    proposal = Proposal.objects.get(kind="policy")
    author = browser(n.ines).get(proposal.href).content.decode()
    assert "You proposed it. A " in author
    assert "Sana Iqbal or Viktor Lind may." in author
    assert 'value="approve"' not in author
    reader = browser(n.sana)
    page = reader.get(proposal.href).content.decode()
    assert "A high-risk decision needs a sign-in no older than: <del>15 minutes</del> <ins>30 minutes</ins>" in page
    answer = reverse("proposal_answer", args=[proposal.pk])
    assert reader.post(answer, {"answer": "reject", "shown_digest": proposal.digest}).status_code == 422
    assert reader.post(answer, {"answer": "approve", "shown_digest": "another"}).status_code == 409
    assert reader.post(answer, {"answer": "nothing"}).status_code == 422
    assert reader.post(answer, {"answer": "approve", "shown_digest": proposal.digest}).status_code == 302
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.IN_FORCE
    assert "version 2 is in force" in browser(n.rita).get(reverse("policies")).content.decode()
    version = browser(n.rita).get(reverse("policy", args=[2])).content.decode()
    assert "What it changed from version 1" in version
    assert "Ines Moreau and Sana Iqbal" in version


def test_an_earlier_version_is_proposed_again_from_its_page(northwind: Northwind) -> None:
    n = northwind
    in_force(n.ines, n.sana, tighter())
    client = browser(n.ines)
    page = client.get(reverse("policy", args=[1])).content.decode()
    assert f"{reverse('policy_propose')}?from=1" in page
    begun = client.get(f"{reverse('policy_propose')}?from=1&as=text").content.decode()
    assert "begins with version 1" in begun
    assert "high: 90" in begun
    assert client.get(f"{reverse('policy_propose')}?from=99").status_code == 404


def test_page_polls_while_counting_and_blocks_countersigning(company: Company, stock_submitted: Submission) -> None:
    n = company.people
    write(browser(n.ines), document.as_text(tighter()))
    proposal = Proposal.objects.get(kind="policy")
    page = browser(n.sana).get(proposal.href).content.decode()
    assert "0 of 1" in page
    assert "still being counted" in page
    assert 'hx-trigger="every 2s"' in page
    part = browser(n.sana).get(proposal.href, headers={"HX-Request": "true", "HX-Target": "what-if"}).content.decode()
    assert part.strip().startswith('<section class="panel" id="what-if"')
    impact_count.sweep(company.now)
    page = browser(n.sana).get(proposal.href).content.decode()
    assert "1 submission would have needed one approval more" in page
    assert 'value="approve"' in page


def test_a_submission_says_why_this_tier_and_why_this_route(company: Company, stock_submitted: Submission) -> None:
    page = browser(company.people.theo).get(reverse("review", args=[stock_submitted.pk])).content.decode()
    assert 'href="/policies/1/"' in page
    for text in stock_submitted.reasons:
        assert text.rpartition(": ")[2].replace("'", "&#x27;") in page


def test_the_pages_ask_as_many_queries_of_many_as_of_one(
    northwind: Northwind, django_assert_max_num_queries: Any
) -> None:
    n = northwind
    for number in range(4):
        in_force(n.ines, n.sana, changed(resubmission_days=100 + number))
    propose(n.ines, tighter(), now=NOW)
    client = browser(n.sana)
    for address in ("policies", "proposals"):
        client.get(reverse(address))
        with django_assert_max_num_queries(20):
            client.get(reverse(address))
