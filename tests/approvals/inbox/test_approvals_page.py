"""The Approvals page: which open approvals it shows, in which order, on which page (A9, A10; ui.md, Desk)."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import product

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from approvals.inbox.queries import approvals
from approvals.inbox.queries.approvals import SubmissionTask
from approvals.inbox.views import approvals as view_approvals
from approvals.inbox.views import filters as view_filters
from approvals.inbox.views.filters import Filters
from approvals.models import Approval, ApprovalState, Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.inventory.automations.test_register_pages import cost
from tests.people import as_actor
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import STARTS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands"), pytest.mark.database]


def five_submitted(company: Company) -> None:
    """A submission of high risk, before stage 1; four of lower risk, two in stage 2, that waited longer the later they were made."""
    scenarios.submitted(company)
    for place, name in enumerate(("Alpha", "Beta", "Gamma", "Delta")):
        made = submitted_script(company, name, 2)
        if place % 2:
            scenarios.decide_app(company, made)
        Approval.objects.filter(submission=made, opened_at__isnull=False).update(
            opened_at=company.now - timedelta(days=place), due_at=company.now + timedelta(days=2 - place)
        )


STARTS["desk_of_five"] = "company", five_submitted


@pytest.fixture
def desk_of_five(company: Company) -> Company:
    """The company with `five_submitted`."""
    return company


def names(client: Client, **query: str) -> list[str]:
    """The automations on the desk, in order."""
    answer = client.get(reverse("approvals"), query)
    assert answer.status_code == 200
    return re.findall(r"data-row-open>([^<]+)<", answer.content.decode())


@pytest.mark.rule("A10")
def test_an_address_keeps_its_filters(desk_of_five: Company) -> None:
    choices = {
        "show": ("", "all", "overdue"),
        "stage": ("", "2"),
        "team": ("", "999"),
        "tier": ("", "high", "low"),
        "credentials": ("", "1"),
        "q": ("", "A lPH"),
        "days": ("", "3"),
    }
    for values in product(*choices.values()):
        query = QueryDict(mutable=True)
        query.update(dict(zip(choices, values, strict=True)))
        filters = Filters.parse(query, desk_of_five.now)
        assert Filters.parse(QueryDict(filters.href().partition("?")[2]), desk_of_five.now) == filters


@pytest.mark.rule("A10")
def test_rows_are_ordered_by_risk_then_age_in_pages(desk_of_five: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_filters, "PAGE", 2)
    sana = client_of(desk_of_five.people.sana)
    wanted = ["Invoice chaser", "Delta", "Gamma", "Beta", "Alpha"]
    address, pages = "?show=all", []
    while address:
        answer = sana.get(reverse("approvals") + address).content.decode()
        pages.append(re.findall(r"data-row-open>([^<]+)<", answer))
        older = re.search(r'rel="next" href="[^"?]*([^"]+)"', answer)
        address = older[1].replace("&amp;", "&") if older else ""
    assert pages == [wanted[:2], wanted[2:4], wanted[4:]]
    newer = re.search(r'rel="prev" href="([^"]+)"', answer)
    assert newer is not None
    answer = sana.get(newer[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r"data-row-open>([^<]+)<", answer) == wanted[2:4]


@pytest.mark.rule("A10")
def test_decided_rows_do_not_shift_pages(desk_of_five: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_filters, "PAGE", 2)
    sana = client_of(desk_of_five.people.sana)
    answer = sana.get(reverse("approvals"), {"show": "all"}).content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', answer)
    assert older is not None
    delta = Submission.objects.get(automation__name="Delta")
    for record in delta.approvals.filter(state=ApprovalState.OPEN):
        scenarios.reject(record, desk_of_five.people.omar, now=desk_of_five.now)
    answer = sana.get(older[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r"data-row-open>([^<]+)<", answer) == ["Gamma", "Beta"]


@pytest.mark.rule("A9", "A10")
def test_filters_never_widen_visibility(desk_of_five: Company) -> None:
    n = desk_of_five.people
    omar, grace = client_of(n.omar), client_of(n.grace)
    assert names(omar) == ["Delta", "Beta"]
    assert names(omar, stage="1") == []
    assert names(omar, q="bet") == ["Beta"]
    assert names(omar, team=str(n.finance_ops.pk), tier="standard") == names(omar, show="all", stage="2")
    assert names(omar, show="overdue") == ["Delta"]
    ages = [set(names(omar, days=days)) for days in ("", "1", "3", "14", "99")]
    assert ages[0] > ages[3], "none waits that long"
    assert ages[0] >= ages[1] >= ages[2] >= ages[3] == set()
    assert ages[4] == ages[0], "no choice of the page's"
    assert names(grace, show="all", days="1") == []
    assert names(grace, show="all") == names(grace, show="all", team=str(n.finance_ops.pk)) == []
    assert approvals.to_decide(as_actor(n.grace), desk_of_five.now) == []


@pytest.mark.rule("A10")
def test_the_head_says_how_much_waits_and_how_much_of_it_is_late(desk_of_five: Company) -> None:
    answer = client_of(desk_of_five.people.omar).get(reverse("approvals")).content.decode()
    head = re.sub(r"<[^>]+>|\s+", " ", answer[answer.index("<h1>") : answer.index('id="chips"')])
    assert re.sub(r"\s+", " ", head).strip().startswith("Approvals 2 wait for you 1 overdue oldest 3 days")
    page = client_of(desk_of_five.people.omar).get(reverse("approvals"), {"show": "overdue"})
    listed = sum(len(task.approvals) for band in page.context["bands"] for task in band["rows"])
    assert re.search(rf"Listed: {listed} approvals? in 1 submission\b", page.content.decode())


@pytest.mark.rule("A10")
@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=1~0001-01-01T00:00:00%2B14:00~5",
        "after=1~2026-13-01~5",
        "after=1~2026-11-24T09:00:00~5",
        f"after=0~2026-11-24T09:00:00%2B00:00~{'9' * 40}",
    ],
)
def test_invalid_address_shows_default_list(desk_of_five: Company, query: str) -> None:
    more = "&stage=7&team=x&tier=none&show=nothing&credentials=&q=%E2%80%AE"
    answer = client_of(desk_of_five.people.sana).get(f"{reverse('approvals')}?{query}{more}")
    assert answer.status_code == 200
    assert "\u202e" not in answer.content.decode()


@pytest.mark.rule("A9")
def test_filters_and_pages_add_no_queries(desk_of_five: Company) -> None:
    sana = client_of(desk_of_five.people.sana)
    for query in ("", "?stage=1"):
        assert cost(sana, reverse("approvals") + query)[0] <= 15, query
    for query in ("?show=all", "?show=overdue&team=1&q=a"):  # where what is shown is not what waits for the reader
        assert cost(sana, reverse("approvals") + query)[0] <= 15, query


def row(client: Client, submission: Submission, **query: str) -> SubmissionTask:
    """The row of a submission on somebody's desk."""
    bands = client.get(reverse("approvals"), query).context["bands"]
    return next(task for band in bands for task in band["rows"] if task.pk == submission.pk)


@pytest.mark.rule("A3", "T2")
@pytest.mark.parametrize("show", ["", "all"])
def test_stage_1_approver_sees_riskiest_access_first(company: Company, show: str) -> None:
    submission = scenarios.submitted(company)
    shown = row(client_of(company.people.theo), submission, show=show)
    second = list(submission.approvals.filter(stage=2).select_related("privilege__entitlement__resource"))
    highest = {
        f"{approval.privilege.sentence[:1].lower()}{approval.privilege.sentence[1:]}"
        for approval in second
        if approval.privilege and approval.tier == "high"
    }
    first, other = shown.text.removeprefix("wants to ").rsplit(" and ", 1)[0].split("; ")
    assert {first, other} <= highest
    assert shown.text.endswith(f" and {len(second) - 2} more")
    assert shown.levels == ["write", "write", "secret", "secret"], "the riskiest tier comes first"
    assert shown.data_class == "confidential"
    assert shown.is_model_controlled
    part = client_of(company.people.theo).get(reverse("approval_panel", args=[shown.pk])).context["part"]
    assert part["asked"][0]["text"] == "exist for business use"
    assert part["asked"][1]["text"] in highest
    assert part["more"] == len(second) + 1 - len(part["asked"])


@pytest.mark.rule("I3")
def test_data_class_of_credential_is_shown_or_left_empty(company: Company, stock_in_stage_2: Submission) -> None:
    n = company.people
    for record in stock_in_stage_2.approvals.filter(kind="privilege"):
        scenarios.finish(company, record, now=company.now)
    omar = client_of(n.omar)
    assert row(omar, stock_in_stage_2).data_class == "confidential"
    bare = scenarios.submitted(
        company, scenarios.brought_in(company, "weekly-stock-report.json", content=nothing_held())
    )
    assert bare.approvals.filter(stage=2).count() == 0
    assert row(client_of(n.theo), bare).data_class == ""
    assert row(client_of(n.theo), bare).text == "wants to exist for business use"


def nothing_held() -> bytes:
    """An export that touches nothing."""
    return stock_report.source(stock_report.nothing_but_the_trigger)


@pytest.mark.rule("A10")
def test_filter_counts_cover_visible_rows_only(desk_of_five: Company) -> None:
    for reader in (desk_of_five.people.sana, desk_of_five.people.grace):
        client = client_of(reader)
        chips = {
            chip["label"]: chip["count"]
            for chip in client.get(reverse("approvals")).context["chips"]
            if "label" in chip
        }
        for label, show in (("All open", "all"), ("Overdue", "overdue")):
            shown = names(client, show=show)
            assert chips[label] == len(set(shown)), (reader.name, show)
            filtered = client.get(reverse("approvals"), {"show": show}).context["chips"]
            assert next(chip["count"] for chip in filtered if chip.get("label") == label) == len(set(shown))


@pytest.mark.rule("A10")
def test_capped_total_is_exact_for_full_readers(desk_of_five: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    open_now = Submission.objects.unfinished().count()

    def counts(reader: Person) -> list[int | None]:
        chips = client_of(reader).get(reverse("approvals")).context["chips"]
        return [chip["count"] for chip in chips if chip.get("label") in {"All open", "Overdue"}]

    for most, expected in ((open_now, [open_now, 1]), (open_now - 1, [None, None])):
        monkeypatch.setattr(view_approvals, "MOST_COUNTED", most)
        assert counts(desk_of_five.people.omar) == expected
        assert counts(desk_of_five.people.sana) == [open_now, 1]
