"""Who would be asked, before there is a submission: parties as they would be, and the ladder of each seat (A9, S1, S2).

The ladders are those of `route`, and what was refused before counts as it will (A15); what is left out, because it can't be
before a submission exists, is decisions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from approvals.assignment.escalation_chain import Bench, Rung, ladder
from approvals.assignment.matching import APP, Question, after, shortage
from approvals.assignment.next_approver import Beside, Judge, Skipped, turn
from approvals.assignment.route import app_deciders
from approvals.conflicts.check.automation import Found
from approvals.models import APP_KEY, Approval, SeatLabel, Submission
from approvals.models.conflict import Mode
from approvals.models.submission import Capacity
from approvals.parties import queries as party_queries
from approvals.policies.queries import Policy
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.prior_decisions.queries import Earlier
from approvals.submissions.version_diff import Asked, Changes
from governance.core.actors.actor import Actor
from governance.core.models import Person
from inventory.duplicates.queries import Alike
from inventory.models import Automation, Resource


@dataclass(frozen=True)
class SeatAsked:
    """One seat of a record that would be asked: who could fill it first, and who is skipped.

    Args:
        label: what the seat stands for (`SeatLabel`).
        basis: the rung that they stand on: ``owner``, ``deputy``, …
        people: whoever may decide; empty when nobody is left.
        skipped: people on higher rungs, and why.
        beside: who of them is asked beside the first rung, so that enough are left for the rest.
        is_more: whether it is the signature that is needed beside the policy's, because the same was refused before (A15) or
            stopped (G5).
    """

    label: str
    basis: str
    people: tuple[Person, ...]
    skipped: tuple[Skipped, ...]
    is_more: bool = False
    beside: Beside | None = None

    @property
    def is_of_conflict(self) -> bool:
        """Whether it is the signature that a conflict takes (S6)."""
        return self.label == SeatLabel.CONFLICT

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
        before: what became of what was refused or withdrawn before, by the question's key (`prior_decisions.queries.earlier`).
        stopped: who stopped what is asked again, by what the question is about (`stopped_grants.stopped`).
        builders: ids of whoever's work it is: who brought it in, edited or would submit it.
        is_known_elsewhere: whether it may be the same as something of another team (I9).
        in_conflict: keys of the records that a conflict gives another seat (S6).
    """

    bench: Bench
    parties: dict[int, str]
    decided_app: frozenset[int]
    policy: Policy
    before: Mapping[str, Earlier]
    stopped: Mapping[str, frozenset[int]]
    builders: frozenset[int] = frozenset()
    is_known_elsewhere: bool = False
    in_conflict: frozenset[str] = frozenset()

    @classmethod
    def load(
        cls,
        automation: Automation,
        known: Automation | None,
        named: Iterable[tuple[int, Capacity]],
        siblings: Collection[int],
        rests_on: Approval | None,
        policy: Policy,
        now: datetime,
        likes: Sequence[Alike] = (),
    ) -> People:
        """Read them: a fixed number of queries.

        Args:
            automation: as it would be.
            known: as stored; None for a new one.
            named: its parties, by id and capacity.
            siblings: ids of the automation in its other environments (I10).
            rests_on: the app approval in force when stage 1 is not asked.
            policy: the policy in force.
            now: business time.
            likes: what it may be the same as (I9).
        """
        named = list(named)
        return cls(
            Bench.load(now),
            {who: str(Capacity(capacity).label) for who, capacity in named},
            app_deciders(rests_on),
            policy,
            prior_decision_queries.earlier(known, policy, now, [*siblings, *duplicates.within(automation, likes)]),
            stopped_grants.stopped(known) if known is not None else {},
            frozenset(who for who, capacity in named if capacity in party_queries.BUILDING),
            is_known_elsewhere=duplicates.is_elsewhere(automation, likes),
        )

    def with_conflicts(self, found: Sequence[Found], changed: Changes, automation: int) -> People:
        """The same with the records that a conflict gives another seat (S6)."""
        signed = [one for one in found if one.mode == Mode.APPROVAL]
        asked = {one.key: f"{automation}/{one.key}" for one in changed.asked if one.privilege is not None}
        keys = {key for key, full in asked.items() if any(full in one.keys for one in signed)}
        if any(one.keys.isdisjoint(asked.values()) for one in signed):
            keys.add(APP_KEY)
        return replace(self, in_conflict=frozenset(keys))

    def app_seats(self, automation: Automation, found: Changes, tier: str) -> tuple[SeatAsked, ...]:
        """The seats of stage 1, for an app of this tier that would ask all this."""
        others = [self._question(automation, _Record.of(one)) for one in found.asked]
        return tuple(self._seats(automation, _Record.app(tier), others))

    def seats(self, automation: Automation, asked: Asked) -> tuple[SeatAsked, ...]:
        """The seats of one record of stage 2."""
        return tuple(self._seats(automation, _Record.of(asked), ()))

    def short(self, automation: Automation, found: Changes, tier: str) -> list[str]:
        """Names of what nobody would be left to decide, all approvals together (A9).

        Args:
            automation: whose submission it would be.
            found: what it would ask.
            tier: the app's tier.
        """
        records = [_Record.app(tier)] if found.app else []
        records += [_Record.of(one) for one in found.asked]
        return shortage([self._question(automation, one) for one in records])

    def _labels(self, automation: Automation, record: _Record) -> Iterator[tuple[str, bool]]:
        """The labels of a question's seats, and whether each is one more than the policy asks for."""
        own = self.policy.seats(record.kind, record.tier)
        own = duplicates.app_seats(own, elsewhere=record.kind == "app" and self.is_known_elsewhere)
        found = prior_decision_queries.seats(
            own,
            self.before.get(record.matter),
            may_be_asked=lambda person: self._why_not(person, record, may_have_stopped=True) is None,
        )
        labels = stopped_grants.seats(own, found) if record.matter in self.stopped else list(found)
        if record.key in self.in_conflict:
            labels.append(SeatLabel.CONFLICT)
        for number, label in enumerate(labels):
            yield label, number >= len(own)

    def _ladder(self, label: str, automation: Automation, record: _Record) -> list[Rung]:
        words = self.before[record.matter].words if record.matter in self.before else ()
        return ladder(
            label, automation, record.resource, self.bench, first=prior_decision_queries.said_in(label, words)
        )

    def _question(self, automation: Automation, record: _Record) -> Question:
        """A record with everybody on the ladders of its seats who could decide it."""
        seats = []
        for label, _ in self._labels(automation, record):
            standing = (one for rung in self._ladder(label, automation, record) for one in rung.people)
            seats.append((label, tuple(one for one in standing if self._why_not(one, record) is None)))
        return Question(record.name, record.stage, tuple(seats))

    def _seats(self, automation: Automation, record: _Record, others: Sequence[Question]) -> Iterator[SeatAsked]:
        question = self._question(automation, record)
        for label, is_more in self._labels(automation, record):
            judge = self._judge(label, record, question, others)
            found = turn(self._ladder(label, automation, record), judge)
            yield SeatAsked(label, found.basis, found.people, found.skipped, is_more, found.beside)

    def _judge(self, label: str, record: _Record, question: Question, others: Sequence[Question]) -> Judge:
        return Judge(
            lambda person: self._why_not(person, record),
            lambda person: question.needs(label, person),
            lambda person: after(question, label, [person], others),
            lambda _, said: said,  # whoever shows it names the person
        )

    def _why_not(self, person: Person, record: _Record, *, may_have_stopped: bool = False) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", "is not here any more"
        if person.pk in self.parties:
            on = record.resource
            answers = on is not None and person.pk in (on.owner_id, on.deputy_id)
            answers = answers or (on is not None and person == on.interim_owner(self.bench.now))
            return ("SOD-3" if answers else "SOD-1"), self._as_party(person)
        if record.stage == 2 and person.pk in self.decided_app:
            return "SOD-2", "decided the app in stage 1"
        if not may_have_stopped and person.pk in self.stopped.get(record.matter, ()):
            return "G5", "stopped what this would bring back"
        return None

    def _as_party(self, person: Person) -> str:
        capacity = self.parties[person.pk]
        said = {
            Capacity.SUBMITTER.label: "submits this",
            Capacity.IMPORTER.label: "brought this in",
            Capacity.BUSINESS_OWNER.label: "owns this automation",
            Capacity.TECHNICAL_OWNER.label: "owns this automation",
            Capacity.ALIKE.label: "has a conflict of interest",
        }
        return f"{said.get(capacity, 'worked on this')}, so decides nothing on it"


@dataclass(frozen=True)
class _Record:
    """A record as it would be: what a sentence calls it, its kind, its tier, its key, its question, what it is asked about."""

    name: str
    kind: str
    tier: str
    key: str
    matter: str
    resource: Resource | None

    @classmethod
    def app(cls, tier: str) -> _Record:
        """The one of stage 1."""
        return cls(APP, "app", tier, APP_KEY, APP_KEY, None)

    @classmethod
    def of(cls, asked: Asked) -> _Record:
        """One of stage 2."""
        kind = "privilege" if asked.privilege is not None else "credential"
        return cls(
            str(asked.privilege or asked.credential), kind, asked.tier, asked.key, asked.matter, resource_of(asked)
        )

    @property
    def stage(self) -> int:
        """Where it is decided."""
        return 1 if self.kind == "app" else 2


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
