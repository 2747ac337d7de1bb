"""Actions of the demo's people, in the words of the stories; each is one operation of the product.

Decisions are bound to the shown content (A6) and made in a fresh session (S5), as by people.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from approvals.assignment.route import Route
from approvals.decisions import digest
from approvals.decisions.transitions import comment, decide
from approvals.grants.transitions import revocation_tasks
from approvals.models import Approval, ApprovalState, Grant, RevocationTask, SeatLabel, Submission
from approvals.submissions.transitions import submit as transition_submit
from approvals.submissions.transitions import withdraw as transition_withdraw
from approvals.submissions.transitions.submit import ItemRequest
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import refuse
from governance.core.models import Person
from governance.demo.company.founding import Northwind
from governance.demo.stories.playback import Scene
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions.call_off import call_off
from governance.recertification.campaigns.transitions.open_campaign import order_campaign
from governance.recertification.items import drafts
from governance.recertification.items import queries as item_queries
from governance.recertification.items.transitions.answer import CardView
from governance.recertification.models import AnswerKind, Campaign, Question
from inventory.importers.manifest import Manifest, Trigger, binding_key
from inventory.imports.resolution import binding_name
from inventory.imports.transitions import confirmation, manual_registration, previews
from inventory.models import Automation, AutomationKind, Entitlement, InterimOwner, Owned, Resource, Version
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import resources

EXPORTS = Path(__file__).parents[1] / "exports"

#: Default justification of a credential.
SIGNS_IN = "It signs in with this; there is no other way in for a workflow."

#: Least and most seconds for a decision, for the figures of decision times.
SHORTEST, LONGEST = 25, 240


@dataclass
class Director:
    """Lets the people of one company act.

    Args:
        company: people, teams and resources by key.
        dice: seeded, so that every demo is the same.
    """

    company: Northwind
    dice: random.Random = field(default_factory=lambda: random.Random(20))  # noqa: S311  figures, no secrets

    def person(self, key: str) -> Person:
        """A person by key."""
        return self.company.people[key]

    def resource(self, key: str) -> Resource:
        """A resource by key."""
        return self.company.resources[key]

    def bring_in(
        self,
        team: str,
        by: str,
        export: str,
        now: datetime,
        *,
        content: bytes | None = None,
        opens: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Version:
        """Import a sample export; fields name people by key.

        Args:
            team: key of the responsible team.
            by: key of the importer.
            export: file name.
            now: time of the import.
            content: changed content of the file, if any.
            opens: keys of resources by instance, for unconfirmed connections.
            fields: values of the form.
        """
        data = content if content is not None else (EXPORTS / export).read_bytes()
        actor = self.company.actor(by)
        item = previews.preview([(export, data)], actor=actor, now=now).items.get()
        keys = {binding_key(privilege) for privilege in Manifest.from_dict(item.manifest).privileges}
        chosen = {binding_name(key): self.resource(opens[key[1]]) for key in keys if opens and key[1] in opens}
        made = confirmation.confirm_import(
            self.company.teams[team], actor=actor, now=now, item=item, fields=self._named(fields), chosen=chosen
        )
        return cast("Version", made)  # the engine is typed by its subject, a team

    def offer(self, resource: str, by: str, now: datetime, *, code: str, words: str, level: str) -> Entitlement:
        """Add an entitlement to a resource, by its owner."""
        actor = self.company.actor(by)
        made = resources.add_entitlement(
            self.resource(resource), actor=actor, now=now, code=code, words=words, level=level
        )
        return cast("Entitlement", made)  # the engine is typed by its subject, a resource

    def describe(
        self, team: str, by: str, name: str, does: Entitlement, now: datetime, *, platform: str, **fields: Any
    ) -> Version:
        """Register a script without an export: it starts by itself and has one privilege."""
        manifest = manual_registration.describe_manually(
            name=name,
            kind=AutomationKind.SCRIPT,
            platform=platform,
            privileges=[manual_registration.DescribedPrivilege(does, does.level)],
            triggers=[Trigger(type="schedule", at="", authenticated=True)],
            external_id=f"manual:{name.lower().replace(' ', '-')}",
        )
        given = self._named(fields)
        actor = self.company.actor(by)
        made = manual_registration.register_by_hand(
            self.company.teams[team], actor=actor, now=now, manifest=manifest, fields=given
        )
        return cast("Version", made)  # the engine is typed by its subject, a team

    def _named(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Form values with people instead of keys of owners."""
        return {name: self.person(value) if name.endswith("_owner") else value for name, value in fields.items()}

    def submit(self, version: Version, by: str, now: datetime, why: Mapping[str, str | ItemRequest]) -> Submission:
        """Submit a version with a justification for each privilege, by place."""
        wishes = {
            f"credential:{version_credential.credential_id}": ItemRequest(SIGNS_IN)
            for version_credential in version.version_credentials.all()
        }
        for privilege in version.privileges.all():
            wish = why[privilege.at[0]]
            wishes[privilege.key] = wish if isinstance(wish, ItemRequest) else ItemRequest(wish)
        made = transition_submit.submit(
            Automation.objects.get(pk=version.automation_id),
            actor=self.company.actor(by),
            now=now,
            version=version,
            wishes=wishes,
        )
        return cast("Submission", made)  # the engine is typed by its subject, an automation

    def app(self, submission: Submission) -> Approval:
        """The approval of stage 1."""
        return submission.approvals.get(stage=1)

    def privilege(self, submission: Submission, place: str) -> Approval:
        """The approval of the privilege at a place."""
        return submission.approvals.get(privilege__at__contains=[place])

    def credential(self, submission: Submission, name: str) -> Approval:
        """The approval of a credential by name."""
        return submission.approvals.get(credential__name=name)

    def approve(self, record: Approval, by: str, now: datetime, reason: str = "", **narrowing: Any) -> Approval:
        """Approve, possibly narrower."""
        return decide.approve(record, **self._deciding(record, by, now), reason=reason, **narrowing)

    def reject(self, record: Approval, by: str, now: datetime, reason: str) -> Approval:
        """Reject one approval."""
        return decide.reject(record, **self._deciding(record, by, now), reason=reason)

    def ask_for_changes(self, record: Approval, by: str, now: datetime, reason: str) -> Approval:
        """Send one approval back to its builder."""
        return decide.ask_for_changes(record, **self._deciding(record, by, now), reason=reason)

    def answer(self, record: Approval, by: str, now: datetime, reason: str) -> Approval:
        """Answer a question as the builder."""
        return decide.answer(record, actor=self.company.actor(by), now=now, reason=reason)

    def object_to(self, record: Approval, by: str, now: datetime, reason: str) -> Approval:
        """Object before stage 2 opens, as one of its approvers."""
        return comment.object_to(record, actor=self.company.actor(by), now=now, reason=reason)

    def say(self, submission: Submission, by: str, now: datetime, text: str, *, on: Approval | None = None) -> None:
        """Comment on a submission."""
        comment.comment(submission, actor=self.company.actor(by), now=now, reason=text, approval=on)

    def review(
        self,
        automation: Automation,
        place: str,
        by: str,
        now: datetime,
        reason: str,
        answer: AnswerKind = AnswerKind.KEEP,
        ends_on: date | None = None,
    ) -> None:
        """Answer a review about the privilege at a place: draft, then submit, as on the page."""
        question = Question.objects.unanswered().get(
            item__grant__automation=automation,
            item__grant__approval__privilege__at__contains=[place],
            reviewer=self.person(by),
        )
        actor = self.company.actor(by)
        self._submit(question, answer, actor, now, reason, ends_on)

    def _submit(
        self,
        question: Question,
        answer: AnswerKind,
        actor: Actor,
        now: datetime,
        reason: str,
        ends_on: date | None = None,
    ) -> None:
        item = question.item
        advice = item_queries.load_facts([item], now)[item.pk].recommended.advice
        seen = CardView(self.dice.randint(SHORTEST, LONGEST), advice, looked=1)
        draft = drafts.save_draft(question, answer, actor=actor, now=now, ends_on=ends_on, reason=reason, seen=seen)
        (done,) = drafts.submit([draft], actor=actor, now=now)
        if done.refusal is not None:
            raise refuse(done.refusal)

    def order_campaign(
        self, name: str, campaign_scope: Scope, day: date, by: str, now: datetime, reason: str
    ) -> Campaign:
        """Order a campaign; the job fills it."""
        return order_campaign(
            Campaign(name=name),
            actor=self.company.actor(by),
            now=now,
            reason=reason,
            campaign_scope=campaign_scope,
            day=day,
        )

    def call_off(self, campaign: Campaign, by: str, now: datetime, reason: str) -> None:
        """Call off an opening campaign."""
        call_off(campaign, actor=self.company.actor(by), now=now, reason=reason)

    def keep(self, question: Question, now: datetime, reason: str) -> None:
        """Answer a question with *keep*, as its reviewer."""
        actor = Actor.of(question.reviewer, signed_in_at=business_time.real())
        self._submit(question, AnswerKind.KEEP, actor, now, reason)

    def withdraw(self, submission: Submission, by: str, now: datetime, reason: str) -> None:
        """Withdraw a submission as its submitter."""
        transition_withdraw.withdraw(submission, actor=self.company.actor(by), now=now, reason=reason)

    def decline(self, submission: Submission, by: str, now: datetime, reason: str) -> None:
        """Decline a partly approved submission as the business owner."""
        transition_withdraw.decline(submission, actor=self.company.actor(by), now=now, reason=reason)

    def taken_away(self, automation: Automation, by: str, now: datetime, words: str) -> None:
        """Report all revocation tasks of an automation as removed; without ``by``, as their owners."""
        for task in RevocationTask.objects.open().filter(grant__automation=automation).order_by("pk"):
            key = by or next(key for key, person in self.company.people.items() if person == task.owner)
            revocation_tasks.say_removed(task, actor=self.company.actor(key), now=now, reason=words)

    def held(self, automation: Automation, place: str) -> Grant:
        """The standing grant of the privilege at a place."""
        return automation.grants.standing().get(approval__privilege__at__contains=[place])

    def name_meanwhile(self, subject: Owned, person: str, by: str, now: datetime, reason: str) -> InterimOwner:
        """Name an interim owner; another person confirms."""
        naming = ownership_transitions.NAME_INTERIM[subject.item_kind]
        return cast(
            "InterimOwner",
            naming(subject, actor=self.company.actor(by), now=now, reason=reason, person=self.person(person)),
        )

    def approve_rest(self, submission: Submission, now: datetime, reason: str) -> Scene:
        """Approve all open approvals in all their seats by the asked people, a few minutes apart."""
        for pk in submission.approvals.filter(state=ApprovalState.OPEN).order_by("pk").values_list("pk", flat=True):
            record = submission.approvals.get(pk=pk)  # an extra approval may have approved it (S6)
            while record.state == ApprovalState.OPEN:
                by = self._first_asked(record, Route.load(submission, now))
                is_signed_for = record.seats.filter(label=SeatLabel.CONFLICT).exists()
                self.approve(record, by, now, reason if record.tier == "high" or is_signed_for else "")
                now = yield timedelta(minutes=self.dice.randint(2, 6))
        return now

    def _first_asked(self, record: Approval, route: Route) -> str:
        """Key of the first person who may fill an empty seat."""
        free = next(seat.may_decide[0] for seat in route.standing(record) if not seat.is_filled and seat.may_decide)
        return next(key for key, person in self.company.people.items() if person == free)

    def _deciding(self, record: Approval, by: str, now: datetime) -> dict[str, Any]:
        shown = digest.digest(digest.facts_of_approval(Approval.objects.get(pk=record.pk)))
        seconds = self.dice.randint(SHORTEST, LONGEST)
        return {"actor": self.company.actor(by), "now": now, "shown_digest": shown, "seconds": seconds}
