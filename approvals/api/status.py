"""State of the caller, an automation, and a submission with its holders and the next step."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Field, Router, Schema

from approvals.api.caller import Caller, caller
from approvals.api.problems import ERRORS
from approvals.api.requests import Key
from approvals.api.responses import AutomationOut, ConflictOut, Named, Page, VersionOut
from approvals.conflicts.rows import ConflictRow, list_rows
from approvals.inbox.waiting_for import Waiting
from approvals.models import SubmissionState
from approvals.models.submission import UNFINISHED
from approvals.review.dossier import ApprovalRow, Dossier, decided_words, load_dossier, shown_submissions
from governance.core.access import Actor
from governance.core.models import Person
from inventory.models import Automation
from inventory.ownership import rules as ownership_rules

router = Router(tags=["How it stands"])


class CallerOut(Schema):
    """The token's person and scope."""

    person: Named
    token: str
    expires_at: datetime
    is_of_team: bool = Field(description="Whether it reaches one team alone.")
    teams: list[Named] = Field(description="For which it imports.")


class HolderOut(Schema):
    """A person who has to act, with the seat, start and deadline."""

    name: str
    seat: str = Field(
        description="The approval or answer that waits for them. Of the people with the same seat, one is enough; each seat needs one."
    )
    since: datetime
    until: datetime | None


class RecordOut(Schema):
    """One approval: of the app, a privilege or a credential."""

    stage: int = Field(alias="approval.stage")
    kind: str = Field(alias="approval.kind")
    sentence: str
    state: str = Field(alias="approval.state")
    tier: str = Field(alias="approval.tier")
    term_days: int
    held_by: list[HolderOut]
    due_at: datetime | None
    ended_at: datetime | None = Field(alias="approval.ended_at")

    @staticmethod
    def resolve_held_by(row: ApprovalRow) -> list[HolderOut]:
        """List the people of its open seats."""
        return _holders(row.held)


class SubmissionOut(Schema):
    """One submission in its current state."""

    id: int
    reference: str
    state: str
    tier: str
    version: VersionOut
    automation: Named
    submitted_at: datetime
    submitted_by: str
    held_by: list[HolderOut] = Field(description="Who must act now, over all approvals.")
    next: str = Field(description="What comes next, in words.")
    conflicts: list[ConflictOut] = Field(description="If all is approved (S6); empty once it has ended.")
    records: list[RecordOut]
    page: Page


class SubmittedOut(Schema):
    """Outcome of a submission request."""

    submitted: bool = Field(description="Whether somebody is asked now who was not before.")
    submission: SubmissionOut


class StandingOut(Schema):
    """An automation with its versions and its newest submission."""

    automation: AutomationOut
    approved_version: VersionOut | None
    newest_version: VersionOut | None
    submission: SubmissionOut | None


@router.get("/me", response={200: CallerOut, **ERRORS})
def me(request: HttpRequest) -> dict[str, Any]:
    """Show the token's person, its expiry, and the teams it may import for."""
    program, token = caller(request), caller(request).token
    scope = {"is_of_team": token.team_id is not None, "teams": program.teams}
    return {"person": program.person, "token": str(token), "expires_at": token.expires_at, **scope}


@router.get("/teams/{pk}/owners", response={200: list[Named], **ERRORS})
def owners(request: HttpRequest, pk: Key) -> Iterable[Person]:
    """List the people who can own automations of one of your teams."""
    program = caller(request)
    team = next((candidate_team for candidate_team in program.teams if candidate_team.pk == pk), None)
    if team is None:
        raise Http404("No team of theirs has this id.")
    return ownership_rules.possible_owners(team, None, program.now)


@router.get("/automations/{pk}", response={200: StandingOut, **ERRORS})
def automation(request: HttpRequest, pk: Key) -> dict[str, Any]:
    """Show an automation: its state, approved version and newest submission."""
    program = caller(request)
    seen = Automation.objects.visible_to(program.actor, program.now).select_related("team", "approved_version")
    found = get_object_or_404(seen, pk=pk)
    newest = found.submissions.order_by("-pk").first()
    return {
        "automation": found,
        "approved_version": found.approved_version,
        "newest_version": found.versions.order_by("-number").first(),
        "submission": submission_of(newest.pk, program) if newest is not None else None,
    }


@router.get("/submissions/{pk}", response={200: SubmissionOut, **ERRORS})
def submission(request: HttpRequest, pk: Key) -> dict[str, Any]:
    """Show a submission: the state and holders of each approval, and the next step."""
    return submission_of(pk, caller(request))


def submission_of(pk: int, program: Caller) -> dict[str, Any]:
    """Return the `SubmissionOut` of a submission that the caller may see, with the content of its page.

    Raises:
        Http404: no such submission, or the caller may not see it.
    """
    loaded = get_object_or_404(shown_submissions(program.actor, program.now), pk=pk)
    details = load_dossier(loaded, program.now)
    columns = ("id", "reference", "state", "tier", "version", "automation", "submitted_at")
    return {
        **{name: getattr(loaded, name) for name in columns},
        "submitted_by": loaded.submitted_by.name,
        "held_by": _together(details.held),
        "next": _next(details),
        "conflicts": _conflicts(details, program.actor),
        "records": list(details.rows.values()),
        "page": reverse("review", args=[loaded.pk]),
    }


def _conflicts(details: Dossier, actor: Actor) -> list[ConflictRow]:
    """Conflicts of an open submission without its refused privileges, as its page shows them."""
    conflicts = details.context.conflicts
    findings = conflicts.remaining if details.submission.state in UNFINISHED else ()
    return list_rows(findings, conflicts.sentences, actor, details.route.now)


def _holders(held: Iterable[Waiting]) -> list[HolderOut]:
    return [
        HolderOut(name=person.name, seat=pending.seat, since=person.since, until=pending.until)
        for pending in held
        for person in pending.people
    ]


def _together(held: Iterable[Waiting]) -> list[HolderOut]:
    """Each person once per seat, with the earliest instant."""
    by_person_and_seat: dict[tuple[str, str], HolderOut] = {}
    for holder in sorted(_holders(held), key=lambda holder: holder.since):
        by_person_and_seat.setdefault((holder.name, holder.seat), holder)
    return list(by_person_and_seat.values())


def _next(details: Dossier) -> str:
    """The next step in words."""
    if details.submission.state != SubmissionState.OPEN:
        return details.outcome
    if details.app is not None and not details.app.has_ended:
        return "Stage 1 decides about the app; what it may touch waits for that."
    return f"{decided_words(details.second)}; it comes into force after the last decision."
