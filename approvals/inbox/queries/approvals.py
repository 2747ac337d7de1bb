"""Tasks of approvals: to decide, to answer, to accept and to spot-check. Reads only."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse

from approvals.inbox.task import Task
from approvals.models import (
    Approval,
    ApprovalState,
    Candidate,
    Decision,
    DecisionOutcome,
    Sample,
    SampleState,
    Submission,
    SubmissionState,
)
from governance.core.access import Actor, access
from governance.core.database.grouping import grouped
from governance.core.database.querysets import among, keyed_by, load_keyed, with_columns
from governance.core.models import Person
from inventory.importers import sentences
from inventory.models import Automation, DataClass, Reach

#: Columns of an approval that its words read (`request_words`, `Approval.quoted`).
WORD_COLUMNS = (
    *("stage", "kind", "privilege__target", "privilege__target_name", "credential__name", "credential__kind"),
    *(f"privilege__entitlement__{column}" for column in ("words", "form", "resource__name")),
)
#: Columns of an open approval for its task.
TASK_COLUMNS = (
    *(*WORD_COLUMNS, "tier", "opened_at", "due_at", "privilege__level", "submission__tier", "submission__submitted_at"),
    *("submission__submitted_by__name", "submission__automation__name", "submission__automation__team__name"),
)
#: Columns of an approval that the Approvals page reads.
LIST_COLUMNS = (
    *(*TASK_COLUMNS, "state", "earlier", "round", "submission__light_path", "privilege__model_controlled"),
    *("privilege__entitlement__data_class", "privilege__entitlement__resource__data_class"),
    *("credential__reach_kind", "decided_on__data_class"),
)
#: Relations of a spot check of an auto-approved privilege or credential.
SPOT_CHECK_RELATIONS = ("approval__privilege__entitlement__resource", "approval__credential")
SPOT_CHECK_COLUMNS = (
    *("drawn_at", "due_at", "submission__tier", "submission__version__number", "submission__submitted_by__name"),
    *("submission__automation__name", "submission__automation__team__name"),
    *(f"approval__{column}" for column in WORD_COLUMNS),
)
QUESTION_COLUMNS = (
    *("at", "person__name", "reason__text", "approval__submission", "approval__builder_due_at"),
    *(f"approval__{column}" for column in WORD_COLUMNS),
)
#: Columns of an unfinished submission for its tasks and the people it waits for.
UNFINISHED_COLUMNS = (
    *("state", "tier", "submitted_at", "decided_at", "accept_due_at", "version__number", "automation__name"),
    *("automation__team__name", "automation__interim__state", "automation__interim__until"),
    *(
        f"{person}__{column}"
        for person in ("submitted_by", "automation__business_owner", "automation__interim__person")
        for column in ("name", "is_active", "left_at")
    ),
)

#: Riskiest first.
TIERS = ("high", "standard", "low")
#: Most powerful first; a credential is ``secret``.
LEVELS = ("admin", "execute", "write", "unknown", "read", "secret")


def level_of(approval: Approval) -> str:
    """Return the level to draw; a credential is ``secret``."""
    return approval.privilege.level if approval.privilege is not None else "secret"


def by_risk(approval: Approval) -> tuple[int, int, int]:
    """Sort key: riskiest first, then the most powerful level."""
    return TIERS.index(approval.tier), LEVELS.index(level_of(approval)), approval.pk


def request_words(approval: Approval) -> str:
    """What an approval would allow, to follow "wants to"."""
    if approval.stage == 1:
        return "exist for business use"
    if approval.privilege is None:
        return f"use {approval.credential}"
    return sentences.infinitive(approval.privilege.sentence)


@dataclass(frozen=True, kw_only=True)
class SubmissionTask(Task):
    """Open approvals of one submission and stage.

    Args:
        approvals: the open approvals, nearest deadline first.
        waiting: the waiting approvals of stage 2; they show the approver of an app what it would do (A3).
        mine: the approvals that wait for the reader.
        givers: names of the people whose delegate the reader would be (A11).
        apart: why none of ``mine`` can be part of a bulk decision, to follow the name; empty if one can (A7).
    """

    approvals: tuple[Approval, ...]
    waiting: tuple[Approval, ...] = ()
    mine: tuple[Approval, ...] = ()
    givers: tuple[str, ...] = ()
    apart: str = ""

    @property
    def stage(self) -> int:
        """Stage of the approvals."""
        return self.approvals[0].stage

    @property
    def team_pk(self) -> int:
        """Key of the automation's team."""
        return self.approvals[0].submission.automation.team_id

    @property
    def details(self) -> list[Approval]:
        """The approvals that show what the automation would do, the riskiest first."""
        return sorted(self.waiting if self.stage == 1 else self.approvals, key=by_risk)

    @property
    def levels(self) -> list[str]:
        """Levels to draw, at most four."""
        return [level_of(approval) for approval in self.details][:4]

    @property
    def data_class(self) -> str:
        """Highest data class. Empty if none is known."""
        known = [_class_of(approval) for approval in self.details]
        return max(filter(None, known), key=list(DataClass.values).index, default="")

    @property
    def is_model_controlled(self) -> bool:
        """Whether a model chooses something that the automation would do."""
        return any(approval.privilege is not None and approval.privilege.model_controlled for approval in self.details)

    @property
    def is_reach_unknown(self) -> bool:
        """Whether it is unknown what a credential opens (I6)."""
        credentials = [approval.credential for approval in self.details if approval.credential is not None]
        return any(credential.reach_kind == Reach.UNKNOWN for credential in credentials)

    @property
    def is_asked_again(self) -> bool:
        """Whether something was rejected or withdrawn before (A15)."""
        return any(approval.earlier_id is not None for approval in (*self.approvals, *self.waiting))

    @property
    def is_light_path(self) -> bool:
        """Whether policy approves stage 2 (A13)."""
        return self.stage == 1 and self.approvals[0].submission.light_path

    @property
    def round(self) -> int:
        """The latest round of an approval (A14)."""
        return max(approval.round for approval in self.approvals)


def _class_of(approval: Approval) -> str:
    """Data class of a stage-2 approval. Empty if the reach of a credential is unknown."""
    if approval.privilege is not None:
        return approval.privilege.entitlement.counted_class
    return approval.decided_on.counted_class if approval.decided_on is not None else ""


def asked_of(actor: Actor, now: datetime) -> QuerySet[Approval]:
    """Open approvals for the reader, or for a giver whose delegate they are, that neither has decided in this round.

    Candidates are fixed when an approval opens. The approval's page shows a conflict that arose later.
    """
    if actor.person is None:
        return Approval.objects.none()
    people, undecided = list(access.answers_as(actor, now)), Q()
    for candidate in people:
        deciders = {candidate, actor.person.pk}
        by_them = Q(person__in=deciders) | Q(for_person__in=deciders)
        decided = Decision.objects.standing().filter(by_them, approval=OuterRef("pk"), round=OuterRef("round"))
        undecided |= Q(~Exists(decided), asked__contains=[candidate])
    return Approval.objects.filter(undecided, state=ApprovalState.OPEN, asked__overlap=people)


def to_decide(actor: Actor, now: datetime) -> list[Approval]:
    """Approvals of `asked_of` with the columns of a task, nearest deadline first. One query if there are none, else two."""
    ids = list(asked_of(actor, now).order_by().values_list("pk", flat=True))
    if not ids:
        return []
    return sort_by_deadline(with_columns(Approval.objects.filter(among(ids)).order_by(), TASK_COLUMNS))


#: Comes after every deadline.
NEVER = datetime.max.replace(tzinfo=UTC)


def sort_by_deadline(approvals: Iterable[Approval]) -> list[Approval]:
    """Sort approvals: nearest deadline first."""
    return sorted(approvals, key=lambda approval: (approval.due_at or NEVER, approval.pk))


def giver_names(approvals: Collection[int], actor: Actor, now: datetime) -> dict[int, list[str]]:
    """Givers whose delegate the reader would be, by approval. A candidate decides for themself (A11)."""
    people = access.answers_as(actor, now)
    if len(people) < 2:
        return {}
    candidates = Candidate.objects.filter(seat__approval__in=approvals, person__in=people).order_by("pk")
    names: dict[int, dict[int, str]] = defaultdict(dict)
    for approval, person, name in candidates.values_list("seat__approval", "person", "person__name"):
        names[approval][person] = name
    return {approval: list(named.values()) for approval, named in names.items() if people[0] not in named}


def submission_tasks(
    approvals: Iterable[Approval],
    *,
    waiting: Iterable[Approval] = (),
    givers: Mapping[int, Collection[str]] = MappingProxyType({}),
    mine: Collection[int] | None = None,
) -> list[SubmissionTask]:
    """Return one task for each submission.

    Args:
        approvals: open approvals, nearest deadline first.
        waiting: the waiting approvals of stage 2.
        givers: names by approval, as `giver_names` returns them.
        mine: keys of the approvals that wait for the reader; None for all.
    """
    groups, waiting_groups = (grouped((row.submission_id, row) for row in rows) for rows in (approvals, waiting))
    return [_submission_task(group, waiting_groups.get(pk, []), givers, mine) for pk, group in groups.items()]


def _submission_task(
    group: list[Approval], waiting: list[Approval], givers: Mapping[int, Collection[str]], mine: Collection[int] | None
) -> SubmissionTask:
    submission, stage = group[0].submission, group[0].stage
    wishes = [request_words(approval) for approval in sorted(waiting if stage == 1 else group, key=by_risk) or group]
    more = f" and {len(wishes) - 2} more" if len(wishes) > 2 else ""
    automation, text = submission.automation, f"wants to {'; '.join(wishes[:2])}{more}"
    return SubmissionTask(
        thread=f"submission:{submission.pk}",
        href=reverse("review", args=[submission.pk]),
        name=automation.name,
        team=automation.team.name,
        text=text,
        line=f"{automation.name} of {automation.team.name}: {text}",
        who=submission.submitted_by.name,
        since=min(approval.opened_at or submission.submitted_at for approval in group),
        due=min((approval.due_at for approval in group if approval.due_at), default=None),
        tier=submission.tier,
        seal="left" if stage == 2 else "none",
        approvals=tuple(group),
        waiting=tuple(waiting),
        givers=tuple(dict.fromkeys(name for approval in group for name in givers.get(approval.pk, ()))),
        mine=tuple(approval for approval in group if mine is None or approval.pk in mine),
    )


def decisions(actor: Actor, now: datetime) -> list[SubmissionTask]:
    """Submissions with approvals that the reader, or a giver whose delegate they are, may decide."""
    return submission_tasks(to_decide(actor, now))


def spot_checks(actor: Actor, now: datetime) -> list[Task]:
    """Open spot checks for the reader, or for a giver whose delegate they are (A12, A13).

    The page of the spot check shows whether the reader has become a party since.
    """
    samples = Sample.objects.filter(state=SampleState.OPEN, asked__overlap=list(access.answers_as(actor, now)))
    rows = load_keyed(samples.order_by().values_list("pk", flat=True), Sample.objects.all(), SPOT_CHECK_COLUMNS)
    return [_spot_check(sample) for sample in sorted(rows, key=lambda row: (row.due_at or NEVER, row.pk))]


def _spot_check(sample: Sample) -> Task:
    submission, approval, automation = sample.submission, sample.approval, sample.submission.automation
    change = f"Version {submission.version.number} changed its source and"
    drawn = f"Policy approved {approval.quoted}, which" if approval is not None else change
    assert sample.drawn_at is not None  # an open spot check is drawn
    return Task(
        thread=f"sample:{sample.pk}",
        href=sample.href,
        name=automation.name,
        team=automation.team.name,
        text=f"{drawn} was drawn: is it fine?",
        who=submission.submitted_by.name,
        since=sample.drawn_at,
        due=sample.due_at,
        tier=submission.tier,
        seal="full",
    )


def load_questions(submissions: Collection[Submission]) -> list[Decision]:
    """Questions with which approvals of these submissions were sent back, nearest deadline first (A14)."""
    if not submissions:
        return []
    approvals = among([submission.pk for submission in submissions], "approval__submission")
    asked = Decision.objects.standing().filter(approvals, approval__state=ApprovalState.CHANGES_ASKED)
    asked = asked.filter(outcome=DecisionOutcome.ASK, round=F("approval__round")).order_by()
    return sorted(with_columns(asked, QUESTION_COLUMNS), key=lambda row: (row.approval.builder_due_at or NEVER, row.pk))


def questions(decisions: Iterable[Decision], submissions: Iterable[Submission]) -> list[Task]:
    """Tasks of the questions of `load_questions` about these submissions."""
    by_pk = {submission.pk: submission for submission in submissions}
    return [_question(decision, by_pk[decision.approval.submission_id]) for decision in decisions]


def _question(decision: Decision, submission: Submission) -> Task:
    approval = decision.approval
    question = decision.reason.shown if decision.reason is not None else "A question about your submission"
    automation = submission.automation
    return Task(
        thread=f"submission:{submission.pk}",
        href=reverse("answer", args=[submission.pk, approval.pk]),
        name=automation.name,
        team=automation.team.name,
        text=f"{question} ({request_words(approval)})",
        who=decision.person.name,
        since=decision.at,
        due=approval.builder_due_at,
        seal="",
    )


def unfinished_submissions(person: Person, now: datetime) -> list[Submission]:
    """Unfinished submissions of the person or of their automations, oldest first."""
    automations = Automation.objects.answered_by([person.pk], now).order_by().values("pk")
    theirs = Q(submitted_by=person) | Q(keyed_by(automations, "automation"))
    keys = Submission.objects.unfinished().filter(theirs).order_by().values("pk")
    rows = with_columns(Submission.objects.filter(keyed_by(keys)).order_by(), UNFINISHED_COLUMNS)
    return sorted(rows, key=lambda row: row.pk)


def acceptances(submissions: Iterable[Submission], person: Person, now: datetime) -> list[Task]:
    """Partly approved submissions that the person accepts or declines (A5)."""
    return [
        Task(
            thread=f"submission:{submission.pk}",
            href=reverse("review", args=[submission.pk]),
            name=submission.automation.name,
            text="Everything is decided and something was rejected: accept the rest, or decline",
            who=submission.submitted_by.name,
            since=submission.submitted_at,
            due=submission.accept_due_at,
            tier=submission.tier,
            seal="full",
        )
        for submission in submissions
        if submission.state == SubmissionState.DECIDED and submission.automation.accepting(now) == person
    ]
