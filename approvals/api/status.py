"""How things stand: who asks, an automation, and a submission with who holds it since when and what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Field, Router, Schema

from approvals.api.caller import Caller, caller
from approvals.api.conflicts import ConflictOut, conflicts_of
from approvals.api.links import address
from approvals.api.problems import ERRORS
from approvals.api.requests import Key
from approvals.api.responses import AutomationOut, Named, VersionOut
from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check import submission as conflicts
from approvals.inbox.waiting_for import Held
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.models.submission import UNFINISHED
from approvals.review.views import approval_rows, dossier
from approvals.review.views.dossier import Dossier
from approvals.review.views.reader import Reader
from inventory.models import Automation
from inventory.ownership import rules as ownership_rules

router = Router(tags=["How it stands"])


class CallerOut(Schema):
    """Whose token this is, and how far it reaches."""

    person: Named
    token: str
    expires_at: datetime
    is_of_team: bool = Field(description="Whether it reaches one team alone.")
    teams: list[Named] = Field(description="For which it brings in.")


class HolderOut(Schema):
    """Who holds something, in which seat, since when and until when."""

    name: str
    seat: str = Field(
        description="Which signature or answer waits for them: of those with the same seat any one will do, each seat needs one."
    )
    since: datetime
    until: datetime | None


class RecordOut(Schema):
    """One question with its own decision: the app, one privilege, one credential."""

    stage: int
    kind: str
    sentence: str
    state: str
    tier: str
    term_days: int
    held_by: list[HolderOut]
    due_at: datetime | None
    ended_at: datetime | None


class SubmissionOut(Schema):
    """One submission as it stands."""

    id: int
    reference: str
    state: str
    tier: str
    version: VersionOut
    automation: Named
    submitted_at: datetime
    submitted_by: str
    held_by: list[HolderOut] = Field(description="Who is to act now, over all records.")
    next: str = Field(description="What comes next, in words.")
    conflicts: list[ConflictOut] = Field(
        description="What would be held together and may not be, were all that is asked approved (S6); none once it is over."
    )
    records: list[RecordOut]
    page: str


class SubmittedOut(Schema):
    """What submitting came to."""

    submitted: bool = Field(description="Whether somebody is asked now who was not before.")
    submission: SubmissionOut


class StandingOut(Schema):
    """An automation with its versions and its newest submission."""

    automation: AutomationOut
    approved_version: VersionOut | None
    newest_version: VersionOut | None
    submission: SubmissionOut | None


@router.get("/me", response={200: CallerOut, **ERRORS})
def me(request: HttpRequest) -> CallerOut:
    """Whose token this is, until when, and for which teams it brings in."""
    who = caller(request)
    return CallerOut(
        person=Named(id=who.person.pk, name=who.person.name),
        token=str(who.token),
        expires_at=who.token.expires_at,
        is_of_team=who.token.team_id is not None,
        teams=[Named(id=one.pk, name=one.name) for one in who.teams],
    )


@router.get("/teams/{pk}/owners", response={200: list[Named], **ERRORS})
def owners(request: HttpRequest, pk: Key) -> list[Named]:
    """Who can be named an owner of what one of your teams builds."""
    who = caller(request)
    team = next((one for one in who.teams if one.pk == pk), None)
    if team is None:
        raise Http404("No team of theirs has this id.")
    return [Named(id=one.pk, name=one.name) for one in ownership_rules.possible_owners(team, None, who.now)]


@router.get("/automations/{pk}", response={200: StandingOut, **ERRORS})
def automation(request: HttpRequest, pk: Key) -> StandingOut:
    """An automation: its state, which version is approved, and how its newest submission stands."""
    who = caller(request)
    seen = Automation.objects.visible_to(who.actor, who.now).select_related("team", "approved_version")
    one = get_object_or_404(seen, pk=pk)
    last = one.submissions.order_by("-pk").first()
    return StandingOut(
        automation=AutomationOut.of(one),
        approved_version=VersionOut.of(one.approved_version),
        newest_version=VersionOut.of(one.versions.order_by("-number").first()),
        submission=submission_of(last, who) if last is not None else None,
    )


@router.get("/submissions/{pk}", response={200: SubmissionOut, **ERRORS})
def submission(request: HttpRequest, pk: Key) -> SubmissionOut:
    """A submission: each record's state, who holds it since when, and what comes next."""
    who = caller(request)
    found = Submission.objects.visible_to(who.actor, who.now)
    return submission_of(get_object_or_404(found, pk=pk), who)


def submission_of(one: Submission, who: Caller) -> SubmissionOut:
    """A submission that the caller may see, read as its page is."""
    reader = Reader(who.actor, who.now)
    found = get_object_or_404(dossier.visible(reader), pk=one.pk)
    about = dossier.dossier(found, reader)
    version = VersionOut.of(found.version)
    assert version is not None
    records = [_record(record, about) for record in about.records]
    return SubmissionOut(
        id=found.pk,
        reference=found.reference,
        state=found.state,
        tier=found.tier,
        version=version,
        automation=Named(id=found.automation_id, name=found.automation.name),
        submitted_at=found.submitted_at,
        submitted_by=found.submitted_by.name,
        held_by=_together(about.held),
        next=_next(about),
        conflicts=_conflicts(found, reader),
        records=records,
        page=address(reverse("review", args=[found.pk])),
    )


def _conflicts(one: Submission, reader: Reader) -> list[ConflictOut]:
    """Conflicts of an open submission, without refused privileges, as its page shows them."""
    found = remaining_conflicts.of_submission(one, reader.now) if one.state in UNFINISHED else ()
    return conflicts_of(found, conflicts.words_in(one), reader.actor, reader.now)


def _record(record: Approval, about: Dossier) -> RecordOut:
    return RecordOut(
        stage=record.stage,
        kind=record.kind,
        sentence=approval_rows.subject(record) if record.stage == 2 else "May this app exist for business use?",
        state=record.state,
        tier=record.tier,
        term_days=record.granted_term_days or record.term_days,
        held_by=_holders(about.held_of(record)),
        due_at=record.due_at if record.state == ApprovalState.OPEN else record.builder_due_at,
        ended_at=record.ended_at,
    )


def _holders(held: Iterable[Held]) -> list[HolderOut]:
    return [
        HolderOut(name=person.name, seat=one.seat, since=person.since, until=one.until)
        for one in held
        for person in one.people
    ]


def _together(held: Iterable[Held]) -> list[HolderOut]:
    """Each person once a seat, with the earliest instant."""
    first: dict[tuple[str, str], HolderOut] = {}
    for one in sorted(_holders(held), key=lambda one: one.since):
        first.setdefault((one.name, one.seat), one)
    return list(first.values())


def _next(about: Dossier) -> str:
    """What comes next, in words."""
    one = about.submission
    if one.state == SubmissionState.IN_FORCE:
        return f"Version {one.version.number} is in force."
    if one.state == SubmissionState.DECIDED:
        return f"{one.automation.accepting(about.route.now).name} accepts what was approved, or declines."
    if one.state != SubmissionState.OPEN:
        return f"{one.get_state_display()}: nothing of this came into force."
    if about.app is not None and not about.app.has_ended:
        return "Stage 1 decides about the app; what it may touch waits for that."
    return f"{approval_rows.decided_words(about.second)}; it comes into force after the last decision."
