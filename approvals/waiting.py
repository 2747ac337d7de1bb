"""What waits for whom: open records that were put before a person, questions to builders. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, Case, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import JSONObject

from approvals import holders
from approvals.models import Approval, ApprovalState, Candidate, Decision, Sample, SampleState, Submission
from governance.controls import access
from governance.controls.actors import Actor
from governance.controls.keyed import keyed_by
from governance.controls.models import Person
from inventory.models import Automation
from inventory.models.interim import still_answering

#: What lists of records read of each: what they say, and no document.
SHOWN = (
    *("stage", "kind", "state", "tier", "earlier", "round", "opened_at", "due_at", "builder_due_at"),
    *("submission__tier", "submission__light_path", "submission__submitted_at", "submission__automation__name"),
    *("privilege__level", "privilege__target", "privilege__target_name"),
    *("privilege__entitlement__words", "privilege__entitlement__form", "privilege__entitlement__data_class"),
    *("privilege__entitlement__resource__name", "privilege__entitlement__resource__data_class"),
    *("credential__name", "credential__kind", "decided_on__data_class"),
)
#: What the desk says of each besides.
ON_DESK = ("privilege__model_controlled", "credential__reach_kind")
#: What policy approved, of a sample of that.
OF_POLICY = ("approval__privilege__entitlement__resource", "approval__credential")
#: Who submitted, and for whom, where a list says that too.
SUBMITTER = "submission__submitted_by__name"
TEAM = "submission__automation__team__name"


def shown(records: QuerySet[Approval], *also: str) -> QuerySet[Approval]:
    """Records with what a list shows of them, and ``also`` some of `SUBMITTER` and `TEAM`, read in the same query."""
    columns = (*SHOWN, *also)
    return records.select_related(*{path.rpartition("__")[0] for path in columns if "__" in path}).only(*columns)


def _by(deadline: datetime | None, record: Approval) -> tuple[bool, datetime, int]:
    """How lists are sorted: the nearest deadline first, none last."""
    return deadline is None, deadline or record.submission.submitted_at, record.pk


def to_decide(actor: Actor, now: datetime) -> list[Approval]:
    """Open records put before the reader, or before somebody they stand in for, that neither has decided in this round.

    Candidates are named when a record opens; whoever became conflicted since is told so on the page itself.
    """
    found = shown(Approval.objects.filter(keyed_by(_asked_of(actor, now))), TEAM).order_by()
    return sorted(found, key=lambda one: _by(one.due_at, one))


def _asked_of(actor: Actor, now: datetime) -> QuerySet[Candidate, Any]:
    """Ids of the open records that `to_decide` is about."""
    in_round = {"approval": OuterRef("seat__approval"), "round": OuterRef("seat__approval__round")}
    own = Decision.objects.standing().filter(**in_round)
    person = _person(actor)
    used = own.filter(
        Q(person=person) | Q(for_person=person) | Q(person=OuterRef("person")) | Q(for_person=OuterRef("person"))
    )
    people = list(access.answers_as(actor, now))
    waits = Q(seat__approval__state=ApprovalState.OPEN, seat__approval__asked__overlap=people)  # by which it is found
    asked = Candidate.objects.filter(waits, person__in=people)
    return asked.exclude(Exists(used)).order_by().values("seat__approval")


def on_desk(actor: Actor, now: datetime) -> tuple[list[Approval], list[Approval]]:
    """What `to_decide` finds; and what the apps among it ask for, which waits for stage 1 as they do (A3). One query.

    Each says whom it was put before of the reader and those they stand in for (``put_before``): see `for_whom`.
    """
    asked = _asked_of(actor, now)
    apps = Approval.objects.filter(keyed_by(asked), stage=1).order_by().values("submission")
    wanted = Approval.objects.filter(submission__in=apps, stage=2, state=ApprovalState.WAITING)
    before = Candidate.objects.filter(person__in=access.answers_as(actor, now), seat__approval=OuterRef("pk"))
    named = ArraySubquery(before.order_by("pk").values(said=JSONObject(pk="person_id", name="person__name")))
    both = asked.union(wanted.order_by().values("pk"))
    found = list(shown(Approval.objects.filter(keyed_by(both)), TEAM, *ON_DESK).annotate(put_before=named).order_by())
    mine = [one for one in found if one.state == ApprovalState.OPEN]
    return sorted(mine, key=lambda one: _by(one.due_at, one)), [one for one in found if one not in mine]


def for_whom(record: Approval, actor: Actor) -> list[str]:
    """Names of those for whom the reader would decide a record, read by `on_desk`, that was not put before themself (A11)."""
    before: Sequence[Mapping[str, Any]] = getattr(record, "put_before", ())
    names = {one["pk"]: one["name"] for one in before}
    return [] if _person(actor).pk in names else list(names.values())


def to_look_at(actor: Actor, now: datetime) -> list[Sample]:
    """What was drawn and put before the reader, or before somebody they stand in for, and nobody has looked at: one query (A12, A13).

    Who became a party since is told so on the page itself.
    """
    asked = Sample.objects.filter(state=SampleState.OPEN, asked__overlap=list(access.answers_as(actor, now)))
    shown_of = asked.select_related(
        "submission__automation__team", "submission__submitted_by", "submission__version", *OF_POLICY
    )
    columns = (
        "state",
        "approval__kind",
        *(f"approval__{column}" for column in SHOWN if column.startswith(("privilege", "credential"))),
        "drawn_at",
        "due_at",
        "submission__tier",
        "submission__submitted_by__name",
        "submission__version__number",
    )
    return list(shown_of.only(*columns, "submission__automation__name", TEAM).order_by("due_at", "pk"))


def _person(actor: Actor) -> Person:
    assert actor.person is not None  # only people are asked
    return actor.person


def sent_back_to(person: Person, now: datetime) -> QuerySet[Approval]:
    """Records that wait for an answer or a change of the person's own side (A14)."""
    mine = Q(submission__submitted_by=person) | Q(
        submission__automation__in=Automation.objects.answered_by([person.pk], now)
    )
    return Approval.objects.filter(mine, state=ApprovalState.CHANGES_ASKED)


@dataclass(frozen=True)
class Asked:
    """The question with which a record was sent back: by whom, when, in what words."""

    who: str
    at: datetime
    text: str


def to_decide_and_to_answer(actor: Actor, now: datetime) -> tuple[list[Approval], list[tuple[Approval, Asked | None]]]:
    """What `to_decide` finds; and with its question what was sent back of the reader's own submissions and automations (A14).

    One query.
    """
    both = _asked_of(actor, now).union(sent_back_to(_person(actor), now).order_by().values("pk"))
    said = JSONObject(who="person__name", at="at", text="reason__text")
    last = Decision.objects.standing().filter(approval=OuterRef("pk")).order_by("-pk").values(said=said)[:1]
    question = Case(When(state=ApprovalState.CHANGES_ASKED, then=Subquery(last)))
    found = list(shown(Approval.objects.filter(keyed_by(both)), SUBMITTER).annotate(question=question).order_by())
    open_ones = [one for one in found if one.state == ApprovalState.OPEN]
    sent_back = [one for one in found if one.state == ApprovalState.CHANGES_ASKED]
    return (
        sorted(open_ones, key=lambda one: _by(one.due_at, one)),
        [(one, _asked(one.question)) for one in sorted(sent_back, key=lambda one: _by(one.builder_due_at, one))],
    )


def _asked(said: Mapping[str, str] | None) -> Asked | None:
    return Asked(said["who"], datetime.fromisoformat(said["at"]), said["text"] or "") if said else None


def under_way(person: Person, now: datetime) -> list[Submission]:
    """Submissions of the person's automations that have not ended, the oldest first: one query.

    Each says whether it is theirs to accept a part (``is_theirs``), and has what `holders.of` asks for.
    """
    meanwhile = still_answering([person.pk], now, "automation__")
    mine = Submission.objects.unfinished().filter(automation__in=Automation.objects.answered_by([person.pk], now))
    accepting = Q(automation__business_owner=person) | meanwhile
    found = holders.told(mine.annotate(is_theirs=ExpressionWrapper(accepting, BooleanField())))
    people = ("submitted_by", "automation__business_owner", "automation__interim__person")
    columns = ("state", "tier", "submitted_at", "decided_at", "accept_due_at", "version__number", "automation__name")
    named = [f"{who}__{name}" for who in people for name in ("name", "is_active", "left_at")]
    meanwhile_by = [f"automation__interim__{name}" for name in ("state", "until")]
    return list(found.select_related("version", *people).only(*columns, *named, *meanwhile_by).order_by("pk"))
