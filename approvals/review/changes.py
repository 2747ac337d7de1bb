"""What a submission differs in from what was approved before it: the app's own facts, and every privilege and credential (A12, I7). One
that is promoted, and the first of its environment, is compared with what it is promoted from (I10).

Compared is what stage 1 was asked, and what the two versions would hold. A privilege of which the target, the scope or the credential
changed has another key and is asked as a new one; where exactly one went and one came that are otherwise the same, people read them as
one that changed. Reads only, and decides nothing: what is asked, `version_diff` has said when it was submitted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce, JSONObject

from approvals.models import Approval, Submission, SubmissionState
from approvals.policies import tiers
from inventory.automations import environments
from inventory.models import Credential, DataClass, Privilege, Version, VersionCredential
from inventory.risk.tiers import POWER, is_within
from inventory.versions import diff, promotion_diff

#: Data classes, the least harm first.
CLASSES = list(DataClass.values)
#: What stage 1 decides about, in the order in which it is said.
OF_APP = ("purpose", "business_owner", "technical_owner", "kind", "triggers", "runs_as", "tier", "source")


@dataclass(frozen=True)
class Altered:
    """One privilege as it was approved and as it is asked now.

    Args:
        before: of the approved version.
        after: of the submitted one.
        way: ``raised`` where any part of it grew, else ``narrowed`` where a part shrank, else ``changed``.
    """

    before: Privilege
    after: Privilege
    way: str


@dataclass(frozen=True)
class Since:
    """A submission against the one that was in force before it.

    Args:
        number: of the version that was approved.
        below: the environment of the version that it is promoted from, where it is that one; else empty.
        stands: how it stands there, in a few words; empty where it is none of another environment.
        app: what stage 1 decides about and what of it is not as it was: by the fact's name, before and after.
        added, removed: privileges that came and went.
        altered: those that stayed and are not as they were.
        again: those that stayed as they were and are asked all the same.
        kept: those of which nothing is asked: they keep their grants.
        credentials_added, credentials_removed, credentials_again, credentials_kept: the same of credentials.
    """

    number: int
    below: str
    stands: str
    app: Mapping[str, tuple[Any, Any]]
    added: tuple[Privilege, ...] = ()
    removed: tuple[Privilege, ...] = ()
    altered: tuple[Altered, ...] = ()
    again: tuple[Privilege, ...] = ()
    kept: tuple[Privilege, ...] = ()
    credentials_added: tuple[Credential, ...] = ()
    credentials_removed: tuple[Credential, ...] = ()
    credentials_again: tuple[Credential, ...] = ()
    credentials_kept: tuple[Credential, ...] = ()

    @property
    def version(self) -> str:
        """The version that it is compared with, in words."""
        return f"version {self.number} in {self.below}" if self.below else f"version {self.number}"

    def was(self, privilege: Privilege) -> Altered | None:
        """How a privilege was approved before, where it was and is not the same now."""
        return next((one for one in self.altered if one.after.pk == privilege.pk), None)

    def is_new(self, record: Approval) -> bool:
        """Whether nothing like what a record of stage 2 asks was in the approved version."""
        if record.privilege is not None:
            return any(one.pk == record.privilege_id for one in self.added)
        return any(one.pk == record.credential_id for one in self.credentials_added)


def approved_before() -> Coalesce:
    """Of a submission, as a part of the query that finds it: what was put in force before it, or null before the first.

    Submissions of one automation follow each other (A14), so the newest before it by number is the one that it would replace, whether it
    is open or has long been followed itself.
    """
    found = Submission.objects.filter(
        automation=OuterRef("automation"), state=SubmissionState.IN_FORCE, pk__lt=OuterRef("pk")
    )
    about = JSONObject(version="version_id", number="version__number", asked="asked")
    return Coalesce(Subquery(found.order_by("-pk").values(about=about)[:1]), _promoted_from())


def _promoted_from() -> Subquery:
    """The same of the version of a lower environment that is brought up; what its app was asked there is null where it never was."""
    asked = Submission.objects.filter(version=OuterRef("pk")).order_by("-pk").values("asked")[:1]
    about = JSONObject(
        version="pk",
        number="number",
        asked=Subquery(asked),
        below="automation__environment",
        approved="automation__approved_version",
        state="automation__state",
    )
    return Subquery(Version.objects.filter(pk=OuterRef("promoted_from")).values(about=about)[:1])


def read(submission: Submission, records: Collection[Approval], before: Mapping[str, Any]) -> Since:
    """Compare: two queries, however much the versions hold, or none where it is the same version.

    Args:
        submission: what is asked now; it keeps what its version would hold, for whoever asks next.
        records: its records of stage 2.
        before: as `approved_before` found it.
    """
    versions = {int(before["version"]), submission.version_id}
    held = Privilege.objects.filter(version__in=versions).select_related("entitlement__resource", "credential")
    privileges = _by_version(held.order_by("pk"))
    used = VersionCredential.objects.filter(version__in=versions).select_related("credential").order_by("pk")
    credentials = _by_version(used)
    old, new, below = int(before["version"]), submission.version_id, str(before.get("below") or "")
    tiers.know_held(submission, privileges[new])
    asked = {record.privilege_id or -(record.credential_id or 0) for record in records}
    return Since(
        number=int(before["number"]),
        below=below,
        stands=environments.stands(old, before["approved"], str(before["state"])) if below else "",
        app=_app(before["asked"], submission.asked) if before["asked"] else {},
        **(_across if below else _privileges)(privileges[old], privileges[new], asked),
        **_credentials(
            [one.credential for one in credentials[old]], [one.credential for one in credentials[new]], asked
        ),
    )


def _by_version(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.version_id].append(row)
    return found


def _app(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What stage 1 decides about that is not as it was; a tier that was not kept then was standard."""
    then = {"tier": "standard", **before}
    return {name: (then.get(name), after.get(name)) for name in OF_APP if then.get(name) != after.get(name)}


def _privileges(old: Collection[Privilege], new: Collection[Privilege], asked: Collection[int]) -> dict[str, Any]:
    was, now = {one.key: one for one in old}, {one.key: one for one in new}
    removed = [one for one in old if one.key not in now]
    added = [one for one in new if one.key not in was]
    pairs = [(was[one.key], one) for one in new if one.key in was and diff.differs(was[one.key], one)]
    moved = list(_moved(removed, added))
    gone = {one.pk for pair in moved for one in pair}
    stayed = [one for one in new if one.key in was and not diff.differs(was[one.key], one)]
    return {
        "added": tuple(one for one in added if one.pk not in gone),
        "removed": tuple(one for one in removed if one.pk not in gone),
        "altered": tuple(Altered(before, after, _way(before, after)) for before, after in [*pairs, *moved]),
        "again": tuple(one for one in stayed if one.pk in asked),
        "kept": tuple(one for one in stayed if one.pk not in asked),
    }


def _across(old: Collection[Privilege], new: Collection[Privilege], asked: Collection[int]) -> dict[str, Any]:
    """The same where the old ones are of another environment: what does the same there on another resource is one that changed."""
    both, removed, added = promotion_diff.together(list(old), list(new))
    differ = {after.pk for before, after in both if before.key != after.key or diff.differs(before, after)}
    return {
        "added": tuple(added),
        "removed": tuple(removed),
        "altered": tuple(Altered(one, two, _way(one, two)) for one, two in both if two.pk in differ),
        "again": tuple(two for _, two in both if two.pk not in differ and two.pk in asked),
        "kept": tuple(two for _, two in both if two.pk not in differ and two.pk not in asked),
    }


def _credentials(old: Collection[Credential], new: Collection[Credential], asked: Collection[int]) -> dict[str, Any]:
    was, now = {one.pk for one in old}, {one.pk for one in new}
    return {
        "credentials_added": tuple(one for one in new if one.pk not in was),
        "credentials_removed": tuple(one for one in old if one.pk not in now),
        "credentials_again": tuple(one for one in new if one.pk in was and -one.pk in asked),
        "credentials_kept": tuple(one for one in new if one.pk in was and -one.pk not in asked),
    }


def _moved(removed: Iterable[Privilege], added: Iterable[Privilege]) -> Iterable[tuple[Privilege, Privilege]]:
    """What went and what came that are one thing to people: the only ones that do the same on the same resource."""
    went, came = _by_doing(removed), _by_doing(added)
    for doing, after in came.items():
        before = went.get(doing, ())
        if len(before) == len(after) == 1:
            yield before[0], after[0]


def _by_doing(privileges: Iterable[Privilege]) -> dict[tuple[int, str], list[Privilege]]:
    """By resource and what is done there; the level that narrowed a query is no part of what is done (I4)."""
    found: dict[tuple[int, str], list[Privilege]] = defaultdict(list)
    for one in privileges:
        code, _, level = one.entitlement.code.rpartition("/")
        doing = code if level in POWER else one.entitlement.code
        found[one.entitlement.resource_id, doing].append(one)
    return found


def _way(was: Privilege, now: Privilege) -> str:
    steps = {_more(was.level, now.level), _grown(was.scope, now.scope)}
    steps.add(CLASSES.index(now.entitlement.counted_class) - CLASSES.index(was.entitlement.counted_class))
    steps |= {getattr(now, name) - getattr(was, name) for name in ("active", "model_controlled", "opaque")}
    if any(step > 0 for step in steps):
        return "raised"
    return "narrowed" if any(step < 0 for step in steps) else "changed"


def _more(was: str, now: str) -> int:
    """1 where a level allows something that the one before did not, -1 where it allows less; 0 where it allows the same."""
    if not is_within(now, was):
        return 1
    return 0 if is_within(was, now) else -1


def _grown(was: Collection[str], now: Collection[str]) -> int:
    """1 where a scope holds all that it held and more, -1 where it holds a part of that; else neither can be said."""
    before, after = set(was), set(now)
    if not before or not after:
        return 0
    return (before < after) - (after < before)


__all__ = ["Altered", "Since", "approved_before", "read"]
