"""What of that which somebody was told is still theirs to do, for their digest (A10, A14): each asks for all of it at once."""

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
from inventory.models.interim_owner import still_answering


def register() -> None:
    """Have the digest ask here about what approvals tell."""
    daily_digest.register(to_decide, "stage_1_opened", "stage_2_opened", "approval_answered", "approval_due")
    daily_digest.register(to_answer, "changes_asked")
    daily_digest.register(to_forget, "question_retracted")
    daily_digest.register(to_accept, "subset_to_accept")
    daily_digest.register(to_submit_again, "tier_raised")
    daily_digest.register(to_look_at, "sample_drawn", "sample_due")
    daily_digest.register(to_resolve, "conflict_opened")
    daily_digest.register(to_waive, "waiver_asked")
    daily_digest.register(to_waive_again, "waiver_ending")
    daily_digest.register(to_countersign, "proposal_made")
    daily_digest.register(to_take_on, "proposal_to_accept")
    daily_digest.register(to_remove, "revocation_overdue")
    daily_digest.register(to_end, "grant_ending")


def _thread(submission: int) -> str:
    return f"submission:{submission}"


def _by_thread(records: Iterable[Approval]) -> dict[str, list[Approval]]:
    found: dict[str, list[Approval]] = {}
    for record in records:
        found.setdefault(_thread(record.submission_id), []).append(record)
    return found


def _name(submission: Submission) -> str:
    automation = submission.automation
    return f"{automation.name} of {automation.team.name}"


def to_decide(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Submissions with records that the person, or somebody they stand in for, may still decide."""
    found = {}
    for thread, records in _by_thread(approvals.to_decide(Actor.of(person), now)).items():
        if thread not in threads:
            continue
        first, count = records[0], len(records)
        if first.stage == 1:
            what = "may it exist?"
        else:
            what = f"{count} records" if count > 1 else f"{first.title[:1].lower()}{first.title[1:]}"
        due = min((one.due_at for one in records if one.due_at is not None), default=None)
        found[thread] = Line(due, f"{_name(first.submission)}: {what}", {"count": count})
    return found


def to_answer(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Submissions with records that were sent back to the person's side and are not answered."""
    asked = approvals.shown(approvals.sent_back_to(person, now), approvals.TEAM).filter(
        submission__in=daily_digest.keys(threads)
    )
    found = {}
    for thread, records in _by_thread(asked.order_by("pk")).items():
        count = len(records)
        due = min((one.builder_due_at for one in records if one.builder_due_at is not None), default=None)
        questions = f"{count} records wait for an answer or a change" if count > 1 else "an answer or a change is asked"
        found[thread] = Line(due, f"{_name(records[0].submission)}: {questions}")
    return found


def to_forget(person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Submissions of whose questions the person was told: who never heard of a question need not hear that it was taken back."""
    told = Notice.objects.filter(recipient=person, event="changes_asked", thread__in=threads)
    heard = told.filter(digest__state=NoticeState.SENT).order_by().values_list("thread", flat=True)
    return {thread: Line() for thread in heard}


def to_accept(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Submissions that were approved in part and that the person has neither accepted nor declined."""
    theirs = Q(automation__business_owner=person) | still_answering([person.pk], now, "automation__")
    rows = Submission.objects.filter(theirs, pk__in=daily_digest.keys(threads), state=SubmissionState.DECIDED).order_by(
        "pk"
    )
    return {_thread(pk): Line(due) for pk, due in rows.values_list("pk", "accept_due_at")}


def to_submit_again(_person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Submissions under review whose risk has risen: of what was submitted again or has ended nobody need hear."""
    rows = Submission.objects.unfinished().filter(pk__in=daily_digest.keys(threads)).order_by("pk")
    return {_thread(pk): Line() for pk in rows.values_list("pk", flat=True)}


def to_look_at(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Samples that nobody has looked at."""
    found = {f"sample:{one.pk}": Line(one.due_at) for one in approvals.to_look_at(Actor.of(person), now)}
    return {thread: line for thread, line in found.items() if thread in threads}


def to_countersign(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Proposals that the person may countersign and nobody has answered (S8)."""
    rows = Proposal.objects.filter(
        pk__in=daily_digest.keys(threads), state__in=(ProposalState.OPEN, ProposalState.AT_ONCE), lapses_at__gt=now
    )
    may = [one for one in rows.order_by("pk") if person in proposal_rules.who_may_answer(one, now)]
    return {f"proposal:{one.pk}": Line(one.lapses_at) for one in may}


def to_take_on(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Proposals that would have the person answer for something, once they accept (S8)."""
    rows = Proposal.objects.filter(
        pk__in=daily_digest.keys(threads), state=ProposalState.APPROVED, appointed=person, lapses_at__gt=now
    )
    return {f"proposal:{pk}": Line(due) for pk, due in rows.order_by("pk").values_list("pk", "lapses_at")}


def to_resolve(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Conflicts that are held still and that nothing waives."""
    rows = (
        Conflict.objects.standing("", now)
        .filter(pk__in=daily_digest.keys(threads))
        .select_related("rule")
        .order_by("pk")
    )
    return {f"conflict:{one.pk}": Line(one.due_at, one.rule.title) for one in rows}


def to_waive(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Waivers that are asked for and that the person may decide about."""
    rows = Waiver.objects.filter(pk__in=daily_digest.keys(threads), state=WaiverState.ASKED).select_related(
        "automation__team"
    )
    own = rows.exclude(asked_by=person).exclude(beneficiaries__contains=[person.pk]).order_by("pk")
    return {
        f"waiver:{one.pk}": Line(None, f"{one.automation.name} of {one.automation.team.name}: a waiver") for one in own
    }


def to_waive_again(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Waivers that end soon and that none follows."""
    ending = Waiver.objects.live(now).filter(pk__in=daily_digest.keys(threads))
    rows = ending.not_followed().order_by("pk")
    return {f"waiver:{one.pk}": Line(one.ends_at) for one in rows}


def to_remove(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Revocation tasks that were put to the person, or to whom they stand in for, and of which they have said nothing (G4)."""
    rows = RevocationTask.objects.waiting_for(Actor.of(person), now).filter(pk__in=daily_digest.keys(threads))
    return {f"revocation:{pk}": Line(due) for pk, due in rows.order_by("pk").values_list("pk", "due_at")}


def to_end(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
    """Grants that still are to end: of what was renewed or has ended nobody need hear."""
    rows = Grant.objects.live(now).filter(pk__in=daily_digest.keys(threads))
    return {f"grant:{pk}": Line(ends) for pk, ends in rows.order_by("pk").values_list("pk", "ends_at")}
