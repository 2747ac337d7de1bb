"""Several records decided together from the desk, with one reason; high risk never (A6, A7, A11)."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from approvals.decisions.transitions import comment, decide
from approvals.inbox.queries import approvals
from approvals.models import Approval, ApprovalState, Decision, Submission
from approvals.submissions.transitions import withdraw
from governance.core.duties.refusals import InvalidInput
from governance.core.models import LedgerEvent
from inventory.models import Binding
from tests import scenarios
from tests.approvals import stock_report
from tests.inventory.automations.test_register_pages import cost
from tests.people import as_actor, as_delegate
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import STARTS, Ground

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]

PAGE = "decide_together"


def two_asked(company: Company) -> list[int]:
    """Submit two with two privileges each that wait for Omar, and approve the apps; returns their keys."""
    submissions = [submitted_script(company, name, 2) for name in ("Alpha", "Beta")]
    for submission in submissions:
        scenarios.decide_app(company, submission)
    return [submission.pk for submission in submissions]


STARTS["two_in_stage_2"] = "company", two_asked


@pytest.fixture
def two_in_stage_2(ground: Ground) -> list[Submission]:
    """Two submissions in stage 2, each with two privileges that wait for Omar."""
    return [Submission.objects.get(pk=key) for key in ground.made("two_in_stage_2")]


def records(*submissions: Submission) -> list[Approval]:
    """Their open records."""
    return list(Approval.objects.filter(submission__in=submissions, state=ApprovalState.OPEN).order_by("pk"))


def form(batch: list[Approval], **more: Any) -> dict[str, Any]:
    """What the page sends with all of some records ticked."""
    return {
        "of": sorted({approval.submission_id for approval in batch}),
        "record": [approval.pk for approval in batch],
        **{f"shown-{approval.pk}": scenarios.shown(approval) for approval in batch},
        "reason": "All read the same rows.",
        "decision": "approve",
        **more,
    }


def send(client: Client, fields: dict[str, Any]) -> Any:
    """Send the form."""
    return client.post(reverse(PAGE), fields)


@pytest.mark.rule("A7")
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"reason": " "}, "the reason stands with each decision"),
        ({"reason": "\u200b"}, "the reason stands with each decision"),
        ({"decision": "ask"}, "approved or rejected"),
        ({"decision": ""}, "approve, reject or request changes"),
        ({"record": []}, "Tick at least one"),
    ],
)
def test_bulk_decision_needs_reason_decision_and_selection(
    company: Company, two_in_stage_2: list[Submission], more: dict[str, Any], message: str
) -> None:
    batch = records(*two_in_stage_2)
    answer = send(client_of(company.people.omar), form(batch) | more)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not Decision.objects.filter(approval__in=batch).exists()
    if "reason" not in more:
        assert "All read the same rows." in answer.content.decode()


@pytest.mark.rule("A7")
def test_high_risk_is_never_decided_in_bulk(company: Company, chaser_in_stage_2: Submission) -> None:
    high = chaser_in_stage_2
    who = company.people.omar
    waits = {approval.pk for approval in approvals.to_decide(as_actor(who), company.now)}
    record = next(approval for approval in records(high) if approval.tier == "high" and approval.pk in waits)
    for verb in (decide.approve, decide.reject):
        with pytest.raises(InvalidInput) as error:
            verb(
                record,
                actor=as_actor(who),
                now=company.now,
                reason="Fine.",
                shown_digest=scenarios.shown(record),
                batch=uuid4(),
            )
        assert (error.value.refusal.code, error.value.refusal.to_do) == ("A7", "Decide it alone on its review.")
    page = client_of(who).get(reverse(PAGE), {"of": high.pk}).content.decode()
    assert "(high risk)" in page
    assert f'name="record" value="{record.pk}"' not in page


@pytest.mark.rule("A7")
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_all_that_is_ticked_is_decided_with_one_reason_and_the_rest_waits(
    company: Company, two_in_stage_2: list[Submission], decision: str
) -> None:
    batch = records(*two_in_stage_2)
    client = client_of(company.people.omar)
    page = client.get(reverse(PAGE), {"of": [submission.pk for submission in two_in_stage_2]}).content.decode()
    assert all(f'name="record" value="{approval.pk}"' in page for approval in batch)
    assert all(f'value="{scenarios.shown(approval)}"' in page for approval in batch)
    answer = client.post(
        reverse(PAGE), form(batch) | {"record": [approval.pk for approval in batch[1:]], "decision": decision}
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("approvals"))
    decisions = list(Decision.objects.filter(approval__in=batch))
    assert {decision.approval_id for decision in decisions} == {approval.pk for approval in batch[1:]}
    assert {(decision.outcome, decision.reason.shown if decision.reason else "") for decision in decisions} == {
        (decision, "All read the same rows.")
    }
    assert len({decision.batch for decision in decisions}) == 1
    assert decisions[0].batch is not None


@pytest.mark.rule("A8")
def test_a_second_press_leads_where_the_first_did(company: Company, two_in_stage_2: list[Submission]) -> None:
    client, fields = client_of(company.people.omar), form(records(*two_in_stage_2))
    for _ in range(2):
        assert send(client, fields).url == reverse("approvals")
    assert Decision.objects.filter(approval__in=fields["record"]).count() == len(fields["record"])


@pytest.mark.rule("A7", "A8")
@pytest.mark.parametrize("more", [{"decision": "reject"}, {"reason": "Another one."}])
def test_another_button_or_reason_is_no_second_press(
    company: Company, two_in_stage_2: list[Submission], more: dict[str, Any]
) -> None:
    client, batch = client_of(company.people.omar), records(*two_in_stage_2)
    send(client, form(batch[:2]))
    answer = send(client, form(batch[:2]) | more)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert ["is approved, so this can't be done now" in problem for problem in answer.context["problems"]] == [
        True,
        True,
    ]
    assert str((form(batch) | more)["reason"]) in page, "what was typed is there still"
    assert set(Decision.objects.filter(approval__in=batch).values_list("approval", "outcome")) == {
        (approval.pk, "approve") for approval in batch[:2]
    }


@pytest.mark.rule("A7", "A8")
def test_remaining_approvals_are_decided_and_others_reported(
    company: Company, two_in_stage_2: list[Submission]
) -> None:
    client, batch = client_of(company.people.omar), records(*two_in_stage_2)
    send(client, form(batch[:1]))
    answer = send(client, form(batch[:2], decision="reject"))
    assert answer.status_code == 409
    assert "Rejected 1 approval." in answer.content.decode()
    assert ["is approved, so this can't be done now" in problem for problem in answer.context["problems"]] == [True]
    assert list(Decision.objects.filter(approval__in=batch[:2]).order_by("pk").values_list("outcome", flat=True)) == [
        "approve",
        "reject",
    ]


@pytest.mark.rule("A7", "A8")
def test_decisions_of_others_are_reported_to_approvers_only(company: Company, two_in_stage_2: list[Submission]) -> None:
    n, batch = company.people, records(*two_in_stage_2)
    stand_in = as_delegate(n.tom, giver=n.omar)
    scenarios.reject(batch[0], n.omar, now=company.now, reason="No.")
    for other in (n.mei, n.theo, n.rita):
        answer = send(client_of(other), form(batch[:1]))
        assert answer.status_code == 422
        assert "Tick at least one" in answer.content.decode()
    assert stand_in.person is not None
    answer = send(client_of(stand_in.person), form(batch[:1]))
    assert answer.status_code == 409
    assert ["is rejected, so this can't be done now" in problem for problem in answer.context["problems"]] == [True]


@pytest.mark.rule("A15", "I8")
def test_approval_with_more_to_read_is_decided_alone(company: Company) -> None:
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT))
    scenarios.decide_app(company, made)
    open_ones = records(made)
    Binding.objects.filter(resource=company.slack).update(confirmed_by=None, confirmed_at=None, known_since=None)
    client = client_of(company.people.omar)
    page = client.get(reverse(PAGE), {"of": made.pk}).content.decode()
    assert "its connection is to be confirmed" in page
    slack = stock_report.privilege_on(made, company.slack)
    assert f'name="record" value="{slack.pk}"' not in page
    answer = send(client, form(open_ones))
    assert answer.status_code == 409
    assert "not decided together with others: its connection is to be confirmed" in answer.content.decode()
    assert not slack.decisions.exists()


@pytest.mark.rule("A6", "A7")
def test_changed_approval_blocks_no_other_and_reason_is_kept(
    company: Company, two_in_stage_2: list[Submission]
) -> None:
    batch = records(*two_in_stage_2)
    stale = form(batch) | {f"shown-{batch[0].pk}": "0" * 64}
    answer = send(client_of(company.people.omar), stale)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Alpha" in page
    assert "All read the same rows." in page
    assert f'value="{scenarios.shown(batch[0])}"' in page, "it is shown anew"
    assert {approval.pk for approval in records(*two_in_stage_2)} == {batch[0].pk}


@pytest.mark.rule("A7", "A9")
def test_approvals_of_others_are_not_decided(company: Company, two_in_stage_2: list[Submission]) -> None:
    batch = records(*two_in_stage_2)
    for who in (company.people.rita, company.people.grace, company.people.sana):
        client = client_of(who)
        page = client.get(reverse(PAGE), {"of": [submission.pk for submission in two_in_stage_2]}).content.decode()
        assert "None of the selected approvals waits for you." in page
        assert "Alpha" not in page
        assert send(client, form(batch)).status_code == 422
    assert not Decision.objects.filter(approval__in=batch).exists()


@pytest.mark.rule("A7")
def test_bulk_decision_is_not_offered_for_single_decisions(company: Company, chaser_in_stage_2: Submission) -> None:
    made = chaser_in_stage_2
    page = client_of(company.people.sana).get(reverse(PAGE), {"of": made.pk}).content.decode()
    assert "Nothing that was selected can be decided together." in page
    assert "(high risk)" in page
    assert "0 approvals" not in page
    assert 'name="decision"' not in page


@pytest.mark.rule("A7", "A15")
def test_list_marks_rows_excluded_from_bulk_decision(company: Company, two_in_stage_2: list[Submission]) -> None:
    made = scenarios.submitted(company)
    scenarios.decide_app(company, made)
    withdraw.withdraw(two_in_stage_2[1], actor=as_actor(company.people.rita), now=company.now, reason="Not yet.")
    again = scenarios.submitted(company, two_in_stage_2[1].version)
    scenarios.decide_app(company, again)
    page = client_of(company.people.omar).get(reverse("approvals")).content.decode()
    excluded = dict(re.findall(r'name="of" value="(\d+)"[^>]*? data-row-apart="([^"]+)"', page))
    assert excluded == {str(again.pk): "Beta was rejected or withdrawn before"}, (
        "Omar decides what is not of high risk there"
    )
    page = client_of(company.people.sana).get(reverse("approvals")).content.decode()
    excluded = dict(re.findall(r'name="of" value="(\d+)"[^>]*? data-row-apart="([^"]+)"', page))
    assert excluded == {str(made.pk): f"{made.automation.name} is high risk"}


@pytest.mark.rule("A7")
@pytest.mark.parametrize(
    ("only", "offered"), [("reject", ["reject"]), ("approve", ["approve"]), ("all", ["reject", "approve"])]
)
def test_bulk_page_offers_pressed_decision(
    company: Company, two_in_stage_2: list[Submission], only: str, offered: list[str]
) -> None:
    client = client_of(company.people.omar)
    page = client.get(reverse(PAGE), {"of": two_in_stage_2[0].pk, "only": only}).content.decode()
    again = send(client, form(records(two_in_stage_2[0]), only=only, reason="", decision=offered[0])).content.decode()
    for drawn in (page, again):
        assert re.findall(r'name="decision" value="(\w+)"', drawn) == offered


@pytest.mark.rule("A11")
def test_a_delegate_decides_together_for_the_giver(company: Company, two_in_stage_2: list[Submission]) -> None:
    n, batch = company.people, records(*two_in_stage_2)
    as_delegate(n.amara, giver=n.omar)
    assert send(client_of(n.amara), form(batch)).status_code == 302
    assert {
        (decision.person_id, decision.for_person_id) for decision in Decision.objects.filter(approval__in=batch)
    } == {(n.amara.pk, n.omar.pk)}


@pytest.mark.rule("A8")
def test_two_presses_are_one_decision(company: Company, two_in_stage_2: list[Submission]) -> None:
    batch, client = records(*two_in_stage_2), client_of(company.people.omar)
    for _ in range(2):
        send(client, form(batch))
    assert Decision.objects.filter(approval__in=batch).count() == len(batch)


@pytest.mark.full("submits many, to count queries")
@pytest.mark.rule("A7")
def test_the_page_costs_the_same_for_few_records_as_for_many(
    company: Company, two_in_stage_2: list[Submission]
) -> None:
    more = submitted_script(company, "Gamma", 8)
    scenarios.decide_app(company, more)
    omar = client_of(company.people.omar)
    few, many = (cost(omar, f"{reverse(PAGE)}?of={submission.pk}")[0] for submission in (two_in_stage_2[0], more))
    assert few == many <= 20


def shown(client: Client, *submissions: Submission) -> Any:
    """What the page shows of some submissions."""
    return client.get(reverse(PAGE), {"of": [submission.pk for submission in submissions]}).context


@pytest.mark.rule("A6", "I6", "I8")
def test_bulk_page_shows_same_facts_as_review(company: Company, stock_in_force: Submission) -> None:
    n = company.people
    assert stock_in_force.approvals.exists(), "its owner has confirmed what its connections open"
    other = stock_report.app_approved(company, stock_report.another(company))
    rows = {row["approval"].pk: row for row in shown(client_of(n.omar), other)["rows"]}
    review = client_of(n.omar).get(reverse("review", args=[other.pk])).context
    reviewed = {row["approval"].pk: row for row in review["rows"] if row["approval"].pk in rows}
    assert {record.kind for record in records(other) if record.pk in rows} == {"privilege", "credential"}
    for key, row in rows.items():
        for name in ("scope", "data_class", "level"):
            assert row[name] == reviewed[key][name], (row["what"], name)
        assert [tag["text"] for tag in row["tags"][:2]] == [tag["text"] for tag in reviewed[key]["chips"]], row["what"]
    assert any("Reach unknown" in [tag["text"] for tag in row["tags"]] for row in rows.values())
    assert any(" · " in row["scope"] for row in rows.values() if row["level"] != "secret")


@pytest.mark.rule("A3")
def test_approval_with_objection_is_decided_alone(company: Company) -> None:
    n = company.people
    submission = submitted_script(company, "Alpha", 2)
    first = submission.approvals.filter(stage=2).order_by("pk")[0]
    comment.object_to(first, actor=as_actor(n.omar), now=company.now, reason="Not these rows.")
    scenarios.decide_app(company, submission)
    page = shown(client_of(n.omar), submission)
    assert [why for (_, why), _ in page["apart"]] == ["somebody objected"]
    assert first.pk not in [row["approval"].pk for row in page["rows"]]
    assert len(page["rows"]) == 1
    answer = send(client_of(n.omar), form([Approval.objects.get(pk=first.pk)]))
    assert answer.status_code == 409
    assert "not decided together with others: somebody objected" in answer.content.decode()
    assert LedgerEvent.objects.latest("pk").code == "A7"
    assert not Decision.objects.filter(approval=first).exists()


@pytest.mark.full("submits many, to count queries")
@pytest.mark.rule("A7")
def test_credentials_of_several_submissions_cost_no_more_than_of_one(
    company: Company, stock_in_stage_2: Submission
) -> None:
    other = stock_report.app_approved(company, stock_report.another(company))
    omar = client_of(company.people.omar)
    single, both = (
        cost(omar, f"{reverse(PAGE)}?{'&'.join(f'of={each.pk}' for each in some)}")[0]
        for some in ((stock_in_stage_2,), (stock_in_stage_2, other))
    )
    assert single == both <= 21
