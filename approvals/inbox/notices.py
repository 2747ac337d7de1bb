"""Digest lines: tasks that a person was notified of and has not finished (A10, A14). Each function makes one query for all threads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q

from approvals.inbox.queries import approvals
from approvals.models import (
    Approval,
    Conflict,
    Grant,
    Proposal,
    ProposalState,
    RevocationTask,
    Submission,
    SubmissionState,
    Waiver,
    WaiverState,
)
from approvals.proposals import rules as proposal_rules
from governance.core.actors.actor import Actor
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Notice, NoticeState, Person
from inventory.models.interim_owner import interim_condition


def register() -> None:
    """Register the digest lines of approvals, by event."""
    daily_digest.register(decision_lines, "stage_1_opened", "stage_2_opened", "approval_answered", "approval_due")
    daily_digest.register(question_lines, "changes_asked")
    daily_digest.register(retraction_lines, "question_retracted")
    daily_digest.register(acceptance_lines, "subset_to_accept")
    daily_digest.register(resubmission_lines, "tier_raised")
    daily_digest.register(spot_check_lines, "sample_drawn", "sample_due")
    daily_digest.register(conflict_lines, "conflict_opened")
    daily_digest.register(waiver_lines, "waiver_asked")
    daily_digest.register(ending_waiver_lines, "waiver_ending")
    daily_digest.register(countersign_lines, "proposal_made")
    daily_digest.register(appointment_lines, "proposal_to_accept")
    daily_digest.register(revocation_lines, "revocation_overdue")
    daily_digest.register(ending_grant_lines, "grant_ending")


def _thread(submission: int) -> str:
    return f"submission:{submission}"


def _by_thread(records: Iterable[Approval]) -> dict[str, list[Approval]]:
    records_by_thread: dict[str, list[Approval]] = {}
    for record in records:
        records_by_thread.setdefault(_thread(record.submission_id), []).append(record)
    return records_by_thread


def _name(submission: Submission) -> str:
    automation = submission.automation
    return f"{automation.name} of {automation.team.name}"


def decision_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Submissions with approvals that the person, or a giver whose delegate they are, may still decide."""
    lines = {}
    for thread, records in _by_thread(approvals.to_decide(Actor.of(person), now)).items():
        if thread not in threads:
            continue
        first, count = records[0], len(records)
        if first.stage == 1:
            question = "may it exist?"
        else:
            question = f"{count} records" if count > 1 else f"{first.title[:1].lower()}{first.title[1:]}"
        due = min((record.due_at for record in records if record.due_at is not None), default=None)
        lines[thread] = Line(due, f"{_name(first.submission)}: {question}", {"count": count})
    return lines


def question_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Submissions with unanswered approvals that were sent back to the person's side."""
    sent_back = approvals.with_list_columns(approvals.sent_back_to(person, now), approvals.TEAM).filter(
        submission__in=daily_digest.keys(threads)
    )
    lines = {}
    for thread, records in _by_thread(sent_back.order_by("pk")).items():
        count = len(records)
        due = min((record.builder_due_at for record in records if record.builder_due_at is not None), default=None)
        questions = f"{count} records wait for an answer or a change" if count > 1 else "an answer or a change is asked"
        lines[thread] = Line(due, f"{_name(records[0].submission)}: {questions}")
    return lines


def retraction_lines(person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Submissions with a retracted question that the person has already had by mail. Other people need no notice of the retraction."""
    notices = Notice.objects.filter(recipient=person, event="changes_asked", thread__in=threads)
    sent_threads = notices.filter(digest__state=NoticeState.SENT).order_by().values_list("thread", flat=True)
    return {thread: Line() for thread in sent_threads}


def acceptance_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Partly approved submissions that the person has neither accepted nor declined."""
    theirs = Q(automation__business_owner=person) | interim_condition([person.pk], now, "automation__")
    rows = Submission.objects.filter(theirs, pk__in=daily_digest.keys(threads), state=SubmissionState.DECIDED).order_by(
        "pk"
    )
    return {_thread(pk): Line(due) for pk, due in rows.values_list("pk", "accept_due_at")}


def resubmission_lines(_person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Unfinished submissions whose risk has risen. Ended or resubmitted ones are left out."""
    rows = Submission.objects.unfinished().filter(pk__in=daily_digest.keys(threads)).order_by("pk")
    return {_thread(pk): Line() for pk in rows.values_list("pk", flat=True)}


def spot_check_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Open spot checks."""
    lines = {f"sample:{sample.pk}": Line(sample.due_at) for sample in approvals.open_spot_checks(Actor.of(person), now)}
    return {thread: line for thread, line in lines.items() if thread in threads}


def countersign_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Unanswered proposals that the person may countersign (S8)."""
    rows = Proposal.objects.filter(
        pk__in=daily_digest.keys(threads), state__in=(ProposalState.OPEN, ProposalState.AT_ONCE), lapses_at__gt=now
    )
    answerable = [
        proposal for proposal in rows.order_by("pk") if person in proposal_rules.people_who_may_answer(proposal, now)
    ]
    return {f"proposal:{proposal.pk}": Line(proposal.lapses_at) for proposal in answerable}


def appointment_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Approved proposals that appoint the person and still need their acceptance (S8)."""
    rows = Proposal.objects.filter(
        pk__in=daily_digest.keys(threads), state=ProposalState.APPROVED, appointed=person, lapses_at__gt=now
    )
    return {f"proposal:{pk}": Line(due) for pk, due in rows.order_by("pk").values_list("pk", "lapses_at")}


def conflict_lines(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Standing conflicts without a waiver."""
    rows = (
        Conflict.objects.standing("", now)
        .filter(pk__in=daily_digest.keys(threads))
        .select_related("rule")
        .order_by("pk")
    )
    return {f"conflict:{conflict.pk}": Line(conflict.due_at, conflict.rule.title) for conflict in rows}


def waiver_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Requested waivers that the person may decide."""
    rows = Waiver.objects.filter(pk__in=daily_digest.keys(threads), state=WaiverState.ASKED).select_related(
        "automation__team"
    )
    decidable = rows.exclude(asked_by=person).exclude(beneficiaries__contains=[person.pk]).order_by("pk")
    return {
        f"waiver:{waiver.pk}": Line(None, f"{waiver.automation.name} of {waiver.automation.team.name}: a waiver")
        for waiver in decidable
    }


def ending_waiver_lines(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Waivers that end soon and have no follow-up."""
    ending = Waiver.objects.live(now).filter(pk__in=daily_digest.keys(threads))
    rows = ending.not_followed().order_by("pk")
    return {f"waiver:{waiver.pk}": Line(waiver.ends_at) for waiver in rows}


def revocation_lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Unanswered revocation tasks of the person, or of a giver whose delegate they are (G4)."""
    rows = RevocationTask.objects.waiting_for(Actor.of(person), now).filter(pk__in=daily_digest.keys(threads))
    return {f"revocation:{pk}": Line(due) for pk, due in rows.order_by("pk").values_list("pk", "due_at")}


def ending_grant_lines(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Live grants that are about to end. Renewed and ended ones are left out."""
    rows = Grant.objects.live(now).filter(pk__in=daily_digest.keys(threads))
    return {f"grant:{pk}": Line(ends) for pk, ends in rows.order_by("pk").values_list("pk", "ends_at")}
