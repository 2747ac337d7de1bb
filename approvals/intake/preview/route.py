"""Approvers of a submission that does not exist yet: its parties and the ladder of each seat (A9, S1, S2).

The ladders are those of `route`, and prior refusals count (A15). Decisions are missing: none can exist before the submission.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from approvals.assignment.escalation_chain import Bench, Rung, escalation_chain
from approvals.assignment.matching import APP, Question, shortage, shortage_after
from approvals.assignment.next_approver import Backup, Eligibility, Skipped, next_approvers
from approvals.assignment.route import app_deciders
from approvals.conflicts.check.automation import FoundConflict
from approvals.models import APP_KEY, Approval, SeatLabel, Submission
from approvals.models.conflict import Mode
from approvals.models.submission import Capacity
from approvals.parties import queries as party_queries
from approvals.policies.queries import Policy
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.prior_decisions.queries import EarlierOutcome
from approvals.submissions.version_diff import Changes, RequestedItem
from governance.core.actors.actor import Actor
from governance.core.models import Person
from inventory.duplicates.queries import Duplicate
from inventory.models import Automation, Resource


@dataclass(frozen=True)
class PreviewSeat:
    """One seat of an approval that would be asked: the people of the first rung, and the people skipped.

    Args:
        label: what the seat stands for (`SeatLabel`).
        basis: their rung: ``owner``, ``deputy``, …
        people: people who may decide; empty if nobody is left.
        skipped: people on higher rungs, and why.
        beside: people asked in addition to the first rung, so that enough are left for the other seats.
        is_more: whether it is an extra signature after a prior refusal (A15) or a stop (G5).
    """

    label: str
    basis: str
    people: tuple[Person, ...]
    skipped: tuple[Skipped, ...]
    is_more: bool = False
    beside: Backup | None = None

    @property
    def is_of_conflict(self) -> bool:
        """Whether it is the extra approval of a conflict (S6)."""
        return self.label == SeatLabel.CONFLICT

    @property
    def is_security(self) -> bool:
        """Whether it is the second signature of a high-risk approval."""
        return self.label == SeatLabel.SECURITY


@dataclass(frozen=True)
class People:
    """All people that the routing of a future submission needs, loaded once.

    Args:
        bench: the groups that stand on every ladder.
        parties: future parties: capacity by id (S1).
        decided_app: ids of the deciders of the app approval that it would rest on (S2).
        policy: defines the seats of an approval.
        before: outcomes of earlier refusals and withdrawals, by the approval's matter (`prior_decisions.queries.earlier`).
        stopped: people who stopped an item that is asked again, by its matter (`stopped_grants.stopped`).
        builders: ids of the builders: importers, editors and the submitter.
        is_known_elsewhere: whether it may be the same as an automation of another team (I9).
        in_conflict: keys of the approvals that a conflict gives another seat (S6).
    """

    bench: Bench
    parties: dict[int, str]
    decided_app: frozenset[int]
    policy: Policy
    before: Mapping[str, EarlierOutcome]
    stopped: Mapping[str, frozenset[int]]
    builders: frozenset[int] = frozenset()
    is_known_elsewhere: bool = False
    in_conflict: frozenset[str] = frozenset()

    @classmethod
    def load(
        cls,
        automation: Automation,
        registered: Automation | None,
        named: Iterable[tuple[int, Capacity]],
        siblings: Collection[int],
        rests_on: Approval | None,
        policy: Policy,
        now: datetime,
        likes: Sequence[Duplicate] = (),
    ) -> People:
        """Load the people in a fixed number of queries.

        Args:
            automation: the automation as it would be.
            registered: as stored; None for a new one.
            named: its parties, by id and capacity.
            siblings: ids of the automation in its other environments (I10).
            rests_on: the app approval in force, if stage 1 is not asked.
            policy: the policy in force.
            now: business time.
            likes: automations that it may be the same as (I9).
        """
        named = list(named)
        return cls(
            Bench.load(now),
            {person_id: str(Capacity(capacity).label) for person_id, capacity in named},
            app_deciders(rests_on),
            policy,
            prior_decision_queries.earlier_outcomes(
                registered, policy, now, [*siblings, *duplicates.ids_in_same_team(automation, likes)]
            ),
            stopped_grants.stoppers_by_matter(registered) if registered is not None else {},
            frozenset(person_id for person_id, capacity in named if capacity in party_queries.BUILDING),
            is_known_elsewhere=duplicates.is_in_other_team(automation, likes),
        )

    def with_conflicts(self, findings: Sequence[FoundConflict], changed: Changes, automation: int) -> People:
        """Return a copy with the approvals that a conflict gives another seat (S6)."""
        signed = [finding for finding in findings if finding.mode == Mode.APPROVAL]
        full_keys = {item.key: f"{automation}/{item.key}" for item in changed.asked if item.privilege is not None}
        keys = {key for key, full in full_keys.items() if any(full in finding.keys for finding in signed)}
        if any(finding.keys.isdisjoint(full_keys.values()) for finding in signed):
            keys.add(APP_KEY)
        return replace(self, in_conflict=frozenset(keys))

    def app_seats(self, automation: Automation, changes: Changes, tier: str) -> tuple[PreviewSeat, ...]:
        """The seats of stage 1, for an app of this tier with these changes."""
        others = [self._question(automation, _Record.of(item)) for item in changes.asked]
        return tuple(self._seats(automation, _Record.app(tier), others))

    def seats(self, automation: Automation, item: RequestedItem) -> tuple[PreviewSeat, ...]:
        """The seats of one approval of stage 2."""
        return tuple(self._seats(automation, _Record.of(item), ()))

    def short(self, automation: Automation, changes: Changes, tier: str) -> list[str]:
        """Names of approvals that would be left without an eligible approver, over all approvals together (A9).

        Args:
            automation: its automation.
            changes: what it would ask.
            tier: the app's tier.
        """
        approvals = [_Record.app(tier)] if changes.app else []
        approvals += [_Record.of(item) for item in changes.asked]
        return shortage([self._question(automation, approval) for approval in approvals])

    def _labels(self, automation: Automation, record: _Record) -> Iterator[tuple[str, bool]]:
        """Labels of an approval's seats, and whether each exceeds the policy."""
        usual_labels = self.policy.seats(record.kind, record.tier)
        usual_labels = duplicates.app_seats(usual_labels, elsewhere=record.kind == "app" and self.is_known_elsewhere)
        needed_seats = prior_decision_queries.required_seats(
            usual_labels,
            self.before.get(record.matter),
            may_be_asked=lambda person: self._why_not(person, record, may_have_stopped=True) is None,
        )
        labels = (
            stopped_grants.seats(usual_labels, needed_seats) if record.matter in self.stopped else list(needed_seats)
        )
        if record.key in self.in_conflict:
            labels.append(SeatLabel.CONFLICT)
        for number, label in enumerate(labels):
            yield label, number >= len(usual_labels)

    def _ladder(self, label: str, automation: Automation, record: _Record) -> list[Rung]:
        words = self.before[record.matter].words if record.matter in self.before else ()
        return escalation_chain(
            label, automation, record.resource, self.bench, first=prior_decision_queries.decider_in_seat(label, words)
        )

    def _question(self, automation: Automation, record: _Record) -> Question:
        """An approval with all people on the ladders of its seats who could decide it."""
        seats = []
        for label, _ in self._labels(automation, record):
            standing = (person for rung in self._ladder(label, automation, record) for person in rung.people)
            seats.append((label, tuple(person for person in standing if self._why_not(person, record) is None)))
        return Question(record.name, record.stage, tuple(seats))

    def _seats(self, automation: Automation, record: _Record, others: Sequence[Question]) -> Iterator[PreviewSeat]:
        question = self._question(automation, record)
        for label, is_more in self._labels(automation, record):
            judge = self._judge(label, record, question, others)
            next_step = next_approvers(self._ladder(label, automation, record), judge)
            yield PreviewSeat(label, next_step.basis, next_step.people, next_step.skipped, is_more, next_step.beside)

    def _judge(self, label: str, record: _Record, question: Question, others: Sequence[Question]) -> Eligibility:
        return Eligibility(
            lambda person: self._why_not(person, record),
            lambda person: question.needs(label, person),
            lambda person: shortage_after(question, label, [person], others),
            lambda _, reason: reason,  # the page adds the person's name
        )

    def _why_not(self, person: Person, record: _Record, *, may_have_stopped: bool = False) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", "is not here any more"
        if person.pk in self.parties:
            resource = record.resource
            answers = resource is not None and person.pk in (resource.owner_id, resource.deputy_id)
            answers = answers or (resource is not None and person == resource.interim_owner(self.bench.now))
            return ("SOD-3" if answers else "SOD-1"), self._as_party(person)
        if record.stage == 2 and person.pk in self.decided_app:
            return "SOD-2", "decided the app in stage 1"
        if not may_have_stopped and person.pk in self.stopped.get(record.matter, ()):
            return "G5", "stopped what this would bring back"
        return None

    def _as_party(self, person: Person) -> str:
        capacity = self.parties[person.pk]
        reasons = {
            Capacity.SUBMITTER.label: "submits this",
            Capacity.IMPORTER.label: "brought this in",
            Capacity.BUSINESS_OWNER.label: "owns this automation",
            Capacity.TECHNICAL_OWNER.label: "owns this automation",
            Capacity.ALIKE.label: "has a conflict of interest",
        }
        return f"{reasons.get(capacity, 'worked on this')}, so decides nothing on it"


@dataclass(frozen=True)
class _Record:
    """A future approval: its name in sentences, kind, tier, key, matter and resource."""

    name: str
    kind: str
    tier: str
    key: str
    matter: str
    resource: Resource | None

    @classmethod
    def app(cls, tier: str) -> _Record:
        """The approval of stage 1."""
        return cls(APP, "app", tier, APP_KEY, APP_KEY, None)

    @classmethod
    def of(cls, item: RequestedItem) -> _Record:
        """An approval of stage 2."""
        kind = "privilege" if item.privilege is not None else "credential"
        return cls(str(item.privilege or item.credential), kind, item.tier, item.key, item.matter, resource_of(item))

    @property
    def stage(self) -> int:
        """Stage in which it is decided."""
        return 1 if self.kind == "app" else 2


def resource_of(item: RequestedItem) -> Resource | None:
    """The resource that decides: that of the entitlement, or of the credential (A2)."""
    if item.privilege is not None:
        return item.privilege.entitlement.resource
    return item.credential.decided_on if item.credential is not None else None


def future_parties(
    submission: Submission, automation: Automation, authors: Sequence[Person], actor: Actor
) -> list[Person]:
    """People who would become parties of the submission that an import continues: importer, owners and authors (S1)."""
    owner_ids = [automation.asked[f"{name}_id"] for name in ("business_owner", "technical_owner")]
    person_ids = [*(person.pk for person in (*actor.people, *authors)), *owner_ids]
    people = Person.objects.filter(pk__in=[pk for pk in person_ids if pk is not None])
    return list(people.exclude(pk__in=submission.parties.values("person")).order_by("pk"))
