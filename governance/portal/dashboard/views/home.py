"""Home: the reader's tasks in order, and the state of their automations. It shows only things the reader can act on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, QuerySet, Subquery, Value
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.inbox import waiting_for as inbox_waiting_for
from approvals.inbox.queries import approvals
from approvals.inbox.queries import proposals as proposal_waiting
from approvals.inbox.views import waiting_for
from approvals.models import Approval, Grant, Sample, Submission, SubmissionState
from approvals.review.views.reader import Reader
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.clock.working_days import zone_of
from governance.core.database import compiled_queries
from governance.core.models import Person
from governance.core.roles.roles import Role
from governance.portal.dashboard import queries as dashboard_queries
from governance.portal.dashboard.queries import MOST, AutomationLine
from governance.portal.dashboard.views import mass_revocations as batches
from governance.portal.dashboard.views import revocation_tasks as revocations
from governance.portal.dashboard.views import waivers as waivers
from governance.portal.view_guards.decorators import reader
from governance.recertification.models import Question
from governance.web.components import times
from governance.web.pages import navigation
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.ownership.queries import Ownerless

Shape = dict[str, Any]

#: Most people to list who have one of my automations now; the others are counted.
MOST_HELD = 5

#: Optional keys of a row: a missing name costs a template more than an empty one.
BLANK: Shape = dict.fromkeys(("level", "seal", "tier", "tags", "ends"))

#: Columns of a review question and of its grant.
QUESTION = ("asks", "reviewer__name", "item__opened_at", "item__deadline", "item__grant_id", "item__automation__name")
GRANT = ("level", "sentence", "entitlement_id", "credential_id", "automation__name")


@require_GET
def home(request: Request) -> HttpResponse:
    """Show the reader's tasks."""
    now = business_time.now()
    person = reader(request)
    to_decide, to_answer = approvals.to_decide_and_to_answer(request.actor, now)
    under_way = approvals.unfinished_submissions(person, now)
    mine, ownerless, proposed, waiver_lines, to_remove, held = dashboard_queries.load_home(request.actor, person, now)
    reviews = _recertifications(person, access.answers_as(request.actor, now))
    navigation.counted(request, recertify=reviews["count"])
    groups = [
        group
        for group in (
            batches.batch_group(held),
            waivers.ended_waivers(waiver_lines),
            _approvals(to_decide),
            _proposals(proposal for proposal in proposed if proposal.what != proposal_waiting.PROPOSED),
            waivers.waivers_to_decide(waiver_lines),
            revocations.task_group(to_remove),
            _samples(request.actor, now),
            reviews,
            _questions(to_answer),
            _acceptances(under_way),
            _ownerless(ownerless, now),
            _own_proposals(proposal for proposal in proposed if proposal.what == proposal_waiting.PROPOSED),
            waivers.own_waivers(waiver_lines),
        )
        if group["rows"]
    ]
    things = sum(group["count"] for group in groups)
    zone = zone_of(person.time_zone, ZoneInfo(settings.ORGANISATION_TIME_ZONE))
    local = now.astimezone(zone)
    facts: list[Any] = [f"{local:%a} {local.day} {local:%b}"]
    if things:
        facts.append(
            {"text": f"{things} thing{'s' if things != 1 else ''} need{'s' if things == 1 else ''} you", "strong": True}
        )
    context: Shape = {
        "now": now,
        "head": {"title": f"Good {_part_of_day(local)}, {person.get_short_name()}", "facts": facts},
        "groups": groups,
        "automations": _automations(mine, under_way, Reader(request.actor, now)),
    }
    if not groups and not mine:
        context["nothing"] = {
            "sentence": "Nothing needs you. What you are asked to decide, answer or review would be here.",
            "href": reverse("bring_in"),
            "action": "Bring in an automation",
        }
    return page(request, "portal/dashboard/home.html", context)


def _part_of_day(local: datetime) -> str:
    return "morning" if local.hour < 12 else "afternoon" if local.hour < 18 else "evening"


def _by_submission(records: Iterable[Approval]) -> list[list[Approval]]:
    groups: dict[int, list[Approval]] = defaultdict(list)
    for record in records:
        groups[record.submission_id].append(record)
    return list(groups.values())


def _request_words(record: Approval) -> str:
    if record.stage == 1:
        return "may this app exist for business use?"
    if record.privilege is None:
        return f"use {record.credential}"
    return record.privilege.sentence.removeprefix("May ")


def _approvals(records: Sequence[Approval]) -> Shape:
    by_submission = _by_submission(records)
    rows = []
    for group in by_submission[:MOST]:
        submission = group[0].submission
        rows.append(
            BLANK
            | {
                "href": reverse("review", args=[submission.pk]),
                "seal": "left" if group[0].stage == 2 else "none",
                "name": submission.automation.name,
                "text": "; ".join(_request_words(record) for record in group[:3]) + (" …" if len(group) > 3 else ""),
                "who": submission.submitted_by.name,
                "since": min(record.opened_at or submission.submitted_at for record in group),
                "due": min((record.due_at for record in group if record.due_at), default=None),
                "tier": submission.tier,
            }
        )
    words = f"{len(records)} record{'s' if len(records) != 1 else ''} in {len(by_submission)} submission{'s' if len(by_submission) != 1 else ''}"
    return {
        "key": "approvals",
        "title": "Approvals",
        "words": words,
        "rows": rows,
        "count": len(by_submission),
        "more_href": reverse("desk"),
        "more_words": "Open the desk",
    }


def _proposals(proposals: Iterable[proposal_waiting.ProposalRow]) -> Shape:
    """Proposals to countersign or to accept (S8)."""
    rows = [_proposal(proposal) for proposal in proposal_waiting.sort_by_lapse(proposals)]
    return {
        "key": "proposals",
        "title": "Proposals",
        "words": "a change of rules, or of who answers, takes two people",
        "rows": rows[:MOST],
        "count": len(rows),
        "more_href": reverse("proposals"),
        "more_words": "See them all",
    }


def _own_proposals(proposals: Iterable[proposal_waiting.ProposalRow]) -> Shape:
    """The reader's own proposals, to change or withdraw; they are no tasks."""
    rows = [_proposal(proposal) | {"who": ""} for proposal in proposal_waiting.sort_by_lapse(proposals)]
    return {"key": "proposed", "title": "Proposed by you", "words": "", "rows": rows[:MOST], "count": 0}


def _proposal(proposal: proposal_waiting.ProposalRow) -> Shape:
    return BLANK | {
        "href": proposal.href,
        "seal": "left" if proposal.what == proposal_waiting.ACCEPT or proposal.acts else "none",
        "name": proposal.title,
        "text": proposal_waiting.action_sentence(proposal),
        "who": proposal.by,
        "since": proposal.since,
        "due": proposal.until,
        "ends": "Lapses",
    }


def _samples(actor: Actor, now: datetime) -> Shape:
    """Spot checks for security reviewers: source-only changes and auto-approved privileges (A12, A13).

    Other readers save this query. A fallback owner who checks instead finds them in the mail and under Approvals.
    """
    samples: list[Sample] = []
    if Role.SECURITY_REVIEWER in access.roles_held(actor, now):
        samples = approvals.open_spot_checks(actor, now)
    rows = [
        {
            "href": sample.href,
            "seal": "full",
            "name": sample.submission.automation.name,
            "text": _sample_words(sample),
            "who": sample.submission.submitted_by.name,
            "since": sample.drawn_at,
            "due": sample.due_at,
            "tier": sample.submission.tier,
        }
        for sample in samples[:MOST]
    ]
    return {"key": "samples", "title": "To look at", "words": "drawn by chance", "rows": rows, "count": len(samples)}


def _sample_words(sample: Sample) -> str:
    if sample.approval is not None:
        return f"Policy approved {sample.approval.quoted}, which was drawn: is it fine?"
    return f"Version {sample.submission.version.number} changed its source and was drawn: is it fine?"


def _recertifications(person: Person, people: Collection[int]) -> Shape:
    """First unanswered questions of the person and of those they are a delegate of, with the total number."""
    questions = QUESTIONS(people=people)
    grants = _grants({question.item.grant_id for question in questions})
    count = questions[0].number if questions else 0
    rows = [_question(question, grants.get(question.item.grant_id or 0), person) for question in questions]
    return {
        "key": "recertifications",
        "title": "Recertifications",
        "words": f"{count} to answer",
        "rows": rows,
        "count": count,
        "more_href": reverse("recert_mine"),
        "more_words": "Answer them in a row",
    }


def _first_questions() -> QuerySet[Any]:
    questions = Question.objects.unanswered().filter(compiled_queries.among_those("people", "reviewer")).order_by()
    number = questions.annotate(one=Value(1)).values("one").annotate(number=Count("*")).values("number")
    rows = questions.select_related("reviewer", "item__automation").only(*QUESTION).annotate(number=Subquery(number))
    return rows.order_by("item__deadline", "pk")[:MOST]


def _grants_query() -> QuerySet[Grant]:
    rows = Grant.objects.filter(compiled_queries.among_those("ids")).select_related("automation")
    return rows.only(*GRANT).order_by()


QUESTIONS = compiled_queries.Statement(_first_questions)
GRANTS = compiled_queries.Statement(_grants_query)


def _grants(ids: Iterable[int | None]) -> dict[int, Grant]:
    """Grants with the relations of their sentence, by id. One query, or none."""
    grant_ids = [pk for pk in ids if pk is not None]
    return {grant.pk: grant for grant in GRANTS(ids=grant_ids)} if grant_ids else {}


def _question(question: Question, grant: Grant | None, person: Person) -> Shape:
    automation = grant.automation if grant is not None else question.item.of_automation
    return BLANK | {
        "href": reverse("recert_item", args=[question.item_id]),
        "level": _level(grant),
        "seal": "" if grant is not None else "full",
        "name": str(automation),
        "text": f"{question.get_asks_display()} {_access_words(grant)}",
        "who": f"for {question.reviewer.name}" if question.reviewer_id != person.pk else "",
        "since": question.item.opened_at,
        "due": question.item.deadline,
    }


def _level(grant: Grant | None) -> str:
    if grant is None:
        return ""
    return "secret" if grant.credential_id is not None and grant.entitlement_id is None else grant.level


def _access_words(grant: Grant | None) -> str:
    if grant is None:
        return "The automation itself."
    return grant.sentence


def _questions(sent_back: Sequence[tuple[Approval, approvals.Question | None]]) -> Shape:
    rows = [
        BLANK
        | {
            "href": reverse("answer", args=[record.submission_id, record.pk]),
            "name": (question.text if question else "") or "A question about your submission",
            "text": f"{record.submission.automation.name}, {_request_words(record)}",
            "who": question.who if question else "",
            "since": question.at if question else None,
            "due": record.builder_due_at,
        }
        for record, question in sent_back[:MOST]
    ]
    return {
        "key": "questions",
        "title": "Questions to you",
        "words": "the approver waits for your answer",
        "rows": rows,
        "count": len(sent_back),
    }


def _acceptances(under_way: Iterable[Submission]) -> Shape:
    """Decided submissions of the person's automations with a refusal: they accept the rest or decline (A5)."""
    submissions = [
        submission
        for submission in under_way
        if submission.state == SubmissionState.DECIDED and getattr(submission, "is_theirs", False)
    ]
    rows = [
        BLANK
        | {
            "href": reverse("review", args=[submission.pk]),
            "seal": "full",
            "name": submission.automation.name,
            "text": "Everything is decided and something was refused: accept the rest, or decline",
            "who": submission.submitted_by.name,
            "since": submission.submitted_at,
            "tier": submission.tier,
        }
        for submission in submissions[:MOST]
    ]
    return {"key": "handovers", "title": "To accept", "words": "", "rows": rows, "count": len(submissions)}


def _ownerless(ownerless: Sequence[Ownerless], now: datetime) -> Shape:
    """Ownerless things of teams that the reader leads; all of them for a security reviewer (I3)."""
    rows = [
        BLANK
        | {
            "href": row.href,
            "seal": "none",
            "name": row.called,
            "text": f"This {row.kind} has no owner: its team’s lead and a security reviewer name who answers meanwhile",
            "who": f"{row.left} is gone",
            "since": row.left_at or now,
        }
        for row in ownerless[:MOST]
    ]
    return {
        "key": "ownerless",
        "title": "Nobody answers for these",
        "words": f"{len(ownerless)}" if len(ownerless) <= MOST else f"more than {MOST}",
        "rows": rows,
        "count": len(rows),
        "more_href": reverse("ownerless"),
        "more_words": "See them all",
    }


def _automations(mine: Iterable[AutomationLine], under_way: Iterable[Submission], reader: Reader) -> list[Shape]:
    submissions = {submission.automation_id: submission for submission in under_way}
    return [_automation(automation, submissions.get(automation.pk), reader) for automation in mine]


def _automation(automation: AutomationLine, submission: Submission | None, reader: Reader) -> Shape:
    shape: Shape = dict.fromkeys(("tag", "next", "waits", "more")) | {
        "href": reverse("automation", args=[automation.pk]),
        "name": automation.name,
        "state": automation.state,
        "held": [],
    }
    if submission is None:
        never = "Submitted before, nothing approved" if automation.submitted_at else "Not submitted yet"
        waits = "" if automation.approved or automation.submitted_at else "Waits to be submitted"
        return shape | {
            "text": f"Version {automation.approved} is approved" if automation.approved else never,
            "waits": waits,
        }
    runs = f", version {automation.approved} runs on" if automation.approved else ""
    held = waiting_for.holder_shapes(inbox_waiting_for.pending_items(submission, reader.now), reader)
    where = "is decided" if submission.state == "decided" else "is in review"
    return shape | {
        "text": f"Version {submission.version.number} {where}{runs}",
        "held": held[:MOST_HELD],
        "more": f"and {times.counted(len(held) - MOST_HELD, 'other')}" if len(held) > MOST_HELD else "",
        "next": {"href": reverse("review", args=[submission.pk]), "label": "See the review"},
    }
