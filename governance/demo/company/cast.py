"""The people of the demo's company, who act in its stories: each act is one operation of the product.

What they typed into forms is in ``forms.yaml``. Decisions are bound to the shown content (A6) and made in a fresh session (S5).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import yaml
from django.db.models import Q

from approvals.assignment.context import load_context
from approvals.decisions import digest
from approvals.decisions.transitions import decide
from approvals.grants.transitions.revocation_tasks import say_removed
from approvals.models import Approval, Grant, RevocationTask, Submission
from approvals.submissions.transitions.submit import ItemRequest, submit
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import refuse
from governance.core.models import Person, Team
from governance.recertification.items import drafts
from governance.recertification.items import queries as item_queries
from governance.recertification.items.transitions.answer import CardView
from governance.recertification.models import AnswerKind, Question
from inventory.importers.manifest import Manifest, Trigger, binding_key
from inventory.imports.resolution import binding_name
from inventory.imports.transitions import confirmation, manual_registration, previews
from inventory.models import Automation, AutomationKind, InterimOwner, Owned, Resource, Version
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import resources

EXPORTS = Path(__file__).parents[1] / "exports"
FORMS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("forms.yaml").read_text(encoding="utf-8"))
#: Justification of every credential.
SIGNS_IN = "It signs in with this; there is no other way in for a workflow."
#: Least and most seconds for a decision, for the figures of decision times.
SHORTEST, LONGEST = 25, 240


@dataclass
class Cast:
    """People, teams and resources of one demo by key, and the instant of the present step."""

    now: datetime
    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    #: Seeded, so that every demo is the same.
    dice: random.Random = field(default_factory=lambda: random.Random(20))  # noqa: S311  figures, no secrets

    def actor(self, person: Person | str) -> Actor:
        """A person, or the person of a key, with a fresh session, as a high-risk decision needs (S5)."""
        found = self.people[person] if isinstance(person, str) else person
        return Actor.of(found, signed_in_at=business_time.real())

    def by(self, person: Person | str, reason: str = "") -> dict[str, Any]:
        """Arguments of an operation: the actor, the present instant, and the reason if there is one."""
        return {"actor": self.actor(person), "now": self.now, **({"reason": reason} if reason else {})}

    def bring_in(self, name: str, content: bytes | None = None) -> Version:
        """Import an export with its form; ``content`` replaces the file's."""
        form = FORMS[name]
        file, actor, opens = form.get("file", name), self.actor(form["by"]), form.get("opens", {})
        data = content if content is not None else (EXPORTS / file).read_bytes()
        item = previews.preview([(file, data)], actor=actor, now=self.now).items.get()
        keys = {binding_key(privilege) for privilege in Manifest.from_dict(item.manifest).privileges}
        chosen = {binding_name(key): self.resources[opens[key[1]]] for key in keys if key[1] in opens}
        made = confirmation.confirm_import(
            self.teams[form["team"]], actor=actor, now=self.now, item=item, fields=self._fields(form), chosen=chosen
        )
        return cast("Version", made)  # the engine is typed by its subject, a team

    def describe(self, name: str) -> Version:
        """Describe a script without an export: it starts by itself and has one privilege, which its owner adds first."""
        form = FORMS[name]
        does = resources.add_entitlement(
            self.resources[form["does"]["resource"]],
            **self.by(form["does"]["by"]),
            **{column: form["does"][column] for column in ("code", "words", "level")},
        )
        manifest = manual_registration.describe_manually(
            name=name,
            kind=AutomationKind.SCRIPT,
            platform=form["platform"],
            privileges=[manual_registration.DescribedPrivilege(cast("Any", does), form["does"]["level"])],
            triggers=[Trigger(type="schedule", at="", authenticated=True)],
            external_id=f"manual:{name.lower().replace(' ', '-')}",
        )
        made = manual_registration.register_by_hand(
            self.teams[form["team"]], **self.by(form["by"]), manifest=manifest, fields=self._fields(form)
        )
        return cast("Version", made)  # the engine is typed by its subject, a team

    def _fields(self, form: dict[str, Any]) -> dict[str, Any]:
        """Values of a form with people instead of their keys."""
        named = form["fields"].items()
        return {name: self.people[value] if name.endswith("_owner") else value for name, value in named}

    def submit(self, version: Version, name: str) -> Submission:
        """Submit a version with the reasons of its form."""
        form = FORMS[name]
        wishes = {
            f"credential:{version_credential.credential_id}": ItemRequest(SIGNS_IN)
            for version_credential in version.version_credentials.all()
        }
        for privilege in version.privileges.all():
            why = form["why"][privilege.at[0]]
            wishes[privilege.key] = ItemRequest(*why) if isinstance(why, list) else ItemRequest(why)
        automation = Automation.objects.get(pk=version.automation_id)
        made = submit(automation, **self.by(form["by"]), version=version, wishes=wishes)
        return cast("Submission", made)  # the engine is typed by its subject, an automation

    def approval(self, submission: Submission, at: str = "") -> Approval:
        """The approval of the privilege at a place or of the credential of a name; the app's without one."""
        if not at:
            return submission.approvals.get(stage=1)
        of_privilege = submission.approvals.filter(privilege__at__contains=[at]).first()
        return of_privilege or submission.approvals.get(credential__name=at)

    def approve(self, submission: Submission, by: str, reason: str = "", *, at: str = "", **narrowing: Any) -> None:
        """Approve, possibly narrower."""
        self.decide(decide.approve, self.approval(submission, at), by, reason, **narrowing)

    def reject(self, submission: Submission, by: str, reason: str, *, at: str = "") -> None:
        """Reject one approval."""
        self.decide(decide.reject, self.approval(submission, at), by, reason)

    def ask_for_changes(self, submission: Submission, by: str, reason: str, *, at: str) -> None:
        """Send one approval back to its builder."""
        self.decide(decide.ask_for_changes, self.approval(submission, at), by, reason)

    def decide(
        self, verb: Callable[..., object], approval: Approval, by: Person | str, reason: str, **narrowing: Any
    ) -> None:
        """Decide what the page shows, in a seeded number of seconds."""
        fresh = Approval.objects.get(pk=approval.pk)
        shown = digest.digest(digest.facts_of_approval(fresh, load_context(fresh, self.now).conflicts))
        seconds = self.dice.randint(SHORTEST, LONGEST)
        verb(approval, **self.by(by), reason=reason, shown_digest=shown, seconds=seconds, **narrowing)

    def review(self, automation: Automation, at: str, by: str, reason: str, **given: Any) -> None:
        """Answer a review about the privilege at a place; ``given`` as for `answer_question`."""
        grant = Q(item__grant__automation=automation, item__grant__approval__privilege__at__contains=[at])
        self.answer_question(Question.objects.unanswered().get(grant, reviewer=self.people[by]), reason, **given)

    def answer_question(
        self, question: Question, reason: str, answer: AnswerKind = AnswerKind.KEEP, ends_on: date | None = None
    ) -> None:
        """Answer a question as its reviewer: draft, then submit, as on the page."""
        given = self.by(question.reviewer)
        advice = item_queries.load_facts([question.item], self.now)[question.item_id].recommended.advice
        seen = CardView(self.dice.randint(SHORTEST, LONGEST), advice, looked=1)
        draft = drafts.save_draft(question, answer, **given, ends_on=ends_on, reason=reason, seen=seen)
        (done,) = drafts.submit([draft], **given)
        if done.refusal is not None:
            raise refuse(done.refusal)

    def confirm_removal(self, automation: Automation, reason: str, by: str = "") -> None:
        """Report all revocation tasks of an automation as removed, by a person or by the tasks' owners."""
        for task in RevocationTask.objects.open().filter(grant__automation=automation).order_by("pk"):
            say_removed(task, **self.by(by or cast("Person", task.owner), reason))

    def held(self, automation: Automation, at: str) -> Grant:
        """The standing grant of the privilege at a place."""
        return automation.grants.standing().get(approval__privilege__at__contains=[at])

    def name_interim(self, subject: Owned, person: str, by: str, reason: str) -> InterimOwner:
        """Name an interim owner; another person confirms."""
        name = ownership_transitions.NAME_INTERIM[subject.item_kind]
        return cast("InterimOwner", name(subject, **self.by(by, reason), person=self.people[person]))
