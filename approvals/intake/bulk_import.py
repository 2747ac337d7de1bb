"""Bulk import: all automations of an upload, ordered once and imported in slices (I7, R9).

The order is saved with the upload, so the person can leave, and a killed run continues. Each automation is imported by
`confirmation.confirm_import` in its own transaction, which also saves the outcome. The import acts as the person who ordered it, with
their permissions at that moment. It creates drafts and submits nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction

from approvals.intake import drafts
from approvals.intake.drafts import Draft
from approvals.models.submission import UNFINISHED
from governance.core.access import Actor, Refused
from governance.core.jobs import nudge
from governance.core.models import Person, Team
from inventory.imports import queries as import_queries
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, BatchState, Environment, ImportBatch, ImportItem, ImportState, Outcome, Version

log = structlog.get_logger(__name__)

JOB = "approvals.import"

#: Automations per run: two seconds of work, so that other jobs get their turn.
SLICE = 40

#: Number of automations after which the run checks for a stop.
LOOK = 5

#: Reason shown for an automation whose import failed with an unexpected error.
UNEXPECTED = "Something failed here that was not expected, and is in the log. Order it once more, or import it by hand."

NO_TEAM = "The team for which it was to be imported is gone. Choose another one."


@dataclass(frozen=True)
class Order:
    """Answers for all automations of an upload. Answers in an automation's own draft take precedence.

    Args:
        team: id of the team that owns them.
        business_owner: id of the business owner of new ones.
        technical_owner: id of the technical owner of new ones, or None.
        environment: where they run.
    """

    team: int
    business_owner: int
    technical_owner: int | None = None
    environment: str = Environment.PRODUCTION.value

    @classmethod
    def load(cls, batch: ImportBatch) -> Order:
        """Load the order of an upload."""
        return cls(**{name: batch.order[name] for name in cls.__dataclass_fields__})


def order(batch: ImportBatch, order_given: Order) -> bool:
    """Order the import of an upload and wake a worker. A repeated order changes nothing.

    Args:
        batch: the upload.
        order_given: answers for all automations.

    Returns:
        True if it was ordered; False if it was already running.
    """
    with transaction.atomic():
        ordered = previews.order_import(batch, asdict(order_given))
        if ordered:
            nudge.send(JOB)
    return ordered


def sweep(now: datetime) -> Mapping[str, int]:
    """Import a slice of each ordered upload. Returns the number of each outcome, and how many are left."""
    batches = list(ImportBatch.objects.filter(progress=BatchState.CONFIRMING).select_related("by").order_by("pk"))
    counts: Counter[str] = Counter()
    for batch in batches:
        counts += import_slice(batch, now, max(SLICE // len(batches), 1))
    counts["left"] = ImportItem.objects.filter(
        batch__progress=BatchState.CONFIRMING, progress=ImportState.PREVIEW, outcome="", version=None
    ).count()
    return counts


def import_slice(batch: ImportBatch, now: datetime, size: int = SLICE) -> Counter[str]:
    """Import the next automations of an ordered upload. If none is left, close the order.

    Args:
        batch: the upload, with the person who ordered it.
        now: business time.
        size: maximum number of automations.

    Returns:
        The number of each outcome.
    """
    counts: Counter[str] = Counter()
    items = list(previews.open_items(batch).order_by("pk")[:size])
    work = _Slice(batch, Order.load(batch), Actor.of_person(batch.by), now)
    # An item belongs to the team of its draft, or else to that of the order.
    team_ids = {item.pk: Draft.load(item).team or work.order.team for item in items}
    teams = Team.objects.in_bulk(set(team_ids.values()))
    for item in items:
        if team_ids[item.pk] not in teams:
            previews.refuse_item(item, NO_TEAM)
    for pk, team in sorted(teams.items()):
        counts += _import_items(work, team, [item for item in items if team_ids[item.pk] == pk])
    with transaction.atomic():
        # A running upload refuses further files, so none can be added here.
        if not previews.open_items(batch).exists():
            under_way = ImportBatch.objects.filter(pk=batch.pk, progress=BatchState.CONFIRMING)
            under_way.update(progress=BatchState.CONFIRMED)
    return counts


@dataclass(frozen=True)
class _Slice:
    """Context of a slice: upload, order, actor and instant."""

    batch: ImportBatch
    order: Order
    actor: Actor
    now: datetime

    @property
    def is_wanted(self) -> bool:
        """Whether the order has not been stopped."""
        return ImportBatch.objects.filter(pk=self.batch.pk, progress=BatchState.CONFIRMING).exists()


def _import_items(work: _Slice, team: Team, items: Sequence[ImportItem]) -> Counter[str]:
    """Import some items of a team: unchanged ones as a set, the others one by one.

    If the person may not import for the team, all are refused. One attempt records the refusal (S5).
    """
    refusal = confirmation.confirm_import.refusal(team, actor=work.actor, now=work.now)
    if refusal is not None:
        if not work.is_wanted:
            return Counter()
        _import_item(work, team, items[0], {})
        for item in items[1:]:
            previews.refuse_item(item, refusal.words)
        return Counter({Outcome.REFUSED.value: len(items)})
    unchanged = _unchanged(work, team, [item for item in items if not Draft.load(item).is_typed])
    counts = Counter({Outcome.UNCHANGED.value: previews.mark_unchanged(unchanged, team)} if unchanged else {})
    business, technical = work.order.business_owner, work.order.technical_owner or 0
    people = Person.objects.in_bulk([business, technical])
    owners = {"business_owner": people.get(business), "technical_owner": people.get(technical)}
    for number, item in enumerate(item for item in items if item.pk not in unchanged):
        if number % LOOK == 0 and not work.is_wanted:
            break
        counts[_import_item(work, team, item, owners)] += 1
    del counts[""]
    return counts


def _unchanged(work: _Slice, team: Team, items: Sequence[ImportItem]) -> Mapping[int, Version]:
    """Items that are in the register unchanged. Items in review go one by one: their importer becomes a party (S1)."""
    in_review = Automation.objects.filter(submissions__state__in=UNFINISHED)
    try:
        return import_queries.unchanged_items(items, team, work.order.environment, apart=in_review)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("import.failed", batch=work.batch.pk)  # importing one by one finds the item that failed
        return {}


def _import_item(work: _Slice, team: Team, item: ImportItem, owners: Mapping[str, Person | None]) -> str:
    """Import one item and return its outcome. Empty if it was imported or discarded elsewhere."""
    try:
        _confirm(work, team, item, owners)
    except Refused as error:
        previews.refuse_item(item, error.refusal.words)
    except (OperationalError, InterfaceError):
        raise  # the database is unreachable: the next run continues
    except Exception:
        log.exception("import.failed", item=item.pk)
        previews.refuse_item(item, UNEXPECTED)
    if not item.outcome:
        item.refresh_from_db(fields=["outcome"])
    return str(item.outcome)


def _confirm(work: _Slice, team: Team, item: ImportItem, owners: Mapping[str, Person | None]) -> None:
    draft, has_id = Draft.load(item), bool(item.manifest["source"]["external_id"])
    given = {name: value for name, value in drafts.fields_of(draft).items() if value not in ("", None)}
    confirmation.confirm_import(
        team,
        actor=work.actor,
        now=work.now,
        item=item,
        fields={"environment": work.order.environment, **given},
        if_new=dict(owners),
        chosen=drafts.chosen_resources(draft, work.actor, work.now),
        automation=drafts.named_by(item, draft, team) if not has_id else None,
    )
