"""Approvals and questions that wait for a person. Reads only."""

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
from inventory.models.interim_owner import interim_condition

#: Columns that a list of approvals reads, without documents.
LIST_COLUMNS = (
    *("stage", "kind", "state", "tier", "earlier", "round", "opened_at", "due_at", "builder_due_at"),
    *("submission__tier", "submission__light_path", "submission__submitted_at", "submission__automation__name"),
    *("privilege__level", "privilege__target", "privilege__target_name"),
    *("privilege__entitlement__words", "privilege__entitlement__form", "privilege__entitlement__data_class"),
    *("privilege__entitlement__resource__name", "privilege__entitlement__resource__data_class"),
    *("credential__name", "credential__kind", "decided_on__data_class"),
)
#: More columns that the inbox shows.
INBOX_COLUMNS = ("privilege__model_controlled", "credential__reach_kind")
#: Relations of a spot check of an auto-approved privilege or credential.
SPOT_CHECK_RELATIONS = ("approval__privilege__entitlement__resource", "approval__credential")
#: Submitter and team, for lists that show them.
SUBMITTER = "submission__submitted_by__name"
TEAM = "submission__automation__team__name"


def with_list_columns(records: QuerySet[Approval], *also: str) -> QuerySet[Approval]:
    """Load the columns that a list shows, in one query. ``also`` adds `SUBMITTER` or `TEAM`."""
    columns = (*LIST_COLUMNS, *also)
    return records.select_related(*{path.rpartition("__")[0] for path in columns if "__" in path}).only(*columns)


def _by(deadline: datetime | None, record: Approval) -> tuple[bool, datetime, int]:
    """Sort key of lists: nearest deadline first, no deadline last."""
    return deadline is None, deadline or record.submission.submitted_at, record.pk


def to_decide(actor: Actor, now: datetime) -> list[Approval]:
    """Open approvals for the reader, or for a giver whose delegate they are, that neither has decided in this round.

    Candidates are fixed when an approval opens. The approval's page shows a conflict that arose later.
    """
    records = with_list_columns(Approval.objects.filter(among(_asked_ids(actor, now))), TEAM).order_by()
    return sorted(records, key=lambda record: _by(record.due_at, record))


#: SQL of `_asked_ids`, and of the privileges and credentials of the apps among them. Home and inbox run it at each request:
#: as constants, Django does not compile it each time.
_ASKED_SQL = """
SELECT s.approval_id FROM approvals_candidate c JOIN approvals_seat s ON s.id = c.seat_id JOIN approvals_approval a ON a.id = s.approval_id
WHERE a.state = 'open' AND a.asked && %s::bigint[] AND c.person_id = ANY(%s) AND NOT EXISTS (
    SELECT 1 FROM approvals_decision d WHERE d.approval_id = a.id AND d.round = a.round
    AND NOT EXISTS (SELECT 1 FROM approvals_retraction r WHERE r.decision_id = d.id)
    AND (d.person_id IN (c.person_id, %s) OR d.for_person_id IN (c.person_id, %s)))
"""
_INBOX_SQL = f"""
ARRAY(WITH asked AS ({_ASKED_SQL}) SELECT approval_id FROM asked
UNION SELECT w.id FROM approvals_approval w WHERE w.stage = 2 AND w.state = 'waiting' AND w.submission_id IN (
    SELECT app.submission_id FROM asked JOIN approvals_approval app ON app.id = asked.approval_id WHERE app.stage = 1))
"""  # noqa: S608  built from constants of this module


def _asked_ids(actor: Actor, now: datetime, sql: str = f"ARRAY({_ASKED_SQL})") -> RawSQL:
    """Return the ids of the open approvals that `to_decide` lists, as an array. ``sql`` selects another set."""
    people, me = list(access.answers_as(actor, now)), _person(actor).pk
    return RawSQL(sql, [people, people, me, me], ArrayField(BigIntegerField()))  # noqa: S611  a constant


def load_inbox(actor: Actor, now: datetime) -> tuple[list[Approval], list[Approval]]:
    """Return the approvals of `to_decide`, and the waiting approvals of stage 2 of the apps among them (A3), in one query.

    Each has ``put_before``: the candidates among the reader and the givers whose delegate they are. See `giver_names`.
    """
    candidate_rows = Candidate.objects.filter(person__in=access.answers_as(actor, now), seat__approval=OuterRef("pk"))
    candidates = ArraySubquery(
        candidate_rows.order_by("pk").values(said=JSONObject(pk="person_id", name="person__name"))
    )
    wanted = among(_asked_ids(actor, now, _INBOX_SQL))
    records = list(
        with_list_columns(Approval.objects.filter(wanted), TEAM, *INBOX_COLUMNS)
        .annotate(put_before=candidates)
        .order_by()
    )
    mine = [record for record in records if record.state == ApprovalState.OPEN]
    return sorted(mine, key=lambda record: _by(record.due_at, record)), [
        record for record in records if record not in mine
    ]


def giver_names(record: Approval, actor: Actor) -> list[str]:
    """Givers whose delegate the reader would be for an approval of `load_inbox`. Empty if the reader is a candidate (A11)."""
    candidates: Sequence[Mapping[str, Any]] = getattr(record, "put_before", ())
    names = {candidate["pk"]: candidate["name"] for candidate in candidates}
    return [] if _person(actor).pk in names else list(names.values())


def open_spot_checks(actor: Actor, now: datetime) -> list[Sample]:
    """Open spot checks for the reader, or for a giver whose delegate they are, in one query (A12, A13).

    The page of the spot check shows whether the reader has become a party since.
    """
    samples = Sample.objects.filter(state=SampleState.OPEN, asked__overlap=list(access.answers_as(actor, now)))
    samples_with_columns = samples.select_related(
        "submission__automation__team", "submission__submitted_by", "submission__version", *SPOT_CHECK_RELATIONS
    )
    columns = (
        "state",
        "approval__kind",
        *(f"approval__{column}" for column in LIST_COLUMNS if column.startswith(("privilege", "credential"))),
        "drawn_at",
        "due_at",
        "submission__tier",
        "submission__submitted_by__name",
        "submission__version__number",
    )
    return list(samples_with_columns.only(*columns, "submission__automation__name", TEAM).order_by("due_at", "pk"))


def _person(actor: Actor) -> Person:
    assert actor.person is not None  # candidates are people
    return actor.person


def sent_back_to(person: Person, now: datetime) -> QuerySet[Approval]:
    """Approvals that wait for an answer or a change from the person's side (A14)."""
    return _sent_back(person.pk, [person.pk], now)


def _sent_back(
    pk: int | compiled_queries.Value, people: list[int] | compiled_queries.Value, now: datetime
) -> QuerySet[Approval]:
    """`sent_back_to` for one person, given as a key and as a list of keys."""
    mine = Q(submission__submitted_by=pk) | Q(submission__automation__in=Automation.objects.answered_by(people, now))
    return Approval.objects.filter(mine, state=ApprovalState.CHANGES_ASKED)


@dataclass(frozen=True)
class Question:
    """The question with which an approval was sent back: its author, instant and text."""

    who: str
    at: datetime
    text: str


def to_decide_and_to_answer(
    actor: Actor, now: datetime
) -> tuple[list[Approval], list[tuple[Approval, Question | None]]]:
    """Return the approvals of `to_decide`, and those sent back to the reader's side with their questions (A14), in one query."""
    me = _person(actor).pk
    records = TO_DECIDE_AND_TO_ANSWER(people=access.answers_as(actor, now), me=me, mine=[me], now=now)
    open_records = [record for record in records if record.state == ApprovalState.OPEN]
    sent_back = [record for record in records if record.state == ApprovalState.CHANGES_ASKED]
    return (
        sorted(open_records, key=lambda record: _by(record.due_at, record)),
        [
            (sent_record, _parse_question(sent_record.question))
            for sent_record in sorted(sent_back, key=lambda record: _by(record.builder_due_at, record))
        ],
    )


def _to_decide_and_to_answer() -> QuerySet[Any]:
    people, me = compiled_queries.keys("people"), compiled_queries.number("me")
    open_ids = RawSQL(f"ARRAY({_ASKED_SQL})", [people, people, me, me], ArrayField(BigIntegerField()))  # noqa: S611  a constant
    sent_back_ids = ArraySubquery(
        _sent_back(me, compiled_queries.keys("mine"), compiled_queries.NOW).order_by().values("pk")
    )
    ids = Func(open_ids, sent_back_ids, function="array_cat", output_field=ArrayField(BigIntegerField()))
    return with_list_columns(Approval.objects.filter(among(ids)), SUBMITTER).annotate(question=_question()).order_by()


TO_DECIDE_AND_TO_ANSWER = compiled_queries.Statement(_to_decide_and_to_answer)


def _question() -> Case:
    question = JSONObject(who="person__name", at="at", text="reason__text")
    latest = Decision.objects.standing().filter(approval=OuterRef("pk")).order_by("-pk").values(said=question)[:1]
    return Case(When(state=ApprovalState.CHANGES_ASKED, then=Subquery(latest)))


def _parse_question(row: Mapping[str, str] | None) -> Question | None:
    return Question(row["who"], datetime.fromisoformat(row["at"]), row["text"] or "") if row else None


def unfinished_submissions(person: Person, now: datetime) -> list[Submission]:
    """Unfinished submissions of the person's automations, oldest first, in one query.

    Each has ``is_theirs`` (whether the person accepts a partial approval) and the columns that `waiting_for.of` needs.
    """
    return UNDER_WAY(me=person.pk, mine=[person.pk], now=now)


def _under_way() -> QuerySet[Submission]:
    mine = Automation.objects.answered_by(compiled_queries.keys("mine"), compiled_queries.NOW)
    as_interim_owner = interim_condition(compiled_queries.keys("mine"), compiled_queries.NOW, "automation__")
    accepting = Q(automation__business_owner=compiled_queries.number("me")) | as_interim_owner
    unfinished = Submission.objects.unfinished().filter(automation__in=mine)
    with_holders = waiting_for.with_holders(unfinished.annotate(is_theirs=ExpressionWrapper(accepting, BooleanField())))
    people = ("submitted_by", "automation__business_owner", "automation__interim__person")
    columns = ("state", "tier", "submitted_at", "decided_at", "accept_due_at", "version__number", "automation__name")
    named = [f"{person}__{name}" for person in people for name in ("name", "is_active", "left_at")]
    interim_columns = [f"automation__interim__{name}" for name in ("state", "until")]
    return with_holders.select_related("version", *people).only(*columns, *named, *interim_columns).order_by("pk")


UNDER_WAY = compiled_queries.Statement(_under_way)
