"""Bringing in everything of an upload: ordered once, done a slice at a time, left and come back to (I7, R9).

An order is kept with the upload, so whoever ordered it can leave, and a run that is killed goes on where it was: each automation is
brought in by `registry.confirm_import` in a transaction of its own, which also keeps what became of it. It acts as the person
who ordered it, with what they may do at that moment. Nothing is submitted: what comes in are drafts of the register.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from approvals.intake import draft_automation
from approvals.intake.drafts import Draft
from approvals.models.submission import UNFINISHED
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, Refused
from governance.core.jobs import nudge
from governance.core.models import Person, Team
from inventory.imports import queries as import_queries
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, BatchState, Environment, ImportBatch, ImportItem, ImportState, Outcome, Version

log = structlog.get_logger(__name__)

JOB = "approvals.bring_in"

#: Automations that one run brings in, before others have their turn: two seconds of work.
SLICE = 40

#: After how many of them it is looked whether somebody has stopped it.
LOOK = 5

#: What is said of an automation where the programme itself failed.
UNEXPECTED = (
    "Something failed here that was not expected, and is in the log. Order it once more, or bring it in by hand."
)

NO_TEAM = "The team for which it was to be brought in is not there any more. Choose another one."


@dataclass(frozen=True)
class Order:
    """What was said about all automations of an upload together; what was typed about one of them counts before it.

    Args:
        team: id of the team that answers for them.
        business_owner: id of who is accountable for those that are new.
        technical_owner: id of who keeps those running, or None.
        environment: where they run.
    """

    team: int
    business_owner: int
    technical_owner: int | None = None
    environment: str = Environment.PRODUCTION.value

    @classmethod
    def of(cls, batch: ImportBatch) -> Order:
        """The order that is kept with an upload."""
        return cls(**{name: batch.order[name] for name in cls.__dataclass_fields__})

    def to_dict(self) -> dict[str, Any]:
        """The order as JSON-able values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def order(batch: ImportBatch, said: Order, **more: Any) -> bool:
    """Have everything of an upload brought in, and wake a worker; a second press changes nothing.

    Args:
        batch: the upload.
        said: about all of it.
        more: what else is kept with the order.

    Returns:
        Whether it was ordered; False where it is under way already.
    """
    with transaction.atomic():
        ordered = previews.order(batch, {**said.to_dict(), **more})
        if ordered:
            nudge.send(JOB)
    return ordered


def sweep(now: datetime) -> Mapping[str, int]:
    """A slice of every upload that was ordered; returns how many of each outcome, and how many are left."""
    batches = list(ImportBatch.objects.filter(progress=BatchState.CONFIRMING).select_related("by").order_by("pk"))
    found: Counter[str] = Counter()
    for batch in batches:
        found += bring_slice(batch, now, max(SLICE // len(batches), 1))
    found["left"] = ImportItem.objects.filter(
        batch__progress=BatchState.CONFIRMING, progress=ImportState.PREVIEW, outcome="", version=None
    ).count()
    return found


def bring_slice(batch: ImportBatch, now: datetime, size: int = SLICE) -> Counter[str]:
    """Bring in the next few automations of an upload that was ordered; without any left, the order has come to its end.

    Args:
        batch: with who ordered it.
        now: business time.
        size: how many.

    Returns:
        How many of each outcome.
    """
    found: Counter[str] = Counter()
    items = list(previews.open_items(batch).order_by("pk")[:size])
    said, actor = Order.of(batch), Actor.of(batch.by)
    for team, of_team in _by_team(items, said):
        if team is None:
            for item in of_team:
                previews.refuse_item(item, NO_TEAM)
            continue
        found += _bring(_Slice(batch, said, team, actor, now), of_team)
    with transaction.atomic():
        # Anything that was added meanwhile was refused: an upload takes nothing more while it is under way.
        if not previews.open_items(batch).exists():
            under_way = ImportBatch.objects.filter(pk=batch.pk, progress=BatchState.CONFIRMING)
            under_way.update(progress=BatchState.CONFIRMED)
    return found


@dataclass(frozen=True)
class _Slice:
    """What is the same for a few items: of which upload, as ordered, for which team, by whom, when."""

    batch: ImportBatch
    said: Order
    team: Team
    actor: Actor
    now: datetime

    @property
    def is_wanted(self) -> bool:
        """Whether nobody has stopped it meanwhile."""
        return ImportBatch.objects.filter(pk=self.batch.pk, progress=BatchState.CONFIRMING).exists()


def _by_team(items: Sequence[ImportItem], said: Order) -> Iterator[tuple[Team | None, list[ImportItem]]]:
    """Items by the team for which they are brought in: that of their own draft, else the order's; None for a team that is gone."""
    wanted = {item.pk: Draft.of(item).team or said.team for item in items}
    teams = Team.objects.in_bulk(set(wanted.values()))
    for pk in sorted(set(wanted.values())):
        yield teams.get(pk), [item for item in items if wanted[item.pk] == pk]


def _bring(one: _Slice, items: Sequence[ImportItem]) -> Counter[str]:
    """Bring in a few: those that change nothing by set, the others one after the other."""
    no = confirmation.confirm_import.refusal(one.team, actor=one.actor, now=one.now)
    if no is not None:
        return _refuse_all(one, items, no)
    untouched = [item for item in items if not _is_typed(Draft.of(item))]
    same = _unchanged(one, untouched)
    found = Counter({Outcome.UNCHANGED.value: previews.settle_unchanged(same, one.team)} if same else {})
    owners = Person.objects.in_bulk([one.said.business_owner, *filter(None, [one.said.technical_owner])])
    for number, item in enumerate(item for item in items if item.pk not in same):
        if number % LOOK == 0 and not one.is_wanted:
            break
        found[_bring_in(one, item, owners)] += 1
    del found[""]
    return found


def _unchanged(one: _Slice, items: Sequence[ImportItem]) -> Mapping[int, Version]:
    """Those that are in the register just so. What is in review is asked one by one: whoever brings it in again is a party (S1)."""
    in_review = Automation.objects.filter(submissions__state__in=UNFINISHED)
    try:
        return import_queries.unchanged(items, one.team, one.said.environment, apart=in_review)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("bring_in.failed", batch=one.batch.pk)  # whichever it is, it is found by itself
        return {}


def _is_typed(draft: Draft) -> bool:
    return bool(draft.fields or draft.chosen or draft.automation)


def _refuse_all(one: _Slice, items: Sequence[ImportItem], no: Refusal) -> Counter[str]:
    """Nobody brings anything in for a team that they can't: tried once, which is on record, and said of all (S5)."""
    if not items or not one.is_wanted:
        return Counter()
    _bring_in(one, items[0], {})
    for item in items[1:]:
        previews.refuse_item(item, _words(no))
    return Counter({Outcome.REFUSED.value: len(items)})


def _bring_in(one: _Slice, item: ImportItem, owners: Mapping[int, Person]) -> str:
    """Bring one in; returns what became of it, nothing where somebody else has brought it in or dropped it meanwhile."""
    try:
        _confirm(one, item, owners)
    except Refused as no:
        previews.refuse_item(item, _words(no.refusal))
    except (OperationalError, InterfaceError):
        raise  # the database is away: the next run goes on
    except Exception:
        log.exception("bring_in.failed", item=item.pk)
        previews.refuse_item(item, UNEXPECTED)
    if not item.outcome:
        item.refresh_from_db(fields=["outcome"])
    return str(item.outcome)


def _confirm(one: _Slice, item: ImportItem, owners: Mapping[int, Person]) -> None:
    draft = Draft.of(item)
    has_id = bool(item.manifest["source"]["external_id"])
    typed = draft_automation.fields_of(draft) if draft.fields else {}
    confirmation.confirm_import(
        one.team,
        actor=one.actor,
        now=one.now,
        item=item,
        fields={
            "environment": one.said.environment,
            **{name: said for name, said in typed.items() if said not in ("", None)},
        },
        if_new=_owners(one.said, owners),
        chosen=draft_automation.chosen_resources(draft, one.actor, one.now) if draft.chosen else {},
        automation=draft_automation.named_by(item, draft, one.team) if not has_id else None,
    )


def _owners(said: Order, owners: Mapping[int, Person]) -> dict[str, Person | None]:
    """Whom the order names: only what is new in the register has owners by it."""
    technical = owners.get(said.technical_owner) if said.technical_owner is not None else None
    return {"business_owner": owners.get(said.business_owner), "technical_owner": technical}


def _words(no: Refusal) -> str:
    return f"{no.sentence} {no.to_do}".strip()
