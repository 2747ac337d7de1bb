"""Differences between a submission and the approved version: facts of the app, privileges and credentials (A12, I7).

A promoted version that is the first of its environment is compared with the version that it is promoted from (I10).

The comparison covers what stage 1 was asked and what both versions would hold. A privilege with another target, scope or credential has
another key and is asked as new. One removed and one added privilege that are otherwise the same are shown as changed. Reads only:
`reapproval` chose the approvals at submission.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.assignment.context import SubmissionContext
from approvals.models import Approval, Submission, SubmissionState
from governance.core.database.grouping import grouped
from inventory.automations import lineages
from inventory.models import Credential, DataClass, Privilege, Version, VersionCredential
from inventory.risk.levels import POWER, is_within
from inventory.versions import diff

#: Data classes, least harmful first.
CLASSES = list(DataClass.values)
#: Facts that stage 1 decides about, in display order.
OF_APP = ("purpose", "business_owner", "technical_owner", "kind", "triggers", "runs_as", "tier", "source")

Pairs = Iterable[tuple[Privilege, Privilege]]


def privilege_code(privilege: Privilege, scope: Sequence[str]) -> str:
    """Raw code of a privilege with this scope, each name once."""
    parts = (privilege.entitlement.code, privilege.through, privilege.target, ", ".join(scope))
    return " · ".join(dict.fromkeys(filter(None, parts)))


def _code(item: Privilege | Credential | None) -> str:
    """Raw code of a privilege, or the id that the source gives to a credential."""
    if isinstance(item, Privilege):
        return privilege_code(item, item.scope)
    return item.external_id if item is not None else ""


@dataclass(frozen=True)
class Change:
    """One privilege or credential, approved and requested.

    Args:
        way: ``added``, ``removed``, ``again`` (not changed, asked again) or ``kept`` (keeps its grant). For a privilege that
            changed ``raised`` if any part grew, else ``narrowed`` if a part shrank, else ``changed``.
        before: of the approved version; None if it is new.
        after: of the submitted version; None if it is gone.
    """

    way: str
    before: Privilege | Credential | None
    after: Privilege | Credential | None

    @property
    def item(self) -> Privilege | Credential:
        """The requested one, or the approved one if it is gone."""
        item = self.after or self.before
        assert item is not None  # one of the two
        return item

    @property
    def is_altered(self) -> bool:
        """Whether it is a privilege of both versions that changed."""
        return self.way in ("raised", "narrowed", "changed")

    @property
    def code(self) -> str:
        """Raw code of the requested one, or of the approved one if it is gone."""
        return _code(self.item)

    @property
    def code_before(self) -> str:
        """Raw code of the approved one; empty if it is new."""
        return _code(self.before)


@dataclass(frozen=True)
class VersionChanges:
    """A submission compared with the version in force before it.

    Args:
        number: number of the approved version.
        app: changed facts of stage 1: value before and after, by name.
        items: all privileges of both versions, then all credentials.
        below: environment of that version if the submission is promoted from it; else empty.
        stands: state of that version in its environment, in a few words; else empty.
    """

    number: int
    app: Mapping[str, tuple[Any, Any]]
    items: Sequence[Change]
    below: str = ""
    stands: str = ""

    @property
    def version(self) -> str:
        """The compared version, in words."""
        return f"version {self.number} in {self.below}" if self.below else f"version {self.number}"

    def of_way(self, way: str) -> list[Change]:
        """The changes of this way."""
        return [change for change in self.items if change.way == way]

    def of_record(self, record: Approval) -> Change | None:
        """The change that a stage-2 approval is about."""
        item = record.privilege or record.credential
        return next((change for change in self.items if change.after == item), None)


def load_changes(context: SubmissionContext, earlier: Iterable[Submission]) -> VersionChanges | None:
    """Compare a submission with the version before; None for the first one.

    Submissions of one automation follow each other (A14). The newest earlier one in force is the one that a submission
    replaces. Without one, the version of a lower environment that it is promoted from counts (I10).

    Args:
        context: of the submission.
        earlier: earlier submissions of the automation with their versions, newest first.
    """
    submission = context.submission
    replaced = next((row for row in earlier if row.state == SubmissionState.IN_FORCE), None)
    if replaced is not None:
        return _compare(context, replaced.version, replaced.asked)
    if submission.promoted_from_id is None:
        return None
    promoted = Version.objects.select_related("automation").get(pk=submission.promoted_from_id)
    asked = Submission.objects.filter(version=promoted).order_by("-pk").values_list("asked", flat=True).first()
    stands = lineages.version_status(promoted)
    return _compare(context, promoted, asked, below=promoted.automation.environment, stands=stands)


def _compare(
    context: SubmissionContext, before: Version, asked: Mapping[str, Any] | None, **promoted: str
) -> VersionChanges:
    submission, new = context.submission, context.facts.privileges
    old = new
    if before.pk != submission.version_id:
        old = list(before.privileges.select_related("entitlement__resource", "credential").order_by("pk"))
    pairs, removed, added = diff.pair_across(old, new) if promoted else _pair(old, new)
    asked_ids = {record.privilege_id or -(record.credential_id or 0) for record in context.facts.second}
    items: list[Change] = [
        *(Change(_way(was, now, asked_ids), was, now) for was, now in pairs),
        *(Change("removed", privilege, None) for privilege in removed),
        *(Change("added", None, privilege) for privilege in added),
        *_credentials(before.pk, submission.version_id, asked_ids),
    ]
    app = _app(asked, submission.asked) if asked else {}
    return VersionChanges(before.number, app, items, **promoted)


def _app(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Changed facts of stage 1. A missing earlier tier was standard."""
    earlier = {"tier": "standard", **before}
    return {name: (earlier.get(name), after.get(name)) for name in OF_APP if earlier.get(name) != after.get(name)}


def _pair(old: Sequence[Privilege], new: Sequence[Privilege]) -> tuple[Pairs, Iterable[Privilege], Iterable[Privilege]]:
    """Pair the privileges of two versions of one automation; returns the pairs, the removed and the added ones."""
    was, now = {privilege.key: privilege for privilege in old}, {privilege.key: privilege for privilege in new}
    removed = [privilege for privilege in old if privilege.key not in now]
    added = [privilege for privilege in new if privilege.key not in was]
    moved = list(_moved(removed, added))
    moved_ids = {privilege.pk for pair in moved for privilege in pair}
    same = [(was[privilege.key], privilege) for privilege in new if privilege.key in was]
    removed, added = ([row for row in rows if row.pk not in moved_ids] for rows in (removed, added))
    return [*same, *moved], removed, added


def _credentials(before: int, after: int, asked_ids: Collection[int]) -> Iterator[Change]:
    """Changes of the credentials between two versions, by id."""
    links = VersionCredential.objects.filter(version__in={before, after}).select_related("credential").order_by("pk")
    versions = grouped((link.credential_id, link.version_id) for link in links)
    credentials = {link.credential_id: link.credential for link in links}
    for pk, credential in credentials.items():
        if after not in versions[pk]:
            yield Change("removed", credential, None)
        elif before not in versions[pk]:
            yield Change("added", None, credential)
        else:
            yield Change("again" if -pk in asked_ids else "kept", credential, credential)


def _moved(removed: Iterable[Privilege], added: Iterable[Privilege]) -> Pairs:
    """Pairs of a removed and an added privilege that are the only ones with their operation and resource."""
    went, came = (grouped((_operation(row), row) for row in rows) for rows in (removed, added))
    for doing, after in came.items():
        before = went.get(doing, ())
        if len(before) == len(after) == 1:
            yield before[0], after[0]


def _operation(privilege: Privilege) -> tuple[int, str]:
    """Return resource and operation. The level that narrowed a query is not part of the operation (I4)."""
    code, _, level = privilege.entitlement.code.rpartition("/")
    return privilege.entitlement.resource_id, code if level in POWER else privilege.entitlement.code


def _way(was: Privilege, now: Privilege, asked_ids: Collection[int]) -> str:
    if was.key == now.key and not diff.differs(was, now):
        return "again" if now.pk in asked_ids else "kept"
    steps = {
        _grown(was.scope, now.scope),
        is_within(was.level, now.level) - 1 if is_within(now.level, was.level) else 1,
    }
    steps.add(CLASSES.index(now.entitlement.counted_class) - CLASSES.index(was.entitlement.counted_class))
    steps |= {getattr(now, name) - getattr(was, name) for name in ("active", "model_controlled", "opaque")}
    if any(step > 0 for step in steps):
        return "raised"
    return "narrowed" if any(step < 0 for step in steps) else "changed"


def _grown(was: Collection[str], now: Collection[str]) -> int:
    """1 if a scope grew, -1 if it shrank, 0 if neither is certain."""
    before, after = set(was), set(now)
    if not before or not after:
        return 0
    return (before < after) - (after < before)
