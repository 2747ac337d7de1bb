"""Somebody with every kind of text in the house is erased, by two admins on the pages: nothing stored names them (H6)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.urls import reverse

from approvals.decisions.transitions import comment, decide
from approvals.models import Approval, Decision, Submission
from approvals.models.submission import Capacity
from approvals.parties import submission_parties
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import submit
from governance.core.duties.refusals import Refused
from governance.core.mail.jobs import send_due
from governance.core.models import Erasure, FreeText, Notice, Person
from governance.core.people.transitions.delegations import delegate
from governance.recertification.items import drafts
from governance.recertification.models import AnswerKind, Asks, Draft
from inventory.models import Automation, ImportItem, ImportState, VersionAuthor
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build, connect, everything_stored, of_its_own
from tests.approvals.parties.test_authors import owned_by
from tests.approvals.refusals import database_refuses, insert_decision, name_candidate, sql
from tests.ledger_records import recorded
from tests.people import NOW, Northwind, as_actor, shares
from tests.recertification.review_steps import opened, opens_at, question, submit_answer
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import STARTS, Ground

pytestmark = pytest.mark.django_db


#: Every text of Rita's holds this, and where it was written.
WROTE = "ritawrote"
WHERE = (
    "justification",
    "comment",
    "refused",
    "answer",
    "delegation",
    "recertification",
    "chosen",
    "why",
    "purpose",
)


def rita_text(where: str) -> str:
    """A text of Rita's."""
    assert where in WHERE
    return f"I say so: {WROTE} {where}."


@dataclass
class Story:
    """What Rita did and wrote before she left."""

    company: Company
    submission: Submission


def _submitted(c: Company) -> Submission:
    """She brings it in, the source names her, she is named in case of trouble, and says why it is needed."""
    n = c.people
    contact = f"Rita Novak, {n.rita.email}"
    people = {"business_owner": n.rita, "technical_owner": n.jonas, "escalation_contact": contact}
    made = stock_report.version(c, owned_by(n.rita.email, "Rita Novak"), **people)
    why = dict.fromkeys(scenarios.wishes(made), ItemRequest(rita_text("justification")))
    return submit.submit(made.automation, actor=as_actor(n.rita), now=c.now, version=made, wishes=why)


def _discussed(c: Company, submission: Submission) -> None:
    """She comments, answers, and tries what she may not; others speak of her."""
    n, rita = c.people, as_actor(c.people.rita)
    comment.comment(submission, actor=rita, now=c.now, reason=rita_text("comment"))
    app = scenarios.app_of(submission)
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        decide.approve(app, actor=rita, now=c.now, reason=rita_text("refused"), shown_digest=scenarios.shown(app))
    scenarios.approve(app, n.theo, now=c.now, reason="Rita Novak asked me for it.")
    record = stock_report.privilege_on(submission, c.slack)
    shown = scenarios.shown(record)
    decide.ask_for_changes(record, actor=as_actor(n.omar), now=c.now, reason="Why, Rita Novak?", shown_digest=shown)
    decide.answer(record, actor=rita, now=c.now, reason=rita_text("answer"))
    stock_report.decide_rest(c, submission)
    until = c.now + timedelta(days=3)
    shares(n.tom, n.rita)
    delegate(n.tom, actor=rita, now=c.now, reason=rita_text("delegation"), giver=n.rita, from_at=c.now, until_at=until)


def _reviewed(c: Company, submission: Submission) -> None:
    """She answers one review, and has chosen an answer of another."""
    first, second, third = scenarios.grants_of(submission)[:3]
    at = opens_at(first)
    needed = question(opened(first, at), Asks.NEEDED)
    assert needed.reviewer == c.people.rita
    submit_answer(needed, AnswerKind.KEEP, now=at, reason=rita_text("recertification"))
    other = question(opened(second, at), Asks.NEEDED)
    drafts.save_draft(other, AnswerKind.REVOKE, actor=as_actor(c.people.rita), now=at, reason=rita_text("chosen"))
    theirs = question(opened(third, at), Asks.ACCEPTABLE)
    drafts.save_draft(theirs, AnswerKind.KEEP, actor=as_actor(c.erp.owner), now=at, reason="Rita Novak needs it.")


def _brought_in(c: Company) -> None:
    """She has a preview with what she typed; Grace has one whose source names her."""
    n = c.people
    export = of_its_own(stock_report.EXPORT, "later")
    connect(c, export)
    hers = Build.by(n.rita)
    item = hers.import_item("rita.novak.json", export)
    typed = hers.typed(item, n.rita)
    typed |= {name: rita_text("why") for name in typed if name.startswith("why-")} | {"purpose": rita_text("purpose")}
    hers.post(item, typed)
    named = json.loads(of_its_own(stock_report.EXPORT, "others"))
    owned_by(n.rita.email, "Rita Novak")(named)
    grace = Build.by(n.grace)
    other = grace.import_item("others.json", json.dumps(named).encode())
    grace.post(other, grace.typed(other, n.tom, escalation_contact="Rita Novak"))


def _walk(c: Company) -> Story:
    """Rita has left, and all notices were sent."""
    n = c.people
    client_of(n.rita)
    EmailAddress.objects.create(user=n.rita, email=n.rita.email, verified=True, primary=True)
    Authenticator.objects.create(user=n.rita, type=Authenticator.Type.TOTP, data={"secret": "sealed"})
    submission = _submitted(c)
    _discussed(c, submission)
    _reviewed(c, submission)
    _brought_in(c)
    send_due(now=c.now)
    record_leaver(n.rita, actor=as_actor(n.ines), now=c.now, reason="Rita Novak moves to the coast.")
    return Story(c, submission)


STARTS["story"] = ("company", _walk)


@pytest.fixture
def story(ground: Ground) -> Story:
    """Rita's, for one test to go on with."""
    c: Company = ground.of("company")
    return Story(c, stock_report.newest(c))


def erase_on_the_pages(n: Northwind, person: Person) -> None:
    """Ines asks, Karl confirms; both type the name."""
    name = person.name
    response = client_of(n.ines).post(
        reverse("person_erase", args=[person.pk]), {"named": name, "reason": f"{name} asks."}
    )
    assert response.status_code == 302, response.content.decode()
    row = Erasure.objects.get(person=person)
    done = client_of(n.karl).post(reverse("erasure_confirm", args=[row.pk]), {"named": name})
    assert done.status_code == 302, done.content.decode()


def stored(needles: list[str]) -> list[str]:
    """Where in the database something is, by what is looked for."""
    rows = [row.lower() for row in everything_stored()]
    return [f"{needle}: {row[:300]}" for needle in needles for row in rows if needle.lower() in row]


# --- what is destroyed ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("H6")
def test_erased_persons_name_address_and_texts_are_gone(story: Story) -> None:
    n = story.company.people
    needles = ["Rita Novak", n.rita.email, n.rita.title, "rita.novak", WROTE]
    wanted = [*needles, *(f"{WROTE} {where}" for where in WHERE)]
    held = stored(wanted)
    for needle in wanted:
        assert any(line.startswith(f"{needle}: ") for line in held), f"the story has no {needle}"
    erase_on_the_pages(n, n.rita)
    assert stored(needles) == []
    kept = FreeText.objects.filter(erased_at__isnull=False).values_list("key", flat=True)
    assert len(kept) > len(WHERE)
    assert not any(bytes(key) for key in kept)


@pytest.mark.rule("H6")
def test_erased_person_is_unrecognisable_in_sessions_and_drafts(story: Story) -> None:
    n = story.company.people
    sessions = Session.objects.count()
    erase_on_the_pages(n, n.rita)
    users = {session.get_decoded()["_auth_user_id"] for session in Session.objects.all()}
    assert str(n.rita.pk) not in users
    assert str(n.grace.pk) in users, "others stay signed in"
    assert Session.objects.count() < sessions + 2
    assert not EmailAddress.objects.filter(user=n.rita).exists()
    assert not Authenticator.objects.filter(user=n.rita).exists()
    assert not Draft.objects.filter(person=n.rita).exists()
    assert Draft.objects.get().reason == "Erased person needs it."
    previews = ImportItem.objects.filter(batch__by=n.rita)
    assert {preview.progress for preview in previews} == {ImportState.DISCARDED, ImportState.CONFIRMED}
    assert all((preview.manifest, preview.draft, preview.filename) == ({}, {}, "") for preview in previews)
    assert recorded("automation.contact_erased", story.submission.automation, by=n.karl) == {}
    hers_not = ImportItem.objects.get(batch__by=n.grace)
    assert hers_not.draft["fields"]["escalation_contact"] == "Erased person"
    assert hers_not.manifest["source"]["owner_hint"] == ""
    assert hers_not.manifest["privileges"], "what others read and typed stays"
    assert not any(Notice.objects.filter(recipient=n.rita).values_list("text", flat=True))


# --- what stays -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H6", "S1", "A6")
def test_parties_and_decisions_stay_by_id_after_erasure(story: Story) -> None:
    n, made = story.company.people, story.submission
    before = set(made.parties.values_list("person", "capacity"))
    assert {(n.rita.pk, capacity) for capacity in (Capacity.SUBMITTER, Capacity.AUTHOR, Capacity.ANSWERED)} <= before
    standing = set(submission_parties.next_parties(made.automation, version=made.version))
    shown = {record.pk: scenarios.shown(record) for record in made.approvals.all()}
    erase_on_the_pages(n, n.rita)
    assert set(made.parties.values_list("person", "capacity")) == before
    assert set(submission_parties.next_parties(made.automation, version=made.version)) == standing, (
        "and no admin is an editor by it"
    )
    assert {record.pk: scenarios.shown(record) for record in made.approvals.all()} == shown
    for record in Approval.objects.filter(justification__isnull=False).select_related("justification"):
        assert record.justification is not None
        assert record.facts["justification"] == record.justification.digest


@pytest.mark.rule("H6", "S2")
def test_database_still_bars_erased_decider(company: Company, stock_in_stage_2: Submission) -> None:
    n, made = company.people, stock_in_stage_2
    record_leaver(n.theo, actor=as_actor(n.ines), now=NOW, reason="A new job.")
    erase_on_the_pages(n, n.theo)
    decision = Decision.objects.select_related("person", "reason").get(approval=scenarios.app_of(made))
    assert (decision.person_id, str(decision.person), str(decision.reason)) == (n.theo.pk, "Erased person", "[erased]")
    record = stock_report.privilege_on(made, company.slack)
    name_candidate(record, n.theo)
    with database_refuses("SOD-2: stage 1 and stage 2 are decided by different people"):
        insert_decision(record, n.theo, now=NOW)
    for table in ("approvals_decision", "approvals_decisionperson", "approvals_party", "controls_ledgerevent"):
        with database_refuses("Cannot"):
            sql(f"DELETE FROM {table}")


@pytest.mark.rule("H6", "S1")
def test_an_author_known_by_an_address_alone_stays_an_author(story: Story) -> None:
    """The address came here after the file: only the words of the source said whose it is, and those go."""
    n = story.company.people
    people = {"by": n.jonas, "technical_owner": n.bram}
    late = stock_report.version(story.company, owned_by("late.comer@northwind.example"), **people)
    person = Person.objects.create(name="Late Comer", email="late.comer@northwind.example", subject="late")
    assert not VersionAuthor.objects.filter(version=late, person=person).exists()
    assert (person.pk, Capacity.AUTHOR) in submission_parties.next_parties(late.automation, version=late)
    record_leaver(person, actor=as_actor(n.ines), now=NOW, reason="A new job.")
    erase_on_the_pages(n, person)
    assert stored(["late.comer"]) == []
    assert (person.pk, Capacity.AUTHOR) in submission_parties.next_parties(late.automation, version=late)


@pytest.mark.rule("H6", "A14")
def test_adopted_justification_belongs_to_first_author(company: Company, stock_submitted: Submission) -> None:
    n = company.people
    first = stock_submitted
    newer = stock_report.version(company, stock_report.one_more_channel, by=n.jonas, technical_owner=n.bram)
    second = scenarios.submitted(company, newer, by=n.jonas)
    hers, his = (
        set(submission.approvals.values_list("justification", flat=True)) - {None} for submission in (first, second)
    )
    assert hers < his, "what is asked as before is justified by the very text"
    for person in (n.jonas, n.rita):
        record_leaver(person, actor=as_actor(n.ines), now=NOW, reason="A new job.")
    erase_on_the_pages(n, n.jonas)
    assert {row.pk for row in FreeText.objects.filter(pk__in=his, text="")} == his - hers
    erase_on_the_pages(n, n.rita)
    assert not FreeText.objects.filter(pk__in=his).exclude(text="").exists()


@pytest.mark.rule("H6", "H1")
def test_erased_contact_is_removed_from_history(story: Story) -> None:
    n, automation = story.company.people, story.submission.automation
    erase_on_the_pages(n, n.rita)
    row = Automation.objects.get(pk=automation.pk)
    assert row.escalation_contact == "Erased person, Erased person"
    assert {entry.escalation_contact for entry in row.history.all()} == {"Erased person, Erased person"}
    assert row.history.latest().history_user == n.karl


# --- what people see ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H6")
def test_every_page_says_erased_person(story: Story) -> None:
    n, made = story.company.people, story.submission
    auditor = client_of(n.yuki)
    pages = [reverse("review", args=[made.pk]), f"{reverse('ledger')}?q=", made.automation.href]
    pages += [reverse("person", args=[n.rita.pk]), reverse("people"), f"{reverse('search')}?q=erased"]
    assert all("Rita Novak" in auditor.get(url).content.decode() for url in pages[:-1])
    erase_on_the_pages(n, n.rita)
    for url in pages:
        page = auditor.get(url).content.decode()
        assert "Erased person" in page, url
        assert "Novak" not in page, url
    review = auditor.get(pages[0]).content.decode()
    assert "[erased]" in review
    assert "Erased person asked me for it." in review
    assert "<b>Erased " in auditor.get(pages[3]).content.decode()


@pytest.mark.rule("H6")
def test_erased_reason_is_not_offered_again(story: Story) -> None:
    n = story.company.people
    erase_on_the_pages(n, n.rita)
    again = Build.by(n.tom)
    item = again.import_item("again.json", stock_report.source(stock_report.one_more_channel))
    assert "[erased]" not in again.see(item)


@pytest.mark.rule("H6")
def test_erasure_page_lists_losses_and_asks_for_name(northwind: Northwind) -> None:
    n = northwind
    ask = reverse("person_erase", args=[n.rita.pk])
    assert client_of(n.ines).get(ask).status_code == 409
    record_leaver(n.rita, actor=as_actor(n.ines), now=NOW, reason="A new job.")
    for who, status in ((n.yuki, 403), (n.jonas, 403)):
        assert client_of(who).get(ask).status_code == status
        assert ask not in client_of(who).get(reverse("person", args=[n.rita.pk])).content.decode()
    ines, karl = client_of(n.ines), client_of(n.karl)
    assert ask in ines.get(reverse("person", args=[n.rita.pk])).content.decode()
    page = ines.get(ask).content.decode()
    for words in ("can’t be undone", "every text that they wrote", "Type their name: Rita Novak", "Kept: who decided"):
        assert words in page
    wrong = ines.post(ask, {"named": "Rita", "reason": "She wants it."})
    assert wrong.status_code == 422
    for kept in ("This is not their name", 'value="Rita"', "She wants it."):
        assert kept in wrong.content.decode()
    assert "a reason is needed" in ines.post(ask, {"named": "Rita Novak", "reason": ""}).content.decode()
    ines.post(ask, {"named": "Rita Novak", "reason": "She wants it."})
    row = Erasure.objects.get()
    confirm, drop = reverse("erasure_confirm", args=[row.pk]), reverse("erasure_drop", args=[row.pk])
    requester_page, other = (
        client.get(reverse("person", args=[n.rita.pk])).content.decode() for client in (ines, karl)
    )
    assert confirm not in requester_page
    assert "You asked for this; a second admin confirms it." in requester_page
    assert confirm in other
    assert drop in other
    assert ines.get(confirm).status_code == 403
    assert "Erase Rita Novak permanently?" in karl.get(confirm).content.decode()
    longest = {"named": "Rita", "reason": "x" * 4001}  # this page asks for no reason, so it takes none
    assert karl.post(confirm, longest).status_code == 422
    waits = "To be erased, once a second admin confirms it"
    assert waits in karl.get(reverse("people")).content.decode()
    assert karl.post(drop).status_code == 302
    assert karl.get(confirm).status_code == 409
    assert waits not in karl.get(reverse("people")).content.decode()
    assert client_of(n.yuki).post(drop).status_code == 403
