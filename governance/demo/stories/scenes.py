"""Tells the stories of ``stories.yaml``: each step is a verb of `Scene`, which performs one operation of the product.

What the people typed into forms is in ``forms.yaml``. Decisions are bound to the shown content (A6) and made in a fresh session (S5).

`play` runs all stories side by side in time order. A story yields the time of its next step and gets it back for ``now=``.
"""

import heapq
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from types import GeneratorType
from typing import Any

import yaml
from django.db.models import Q

from approvals.assignment.context import load_context
from approvals.decisions import digest
from approvals.decisions.transitions import comment, decide
from approvals.grants.transitions import stops
from approvals.grants.transitions.revocation_tasks import say_removed
from approvals.models import Approval, ApprovalState, Proposal, RevocationTask, SeatLabel
from approvals.proposals import transitions as proposal_transitions
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import put_in_force, withdraw
from approvals.submissions.transitions.submit import submit
from approvals.waivers import transitions as waiver_transitions
from governance.core.access import refuse
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.models import Person
from governance.demo.company.founding import Cast
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import drafts
from governance.recertification.items import queries as item_queries
from governance.recertification.items.recommendation import recommend
from governance.recertification.items.transitions.answer import CardView
from governance.recertification.models import AnswerKind, Asks, Campaign, Question
from inventory.automations.transitions import lifecycle
from inventory.credentials import transitions as credential_transitions
from inventory.importers.manifest import Manifest, Trigger, binding_key
from inventory.importers.reader import ReadResult
from inventory.imports import manual_description
from inventory.imports.resolution import binding_name
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, AutomationKind
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import incidents, resources

#: Least time between two steps of a story that a weekend moves to the same Friday.
LEAST = timedelta(minutes=20)

SATURDAY = 5


@dataclass(frozen=True)
class Ago:
    """A number of days before the demo's present, at a time of day; on a weekend, the Friday before."""

    days: int
    at: str

    def instant(self, present: datetime) -> datetime:
        """The instant for a demo that is loaded at ``present``."""
        zone = organisation_zone()
        day = present.astimezone(zone).date() - timedelta(days=self.days)
        day -= timedelta(days=max(0, day.weekday() - SATURDAY + 1))
        return datetime.combine(day, time.fromisoformat(self.at), tzinfo=zone).astimezone(present.tzinfo)


#: Next step of a story: a day and time, a pause, or an instant.
When = Ago | timedelta | datetime

Story = Generator[When, datetime, None]


def play(stories: Iterable[Story], *, present: datetime, each_step: Callable[[datetime], object]) -> None:
    """Play stories to their ends.

    Args:
        stories: the stories.
        present: the demo's present; nothing is played later.
        each_step: called after each step with its instant.

    Raises:
        ValueError: a story continues after the present.
    """
    waiting: list[tuple[datetime, int, Story]] = []

    def wait(story: Story, number: int, when: When, last: datetime | None) -> None:
        """Queue a story for its next step, later than its last one."""
        if isinstance(when, timedelta):
            at = (last or present) + when
        else:
            at = when.instant(present) if isinstance(when, Ago) else when
            if last is not None and at <= last:
                at = last + LEAST
        if at > present:
            raise ValueError(f"A story goes on at {at}, after the demo's present.")
        heapq.heappush(waiting, (at, number, story))

    for number, story in enumerate(stories):
        wait(story, number, next(story), None)
    while waiting:
        now, number, story = heapq.heappop(waiting)
        try:
            then = story.send(now)
        except StopIteration:
            then = None
        each_step(now)
        if then is not None:
            wait(story, number, then, now)


HERE = Path(__file__).parent

EXPORTS = HERE.parent / "exports"

FORMS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "forms.yaml").read_text(encoding="utf-8"))

#: Twenty-two automations, at least one in each state of interest, an incident and campaigns.
STORIES: dict[str, list[dict[str, Any]]] = yaml.safe_load((HERE / "stories.yaml").read_text(encoding="utf-8"))

#: Justification of every credential.
SIGNS_IN = "It signs in with this; there is no other way in for a workflow."

#: Least and most seconds for a decision, for the figures of decision times.
SHORTEST, LONGEST = 25, 240

#: Operations that need a person and a reason alone, with the attribute of the scene that they are about.
PLAIN_VERBS: Mapping[str, tuple[Any, str]] = {
    "accept_subset": (put_in_force.accept_subset, "submission"),
    "decline": (withdraw.decline, "submission"),
    "withdraw": (withdraw.withdraw, "submission"),
    "stop": (lifecycle.stop, "automation"),
    "request_resume": (lifecycle.request_resume, "automation"),
    "retire": (lifecycle.retire, "automation"),
    "grant_waiver": (waiver_transitions.grant_waiver, "waiver"),
    "end_incident": (incidents.end_incident, "incident"),
}


def tell(cast: Cast, steps: Sequence[Mapping[str, Any]]) -> Story:
    """Play the steps of one story."""
    scene = Scene(cast)
    for step in steps:
        arguments = dict(step)
        cast.now = yield read_when(arguments.pop("when"))
        verb = arguments.pop("does")
        if verb in PLAIN_VERBS:
            operation, subject = PLAIN_VERBS[verb]
            operation(getattr(scene, subject), **cast.call_as(arguments["who"], arguments.get("why", "")))
            continue
        played = getattr(scene, verb)(**arguments)
        if isinstance(played, GeneratorType):
            yield from played


def read_when(text: str) -> When:
    """Read ``52 10:15``, so many days before the present at a time of day, or ``30 min``, so long after the step before."""
    number, rest = text.split()
    return timedelta(minutes=int(number)) if rest == "min" else Ago(int(number), rest)


class Scene:
    """One story under way: the verbs of its steps, and the rows that later steps are about."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.form: dict[str, Any] = {}
        self.version: Any = None
        self.submission: Any = None
        self.waiver: Any = None
        self.incident: Any = None
        self.campaign: Any = None
        self.proposal: Any = None
        self.interim_owners: dict[str, Any] = {}

    @property
    def automation(self) -> Any:
        """The automation of the story, as it is now."""
        return Automation.objects.get(pk=self.version.automation_id)

    # Inventory

    def import_export(self, form: str) -> None:
        """Import an export with its form; the form may name another file for the content."""
        self.form = given = FORMS[form]
        file, actor, opens = given.get("file", form), self.cast.actor(given["by"]), given.get("opens", {})
        data = (HERE / given["content"] if "content" in given else EXPORTS / file).read_bytes()
        item = previews.preview([(file, data)], actor=actor, now=self.cast.now).items.get()
        keys = {binding_key(privilege) for privilege in Manifest.from_dict(item.manifest).privileges}
        chosen = {binding_name(key): self.cast.resources[opens[key[1]]] for key in keys if key[1] in opens}
        team, fields = self.cast.teams[given["team"]], self._fields()
        self.version = confirmation.confirm_import(
            team, actor=actor, now=self.cast.now, item=item, fields=fields, chosen=chosen
        )

    def describe(self, form: str) -> None:
        """Describe a script without an export: it starts by itself and has one privilege, which its owner adds first."""
        self.form = given = FORMS[form]
        does = dict(given["does"])
        resource, owner = self.cast.resources[does.pop("resource")], does.pop("by")
        entitlement: Any = resources.add_entitlement(resource, **self.cast.call_as(owner), **does)
        manifest = manual_description.describe_manually(
            name=form,
            kind=AutomationKind.SCRIPT,
            platform=given["platform"],
            privileges=[manual_description.DescribedPrivilege(entitlement, does["level"])],
            triggers=[Trigger(type="schedule", at="", authenticated=True)],
            external_id=f"manual:{form.lower().replace(' ', '-')}",
        )
        team, by = self.cast.teams[given["team"]], self.cast.call_as(given["by"])
        item = previews.keep_results([(form, ReadResult(manifest))], **by, team=team).items.get()
        self.version = confirmation.confirm_import(team, **by, item=item, fields=self._fields())

    def _fields(self) -> dict[str, Any]:
        """Values of the form with people instead of their keys."""
        named = self.form["fields"].items()
        return {name: self.cast.people[value] if name.endswith("_owner") else value for name, value in named}

    def declare_incident(self, who: str, resource: str, reference: str, days: int, why: str) -> None:
        """Declare an incident on a resource for some days."""
        until = self.cast.now + timedelta(days=days)
        affected, by = self.cast.resources[resource], self.cast.call_as(who, why)
        self.incident = incidents.declare_incident(affected, **by, reference=reference, until=until)

    def name_interim(self, who: str, person: str, why: str, resource: str = "") -> None:
        """Name an interim owner of the automation, or of a resource; another person confirms."""
        subject = self.cast.resources[resource] if resource else self.automation
        name: Any = ownership_transitions.NAME_INTERIM[subject.item_kind]
        by, named = self.cast.call_as(who, why), self.cast.people[person]
        self.interim_owners[resource] = name(subject, **by, person=named)

    def confirm_interim(self, who: str, resource: str = "") -> None:
        """Confirm an interim owner."""
        ownership_transitions.confirm_interim(self.interim_owners[resource], **self.cast.call_as(who))

    def drop_interim(self, who: str, why: str, resource: str = "") -> None:
        """Decline to be an interim owner."""
        ownership_transitions.drop_interim(self.interim_owners[resource], **self.cast.call_as(who, why))

    def propose_leaving(self, who: str, person: str, why: str) -> None:
        """Propose that a person left; another admin countersigns at once."""
        row = Proposal(kind="leaving", target=str(self.cast.people[person].pk))
        by = self.cast.call_as(who, why)
        self.proposal = proposal_transitions.propose(row, **by, document={"left": True}, at_once=True)

    def approve_leaving(self, who: str, person: str) -> None:
        """Countersign that a person left."""
        proposal_transitions.approve(self.proposal, **self.cast.call_as(who), shown_digest=self.proposal.digest)
        self.cast.people[person].refresh_from_db()

    def describe_credential(self, who: str, issued: int, rotated: int, due: int, **fields: Any) -> None:
        """Describe the credential of the automation, with days since its issue and rotation, and until the next."""
        now = self.cast.now
        fields |= {"issued_at": now - timedelta(days=issued), "rotated_at": now - timedelta(days=rotated)}
        fields |= {"rotation_due_on": (now + timedelta(days=due)).date(), "owner": self.cast.people[who]}
        credential_transitions.describe_credential(self._credential(), **self.cast.call_as(who), fields=fields)

    def claim_store(self, who: str, resource: str) -> None:
        """Say in which resource the credential is stored."""
        store = self.cast.resources[resource]
        credential_transitions.claim_store(self._credential(), **self.cast.call_as(who), store=store)

    def confirm_store(self, who: str, resource: str) -> None:
        """Confirm that the resource stores the credential."""
        store = self.cast.resources[resource].pk
        credential_transitions.confirm_store(self._credential(), **self.cast.call_as(who), store=store)

    def declare_reach(self, who: str, resource: str) -> None:
        """Declare that the credential reaches every entitlement of a resource."""
        codes = list(self.cast.resources[resource].entitlements.values_list("code", flat=True))
        credential_transitions.declare_reach(self._credential(), **self.cast.call_as(who), codes=codes)

    def _credential(self) -> Any:
        return self.version.version_credentials.get().credential

    # Approvals

    def submit(self) -> None:
        """Submit the version with the reasons of its form."""
        of_version = self.version.version_credentials.all()
        wishes = {f"credential:{each.credential_id}": ItemRequest(SIGNS_IN) for each in of_version}
        for privilege in self.version.privileges.all():
            why = self.form["why"][privilege.at[0]]
            wishes[privilege.key] = ItemRequest(*why) if isinstance(why, list) else ItemRequest(why)
        by = self.cast.call_as(self.form["by"])
        self.submission = submit(self.automation, **by, version=self.version, wishes=wishes)

    def _approval(self, of: str = "") -> Approval:
        """The approval of the privilege at a place or of the credential of a name; the app's without one."""
        approvals = self.submission.approvals
        if not of:
            return approvals.get(stage=1)
        return approvals.filter(privilege__at__contains=[of]).first() or approvals.get(credential__name=of)

    def approve(self, who: str, of: str = "", why: str = "", **narrowing: Any) -> None:
        """Approve, possibly narrower."""
        self._decide(decide.approve, self._approval(of), who, why, **narrowing)

    def reject(self, who: str, why: str, of: str = "") -> None:
        """Reject one approval."""
        self._decide(decide.reject, self._approval(of), who, why)

    def ask_for_changes(self, who: str, why: str, of: str) -> None:
        """Send one approval back to its builder."""
        self._decide(decide.ask_for_changes, self._approval(of), who, why)

    def approve_rest(self, why: str = "") -> Story:
        """Approve all open approvals in all their seats by the asked people, a few minutes apart."""
        is_open = self.submission.approvals.filter(state=ApprovalState.OPEN)
        for pk in is_open.order_by("pk").values_list("pk", flat=True):
            approval = self.submission.approvals.get(pk=pk)  # an extra approval may have approved it (S6)
            while approval.state == ApprovalState.OPEN:
                seats = load_context(self.submission, self.cast.now).route.standing(approval)
                who = next(seat.may_decide[0] for seat in seats if not seat.is_filled and seat.may_decide)
                needs_reason = approval.tier == "high" or approval.seats.filter(label=SeatLabel.CONFLICT).exists()
                self._decide(decide.approve, approval, who, why if needs_reason else "")
                self.cast.now = yield timedelta(minutes=self.cast.dice.randint(2, 6))

    def _decide(self, verb: Any, approval: Approval, who: Person | str, why: str, **narrowing: Any) -> None:
        """Decide what the page shows, in a seeded number of seconds."""
        fresh = Approval.objects.get(pk=approval.pk)
        shown = digest.digest(digest.facts_of_approval(fresh, load_context(fresh, self.cast.now).conflicts))
        seconds = self.cast.dice.randint(SHORTEST, LONGEST)
        verb(approval, **self.cast.call_as(who), reason=why, shown_digest=shown, seconds=seconds, **narrowing)

    def comment(self, who: str, why: str, of: str = "") -> None:
        """Comment on the submission, or on one approval of it."""
        about: dict[str, Any] = {"approval": self._approval(of)} if of else {}
        comment.comment(self.submission, **self.cast.call_as(who, why), **about)

    def object_to(self, who: str, why: str, of: str) -> None:
        """Object to one approval."""
        comment.object_to(self._approval(of), **self.cast.call_as(who, why))

    def ask_waiver(self, who: str, why: str, code: str, control: str, days: int, of_identity: bool = False) -> None:
        """Ask for a waiver of a rule about the automation, or about its identity."""
        subject = self.version.version_identities.get().identity_id if of_identity else self.automation.pk
        by = self.cast.call_as(who, why)
        self.waiver = waiver_transitions.ask_waiver(
            self.automation, **by, code=code, subject_id=subject, control=control, days=days
        )

    def stop_grant(self, who: str, of: str, why: str) -> None:
        """Stop the standing grant of the privilege at a place."""
        grant = self.automation.grants.standing().get(approval__privilege__at__contains=[of])
        stops.stop_grant(grant, **self.cast.call_as(who, why))

    def report_removed(self, why: str, who: str = "") -> None:
        """Report all revocation tasks of the automation as removed, by a person or by the tasks' owners."""
        for task in RevocationTask.objects.open().filter(grant__automation=self.automation).order_by("pk"):
            owner: Any = task.owner
            say_removed(task, **self.cast.call_as(who or owner, why))

    # Recertification

    def review(self, who: str, of: str, why: str, answer: str = AnswerKind.KEEP, ends_in: int = 0) -> None:
        """Answer a review of the privilege at a place; *keep* may name an earlier end, in days."""
        grant = Q(item__grant__automation=self.automation, item__grant__approval__privilege__at__contains=[of])
        question = Question.objects.unanswered().get(grant, reviewer=self.cast.people[who])
        self._answer(question, why, answer, ends_in)

    def answer_half(self, why: str) -> None:
        """Keep every second grant of the campaign that is not of low risk."""
        waiting = Question.objects.unanswered().filter(item__campaign=self.campaign, asks=Asks.NEEDED)
        risky = waiting.filter(item__grant__isnull=False).exclude(item__snapshot__tier="low")
        for question in list(risky.select_related("reviewer").order_by("pk"))[::2]:
            self._answer(question, why)

    def _answer(self, question: Question, why: str, answer: str = AnswerKind.KEEP, ends_in: int = 0) -> None:
        """Answer a question as its reviewer: draft, then submit, as on the page."""
        by, now = self.cast.call_as(question.reviewer), self.cast.now
        ends_on = (now + timedelta(days=ends_in)).date() if ends_in else None
        item_queries.load_subjects([question.item])
        advice = recommend(item_queries.load_facts([question.item], now)[question.item_id]).advice
        seen = CardView(self.cast.dice.randint(SHORTEST, LONGEST), advice, looked=1)
        draft = drafts.save_draft(question, AnswerKind(answer), **by, ends_on=ends_on, reason=why, seen=seen)
        (done,) = drafts.submit([draft], **by)
        if done.refusal is not None:
            raise refuse(done.refusal)

    def order_campaign(self, who: str, name: str, why: str, team: str = "", **scope: Any) -> None:
        """Order a campaign of two weeks; the job fills it."""
        if team:
            scope["team"] = self.cast.teams[team].pk
        zone, in_two_weeks, by = organisation_zone(), self.cast.now + timedelta(days=12), self.cast.call_as(who, why)
        day = working_days.end_of_working_day(in_two_weeks, zone, organisation_holidays()).astimezone(zone).date()
        self.campaign = campaign_transitions.order_campaign(
            Campaign(name=name), **by, campaign_scope=Scope(**scope), day=day
        )

    def fill_campaigns(self) -> None:
        """Run the sweep of campaigns."""
        campaign_jobs.sweep(self.cast.now)
