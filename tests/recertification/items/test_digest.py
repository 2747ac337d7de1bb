"""One person, forty things of every kind, one mail a day: reviews, decisions, questions, changes that were drawn (R5, A10, H8)."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from approvals.decisions import jobs as decision_jobs
from approvals.decisions.transitions import decide
from approvals.grants.transitions import lifecycle
from approvals.models import ApprovalState, Grant, Submission
from governance.core.mail import jobs as mail_jobs
from governance.core.mail import mail_text
from governance.core.models import Delegation, Notice, NoticeState, Person
from governance.core.notices import outbox
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items import notices as reminder_notices
from governance.recertification.items import reviewers
from governance.recertification.items.cards import load_cards
from governance.recertification.models import AnswerKind, Asks, Item, ItemState, Question
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.mail_server import Server, plain
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import JOB, Held, opens_at, question, submit_answer, sweep_at, under_review
from tests.scenarios import Company
from tests.starting_points import starting_point

MINUTES = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def by_the_book(held: Held, settings: Any, smtp: Server) -> None:
    """Digests as an operator who sets nothing has them, to a real mail server."""
    settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING, settings.MAIL_SERVER = time(7, 30), MINUTES, smtp.settings


def drop_notices(c: Company) -> None:
    """Drop the notices of the set-up, so that no digest lists them."""
    Notice.objects.update(state=NoticeState.DROPPED)


def swept(c: Company) -> None:
    """The stock report comes up for review."""
    sweep_at(opens_at(Held(c, stock_report.newest(c)).grant()))


def in_stage_2(c: Company, now: datetime) -> Submission:
    """The invoice chaser, submitted and approved as an app: Omar has several records of it to decide."""
    made = scenarios.submitted(c, now=now)
    scenarios.decide_app(c, made, now=now)
    return made


def in_stage_2_at_once(c: Company) -> Submission:
    """The same on the day on which the stock report came into force."""
    return in_stage_2(c, c.now)


QUIET = starting_point("stock_in_force", drop_notices)
SWEPT = starting_point(QUIET, swept)
CHASER_IN_STAGE_2 = starting_point(QUIET, in_stage_2_at_once)

pytestmark = [pytest.mark.django_db, QUIET]


def send_back(submission: Submission, by: Person, count: int, now: datetime) -> None:
    """Somebody asks for changes of so many records that they were asked about."""
    records = submission.approvals.filter(state=ApprovalState.OPEN, asked__contains=[by.pk]).order_by("pk")
    for record in records[:count]:
        shown = scenarios.shown(record)
        decide.ask_for_changes(record, actor=as_actor(by), now=now, reason="Why?", shown_digest=shown)


def last_to(person: Person) -> Notice:
    """The last digest of a person."""
    return Notice.objects.filter(recipient=person, event=outbox.DIGEST).latest("pk")


def send_all_day(morning: datetime) -> None:
    """The job as it runs from seven in the morning on, by the hour."""
    for hours in range(0, 17, 2):
        mail_jobs.send_due(now=morning.replace(hour=7, minute=0) + timedelta(hours=hours))


@pytest.mark.full("opens forty things")
@pytest.mark.rule("R5", "A10", "R9")
def test_forty_open_tasks_are_one_daily_mail(held: Held, smtp: Server, settings: Any) -> None:
    n = held.people
    low_grants(held.submission, 40, begins_at=held.company.now)
    now = opens_at(held.grant())
    for moment in (now, now + timedelta(days=7)):
        sweep_at(moment)
    now += timedelta(days=7)
    submission = in_stage_2(held.company, now)
    send_back(submission, n.omar, 3, now)
    reviews = {
        reviewer: Item.objects.filter(state=ItemState.OPEN, questions__reviewer=reviewer).count()
        for reviewer in (n.jonas, n.omar)
    }
    assert reviews[n.jonas] > 40
    cards = {person: load_cards(as_actor(person), now).count for person in reviews}
    for _ in range(3):
        mail_jobs.send_due(now=now + MINUTES)
    (to_jonas,), (to_omar,) = smtp.to(n.jonas.email), smtp.to(n.omar.email)
    assert to_jonas["Subject"].startswith(f"{cards[n.jonas]} to review, 1 to answer and 1 to know, first due ")
    assert to_omar["Subject"].startswith(f"1 to decide and {cards[n.omar]} to review, first due ")
    for person, mail in ((n.jonas, to_jonas), (n.omar, to_omar)):
        carried = last_to(person).carried.all()
        assert len({notice.thread for notice in carried}) == reviews[person] + 1
        links = set(re.findall(r"https?://\S+", plain(mail)))
        told = {mail_text.link(notice.context) for notice in carried} & links
        assert len(told) == cards[person] + 1, "a link for each card and for the submission"
    assert max(Counter(message["To"] for message in smtp.messages).values()) == 1, "nobody has two"


@pytest.fixture
def after_first_mail(held: Held, smtp: Server) -> list[Item]:
    """What Omar was asked; the first is answered, and then he had a mail."""
    omar, now = held.people.omar, opens_at(held.grant())
    mine = list(Item.objects.filter(questions__reviewer=omar, state=ItemState.OPEN).order_by("pk"))
    submit_answer(question(mine[0], Asks.ACCEPTABLE), AnswerKind.KEEP, now=now)
    mail_jobs.send_due(now=now + MINUTES)
    return mine


@pytest.mark.rule("R5", "A10")
@SWEPT
def test_answered_task_is_left_out_of_digest(held: Held, smtp: Server, after_first_mail: list[Item]) -> None:
    first, *others = after_first_mail
    count = load_cards(as_actor(held.people.omar), opens_at(held.grant())).count
    assert 1 < count < len(others)
    (mail,) = smtp.to(held.people.omar.email)
    assert mail["Subject"].startswith(f"{count} to review, first due")
    assert f"/recertify/{first.pk}/" not in plain(mail)


@pytest.fixture
def long_answered(held: Held, after_first_mail: list[Item]) -> None:
    """He has answered the others too, and both jobs have run since, to the end of grace."""
    for item in after_first_mail[1:]:
        submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.KEEP, now=item.opened_at + timedelta(hours=1))
    for days in (1, 2, 7, 14, 29):
        at = opens_at(held.grant()) + timedelta(days=days)
        sweep_at(at)
        mail_jobs.send_due(now=at)


@pytest.mark.rule("R5", "A10")
@SWEPT
@pytest.mark.usefixtures("long_answered")
def test_no_digest_is_about_answered_tasks_alone(held: Held, smtp: Server) -> None:
    mail_jobs.send_due(now=opens_at(held.grant()) + timedelta(days=30))
    assert len([mail for mail in smtp.to(held.people.omar.email) if "to review" in mail["Subject"]]) == 1


@pytest.mark.full("writes digests day by day")
@pytest.mark.rule("R5", "H8")
@SWEPT
def test_overdue_digest_is_daily_and_leads_with_overdue_tasks(held: Held, smtp: Server) -> None:
    n = held.people
    item = Item.objects.filter(questions__reviewer=n.omar).order_by("deadline")[0]
    Item.objects.exclude(pk=item.pk).update(deadline=item.deadline + timedelta(days=2))
    sweep_at(item.deadline)  # the deputy is asked
    before = len(smtp.to(n.amara.email))
    send_all_day(item.deadline + timedelta(days=1))
    for day in range(1, 4):
        moment = item.deadline.replace(hour=0) + timedelta(days=day + 1)
        item_jobs.remind_due(moment, JOB)
        send_all_day(moment)
    subjects = [mail["Subject"] for mail in smtp.to(n.amara.email)[before:]]
    assert len(subjects) == 4, subjects


@pytest.mark.rule("A10", "H8")
@CHASER_IN_STAGE_2
def test_overdue_approvals_are_listed_daily_by_due_date(held: Held, smtp: Server, start: Submission) -> None:
    n, submission = held.people, start
    dues = sorted({record.due_at for record in submission.approvals.filter(state=ApprovalState.OPEN)})
    mail_counts = []
    for days in range(1, 4):
        moment = dues[-1] + timedelta(days=days)
        decision_jobs.remind(moment)
        send_all_day(moment)
        mail_counts.append(len(smtp.to(n.omar.email)))
    assert mail_counts == [1, 2, 3]
    assert "overdue" in smtp.to(n.omar.email)[-1]["Subject"].lower()


@pytest.mark.rule("A11")
def test_delegate_gets_digest_of_delegated_tasks(held: Held, smtp: Server) -> None:
    n, now = held.people, opens_at(held.grant())
    Delegation.objects.create(
        giver=n.omar, taker=n.bram, from_at=now - timedelta(days=1), until_at=now + timedelta(days=5), reason=None
    )
    sweep_at(now)
    mail_jobs.send_due(now=now + MINUTES)
    (mail,) = smtp.to(n.bram.email)
    assert "to review" in mail["Subject"]


@pytest.mark.rule("A14")
@CHASER_IN_STAGE_2
def test_several_questions_about_one_submission_are_one_line_until_they_are_answered(
    held: Held, smtp: Server, start: Submission
) -> None:
    n, c = held.people, held.company
    Notice.objects.filter(event="app_approved").update(state="dropped")  # news of the same day
    send_back(start, n.omar, 3, c.now)
    mail_jobs.send_due(now=c.now + MINUTES)
    (mail,) = smtp.to(n.rita.email)
    assert "3 approvals wait for an answer or a change" in mail["Subject"]


@pytest.mark.rule("R5")
def test_an_item_that_was_handed_on_is_due_when_silence_takes_it_away(held: Held) -> None:
    item = under_review(held.grant())
    thread, omar, amara = f"item:{item.pk}", held.people.omar, held.people.amara
    assert reminder_notices.question_lines(omar, {thread}, item.opened_at)[thread].due == item.deadline
    sweep_at(item.deadline)
    assert reminder_notices.question_lines(omar, {thread}, item.deadline) == {}
    assert reminder_notices.question_lines(amara, {thread}, item.deadline)[thread].due == item.grace_until


@pytest.fixture
def omar_left(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Omar alone was asked whether anything is acceptable; he has left, and a job has looked for others."""
    n, now = held.people, opens_at(held.grant())
    Question.objects.filter(asks=Asks.ACCEPTABLE).update(reviewer=n.omar, escalation_chain=[n.omar.pk])
    monkeypatch.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
    Notice.objects.update(state=NoticeState.DROPPED)
    record_leaver(n.omar, actor=as_actor(n.ines), now=now, reason="A new job.")
    sweep_at(now)


@pytest.mark.rule("R5", "A9")
@SWEPT
@pytest.mark.usefixtures("omar_left")
def test_unreplaced_leaver_is_one_weekly_mail_per_reviewer(held: Held, smtp: Server) -> None:
    n, now = held.people, opens_at(held.grant())
    left = Item.objects.filter(nobody=True).order_by("pk")
    assert len(left) > 2
    gone, *others = left
    lifecycle.revoke(gone.grant, actor=as_actor(n.jonas), now=now, reason="Not needed.")
    others = [item for item in others if item.grant in Grant.objects.live(now)]  # its credential ended with it (A2)
    for _ in range(3):
        sweep_at(now + timedelta(hours=1))
        mail_jobs.send_due(now=now + timedelta(hours=1) + MINUTES)
    for person in (n.sana, n.viktor):
        (mail,) = smtp.to(person.email)
        assert mail["Subject"].startswith(f"{len(others)} to look at")
        assert gone.title not in plain(mail)
        assert all(f"Nobody is left to review: {item.title}" in plain(mail) for item in others)
    assert reminder_notices.unassigned_lines(n.jonas, {f"unasked:grant:{others[0].grant_id}"}, now) == {}


@SWEPT
def test_no_single_notice_is_sent_beside_digest(held: Held) -> None:
    mail_jobs.send_due(now=opens_at(held.grant()) + MINUTES)
    states = set(Notice.objects.values_list("state", flat=True))
    assert states <= {NoticeState.CARRIED, NoticeState.SENT, NoticeState.DROPPED}
