"""What each kind of row changes, in the order in which rows are applied (P1).

A row changes only what differs, so the same list changes nothing the second time. Roles, leads, fallback owners and owners of active
resources are proposed: a second admin countersigns and the person accepts, as on the pages (S8).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from django import forms
from django.conf import settings

from approvals.models import Proposal
from approvals.proposals import rules as proposal_rules
from approvals.proposals import transitions as proposal_transitions
from governance.core.access import ROLE_WORDS, Refusal
from governance.core.engine.transition import Transition
from governance.core.models import Person, Team, TeamKind
from governance.core.people.transitions.people import add_person
from governance.core.roles.roles import ASSIGNABLE
from governance.core.sign_in.transitions import invite
from governance.core.teams.transitions import found_team, join_team
from governance.core.texts import free_text
from governance.portal.lists.lookups import Lookups, RowRefused, key_of, names_in
from governance.portal.people.forms import PersonForm, TeamForm
from inventory.models import Resource, ResourceState
from inventory.resources.forms import EntitlementForm, ResourceForm
from inventory.resources.transitions import resources

WAITS = "waits for a second admin"
SELF = "You can't do this for yourself: leave the line out, and another governance admin does it."
ROLES: Final = {text.lower(): role for role in ASSIGNABLE for text in (str(role), ROLE_WORDS[role])}
#: Texts of a column that is true or false.
YES, NO = ("yes", "true", "1", "x"), ("no", "false", "0", "")


@dataclass(frozen=True)
class Change:
    """One operation of a row.

    Args:
        verb, subject, params: the operation, its subject and its arguments.
        words: what it changes, for the report.
        reason: of a proposal.
        is_new: whether the row's own subject is made.
    """

    verb: Transition[Any]
    subject: Any
    words: str
    params: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    is_new: bool = False

    def refusal(self, lookups: Lookups) -> Refusal | None:
        """Return why the operation would be refused, as far as it can be told before. Proposals are checked by their author's pages."""
        if self.reason:
            return None
        return self.verb.refusal(self.subject, actor=lookups.actor, now=lookups.now)

    def perform(self, lookups: Lookups) -> None:
        """Perform the operation, in its own transaction."""
        self.verb(self.subject, actor=lookups.actor, now=lookups.now, reason=self.reason, **self.params)


Planner = Callable[[Mapping[str, str], Lookups], list[Change]]


def _cleaned(form_class: type[forms.Form], cells: Mapping[str, str], **usual: Any) -> dict[str, Any]:
    """Check the cells by the form of the page; a choice may stand by its words.

    Raises:
        RowRefused: with the first error and its column.
    """
    data = {**usual, **{name: cells[name] for name in form_class.base_fields if name in cells}}
    for name, one in form_class.base_fields.items():
        if isinstance(one, forms.ChoiceField) and not isinstance(one, forms.ModelChoiceField) and name in cells:
            pairs = [(str(value), str(text)) for value, text in cast("Iterable[tuple[object, object]]", one.choices)]
            values = {text.lower(): value for value, text in pairs} | {value.lower(): value for value, _ in pairs}
            if cells[name].lower() not in values:
                allowed = ", ".join(value for value, _ in pairs if value)
                raise RowRefused(f"{name}: “{cells[name][:60]}” is none of {allowed}.")
            data[name] = values[cells[name].lower()]
    form = form_class(data)
    if form.errors:
        name, errors = next(iter(form.errors.items()))
        raise RowRefused(f"{name}: {errors[0]}")
    return form.cleaned_data


def _not_self(lookups: Lookups, *people: Person) -> None:
    if any(person in lookups.actor.people for person in people):
        raise RowRefused(SELF)


def _proposal(lookups: Lookups, kind: str, target: str, named: Person, words: str, **document: Any) -> list[Change]:
    """The proposal of an appointment, unless the same is under way."""
    if (open_document := lookups.under_way.get((kind, target))) is not None:
        if open_document != document:
            raise RowRefused(f"{words}: another change of this waits for its answers. Answer or withdraw that first.")
        return []
    if (refusal := proposal_rules.self_gain_refusal(lookups.actor, [named.pk or 0])) is not None:
        raise RowRefused(refusal.words)
    verb, row = proposal_transitions.propose, Proposal(kind=kind, target=target)
    return [Change(verb, row, f"{words}: {WAITS}", {"document": document}, "An applied list has it so.")]


def add_people(cells: Mapping[str, str], lookups: Lookups) -> list[Change]:
    """Add a person who is not here."""
    given = _cleaned(PersonForm, cells)
    address = key_of(given["email"])
    if lookups.people.get(address):
        lookups.person(address)
        return []
    person = Person(subject=address, **given)
    person.set_unusable_password()
    lookups.people[address].append(person)
    return [Change(add_person, person, "added", is_new=True)]


def place_people(cells: Mapping[str, str], lookups: Lookups) -> list[Change]:
    """Invite a person who has never signed in, add them to teams, and propose roles."""
    person = lookups.person(cells["email"])
    is_new = person.source == "local" and person.last_login is None and not person.has_usable_password()
    changes = []
    if is_new and person.pk not in lookups.invited and settings.PASSWORD_SIGN_IN:
        changes.append(Change(invite, person, "invited by mail"))
    for name in names_in(cells.get("teams", "")):
        changes += _membership(lookups.team(name), person, lookups)
    for name in names_in(cells.get("roles", "")):
        if (role := ROLES.get(name.lower())) is None:
            raise RowRefused(f"roles: “{name[:60]}” is none of {', '.join(ASSIGNABLE)}.")
        if (person.pk, role) not in lookups.roles:
            target, words = f"{person.pk}-{role}", f"role {ROLE_WORDS[role]}"
            changes += _proposal(lookups, "role", target, person, words, held=True)
    return changes


def _membership(team: Team, person: Person, lookups: Lookups) -> list[Change]:
    if (team.pk, person.pk) in lookups.members:
        return []
    if team.kind == TeamKind.FALLBACK:
        target, words = f"{team.pk}-{person.pk}", f"fallback approver in {team.name}"
        return _proposal(lookups, "fallback_owner", target, person, words, member=True)
    _not_self(lookups, person)
    return [Change(join_team, team, f"member of {team.name}", {"person": person})]


def found_teams(cells: Mapping[str, str], lookups: Lookups) -> list[Change]:
    """Found a team that is not here. Kind and place of one that is here stay."""
    given = _cleaned(TeamForm, {**cells, "name": cells["team"]}, kind=TeamKind.BUSINESS.value)
    if ";" in given["name"]:
        raise RowRefused("team: A semicolon stands between two teams, so the name of a team has none.")
    parent, key = lookups.team(cells["under"]) if "under" in cells else None, key_of(cells["team"])
    if not lookups.teams.get(key):
        team = Team(name=given["name"], kind=given["kind"], parent=parent)
        lookups.teams[key].append(team)
        return [Change(found_team, team, "founded", is_new=True)]
    team = lookups.team(key)
    if ("kind" in cells and given["kind"] != team.kind) or (parent is not None and parent.pk != team.parent_id):
        raise RowRefused(f"{team.name} is here already, with another kind or place, and keeps both.")
    return []


def name_leads(cells: Mapping[str, str], lookups: Lookups) -> list[Change]:
    """Propose lead and deputy lead."""
    team, changes = lookups.team(cells["team"]), []
    named = {seat: lookups.person(cells[seat]) for seat in ("lead", "deputy_lead") if seat in cells}
    if len(named) == 2 and named["lead"] is named["deputy_lead"]:
        raise RowRefused("Lead and deputy lead are two people.")
    for seat, person in named.items():
        if person.pk is None or getattr(team, f"{seat}_id") != person.pk:
            words = f"{seat.replace('_', ' ')} {person.name}"
            changes += _proposal(lookups, "team_lead", f"{team.pk}-{seat}", person, words, person=person.pk)
    return changes


def register_resources(cells: Mapping[str, str], lookups: Lookups) -> list[Change]:
    """Register a resource that is not here, otherwise change its description and its owners."""
    given = _cleaned(ResourceForm, {**cells, "name": cells["resource"]}, environment="production")
    owner, deputy = lookups.person(cells["owner"]), lookups.person(cells["deputy"])
    if owner is deputy:
        raise RowRefused("Owner and backup approver are two people.")
    fields, key = {**given, "team": lookups.team(cells["team"])}, key_of(cells["resource"])
    if lookups.resources.get(key):
        resource = lookups.resource(key)
        there = {name: value for name, value in fields.items() if name in (*cells, "kind") and name != "name"}
        return _amended(resource, there, lookups) + _owners(resource, owner, deputy, lookups)
    _not_self(lookups, owner, deputy)
    lookups.resources[key].append(Resource(**fields, state=ResourceState.PROPOSED))
    words, people = f"registered: waits for {owner.name} to accept", {"owner": owner, "deputy": deputy}
    params = {"fields": fields, **people}
    return [Change(resources.register_resource, fields["team"], words, params, is_new=True)]


def _amended(resource: Resource, fields: Mapping[str, Any], lookups: Lookups) -> list[Change]:
    changed = {name: value for name, value in fields.items() if getattr(resource, name) != value}
    words = f"changed: {', '.join(name.replace('_', ' ') for name in changed)}"
    return [Change(resources.amend_resource, resource, words, {"fields": changed})] if changed else []


def _owners(resource: Resource, owner: Person, deputy: Person, lookups: Lookups) -> list[Change]:
    answering = (resource.named_owner or resource.owner, resource.named_deputy or resource.deputy)
    if answering == (owner, deputy):
        return []
    if resource.state == ResourceState.ACTIVE:
        document = {"owner": owner.pk, "deputy": deputy.pk}
        new = deputy if owner == resource.owner else owner
        words = f"owner {owner.name}, backup approver {deputy.name}"
        return _proposal(lookups, "resource_owner", str(resource.pk), new, words, **document)
    _not_self(lookups, owner, deputy)
    words, people = f"named: waits for {owner.name} to accept", {"owner": owner, "deputy": deputy}
    return [Change(resources.name_owner, resource, words, people)]


def add_entitlements(cells: Mapping[str, str], lookups: Lookups) -> list[Change]:
    """Add an entitlement that its resource does not have. One that is here stays as it is."""
    resource, outbound = lookups.resource(cells["resource"]), cells.get("outbound", "").lower()
    if outbound not in (*YES, *NO):
        raise RowRefused(f"outbound: “{outbound[:60]}” is neither yes nor no.")
    texts = {name: text for name, text in cells.items() if name != "outbound"}
    given = _cleaned(EntitlementForm, texts, scope_kind="none", outbound="on" if outbound in YES else "")
    given["code"] = free_text.name(given["code"])
    if (level := lookups.entitlements.get((resource.pk, given["code"]))) is not None:
        if level != given["level"]:
            raise RowRefused(
                f"{given['code']} is on {resource.name} already, with level {level}. Change it on its page."
            )
        return []
    return [Change(resources.add_entitlement, resource, f"added to {resource.name}", given, is_new=True)]


#: What names the subject of a row, by kind. A list has one row for each.
KEYS: Final = {
    "people": ("email",),
    "teams": ("team",),
    "resources": ("resource",),
    "entitlements": ("resource", "code"),
}

#: What is done one after another: the kind of its rows, and what a row changes. Teams exist before people join them, and people before
#: they lead.
PHASES: Final[tuple[tuple[str, Planner], ...]] = (
    ("people", add_people),
    ("teams", found_teams),
    ("people", place_people),
    ("teams", name_leads),
    ("resources", register_resources),
    ("entitlements", add_entitlements),
)
