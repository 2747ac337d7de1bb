"""The journey's refused twin: everybody who must not approve a privilege tries to, in a browser, with the form that others are given.

Each answers for the Slack workspace when they try, so that only their part in the submission stands in the way. What Python says about
the same people stands in `tests.approvals.submissions.test_refused_journey`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from approvals.models import Approval, ApprovalState, Submission
from governance.core.clock import current_time
from governance.core.models import Membership, Person
from tests import people, scenarios
from tests.approvals import stock_report
from tests.approvals.intake import builder
from tests.approvals.refusals import database_refuses, insert_decision, name_candidate
from tests.journeys.visitor import Visitor
from tests.people import as_delegate, make_person
from tests.processes import Site
from tests.savepoints import undone
from tests.scenarios import Company

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

#: People who must not decide, by their relation to the submission: name in the cast, code of the page, code of the database.
MISUSERS = {
    "submitter": ("rita", "SOD-3", "SOD-1"),
    "business owner": ("jonas", "SOD-3", "SOD-1"),
    "technical owner": ("piet", "SOD-3", "SOD-1"),
    "stage-1 approver": ("theo", "SOD-2", "SOD-2"),
    "stage-1 approver of an earlier version": ("theo", "SOD-2", "SOD-2"),
}
EARLIER = "stage-1 approver of an earlier version"


@dataclass(frozen=True)
class Place:
    """One company for all these tests.

    Args:
        company: whose people have passed their decisions on to Tom where they must not decide.
        submission: stage 2 of a first version is open.
        later: a second version, which adds one privilege; the app approval of the first is still in force.
        root: a superuser without a role, of the builder's team.
    """

    company: Company
    submission: Submission
    later: Submission
    root: Person


def export(word: str, edit: Callable[[dict[str, Any]], None] | None = None) -> bytes:
    """The stock report of an n8n of its own, edited."""
    document = json.loads(builder.of_its_own(builder.STOCK, word))
    if edit is not None:
        edit(document)
    return json.dumps(document).encode()


@lru_cache(maxsize=1)
def place_of_these_tests() -> Place:
    """The company, walked once: nobody decides anything in these tests."""
    word = uuid.uuid4().hex[:8]
    c = scenarios.company(people.build(word, now=current_time.now()))
    n = c.people

    def submitted(content: bytes, **fields: Any) -> Submission:
        return scenarios.submitted(c, scenarios.brought_in(c, builder.STOCK, content=content, **fields))

    submission = submitted(export(word), technical_owner=people.joins(n.piet, n.operations))
    scenarios.approve(scenarios.app_of(submission), n.theo, now=c.now)
    scenarios.decide_all(c, submitted(export(f"{word}b")))
    later = submitted(export(f"{word}b", stock_report.one_more_channel))
    assert not later.approvals.filter(stage=1).exists(), "it rests on the app approval of the first version"
    root = make_person("Root Admin", word=word)
    root.is_superuser = root.is_staff = True
    root.save()
    Membership.objects.create(team=n.finance_ops, person=root)
    for giver in (n.rita, n.jonas, n.piet, n.theo):
        as_delegate(n.tom, giver=giver, now=c.now)
    return Place(c, submission, later, root)


@pytest.fixture
def place(committed: None) -> Place:
    """The company in the shared database."""
    return place_of_these_tests()


@pytest.fixture
def come(open_page: Callable[..., Page], site: Site) -> Callable[[Person], Visitor]:
    """People who have signed in; each takes the place of the one before at the test's one browser."""
    page = open_page(viewport={"width": 1440, "height": 1000})

    def at_it(person: Person) -> Visitor:
        page.context.clear_cookies()
        return Visitor.signed_in(person, lambda **_: page, site.url)

    return at_it


def tries_and_is_refused(visitor: Visitor, record: Approval, code: str, *, pronoun: str = "You") -> None:
    """Somebody opens the review, finds no button, sends the form all the same, and reads why not, there and on both timelines."""
    from playwright.sync_api import expect

    page, submission = visitor.page, record.submission
    page.goto(reverse("review", args=[submission.pk]))
    row = page.locator(f"#row-{record.pk}")
    expect(row).to_be_visible()
    expect(row.get_by_role("button")).to_have_count(0)
    if code.startswith("SOD"):
        expect(row).to_contain_text(code)
    action = reverse("decide", args=[submission.pk])
    status = visitor.forge(action, **scenarios.decision_form(record, reason="Let me."))
    assert status == 403
    expect(page.get_by_role("heading", name="You don’t have access to this")).to_be_visible()
    expect(page.locator("main .why").first).to_contain_text(f"Rule {code}")
    page.get_by_role("link", name="Back", exact=True).click()
    newest = page.locator("#timeline li").first
    expect(newest).to_contain_text(f"{pronoun} were refused")
    expect(newest).to_contain_text("“Let me.”")
    expect(newest.locator(".why")).to_contain_text(f"Rule {code}")
    page.goto(reverse("automation", args=[submission.automation_id]) + "?tab=timeline")
    expect(newest).to_contain_text(f"{pronoun} were refused")
    expect(newest.locator(".why")).to_contain_text(f"Rule {code}")


def nothing_is_decided(record: Approval) -> None:
    """The record is as open as it was."""
    assert Approval.objects.get(pk=record.pk).state == ApprovalState.OPEN
    assert not record.decisions.exists()


@pytest.mark.rule("S1", "S2", "S3", "S5", "A2", "A11", "H1", "H3")
@pytest.mark.parametrize("who", MISUSERS)
def test_barred_person_and_delegate_are_refused(who: str, place: Place, come: Callable[[Person], Visitor]) -> None:
    c, (name, code, code_of_the_database) = place.company, MISUSERS[who]
    person: Person = getattr(c.people, name)
    stock_report.hand_over(c, c.slack, person, c.people.amara)
    record = stock_report.privilege_on(place.later if who == EARLIER else place.submission, c.slack)
    tries_and_is_refused(come(person), record, code)
    tries_and_is_refused(
        come(c.people.tom), record, "A9"
    )  # a delegate is on the escalation chain too, and it is not their turn
    for decider, giver in ((person, None), (c.people.tom, person)):
        with undone():
            name_candidate(record, person)
            with database_refuses(code_of_the_database):
                insert_decision(record, decider, for_person=giver, now=c.now)
    nothing_is_decided(record)


@pytest.mark.rule("S5", "H1", "H3")
def test_superuser_is_refused(place: Place, come: Callable[[Person], Visitor]) -> None:
    c, record = place.company, stock_report.privilege_on(place.submission, place.company.slack)
    tries_and_is_refused(come(place.root), record, "PERMISSION")
    with undone(), database_refuses("A9: not a candidate of seat #"):
        insert_decision(record, place.root, now=c.now)
    nothing_is_decided(record)
