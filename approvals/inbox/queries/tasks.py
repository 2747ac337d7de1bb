"""Tasks beside approvals: proposals, waivers, access to remove and paused mass revocations. Reads only.

The page of each checks by the duties of the write whether the reader may really act. Each function makes one query if
there are no rows, and at most two; `proposals` makes one more for the names of each kind.
"""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from approvals.inbox.task import Task
from approvals.models import BatchState, Conflict, HeldBatch, Proposal, ProposalState, RevocationTask, Waiver
from approvals.models.circuit_breaker import ANSWERING
from approvals.proposals.kinds import kind
from governance.core.access import ROLE_WORDS, Actor, Role, access
from governance.core.database.querysets import among, load_keyed, with_columns
from governance.core.models import Delegation, Person
from inventory.models import Automation, Resource

#: Columns that a task of each kind reads.
PROPOSAL_COLUMNS = (
    *("kind", "target", "state", "needs", "proposed_at", "lapses_at"),
    *("proposed_by__name", "appointed__name"),
)
WAIVER_COLUMNS = ("days", "asked_at", "automation__name", "asked_by__name")
CONFLICT_COLUMNS = ("opened_at", "due_at", "rule__title")
REVOCATION_COLUMNS = (
    *("opened_at", "due_at", "grant__automation__name", "grant__entitlement__resource__name"),
    *("grant__approval__decided_on__name", "grant__credential__kept_in", "grant__credential__opens"),
)
BATCH_COLUMNS = ("opened_at", "answer_by", "cause__title", "cause__person__name")

#: Keys of the proposed resources whose next step is the reader's, as the sidebar counts them (`Resource.next_step`).
_COUNT = Path(__file__).parents[1].joinpath("counts/resources.sql").read_text().replace("count(*)", "resource.id", 1)
RESOURCES_SQL = f"SELECT id FROM (SELECT %s::bigint AS me, %s::text[] AS roles) reader, LATERAL ({_COUNT}) found"  # noqa: S608

#: Maximum number of tasks of one kind; their list pages have all.
MOST = 50


def proposals(actor: Actor, now: datetime) -> list[Task]:
    """Proposals that the reader may countersign or accept, and their own; soonest lapse first (S8).

    Proposals know no delegates.
    """
    me = actor.person
    if me is None:
        return []
    wanted = Q(state=ProposalState.APPROVED, appointed=me) | Q(proposed_by=me)
    if roles := access.roles_held(actor, now) & kind.countersigners():
        wanted |= countersignable(me, roles, now)
    keys = Proposal.objects.unanswered().filter(wanted, lapses_at__gt=now).order_by("lapses_at", "pk")
    found = load_keyed(keys.values_list("pk", flat=True)[:MOST], Proposal.objects.all(), PROPOSAL_COLUMNS)
    titles = kind.titles(found)
    return [
        Task(
            thread=f"proposal:{proposal.pk}",
            href=proposal.href,
            name=f"{kind.kind_of(proposal.kind).title}: {titles[proposal.kind, proposal.target]}",
            text=_proposal_text(proposal, is_own=proposal.proposed_by == me),
            who="" if proposal.proposed_by == me else proposal.proposed_by.name,
            since=proposal.proposed_at,
            due=proposal.lapses_at,
            due_word="Lapses",
            seal="none" if proposal.state == ProposalState.OPEN else "left",
            is_own=proposal.proposed_by == me,
        )
        for proposal in found
    ]


def countersignable(me: Person, roles: Collection[Role], now: datetime) -> Q:
    """Condition: proposals of other people that need one of these roles, and that do not concern the reader."""
    unsigned = Q(state__in=(ProposalState.OPEN, ProposalState.AT_ONCE), needs__in=roles)
    delegation = Q(giver=me, taker=OuterRef("proposed_by")) | Q(taker=me, giver=OuterRef("proposed_by"))
    between = Delegation.objects.filter(delegation).since(OuterRef("proposed_at"), now)
    barred = Q(proposed_by=me) | Q(gains__contains=[me.pk]) | Q(loses__contains=[me.pk]) | Q(Exists(between))
    return unsigned & ~barred


def _proposal_text(proposal: Proposal, *, is_own: bool) -> str:
    if proposal.state == ProposalState.APPROVED and proposal.appointed is not None:
        return (
            f"Waits for {proposal.appointed.name}"
            if is_own
            else "Two people want you to answer for this: accept or decline"
        )
    if is_own:
        return f"Waits for a {ROLE_WORDS[Role(proposal.needs)].lower()}"
    is_acting = proposal.state == ProposalState.AT_ONCE
    acts = "It acts already and lapses without a countersignature" if is_acting else "It takes a second person"
    return f"{acts}: countersign or reject"


def waivers(actor: Actor, now: datetime) -> list[Task]:
    """Requested waivers that the reader may decide as security, and their own requests; oldest first (S7)."""
    me = actor.person
    if me is None:
        return []
    wanted = Q(asked_by=me)
    if Role.SECURITY_REVIEWER in access.roles_held(actor, now):
        people = [person.pk for person in actor.people]
        wanted |= ~Q(asked_by__in=people) & ~Q(beneficiaries__overlap=people)
    rows = with_columns(Waiver.objects.standing("", now).filter(wanted).titled(), WAIVER_COLUMNS)
    return [_waiver(waiver, is_own=waiver.asked_by == me) for waiver in rows.order_by("asked_at", "pk")[:MOST]]


def _waiver(waiver: Waiver, *, is_own: bool) -> Task:
    wish = f"{waiver.automation.name}, for {waiver.days} day{'s' if waiver.days != 1 else ''}"
    return Task(
        thread=f"waiver:{waiver.pk}",
        href=waiver.href,
        name=waiver.title,
        text=f"{wish}, waits for security" if is_own else f"{wish}: grant or refuse",
        who="" if is_own else waiver.asked_by.name,
        since=waiver.asked_at,
        is_own=is_own,
    )


def ended_waivers(actor: Actor, now: datetime) -> list[Task]:
    """Conflicts that stand again after a waiver, for the owners of their automations and for security; oldest first (S7)."""
    if actor.person is None:
        return []
    conflicts, theirs = Conflict.objects.standing("again", now), Automation.objects.all()
    if Role.SECURITY_REVIEWER not in access.roles_held(actor, now):
        theirs = Automation.objects.answered_by([actor.person.pk], now)
        conflicts = conflicts.filter(automations__overlap=ArraySubquery(theirs.order_by().values("pk")))
    if not conflicts.exists():  # mostly there are none, and the whole statement is slow to build
        return []
    names = theirs.filter(among(OuterRef("automations"))).order_by("name", "pk").values("name")
    rows = with_columns(conflicts, CONFLICT_COLUMNS).annotate(automation_name=Subquery(names[:1]))
    return [
        Task(
            thread=f"conflict:{conflict.pk}",
            href=conflict.href,
            name=conflict.rule.title,
            text=f"{conflict.automation_name}: the waiver is over and the access is still held. Resolve the conflict, or request another waiver",
            since=conflict.opened_at,
            due=conflict.due_at,
            due_word="Resolve by",
        )
        for conflict in rows.order_by("opened_at", "pk")[:MOST]
    ]


def revocation_tasks(actor: Actor, now: datetime) -> list[Task]:
    """Access to remove in target systems, nearest deadline first (G4)."""
    keys = RevocationTask.objects.waiting_for(actor, now).order_by("due_at", "pk").values_list("pk", flat=True)
    rows = load_keyed(keys[:MOST], RevocationTask.objects.all(), REVOCATION_COLUMNS)
    return [
        Task(
            thread=f"revocation:{task.pk}",
            href=task.href,
            name=task.grant.automation.name,
            text=f"Remove what it held{f' on {task.resource.name}' if task.resource is not None else ''}, or check that it is gone",
            since=task.opened_at,
            due=task.due_at,
        )
        for task in rows
    ]


def paused_mass_revocations(actor: Actor, now: datetime) -> list[Task]:
    """Paused mass revocations that security or an admin has not answered, without their own; nearest deadline first (G6)."""
    if actor.person is None or not access.roles_held(actor, now) & set(ANSWERING):
        return []
    rows = HeldBatch.objects.filter(state=BatchState.OPEN).exclude(cause__person=actor.person)
    unanswered = with_columns(rows.exclude(answers__person=actor.person), BATCH_COLUMNS).annotate(size=Count("held"))
    return [
        Task(
            thread=f"brake:{batch.pk}",
            href=batch.href,
            name=batch.cause.words,
            text=f"{batch.size} grant{'s' if batch.size != 1 else ''} would end at once",
            since=batch.opened_at,
            due=batch.answer_by,
            due_word="Answer by",
        )
        for batch in unanswered.order_by("answer_by", "pk")[:MOST]
    ]


def waiting_resources(actor: Actor, now: datetime) -> QuerySet[Resource]:
    """Proposed resources that wait for the reader to name an owner, accept, set a data class or activate; oldest first (I3)."""
    reader = actor.person and actor.person.pk, [str(role) for role in access.roles_held(actor, now)]
    rows = Resource.objects.filter(pk__in=RawSQL(RESOURCES_SQL, reader)).order_by("created_at", "pk")  # noqa: S611  constant
    return rows.select_related("named_owner", "owner", "proposed_by")


def resources(actor: Actor, now: datetime) -> list[Task]:
    """Tasks of `waiting_resources`."""
    return [
        Task(
            thread=f"resource:{row.pk}",
            href=row.href,
            name=row.task,
            text="No import can use it before it is active.",
            who=f"Proposed by {row.proposed_by.name}" if row.proposed_by not in (None, actor.person) else "",
            since=row.accepted_at or row.created_at,
        )
        for row in waiting_resources(actor, now)[:MOST]
    ]
