"""The preview of an import: the plan of its submission, and the builder's justifications and terms (I7, A1, A5, A7, A12).

`preview.queries` loads it, pages show it, and submitting takes its justifications and terms.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.assignment.seat_state import SeatState
from approvals.intake.drafts import Draft, row_key
from approvals.models import ApprovalKind
from approvals.policies.queries import Policy
from approvals.submissions.plan.context import PlanContext, VersionContent
from approvals.submissions.plan.plan import Plan, PlannedApproval
from approvals.submissions.plan.problems import ItemRequest, Problem, ProblemKind
from approvals.submissions.reapproval import RequestedItem
from governance.core.access import Refusal
from governance.core.models import Person, Team
from governance.core.texts import free_text
from governance.core.texts.number_words import counted
from inventory.importers.manifest import platform_name
from inventory.models import Automation, ImportItem, Privilege, Resource, Version

#: Opening of the justification that a credential takes from its privileges.
USES_PREFIX = "It is needed for what it opens:"


def groups_of(items: Mapping[str, RequestedItem]) -> dict[str, str]:
    """Return the group of each row, by row key: its connection; of a credential, that of the first privilege that uses it."""
    groups, of_credentials = {}, dict[int, str]()  # by identity: a new credential has no id
    for key, item in items.items():
        if (used := item.privilege) is not None:
            groups[key] = row_key(f"connection {used.connector}|{used.instance}")
            if used.credential is not None:
                of_credentials.setdefault(id(used.credential), groups[key])
    other = row_key("credentials")
    return {key: groups.get(key) or of_credentials.get(id(item.credential), other) for key, item in items.items()}


def answers_of(
    items: Mapping[str, RequestedItem],
    groups: Mapping[str, str],
    draft: Draft,
    earlier: Mapping[str, str],
    policy: Policy,
    left_out: Collection[str],
) -> dict[str, tuple[str, ItemRequest]]:
    """Return the builder's justification as typed or last asked, and the request as it is submitted, by row key.

    A row without an own justification takes that of its group. A credential without either takes those of the asked
    privileges that use it. A term is at most the tier's maximum, which is also the default.

    Args:
        items: everything that the version uses, by row key.
        groups: of `groups_of`.
        draft: the builder's answers as typed.
        earlier: the last justification of the same item, by row key.
        policy: the policy in force.
        left_out: keys of items that are not requested.
    """
    own_texts = {key: free_text.clean(draft.why.get(key, earlier.get(key, ""))) for key in items}
    whys = {key: own_texts[key] or free_text.clean(draft.reasons.get(groups[key], "")) for key in items}
    requested = [(key, item) for key, item in items.items() if item.why and item.key not in left_out]
    asked = [(key, item.privilege) for key, item in requested if item.privilege is not None]
    answers = {}
    for key, item in items.items():
        uses = [
            whys[other] for other, row in asked if item.credential is not None and row.credential == item.credential
        ]
        justification, longest = whys[key], policy.longest_term(item.tier)
        if not justification and uses and all(uses):
            justification = f"{USES_PREFIX} {' '.join(dict.fromkeys(uses))}"
        days = min(draft.terms.get(key, draft.term or longest), longest) or longest
        answers[key] = own_texts[key], ItemRequest(justification, days, is_left_out=item.key in left_out)
    return answers


@dataclass(frozen=True)
class PreviewRow:
    """One privilege or credential that the version would hold.

    Args:
        key: names its form fields (`drafts.row_key`).
        group: key of its connection (`groups_of`).
        requested: the privilege or credential with its tier; `why` is empty if it is held and not asked again.
        why: its own justification as typed, or else that of the same item when it was last asked.
        request: justification and term as they are submitted.
        resource: the resource that decides.
        approval: its planned approval; None if it is not asked.
        seats: the seats of that approval.
        problems: problems of the plan with it, a missing justification apart.
        is_justified: whether the plan misses no justification of it.
        asked_of: the first deciders in words; empty if there is a problem.
        data_class: the data class that counts: restricted if its binding rests on parties (I8).
        longest_term_days: the maximum of its tier, in days.
        connection: the connection's name, if the builder may choose its resource.
        is_named: whether the connection's resource is known or chosen.
        said_no: a sentence if an owner refused the chosen resource; else empty.
        proposed: a sentence if another person has proposed its resource; else empty.
    """

    key: str
    group: str
    requested: RequestedItem
    why: str
    request: ItemRequest
    resource: Resource | None
    approval: PlannedApproval | None
    seats: tuple[SeatState, ...]
    problems: tuple[Problem, ...]
    is_justified: bool
    asked_of: str
    data_class: str
    longest_term_days: int
    connection: str
    is_named: bool
    said_no: str
    proposed: str

    @property
    def is_asked(self) -> bool:
        """Whether stage 2 is asked about it."""
        return bool(self.requested.why) and not self.request.is_left_out

    @property
    def may_leave(self) -> bool:
        """Whether the builder may leave it out: a privilege that is not held."""
        return self.requested.privilege is not None and self.requested.why == "new"

    @property
    def kinds(self) -> set[ProblemKind]:
        """Kinds of its problems."""
        return {problem.kind for problem in self.problems}

    @property
    def kind(self) -> str:
        """Privilege or credential."""
        return ApprovalKind.CREDENTIAL if self.requested.privilege is None else ApprovalKind.PRIVILEGE

    @property
    def is_recognised(self) -> bool:
        """Whether the importer recognises the operation and its target."""
        return self.requested.privilege is None or self.requested.privilege.recognised

    @property
    def is_at_run_time(self) -> bool:
        """Whether its target is chosen at run time, so that it can't be named here (I8)."""
        return self.requested.privilege is not None and not self.requested.privilege.instance

    @property
    def level(self) -> str:
        """Level of the privilege, ``secret`` for a credential, ``unknown`` for an operation that is not recognised."""
        privilege = self.requested.privilege
        return "secret" if privilege is None else privilege.level if privilege.recognised else "unknown"

    @property
    def group_name(self) -> str:
        """Name of its group: its resource; while that is unknown, its credential or address."""
        privilege = self.requested.privilege
        if privilege is None or (self.is_named and self.resource is not None and not self.is_at_run_time):
            return self.resource.name if self.resource is not None else "credentials"
        named = privilege.credential.name if privilege.credential is not None else ""
        return named or privilege.instance or self.place

    @property
    def place(self) -> str:
        """Place in the source: “Post report”."""
        privilege = self.requested.privilege
        return f"“{privilege.at[0]}”" if privilege is not None and privilege.at else "this"

    @property
    def sentence(self) -> str:
        """Its use in plain words."""
        privilege, credential = self.requested.privilege, self.requested.credential
        if privilege is None:
            return credential.sentence if credential is not None else ""
        if self.is_at_run_time:
            return f"{self.place} talks to something that is decided when it runs"
        if not privilege.recognised:
            place_words = f" in {self.resource.name}" if self.is_named and self.resource is not None else ""
            return f"{self.place} does something that we do not recognise{place_words}"
        return privilege.sentence

    @property
    def scope(self) -> str:
        """Its technical names."""
        privilege, credential = self.requested.privilege, self.requested.credential
        if credential is not None:
            kept_in = credential.kept_in
            kept = f"kept in {kept_in.name}" if kept_in is not None else credential.platform_instance
            parts = [credential.kind, kept, credential.get_lifetime_display().lower()]
            return " · ".join(dict.fromkeys(part for part in parts if part))
        assert privilege is not None  # one of the two
        places = privilege.at[0] if len(privilege.at) == 1 else f"{len(privilege.at)} places"
        host = privilege.through if self.is_named and privilege.recognised else privilege.instance
        return " · ".join(part for part in (privilege.entitlement.code, host, privilege.target, places) if part)


@dataclass(frozen=True)
class Preview:
    """An import with its draft, as it would be submitted.

    Args:
        item: the preview's row.
        draft: the builder's answers.
        team: the team that owns it.
        plan: the plan of its submission.
        said_before: the last justification of the same item, by row key.
        sibling: the automation of another environment that a new one belongs to, or None (I10).
        base: the version that it is compared with; for a new automation the promoted version, or None.
        wanted: a row for everything that the version would hold.
        begun: initial values of the fields.
        authors: people with the account that the source names as its author (S1).
        refusal: why this person may not import it for this team, or None.
    """

    item: ImportItem
    draft: Draft
    team: Team
    plan: Plan
    said_before: Mapping[str, str]
    sibling: Automation | None
    base: Version | None
    wanted: tuple[PreviewRow, ...]
    begun: Mapping[str, Any]
    authors: tuple[Person, ...]
    refusal: Refusal | None = None

    @property
    def context(self) -> PlanContext:
        """What its plan is computed from."""
        return self.plan.context

    @property
    def content(self) -> VersionContent:
        """The content of its version."""
        return self.plan.context.content

    @property
    def privileges(self) -> list[Privilege]:
        """The privileges that the version would hold."""
        return [row.requested.privilege for row in self.wanted if row.requested.privilege is not None]

    @property
    def app_seats(self) -> list[SeatState]:
        """Seats of stage 1; empty if it is not asked."""
        app = self.plan.approval_of(None)
        return self.plan.route.standing(app.row) if app is not None else []

    @property
    def conflict_words(self) -> dict[str, str]:
        """Sentences of the future privileges, by the keys in conflicts."""
        pk = self.content.automation.pk or 0
        return {f"{pk}/{privilege.key}": privilege.sentence for privilege in self.privileges}

    @property
    def is_across(self) -> bool:
        """Whether it is compared with a version of another environment (I10)."""
        return self.base is not None and self.base == self.context.promoted_from

    @property
    def is_certain(self) -> bool:
        """Whether its sibling is certain: the same id on the same platform (I10)."""
        manifest, sibling = self.content.manifest, self.sibling
        key = platform_name(manifest), manifest.source.external_id[:160]
        return bool(key[1]) and sibling is not None and (sibling.platform_instance, sibling.external_id) == key

    @property
    def asked_rows(self) -> list[PreviewRow]:
        """Rows that stage 2 is asked about."""
        return [row for row in self.wanted if row.is_asked]

    @property
    def unnamed(self) -> list[PreviewRow]:
        """The first row of each requested connection whose resource is not named yet."""
        first = {row.connection: row for row in reversed(self.wanted)}
        names = dict.fromkeys(row.connection for row in self.asked_rows if "connection" in row.kinds)
        return [first[name] for name in names]

    @property
    def unready(self) -> list[PreviewRow]:
        """Requested rows that the builder may leave out, so that the rest can be submitted. Empty if nothing would be left."""
        has_rest = any(not row.problems for row in self.asked_rows)
        return [row for row in self.asked_rows if has_rest and row.problems and row.may_leave]

    @property
    def rest(self) -> str:
        """What is left without the unready rows: "4 of 22 privileges"."""
        asked, unready = ([row for row in rows if row.requested.privilege] for rows in (self.asked_rows, self.unready))
        return f"{len(asked) - len(unready)} of {counted(len(asked), 'privilege')}"

    @property
    def asks_nothing(self) -> bool:
        """Whether all is approved and held, so that there is nothing to submit (I7)."""
        changes = self.context.changes
        return self.content.registered is not None and not (changes.app or changes.asked or changes.ending)

    @property
    def is_stopped_since(self) -> bool:
        """Whether an item was stopped since the open submission, and is asked again (G5)."""
        return any(item.matter in self.context.stopped_since for item in self.context.changes.asked)

    @property
    def is_repeat(self) -> bool:
        """Whether submitting would repeat an approved or open submission (I7)."""
        version, under_way = self.content.version, self.context.before
        if version is None or self.amends or self.is_stopped_since or self._leaves_others:
            return False
        return under_way.version_id == version.pk if under_way is not None else self.asks_nothing

    @property
    def _leaves_others(self) -> bool:
        """Whether the open submission of the same version left out other privileges."""
        earlier_keys = self.context.before_approvals.keys()
        new = (row for row in self.wanted if row.requested.why == "new")
        return bool(earlier_keys) and any(row.is_asked != (row.requested.key in earlier_keys) for row in new)

    @property
    def amends(self) -> bool:
        """Whether answers about a registered automation, or justifications, differ from before."""
        fields = any(_tidy(value) != _tidy(self.begun.get(name)) for name, value in self.draft.fields.items())
        draft = self.draft
        typed = ((row.key, draft.why.get(row.key) or draft.reasons.get(row.group)) for row in self.wanted)
        texts = [(key, text or "") for key, text in typed if text or key in draft.why]
        return fields or any(self.said_before.get(key, text) != text for key, text in texts)


def _tidy(value: Any) -> Any:
    """Normalise a value as the register stores it."""
    return free_text.seen(value or "") if isinstance(value, str) or value is None else value
