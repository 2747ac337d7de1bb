"""Differences between a submission and the approved version: facts of the app, privileges and credentials (A12, I7).

A promoted version that is the first of its environment is compared with the version that it is promoted from (I10).

The comparison covers what stage 1 was asked and what both versions would hold. A privilege with another target, scope or credential has
another key and is asked as new. One removed and one added privilege that are otherwise the same are shown as changed. Reads only:
`version_diff` chose the approvals at submission.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from approvals.assignment.context import SubmissionContext
from approvals.models import Approval, Submission, SubmissionState
from inventory.automations import environments
from inventory.models import Credential, DataClass, Privilege, Version, VersionCredential
from inventory.risk.tiers import POWER, is_within
from inventory.versions import diff

#: Data classes, least harmful first.
CLASSES = list(DataClass.values)
#: Facts that stage 1 decides about, in display order.
OF_APP = ("purpose", "business_owner", "technical_owner", "kind", "triggers", "runs_as", "tier", "source")


@dataclass(frozen=True)
class AlteredPrivilege:
    """One privilege, approved and requested.

    Args:
        before: of the approved version.
        after: of the submitted version.
        way: ``raised`` if any part grew, else ``narrowed`` if a part shrank, else ``changed``.
    """

    before: Privilege
    after: Privilege
    way: str


@dataclass(frozen=True)
class VersionChanges:
    """A submission compared with the version in force before it.

    Args:
        number: number of the approved version.
        below: environment of that version if the submission is promoted from it; else empty.
        stands: state of that version in its environment, in a few words; else empty.
        app: changed facts of stage 1: value before and after, by name.
        added, removed: privileges added and removed.
        altered: privileges that changed.
        again: unchanged privileges that are asked again.
        kept: unchanged privileges that keep their grants.
        credentials_added, credentials_removed, credentials_again, credentials_kept: the same for credentials.
    """

    number: int
    below: str
    stands: str
    app: Mapping[str, tuple[Any, Any]]
    added: tuple[Privilege, ...] = ()
    removed: tuple[Privilege, ...] = ()
    altered: tuple[AlteredPrivilege, ...] = ()
    again: tuple[Privilege, ...] = ()
    kept: tuple[Privilege, ...] = ()
    credentials_added: tuple[Credential, ...] = ()
    credentials_removed: tuple[Credential, ...] = ()
    credentials_again: tuple[Credential, ...] = ()
    credentials_kept: tuple[Credential, ...] = ()

    @property
    def version(self) -> str:
        """The compared version, in words."""
        return f"version {self.number} in {self.below}" if self.below else f"version {self.number}"

    def was(self, privilege: Privilege) -> AlteredPrivilege | None:
        """The approved state of a changed privilege, or None."""
        return next((altered for altered in self.altered if altered.after.pk == privilege.pk), None)

    def is_new(self, record: Approval) -> bool:
        """Whether the approved version had nothing like this stage-2 approval."""
        if record.privilege is not None:
            return any(privilege.pk == record.privilege_id for privilege in self.added)
        return any(credential.pk == record.credential_id for credential in self.credentials_added)


def load_changes(context: SubmissionContext) -> VersionChanges | None:
    """Compare a submission with the version before; None for the first one.

    Submissions of one automation follow each other (A14). The newest earlier one in force is the one that a submission
    replaces. Without one, the version of a lower environment that it is promoted from counts (I10).
    """
    submission = context.submission
    in_force = Submission.objects.filter(
        automation=submission.automation_id, state=SubmissionState.IN_FORCE, pk__lt=submission.pk
    )
    earlier = in_force.select_related("version").order_by("-pk").first()
    if earlier is not None:
        return _compare(context, earlier.version, earlier.asked, _privileges)
    if submission.promoted_from_id is None:
        return None
    promoted = Version.objects.select_related("automation").get(pk=submission.promoted_from_id)
    asked = Submission.objects.filter(version=promoted).order_by("-pk").values_list("asked", flat=True).first()
    there = promoted.automation
    stands = environments.version_status(promoted.pk, there.approved_version_id, there.state)
    return replace(_compare(context, promoted, asked, _across), below=there.environment, stands=stands)


def _compare(
    context: SubmissionContext,
    before: Version,
    asked: Mapping[str, Any] | None,
    compare: Callable[[Collection[Privilege], Collection[Privilege], Collection[int]], dict[str, Any]],
) -> VersionChanges:
    submission, new = context.submission, context.facts.privileges
    old = new
    if before.pk != submission.version_id:
        old = list(before.privileges.select_related("entitlement__resource", "credential").order_by("pk"))
    versions = {before.pk, submission.version_id}
    links = VersionCredential.objects.filter(version__in=versions).select_related("credential").order_by("pk")
    credentials: dict[int, list[Credential]] = defaultdict(list)
    for link in links:
        credentials[link.version_id].append(link.credential)
    asked_ids = {record.privilege_id or -(record.credential_id or 0) for record in context.facts.second}
    return VersionChanges(
        number=before.number,
        below="",
        stands="",
        app=_app(asked, submission.asked) if asked else {},
        **compare(old, new, asked_ids),
        **_credentials(credentials[before.pk], credentials[submission.version_id], asked_ids),
    )


def _app(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Changed facts of stage 1. A missing earlier tier was standard."""
    earlier = {"tier": "standard", **before}
    return {name: (earlier.get(name), after.get(name)) for name in OF_APP if earlier.get(name) != after.get(name)}


def _privileges(old: Collection[Privilege], new: Collection[Privilege], asked_ids: Collection[int]) -> dict[str, Any]:
    was, now = {privilege.key: privilege for privilege in old}, {privilege.key: privilege for privilege in new}
    removed = [privilege for privilege in old if privilege.key not in now]
    added = [privilege for privilege in new if privilege.key not in was]
    pairs = [
        (was[privilege.key], privilege)
        for privilege in new
        if privilege.key in was and diff.differs(was[privilege.key], privilege)
    ]
    moved = list(_moved(removed, added))
    moved_ids = {privilege.pk for pair in moved for privilege in pair}
    stayed = [
        privilege for privilege in new if privilege.key in was and not diff.differs(was[privilege.key], privilege)
    ]
    return {
        "added": tuple(privilege for privilege in added if privilege.pk not in moved_ids),
        "removed": tuple(privilege for privilege in removed if privilege.pk not in moved_ids),
        "altered": tuple(AlteredPrivilege(before, after, _way(before, after)) for before, after in [*pairs, *moved]),
        "again": tuple(privilege for privilege in stayed if privilege.pk in asked_ids),
        "kept": tuple(privilege for privilege in stayed if privilege.pk not in asked_ids),
    }


def _across(old: Collection[Privilege], new: Collection[Privilege], asked_ids: Collection[int]) -> dict[str, Any]:
    """`_privileges` across environments: the same operation on another resource counts as changed."""
    pairs, removed, added = diff.pair_across(old, new)
    changed_ids = {after.pk for before, after in pairs if before.key != after.key or diff.differs(before, after)}
    return {
        "added": tuple(added),
        "removed": tuple(removed),
        "altered": tuple(
            AlteredPrivilege(before_row, after_row, _way(before_row, after_row))
            for before_row, after_row in pairs
            if after_row.pk in changed_ids
        ),
        "again": tuple(
            after_row for _, after_row in pairs if after_row.pk not in changed_ids and after_row.pk in asked_ids
        ),
        "kept": tuple(
            after_row for _, after_row in pairs if after_row.pk not in changed_ids and after_row.pk not in asked_ids
        ),
    }


def _credentials(
    old: Collection[Credential], new: Collection[Credential], asked_ids: Collection[int]
) -> dict[str, Any]:
    was, now = {credential.pk for credential in old}, {credential.pk for credential in new}
    return {
        "credentials_added": tuple(credential for credential in new if credential.pk not in was),
        "credentials_removed": tuple(credential for credential in old if credential.pk not in now),
        "credentials_again": tuple(
            credential for credential in new if credential.pk in was and -credential.pk in asked_ids
        ),
        "credentials_kept": tuple(
            credential for credential in new if credential.pk in was and -credential.pk not in asked_ids
        ),
    }


def _moved(removed: Iterable[Privilege], added: Iterable[Privilege]) -> Iterable[tuple[Privilege, Privilege]]:
    """Pairs of a removed and an added privilege that are the only ones with their operation and resource."""
    went, came = _by_operation(removed), _by_operation(added)
    for doing, after in came.items():
        before = went.get(doing, ())
        if len(before) == len(after) == 1:
            yield before[0], after[0]


def _by_operation(privileges: Iterable[Privilege]) -> dict[tuple[int, str], list[Privilege]]:
    """Group by resource and operation. The level that narrowed a query is not part of the operation (I4)."""
    by_operation: dict[tuple[int, str], list[Privilege]] = defaultdict(list)
    for privilege in privileges:
        code, _, level = privilege.entitlement.code.rpartition("/")
        doing = code if level in POWER else privilege.entitlement.code
        by_operation[privilege.entitlement.resource_id, doing].append(privilege)
    return by_operation


def _way(was: Privilege, now: Privilege) -> str:
    steps = {_more(was.level, now.level), _grown(was.scope, now.scope)}
    steps.add(CLASSES.index(now.entitlement.counted_class) - CLASSES.index(was.entitlement.counted_class))
    steps |= {getattr(now, name) - getattr(was, name) for name in ("active", "model_controlled", "opaque")}
    if any(step > 0 for step in steps):
        return "raised"
    return "narrowed" if any(step < 0 for step in steps) else "changed"


def _more(was: str, now: str) -> int:
    """1 if a level allows more than before, -1 if it allows less, 0 if the same."""
    if not is_within(now, was):
        return 1
    return 0 if is_within(was, now) else -1


def _grown(was: Collection[str], now: Collection[str]) -> int:
    """1 if a scope grew, -1 if it shrank, 0 if neither is certain."""
    before, after = set(was), set(now)
    if not before or not after:
        return 0
    return (before < after) - (after < before)


__all__ = ["AlteredPrivilege", "VersionChanges", "load_changes"]
