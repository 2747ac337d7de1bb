"""Submitting by the API: once, with all that the page asks for, by a person's program that decides nothing (A1, A14, S1, S5)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from approvals.api import caller
from approvals.intake import drafts
from approvals.intake import transitions as intake_transitions
from approvals.intake.drafts import Draft
from approvals.intake.preview.rows import Preview
from approvals.models import Approval, Submission, SubmissionState
from approvals.models.submission import Capacity
from approvals.parties import submission_parties
from governance.core.duties.refusals import Refusal, refuse
from governance.core.models import LedgerEvent, Person
from inventory.models import Automation, ImportItem, ImportState
from tests import hostile_texts, run_lengths, scenarios
from tests.approvals import stock_report
from tests.approvals.api.programs import Program
from tests.approvals.api.test_imports import new
from tests.approvals.intake.builder import connect
from tests.people import joins, make_person
from tests.savepoints import undone
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def rita(company: Company) -> Program:
    """Rita's pipeline of Finance Operations; what the report's connections open is known."""
    connect(company, stock_report.EXPORT)
    return Program.of(company.people.rita, company.people.finance_ops)


def brought(rita: Program, company: Company, **more: Any) -> tuple[str, dict[str, Any]]:
    """The stock report in the register: where it is submitted, and the preview."""
    body = new(rita, company, **more).said
    return f"/automations/{body['automation']['id']}/submissions", body["preview"]


def filled_in(preview: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page would ask."""
    rows = {row["key"]: "Planners read it on Mondays." for row in preview["rows"] if row["kind"] == "privilege"}
    return {"purpose": "Sends planners the stock.", "justifications": rows}


Brought = tuple[Program, str, dict[str, Any]]
HandedIn = tuple[Program, str, dict[str, Any], dict[str, Any]]


def brought_in(c: Company) -> Brought:
    """Rita's pipeline has brought the stock report in."""
    connect(c, stock_report.EXPORT)
    rita = Program.of(c.people.rita, c.people.finance_ops)
    return rita, *brought(rita, c)


def handed_in(c: Company) -> HandedIn:
    """Rita's pipeline has submitted it too."""
    rita, path, preview = brought_in(c)
    return rita, path, preview, rita.post(path, filled_in(preview)).said["submission"]


BROUGHT_IN = starting_point("company", brought_in)
HANDED_IN = starting_point("company", handed_in)


def add_colleague(company: Company) -> Person:
    """Somebody else who builds for Finance Operations."""
    return joins(make_person("Cora Lind"), company.people.finance_ops)


@pytest.mark.rule("A1", "A2", "S1")
@BROUGHT_IN
def test_complete_submission_shows_approvers_and_waiting_time(company: Company, start: Brought) -> None:
    rita, path, preview = start
    key = next(row["key"] for row in preview["rows"] if row["level"] == "write")
    made = rita.post(path, {**filled_in(preview), "terms": {key: 30}})
    assert (made.status, made.said["submitted"]) == (201, True)
    body = made.said["submission"]
    assert (body["state"], [person["name"] for person in body["held_by"]]) == ("open", ["Theo Brandt"])
    assert [(approval["stage"], approval["state"]) for approval in body["records"]] == [
        (1, "open"),
        *[(2, "waiting")] * 4,
    ]
    submission = Submission.objects.get(pk=body["id"])
    assert submission.parties.filter(person=company.people.rita, capacity=Capacity.SUBMITTER).exists()
    days = dict(Approval.objects.filter(stage=2, privilege__isnull=False).values_list("privilege__level", "term_days"))
    assert days == {"read": 180, "write": 30}
    assert LedgerEvent.objects.get(verb="submission.submitted").payload["token"]


@pytest.mark.rule("A2", "I7", "A14")
@HANDED_IN
def test_approved_submission_comes_into_force_once(company: Company, start: HandedIn) -> None:
    rita, path, _, made = start
    submission = Submission.objects.get(pk=made["id"])
    scenarios.decide_all(company, submission)
    after = rita.get(f"/submissions/{submission.pk}").said
    assert (after["state"], after["next"], after["held_by"]) == ("in_force", "Version 1 is in force.", [])
    again = rita.post(path, {})
    assert (again.status, again.said["submission"]["state"]) == (200, "in_force")
    assert Submission.objects.get() == submission
    assert not ImportItem.objects.filter(progress=ImportState.PREVIEW).exists()
    assert not LedgerEvent.objects.filter(verb="submission.submitted")[1:]


@pytest.mark.rule("A1", "I8")
@BROUGHT_IN
def test_missing_fields_are_named_and_input_is_kept(company: Company, start: Brought) -> None:
    rita, path, preview = start
    first, second = [row["key"] for row in preview["rows"] if row["kind"] == "privilege"]
    nothing = rita.post(path, {})
    assert nothing.status == 422
    assert rita.post(path, {"purpose": "\u200b"}).fields == nothing.fields
    assert set(nothing.fields) == {"purpose", f"justifications.{first}", f"justifications.{second}"}
    some = rita.post(path, {"purpose": "Sends planners the stock.", "justifications": {first: "To read it."}})
    assert set(some.fields) == {f"justifications.{second}"}
    assert not Submission.objects.exists()
    rest = rita.post(path, {"justifications": {second: "To send it."}})
    assert rest.status == 201
    texts = set(Approval.objects.filter(privilege__isnull=False).values_list("justification__text", flat=True))
    assert texts == {"To read it.", "To send it."}
    assert Automation.objects.get().requested_fields["purpose"] == "Sends planners the stock."


@pytest.mark.rule("A7", "I8")
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"terms": {"KEY": 181}}, "terms.KEY"),
        ({"terms": {"KEY": 0}}, "terms.KEY"),
        ({"terms": {"0123456789ab": 7}}, "terms.0123456789ab"),
        ({"justifications": {"0123456789ab": "x"}}, "justifications.0123456789ab"),
        ({"justifications": {"KEY": "x" * 301}}, "justifications.KEY"),
        ({"opens": {"KEY": 999_999}}, "opens.KEY"),
        ({"justification": "x"}, "justification"),
        ({"business_owner": 0}, "business_owner"),
        ({"version": "one"}, "version"),
        ({"version": "1"}, "version"),
        ({"business_owner": True}, "business_owner"),
        ({"technical_owner": 1.0}, "technical_owner"),
        ({"terms": {"KEY": True}}, "terms.KEY"),
        ({"opens": {"KEY": True}}, "opens.KEY"),
    ],
)
@BROUGHT_IN
def test_malformed_fields_are_refused_beside_their_names(
    company: Company, start: Brought, fields: dict[str, Any], field: str
) -> None:
    rita, path, preview = start
    key = next(row["key"] for row in preview["rows"] if row["level"] == "write")
    sent = {
        name: {key if row_key == "KEY" else row_key: text for row_key, text in value.items()}
        for name, value in fields.items()
        if isinstance(value, dict)
    }
    answer = rita.post(path, {**filled_in(preview), **fields, **sent})
    assert (answer.status, list(answer.fields)) == (422, [field.replace("KEY", key)])
    assert not Submission.objects.exists()


@pytest.mark.rule("I7", "A14")
@HANDED_IN
def test_repeated_submission_asks_nobody_and_returns_status(start: HandedIn) -> None:
    rita, path, preview, first = start
    again = rita.post(path, filled_in(preview))
    assert (again.status, again.said["submitted"], again.said["submission"]["id"]) == (200, False, first["id"])
    assert Submission.objects.count() == 1
    assert not ImportItem.objects.filter(progress=ImportState.PREVIEW).exists(), (
        "no draft is left of what came to nothing"
    )
    assert not LedgerEvent.objects.filter(verb="submission.submitted")[1:]


@pytest.mark.rule("A12", "A14")
@HANDED_IN
def test_newer_version_continues_open_submission_and_older_can_be_named(company: Company, start: HandedIn) -> None:
    rita, path, _, first = start
    _, newer = brought(rita, company, content=stock_report.source(stock_report.one_more_channel))
    made = rita.post(path, filled_in(newer))
    assert (made.status, made.said["submission"]["version"]["number"]) == (201, 2)
    assert Submission.objects.get(pk=first["id"]).state == SubmissionState.WITHDRAWN
    assert rita.post(path, {"version": 3}).status == 404
    assert rita.post(path, {"version": 2}).said["submitted"] is False


@pytest.mark.rule("A12", "A14", "I2")
@BROUGHT_IN
def test_version_is_chosen_by_number_not_by_newest(company: Company, start: Brought) -> None:
    rita, path, preview = start
    stock_report.version(company, stock_report.one_more_channel, by=add_colleague(company))
    unsaid = rita.post(path, filled_in(preview))
    assert (unsaid.status, unsaid.said["code"]) == (409, "I2")
    assert not Submission.objects.exists()
    two = rita.post(f"{path}?version=2", {**filled_in(preview), "version": 1})
    assert (two.status, list(two.fields)) == (422, ["version"])
    assert rita.post(f"{path}?digest={'0' * 64}", filled_in(preview)).status == 404
    assert rita.post(f"{path}?version=1&digest={'0' * 64}", filled_in(preview)).status == 404
    made = rita.post(f"{path}?digest={preview['manifest_digest']}", filled_in(preview))
    assert (made.status, made.said["submission"]["version"]["number"]) == (201, 1)
    digits = preview["manifest_digest"].removeprefix("sha256:")
    assert rita.post(f"{path}?version=1&digest={digits}", {}).said["submitted"] is False


@pytest.mark.rule("S5", "A12")
@pytest.mark.parametrize("way", ["said", "typed on the page before"])
def test_program_changes_automation_fields_only_in_draft(
    company: Company, rita: Program, stock_in_force: Submission, way: str
) -> None:
    automation = Automation.objects.get(pk=stock_in_force.automation_id)
    fields = {"escalation_contact": "nobody@northwind.example"}
    if way != "said":
        n = company.people
        item = drafts.preview_of_version(stock_in_force.version, by=n.rita, team=n.finance_ops, now=company.now)
        draft = Draft.load(item)
        drafts.keep(item, replace(draft, fields={**draft.fields, **fields}), n.finance_ops)
    answer = rita.post(f"/automations/{automation.pk}/submissions", fields if way == "said" else {})
    assert (answer.status, answer.said["code"]) == (403, "S5")
    after = Automation.objects.get(pk=automation.pk)
    assert after.escalation_contact == automation.escalation_contact != fields["escalation_contact"]
    assert after.history.count() == automation.history.count()
    assert LedgerEvent.objects.latest("pk").outcome == "refused"
    drafts_left = ImportItem.objects.filter(progress=ImportState.PREVIEW).count()
    assert drafts_left == (0 if way == "said" else 1), "what a person typed is not lost"


@pytest.mark.rule("S5")
@BROUGHT_IN
def test_program_sets_escalation_contact_in_draft(company: Company, start: Brought) -> None:
    rita, path, preview = start
    made = rita.post(path, {**filled_in(preview), "escalation_contact": "The desk of finance"})
    assert made.status == 201
    assert Automation.objects.get().escalation_contact == "The desk of finance"


@pytest.mark.rule("S5", "A12", "S1")
def test_refused_submission_stores_only_the_refusal(
    company: Company, rita: Program, stock_in_force: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise refuse(Refusal("SOD-1", "duty", "Not by them."))

    monkeypatch.setattr(submission_parties, "write_parties", fail)
    automation = Automation.objects.get(pk=stock_in_force.automation_id)
    kept = automation.requested_fields, automation.history.count()
    answer = rita.post(f"/automations/{automation.pk}/submissions", {"purpose": "Pays Rita."})
    assert (answer.status, answer.said["code"]) == (403, "SOD-1")
    after = Automation.objects.get(pk=automation.pk)
    assert (after.requested_fields, after.history.count()) == kept
    event = LedgerEvent.objects.latest("pk")
    assert (event.outcome, event.payload["kind"]) == ("refused", "duty")
    assert event.payload["token"]
    assert Submission.objects.get() == stock_in_force


@pytest.mark.rule("A8")
@HANDED_IN
def test_identical_submission_by_same_person_returns_existing_one(
    company: Company, start: HandedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita, path, preview, first = start
    monkeypatch.setattr(Preview, "is_repeat", False)  # read before the other was there
    again = rita.post(path, filled_in(preview))
    assert (again.status, again.said["submission"]["id"]) == (201, first["id"])
    assert Submission.objects.count() == 1


@pytest.mark.rule("I10")
def test_submission_for_other_environment_is_created_there(company: Company, rita: Program) -> None:
    path, preview = brought(rita, company, environment="test")
    made = rita.post(path, filled_in(preview))
    assert made.status == 201
    assert Submission.objects.get().automation.environment == "test"
    assert Automation.objects.count() == 1


@pytest.mark.rule("S5", "S1")
@BROUGHT_IN
def test_forbidden_submission_is_recorded_and_leaves_no_draft(company: Company, start: Brought) -> None:
    _, path, preview = start
    omar = Program.of(company.people.omar)
    answer = omar.post(path, filled_in(preview))
    assert (answer.status, answer.said["code"]) == (403, "PERMISSION")
    event = LedgerEvent.objects.latest("pk")
    assert (event.outcome, event.verb, event.actor_id) == (
        "refused",
        "submission.submitted",
        str(company.people.omar.opaque_id),
    )
    assert Program.of(company.people.nadia).post(path, {}).status == 404


@pytest.mark.rule("A8")
@BROUGHT_IN
def test_one_of_two_simultaneous_submissions_wins(
    company: Company, start: Brought, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita, path, preview = start
    monkeypatch.setattr(
        intake_transitions, "confirm", lambda *_, **__: None
    )  # the other has confirmed this very preview
    answer = rita.post(path, filled_in(preview))
    assert (answer.status, answer.said["code"]) == (409, "A8")


@pytest.mark.rule("A3", "A14")
@HANDED_IN
def test_a_question_to_the_builder_is_held_by_the_builder(company: Company, start: HandedIn) -> None:
    from approvals.decisions.transitions import decide
    from tests.people import as_actor

    rita, _, _, made = start
    submission = Submission.objects.get(pk=made["id"])
    scenarios.decide_app(company, submission)
    record = stock_report.privilege_on(submission, company.erp)
    digest = scenarios.shown(record)
    decide.ask_for_changes(
        record, actor=as_actor(company.people.omar), now=company.now, reason="Why?", shown_digest=digest
    )
    body = rita.get(f"/submissions/{submission.pk}").said
    states = {
        approval["sentence"]: (approval["state"], [who["name"] for who in approval["held_by"]])
        for approval in body["records"]
    }
    assert states["Read scm.stock in ERP Postgres (production)"] == ("changes_asked", ["Rita Novak"])
    assert {person["name"] for person in body["held_by"]} == {"Omar Haddad", "Rita Novak"}


def compare_with_page(company: Company, rita: Program, submission: Submission) -> list[dict[str, Any]]:
    """Compare the API's stage-2 approvals with the rows of the review page, and return its answers about all approvals."""
    answers: list[dict[str, Any]] = rita.get(f"/submissions/{submission.pk}").said["records"]
    page = client_of(company.people.rita).get(reverse("review", args=[submission.pk]))
    html = " ".join(page.content.decode().split())
    for answer, row in zip(answers[1:], page.context["rows"], strict=True):
        approval, facts, names = row["approval"], row["facts"], defaultdict(list)
        stored = (approval.stage, approval.kind, approval.state, approval.tier, approval.ended_at)
        assert tuple(answer[name] for name in ("stage", "kind", "state", "tier")) == stored[:-1]
        assert answer["ended_at"] is stored[-1] is None
        assert row["sentence"].startswith(answer["sentence"])
        assert (answer["sentence"], answer["term_days"]) == (facts.sentence, facts.term_days)
        drawn = html[html.index(f'id="row-{approval.pk}"') :]
        assert f'<span class="small quiet">{answer["term_days"]} days</span>' in drawn[: drawn.index("</li>")]
        for holder in answer["held_by"]:
            names[holder["seat"]].append(holder["name"])
        assert " and ".join(" or ".join(people) for people in names.values()) == row["holders"]
        due_at = datetime.fromisoformat(answer["due_at"]) if answer["due_at"] is not None else None
        assert due_at == facts.due_at == approval.due_at
    return answers


@pytest.mark.rule("A3", "A7")
@HANDED_IN
def test_api_answers_the_same_facts_as_the_review_page(company: Company, start: HandedIn) -> None:
    rita, _, _, made = start
    submission = Submission.objects.get(pk=made["id"])
    before = compare_with_page(company, rita, submission)
    assert [(answer["state"], bool(answer["held_by"])) for answer in before] == [
        ("open", True),
        *[("waiting", False)] * 4,
    ]
    scenarios.decide_app(company, submission)
    after = compare_with_page(company, rita, submission)
    assert [(answer["state"], bool(answer["held_by"])) for answer in after] == [
        ("approved", False),
        *[("open", True)] * 4,
    ]


TEXTS = st.sampled_from(
    [*hostile_texts.MARKUP, *hostile_texts.FORMULAS, *hostile_texts.UNSEEN, "", " ", "\u202e", "\0x", "\ud83d", "x"]
) | st.text(max_size=40)


@pytest.mark.full
@pytest.mark.soak
@pytest.mark.rule("S5", "A7")
@BROUGHT_IN
def test_malformed_row_statements_get_clear_answers(
    company: Company, start: Brought, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "WRITES", 10**9)
    rita, path, preview = start
    keys = st.sampled_from([row["key"] for row in preview["rows"]])
    people = st.sampled_from([None, *(person.pk for person in company.people.people), 0, -1, 10**18, 2**63])
    resources = st.sampled_from([company.erp.pk, company.slack.pk, 0, 999_999, 2**63])
    documents = st.fixed_dictionaries(
        {},
        optional={
            "version": st.sampled_from([None, 1, 2, 0, 10**18]),
            "purpose": TEXTS | st.none(),
            "business_owner": people,
            "technical_owner": people,
            "escalation_contact": TEXTS,
            "justifications": st.dictionaries(keys, TEXTS, max_size=4),
            "terms": st.dictionaries(keys, st.integers(-1, 400), max_size=4),
            "opens": st.dictionaries(keys, resources, max_size=2),
        },
    )
    seen = set()

    @settings(
        max_examples=run_lengths.run_length(3, full=40, soak=600),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents, st.booleans())
    @example({}, True)
    @example({}, False)
    def send(fields: dict[str, Any], whole: bool) -> None:
        with undone():
            answer = rita.post(path, {**filled_in(preview), **fields} if whole else fields)
        seen.add(answer.status)
        assert answer.status in (200, 201, 400, 403, 404, 409, 422), answer.said

    send()
    assert {201, 422} <= seen, "some of it went all the way"
