"""Who would be asked, before there is a submission: parties as they would be, and the ladder of each seat (A9, S1, S2).

The ladders are those of `routing`; what is left out, because it can't be before a submission exists, is decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from approvals import parties
from approvals.models import Approval, SeatLabel, Submission
from approvals.models.submission import Capacity
from approvals.routing import Bench, Skipped, app_deciders, ladder
from governance.controls.actors import Actor
from governance.controls.models import Person
from inventory.models import Automation, ImportItem, Resource


@dataclass(frozen=True)
class SeatAsked:
    """One seat of a record that would be asked: who could fill it first, and who is skipped.

    Args:
        label: what the seat stands for (`SeatLabel`).
        basis: the rung that they stand on: ``owner``, ``deputy``, …
        people: whoever may decide; empty when nobody is left.
        skipped: people on higher rungs, and why.
    """

    label: str
    basis: str
    people: tuple[Person, ...]
    skipped: tuple[Skipped, ...]

    @property
    def is_security(self) -> bool:
        """Whether it is the second signature of a high-risk record."""
        return self.label == SeatLabel.SECURITY


@dataclass(frozen=True)
class People:
    """Everybody whom routing a submission-to-be needs, read once.

    Args:
        bench: the groups that stand on every ladder.
        parties: who would be a party, by id, and in what capacity (S1).
        decided_app: ids of who decided the app approval that it would rest on (S2).
    """

    bench: Bench
    parties: dict[int, str]
    decided_app: frozenset[int]

    @classmethod
    def load(
        cls,
        automation: Automation,
        known: Automation | None,
        item: ImportItem,
        actor: Actor,
        under_way: Submission | None,
        rests_on: Approval | None,
        now: datetime,
    ) -> People:
        """Read them: a fixed number of queries.

        Args:
            automation: as it would be.
            known: as stored; None for a new one.
            item: the preview; who brought it in is a party.
            actor: who would submit.
            under_way: the submission that it would continue; its parties stay parties.
            rests_on: the app approval in force when stage 1 is not asked.
            now: business time.
        """
        asked = automation.asked
        named: list[tuple[int | None, str]] = [(item.batch.by_id, Capacity.IMPORTER)]
        if known is not None:
            named += parties.standing(known)
        named += [
            (asked["technical_owner_id"], Capacity.TECHNICAL_OWNER),
            (automation.technical_owner_id, Capacity.TECHNICAL_OWNER),
            (asked["business_owner_id"], Capacity.BUSINESS_OWNER),
            (automation.business_owner_id, Capacity.BUSINESS_OWNER),
            (actor.person.pk if actor.person else None, Capacity.SUBMITTER),
        ]
        return cls(
            Bench.load(now),
            {who: str(Capacity(capacity).label) for who, capacity in named if who is not None},
            app_deciders(rests_on),
        )

    def seats(
        self, labels: Iterable[str], automation: Automation, resource: Resource | None, *, stage: int
    ) -> tuple[SeatAsked, ...]:
        """The seats of one record.

        Args:
            labels: the seats that the policy asks for.
            automation: whose record it is.
            resource: what it is about, in stage 2.
            stage: 1 or 2.
        """
        return tuple(self._seat(label, automation, resource, stage) for label in labels)

    def _seat(self, label: str, automation: Automation, resource: Resource | None, stage: int) -> SeatAsked:
        skipped: list[Skipped] = []
        for rung in ladder(label, automation, resource, self.bench):
            reasons = [(person, self._why_not(person, resource, stage)) for person in rung.people]
            free = tuple(person for person, no in reasons if no is None)
            skipped += [Skipped(person, rung.basis, *no) for person, no in reasons if no is not None]
            if free:
                return SeatAsked(label, rung.basis, free, tuple(skipped))
        return SeatAsked(label, "", (), tuple(skipped))

    def _why_not(self, person: Person, resource: Resource | None, stage: int) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", "is not here any more"
        if person.pk in self.parties:
            answers = resource is not None and person.pk in (resource.owner_id, resource.deputy_id)
            return ("SOD-3" if answers else "SOD-1"), self._as_party(person)
        if stage == 2 and person.pk in self.decided_app:
            return "SOD-2", "decided the app in stage 1"
        return None

    def _as_party(self, person: Person) -> str:
        capacity = self.parties[person.pk]
        said = {
            Capacity.SUBMITTER.label: "submits this",
            Capacity.IMPORTER.label: "brought this in",
            Capacity.BUSINESS_OWNER.label: "owns this automation",
            Capacity.TECHNICAL_OWNER.label: "owns this automation",
        }
        return f"{said.get(capacity, 'worked on this')}, so decides nothing on it"
