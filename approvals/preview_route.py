"""Who would be asked, before there is a submission: parties as they would be, and the ladder of each seat (A9, S1, S2).

The ladders are those of `routing`, and what was refused before counts as it will (A15); what is left out, because it can't be
before a submission exists, is decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals import again, parties, stopped
from approvals.again import Earlier
from approvals.changes import Asked, Changes
from approvals.ladders import Bench, Rung, ladder
from approvals.matching import Question, shortage
from approvals.models import APP_KEY, Approval, SeatLabel, Submission
from approvals.models.submission import Capacity
from approvals.policies import Policy
from approvals.routing import Skipped, app_deciders
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
        is_more: whether it is the signature that is needed beside the policy's, because the same was refused before (A15) or
            stopped (G5).
    """

    label: str
    basis: str
    people: tuple[Person, ...]
    skipped: tuple[Skipped, ...]
    is_more: bool = False

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
        policy: says which seats a question has.
        before: what became of what was refused or withdrawn before, by the question's key (`again.earlier`).
        stopped: who stopped what is asked again, by the question's key (`stopped.stopped`).
    """

    bench: Bench
    parties: dict[int, str]
    decided_app: frozenset[int]
    policy: Policy
    before: Mapping[str, Earlier]
    stopped: Mapping[str, frozenset[int]]

    @classmethod
    def load(
        cls,
        automation: Automation,
        known: Automation | None,
        item: ImportItem,
        actor: Actor,
        under_way: Submission | None,
        rests_on: Approval | None,
        policy: Policy,
        now: datetime,
        authors: Sequence[Person] = (),
    ) -> People:
        """Read them: a fixed number of queries.

        Args:
            automation: as it would be.
            known: as stored; None for a new one.
            item: the preview; who brought it in is a party.
            actor: who would submit.
            under_way: the submission that it would continue; its parties stay parties.
            rests_on: the app approval in force when stage 1 is not asked.
            policy: the policy in force.
            now: business time.
            authors: whom the source names; parties too.
        """
        asked = automation.asked
        named: list[tuple[int | None, str]] = [(item.batch.by_id, Capacity.IMPORTER)]
        if known is not None:
            named += parties.standing(known)
        named += [
            *((author.pk, Capacity.AUTHOR) for author in authors),
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
            policy,
            again.earlier(known, policy, now) if known is not None else {},
            stopped.stopped(known) if known is not None else {},
        )

    def app_seats(self, automation: Automation, tier: str) -> tuple[SeatAsked, ...]:
        """The seats of stage 1, for an app of this tier."""
        return tuple(self._seats(automation, "app", tier, APP_KEY, None))

    def seats(self, automation: Automation, asked: Asked) -> tuple[SeatAsked, ...]:
        """The seats of one record of stage 2."""
        return tuple(self._seats(automation, _kind(asked), asked.tier, asked.key, resource_of(asked)))

    def short(self, automation: Automation, found: Changes, tier: str) -> list[str]:
        """Names of what nobody would be left to decide, all approvals together (A9).

        Args:
            automation: whose submission it would be.
            found: what it would ask.
            tier: the app's tier.
        """
        questions = [self._question("the app", automation, "app", tier, APP_KEY, None)] if found.app else []
        questions += [
            self._question(
                str(one.privilege or one.credential), automation, _kind(one), one.tier, one.key, resource_of(one)
            )
            for one in found.asked
        ]
        return shortage(questions, stage_1_taken=self.decided_app)

    def _labels(self, kind: str, tier: str, key: str, resource: Resource | None) -> Iterator[tuple[str, bool]]:
        """The labels of a question's seats, and whether each is one more than the policy asks for."""
        own = self.policy.seats(kind, tier)
        found = again.seats(
            own,
            self.before.get(key),
            may_be_asked=lambda person: self._why_not(person, resource, _stage(kind)) is None,
        )
        for number, label in enumerate(stopped.seats(own, found) if key in self.stopped else found):
            yield label, number >= len(own)

    def _ladder(self, label: str, automation: Automation, resource: Resource | None, key: str) -> list[Rung]:
        words = self.before[key].words if key in self.before else ()
        return ladder(label, automation, resource, self.bench, first=again.said_in(label, words))

    def _question(
        self, name: str, automation: Automation, kind: str, tier: str, key: str, resource: Resource | None
    ) -> Question:
        """A record with everybody on the ladders of its seats who could decide it, but for who decided an app approval."""
        seats = []
        for label, _ in self._labels(kind, tier, key, resource):
            rungs = self._ladder(label, automation, resource, key)
            barred = {*self.parties, *self.stopped.get(key, ())}
            people = [one for rung in rungs for one in rung.people if one.is_here and one.pk not in barred]
            seats.append((label, tuple(people)))
        return Question(name, _stage(kind), tuple(seats))

    def _seats(
        self, automation: Automation, kind: str, tier: str, key: str, resource: Resource | None
    ) -> Iterator[SeatAsked]:
        for label, is_more in self._labels(kind, tier, key, resource):
            rungs = self._ladder(label, automation, resource, key)
            who_stopped = self.stopped.get(key, frozenset())
            yield self._seat(label, rungs, resource, _stage(kind), is_more, who_stopped)

    def _seat(
        self,
        label: str,
        rungs: Iterable[Rung],
        resource: Resource | None,
        stage: int,
        is_more: bool,
        who_stopped: frozenset[int],
    ) -> SeatAsked:
        skipped: list[Skipped] = []
        for rung in rungs:
            reasons = [(person, self._why_not(person, resource, stage, who_stopped)) for person in rung.people]
            free = tuple(person for person, no in reasons if no is None)
            skipped += [Skipped(person, rung.basis, *no) for person, no in reasons if no is not None]
            if free:
                return SeatAsked(label, rung.basis, free, tuple(skipped), is_more)
        return SeatAsked(label, "", (), tuple(skipped), is_more)

    def _why_not(
        self, person: Person, resource: Resource | None, stage: int, who_stopped: frozenset[int] = frozenset()
    ) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", "is not here any more"
        if person.pk in self.parties:
            answers = resource is not None and person.pk in (resource.owner_id, resource.deputy_id)
            return ("SOD-3" if answers else "SOD-1"), self._as_party(person)
        if stage == 2 and person.pk in self.decided_app:
            return "SOD-2", "decided the app in stage 1"
        if person.pk in who_stopped:
            return "G5", "stopped what this would bring back"
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


def _kind(asked: Asked) -> str:
    return "privilege" if asked.privilege is not None else "credential"


def _stage(kind: str) -> int:
    return 1 if kind == "app" else 2


def resource_of(asked: Asked) -> Resource | None:
    """What something is asked about: the entitlement's resource, or where the credential is decided (A2)."""
    if asked.privilege is not None:
        return asked.privilege.entitlement.resource
    return asked.credential.decided_on if asked.credential is not None else None


def would_join(submission: Submission, automation: Automation, authors: Sequence[Person], actor: Actor) -> list[Person]:
    """Who would become a party of the submission that an import continues: who brings it in, owners, authors (S1)."""
    asked = [automation.asked[f"{name}_id"] for name in ("business_owner", "technical_owner")]
    named = [*(person.pk for person in (*actor.people, *authors)), *asked]
    people = Person.objects.filter(pk__in=[pk for pk in named if pk is not None])
    return list(people.exclude(pk__in=submission.parties.values("person")).order_by("pk"))
