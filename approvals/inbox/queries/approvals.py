"""What waits for whom: open records that were put before a person, questions to builders. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    ExpressionWrapper,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from approvals.inbox import waiting_for
from approvals.models import Approval, ApprovalState, Candidate, Decision, Sample, SampleState, Submission
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.core.database.key_filters import among
from governance.core.models import Person
from inventory.models import Automation
from inventory.models.interim_owner import still_answering

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
    found = shown(Approval.objects.filter(among(_asked_of(actor, now))), TEAM).order_by()
    return sorted(found, key=lambda one: _by(one.due_at, one))


#: `_asked_of`, and what the apps among it ask for. Home and desk ask it at each request, where Django would compile it each time, twice over.
_ASKED = """
SELECT s.approval_id FROM approvals_candidate c JOIN approvals_seat s ON s.id = c.seat_id JOIN approvals_approval a ON a.id = s.approval_id
WHERE a.state = 'open' AND a.asked && %s::bigint[] AND c.person_id = ANY(%s) AND NOT EXISTS (
    SELECT 1 FROM approvals_decision d WHERE d.approval_id = a.id AND d.round = a.round
    AND NOT EXISTS (SELECT 1 FROM approvals_retraction r WHERE r.decision_id = d.id)
    AND (d.person_id IN (c.person_id, %s) OR d.for_person_id IN (c.person_id, %s)))
"""
_ON_DESK = f"""
ARRAY(WITH asked AS ({_ASKED}) SELECT approval_id FROM asked
UNION SELECT w.id FROM approvals_approval w WHERE w.stage = 2 AND w.state = 'waiting' AND w.submission_id IN (
    SELECT app.submission_id FROM asked JOIN approvals_approval app ON app.id = asked.approval_id WHERE app.stage = 1))
"""  # noqa: S608  put together from pieces of its own


def _asked_of(actor: Actor, now: datetime, sql: str = f"ARRAY({_ASKED})") -> RawSQL:
    """Ids of the open records that `to_decide` is about, as an array; or what else ``sql`` makes of them."""
    people, me = list(access.answers_as(actor, now)), _person(actor).pk
    return RawSQL(sql, [people, people, me, me], ArrayField(BigIntegerField()))  # noqa: S611  a constant


def on_desk(actor: Actor, now: datetime) -> tuple[list[Approval], list[Approval]]:
    """What `to_decide` finds; and what the apps among it ask for, which waits for stage 1 as they do (A3). One query.

    Each says whom it was put before of the reader and those they stand in for (``put_before``): see `for_whom`.
    """
    before = Candidate.objects.filter(person__in=access.answers_as(actor, now), seat__approval=OuterRef("pk"))
    named = ArraySubquery(before.order_by("pk").values(said=JSONObject(pk="person_id", name="person__name")))
    both = among(_asked_of(actor, now, _ON_DESK))
    found = list(shown(Approval.objects.filter(both), TEAM, *ON_DESK).annotate(put_before=named).order_by())
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
    return _sent_back(person.pk, [person.pk], now)


def _sent_back(
    pk: int | compiled_queries.Value, people: list[int] | compiled_queries.Value, now: datetime
) -> QuerySet[Approval]:
    """The same of one person, as a key and as keys."""
    mine = Q(submission__submitted_by=pk) | Q(submission__automation__in=Automation.objects.answered_by(people, now))
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
    me = _person(actor).pk
    found = TO_DECIDE_AND_TO_ANSWER(people=access.answers_as(actor, now), me=me, mine=[me], now=now)
    open_ones = [one for one in found if one.state == ApprovalState.OPEN]
    sent_back = [one for one in found if one.state == ApprovalState.CHANGES_ASKED]
    return (
        sorted(open_ones, key=lambda one: _by(one.due_at, one)),
        [(one, _asked(one.question)) for one in sorted(sent_back, key=lambda one: _by(one.builder_due_at, one))],
    )


def _to_decide_and_to_answer() -> QuerySet[Any]:
    people, me = compiled_queries.keys("people"), compiled_queries.number("me")
    asked = RawSQL(f"ARRAY({_ASKED})", [people, people, me, me], ArrayField(BigIntegerField()))  # noqa: S611  a constant
    to_answer = ArraySubquery(
        _sent_back(me, compiled_queries.keys("mine"), compiled_queries.NOW).order_by().values("pk")
    )
    both = Func(asked, to_answer, function="array_cat", output_field=ArrayField(BigIntegerField()))
    return shown(Approval.objects.filter(among(both)), SUBMITTER).annotate(question=_question()).order_by()


TO_DECIDE_AND_TO_ANSWER = compiled_queries.Statement(_to_decide_and_to_answer)


def _question() -> Case:
    said = JSONObject(who="person__name", at="at", text="reason__text")
    last = Decision.objects.standing().filter(approval=OuterRef("pk")).order_by("-pk").values(said=said)[:1]
    return Case(When(state=ApprovalState.CHANGES_ASKED, then=Subquery(last)))


def _asked(said: Mapping[str, str] | None) -> Asked | None:
    return Asked(said["who"], datetime.fromisoformat(said["at"]), said["text"] or "") if said else None


def under_way(person: Person, now: datetime) -> list[Submission]:
    """Submissions of the person's automations that have not ended, the oldest first: one query.

    Each says whether it is theirs to accept a part (``is_theirs``), and has what `waiting_for.of` asks for.
    """
    return UNDER_WAY(me=person.pk, mine=[person.pk], now=now)


def _under_way() -> QuerySet[Submission]:
    mine = Automation.objects.answered_by(compiled_queries.keys("mine"), compiled_queries.NOW)
    meanwhile = still_answering(compiled_queries.keys("mine"), compiled_queries.NOW, "automation__")
    accepting = Q(automation__business_owner=compiled_queries.number("me")) | meanwhile
    unfinished = Submission.objects.unfinished().filter(automation__in=mine)
    found = waiting_for.told(unfinished.annotate(is_theirs=ExpressionWrapper(accepting, BooleanField())))
    people = ("submitted_by", "automation__business_owner", "automation__interim__person")
    columns = ("state", "tier", "submitted_at", "decided_at", "accept_due_at", "version__number", "automation__name")
    named = [f"{who}__{name}" for who in people for name in ("name", "is_active", "left_at")]
    meanwhile_by = [f"automation__interim__{name}" for name in ("state", "until")]
    return found.select_related("version", *people).only(*columns, *named, *meanwhile_by).order_by("pk")


UNDER_WAY = compiled_queries.Statement(_under_way)
