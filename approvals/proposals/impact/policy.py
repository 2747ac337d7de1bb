"""What another policy would have changed: submissions of the last days, judged under both, counted and said in words (S8).

Tiers are computed by both documents from what the register says today, and moved from where they really stood by what the two differ in;
seats, terms and the light path follow from them. What leaves no trace in a submission (how old a sign-in was, what would have been drawn) is
not counted, and said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from approvals.models import Approval, ApprovalKind, Submission
from approvals.policies.diff import is_reordered
from approvals.proposals.kinds.kind import Document, Slice, Span
from inventory.models import Credential, Entitlement, Privilege, Trigger
from inventory.risk import tiers as risk_tiers
from inventory.risk.tiers import Judged, PrivilegeFacts, Tier
from inventory.versions import assessment

TIERS = ("low", "standard", "high")
#: Parts of a document by which nothing that was submitted would have been asked differently.
UNCOUNTED = {
    "builder_working_days": "how long a builder has",
    "rounds": "how often something is sent back",
    "resubmission_days": "how long a refusal counts",
    "sampling": "what is looked at afterwards",
    "signals": "who approves for whom too often",
    "fresh_sign_in_minutes": "how old a sign-in may be",
    "proposals": "how long a proposal stands",
    "review_after": "when something comes up for review",
    "conflicts": "how long there is to resolve a conflict",
    "waivers": "how long a waiver lasts",
    "events": "what brings a review forward",
    "correction_days": "when what a review suspended ends",
    "revocation_hours": "when what ended is gone elsewhere",
    "brake": "what is held because too much would end at once",
}

#: One record: its key, kind, tier, days, privilege and credential, and whether policy approved it.
Row = tuple[int, str, str, int, int | None, int | None, bool]


def total(span: Span) -> int:
    """How many submissions there are to judge."""
    return _submissions(span).count()


def count(span: Span, cursor: int, size: int) -> Slice:
    """Judge the next few under both documents."""
    found = list(_submissions(span).filter(pk__gt=cursor).order_by("pk")[:size])
    if not found:
        return Slice(Counter(), cursor, 0)
    judged = _Judged.read(span, found)
    counts = Counter[str]()
    for one in found:
        counts.update(judged.effect(one))
    return Slice(counts, found[-1].pk, len(found))


def _submissions(span: Span) -> QuerySet[Submission]:
    rows = Submission.objects.filter(submitted_at__gt=span.since, submitted_at__lte=span.until)
    shown = ("tier", "light_path", "version_id", "automation__kind", "automation__environment")
    owners = ("automation__business_owner_id", "automation__technical_owner_id")
    return rows.select_related("automation").only(*shown, *owners).order_by("pk")


@dataclass
class _Judged:
    """A few submissions with what both documents make of them, read together."""

    before: Document
    after: Document
    records: Mapping[int, list[Row]]
    held: Mapping[int, list[tuple[int, int | None, PrivilegeFacts]]]
    open_entries: frozenset[int]
    memory: dict[tuple[bool, PrivilegeFacts], Judged]

    @classmethod
    def read(cls, span: Span, found: Sequence[Submission]) -> _Judged:
        """A fixed number of queries; what only tiers need is not read where those are the same."""
        are_tiers_same = span.before["tiers"] == span.after["tiers"]
        places = {one.version_id: one.automation.environment for one in found} if not are_tiers_same else {}
        return cls(span.before, span.after, _records(found), _held(places), _open_entries(places), {})

    def effect(self, one: Submission) -> Iterator[str]:
        """What would have been different about one submission, each name once."""
        tiers = self._tiers(one)
        app_tier = self._app_tier(one, tiers)
        said = {f"app:{one.tier}:{app_tier}"} if app_tier != one.tier else set[str]()
        for _, kind, tier, days, privilege, credential, by_policy in self.records.get(one.pk, ()):
            new = app_tier if kind == ApprovalKind.APP else self._record_tier(tier, privilege, credential, tiers)
            if new != tier and kind != ApprovalKind.APP:
                yield f"record:{tier}:{new}"
            said |= self._signatures(kind, tier, new)
            if kind != ApprovalKind.APP and days > self.after["longest_term"][new]:
                yield f"shorter:{new}"
            if self.after["due_working_days"][new] < self.before["due_working_days"][tier]:
                yield "due_sooner"
            elif self.after["due_working_days"][new] > self.before["due_working_days"][tier]:
                yield "due_later"
            if by_policy and (new != "low" or not self.after["light_path"]["grants"]):
                said.add("off_light")
        if app_tier in self.after["two_owners"] and one.tier not in self.before["two_owners"] and _is_owned_alone(one):
            said.add("owners")
        if said:
            yield "touched"
        yield from sorted(said)

    def _signatures(self, kind: str, tier: str, new: str) -> set[str]:
        old, asked = self.before["seats"][kind][tier], self.after["seats"][kind][new]
        was, would_be = set(old), set(asked)
        found = {f"more:{label}" for label in would_be - was} | {f"fewer:{label}" for label in was - would_be}
        kinds = (("more", would_be - was), ("fewer", was - would_be), ("reordered", is_reordered(old, asked)))
        return found | {name for name, differs in kinds if differs}

    def _tier(self, facts: PrivilegeFacts, *, after: bool) -> Tier:
        key = (after, facts)
        if key not in self.memory:
            self.memory[key] = risk_tiers.privilege_tier(facts, (self.after if after else self.before)["tiers"])
        return self.memory[key].tier

    def _tiers(self, one: Submission) -> list[tuple[int, int | None, Tier, Tier]]:
        """Of each privilege: its key, its credential, its tier under the one document and under the other."""
        return [
            (pk, credential, self._tier(facts, after=False), self._tier(facts, after=True))
            for pk, credential, facts in self.held.get(one.version_id, ())
        ]

    def _record_tier(
        self,
        tier: str,
        privilege: int | None,
        credential: int | None,
        tiers: Iterable[tuple[int, int | None, Tier, Tier]],
    ) -> str:
        uses = [(old, new) for pk, used, old, new in tiers if pk == privilege or (credential and used == credential)]
        return _moved(tier, [old for old, _ in uses], [new for _, new in uses])

    def _app_tier(self, one: Submission, tiers: Sequence[tuple[int, int | None, Tier, Tier]]) -> str:
        if not self.held:
            return one.tier
        facts = [facts for _, _, facts in self.held.get(one.version_id, ())]
        is_open = one.version_id in self.open_entries and any(not each.is_read for each in facts)
        by_kind = [
            [_by_kind(one.automation.kind, rules, is_open=is_open)]
            for rules in (self.before["tiers"], self.after["tiers"])
        ]
        return _moved(one.tier, [old for *_, old, _ in tiers] + by_kind[0], [new for *_, new in tiers] + by_kind[1])


def _by_kind(kind: str, rules: Mapping[str, Any], *, is_open: bool) -> Tier:
    """What an app is at least, whatever it may touch (T2)."""
    at_least = Tier.of(rules["at_least"].get(kind, "low"))
    return Tier.HIGH if is_open and rules["high"]["open_entry_with_non_read"] else at_least


def _moved(stood: str, old: Iterable[Tier], new: Iterable[Tier]) -> str:
    """Where a tier would have stood: as it did where both documents say the same of the facts of today, else as the new one says.

    What it stood above what the old document says of those, by what is not judged here (a shared identity, a person's word), stays.
    """
    was, would_be = max(old, default=Tier.LOW), max(new, default=Tier.LOW)
    if was == would_be:
        return stood
    return (max(would_be, Tier.of(stood)) if Tier.of(stood) > was else would_be).word


def _is_owned_alone(one: Submission) -> bool:
    owned = one.automation
    return owned.technical_owner_id in (None, owned.business_owner_id)


def _records(found: Sequence[Submission]) -> Mapping[int, list[Row]]:
    columns = ("submission_id", "pk", "kind", "tier", "term_days", "privilege_id", "credential_id", "by_policy_id")
    rows = Approval.objects.filter(submission__in=[one.pk for one in found]).order_by().values_list(*columns)
    made: dict[int, list[Row]] = {}
    for submission, pk, kind, tier, days, privilege, credential, by_policy in rows.iterator():
        made.setdefault(submission, []).append((pk, kind, tier, days, privilege, credential, by_policy is not None))
    return made


def _held(places: Mapping[int, str]) -> Mapping[int, list[tuple[int, int | None, PrivilegeFacts]]]:
    """By version: each privilege's key, its credential, and its facts as they are today (I10: where it runs counts)."""
    made: dict[int, list[tuple[int, int | None, PrivilegeFacts]]] = {}
    if not places:
        return made
    held = list(Privilege.objects.filter(version__in=places).only(*OF_PRIVILEGE).order_by())
    entitlements = Entitlement.objects.select_related("resource").only(*OF_ENTITLEMENT)
    known = entitlements.in_bulk({one.entitlement_id for one in held})
    credentials = Credential.objects.only(*OF_CREDENTIAL).in_bulk({one.credential_id for one in held} - {None})
    for one in held:  # many hold the same: each is read once, and made an object once
        one.entitlement = known[one.entitlement_id]
        if one.credential_id is not None:
            one.credential = credentials[one.credential_id]
        facts = assessment.facts_of(one, places[one.version_id])
        made.setdefault(one.version_id, []).append((one.pk, one.credential_id, facts))
    return made


#: What `assessing.facts_of` reads of a privilege and what it is about: nothing else is fetched, since there are ten times as many as submissions.
OF_PRIVILEGE = (
    "version_id",
    "level",
    "model_controlled",
    "recognised",
    "opaque",
    "credential_missing",
    "entitlement_id",
    "credential_id",
)
OF_ENTITLEMENT = (
    *("level", "data_class", "outbound", "code"),
    *("resource__data_class", "resource__environment", "resource__unresolved"),
)
OF_CREDENTIAL = ("reach_kind", "reach", "opens_id", "reach_by_id", "reach_for_id")


def _open_entries(places: Mapping[int, str]) -> frozenset[int]:
    """Versions that somebody who has not signed in can start (T2)."""
    if not places:
        return frozenset()
    rows = Trigger.objects.filter(version__in=places, active=True, authenticated=False)
    return frozenset(rows.order_by().values_list("version_id", flat=True))


# --- in words ---------------------------------------------------------------------------------------------------------


def said(span: Span, counts: Mapping[str, int]) -> list[str]:
    """What was counted, in sentences, what matters most first; and what was not."""
    found = [*_said_signatures(counts), *_said_tiers(counts), *_said_terms(span, counts)]
    if counts.get("reordered"):
        found.append(f"{_submissions_word(counts['reordered'])} would have had the same signatures in another order.")
    if counts.get("off_light"):
        found.append(
            f"{_submissions_word(counts['off_light'])} that policy approved would have been decided by people."
        )
    if counts.get("owners"):
        found.append(f"{_submissions_word(counts['owners'])} would have needed a second owner first.")
    if not found:
        found = ["No submission would have been asked differently."]
    left = [words for name, words in UNCOUNTED.items() if span.before.get(name) != span.after.get(name)]
    if left:
        found.append(f"Not counted, since submissions do not show it: {', '.join(left)}.")
    return found


def _submissions_word(number: int) -> str:
    return f"{number:,} submission{'' if number == 1 else 's'}"


def _said_signatures(counts: Mapping[str, int]) -> Iterator[str]:
    for name, words in (
        ("more", "would have needed a signature more"),
        ("fewer", "would have needed a signature less"),
    ):
        if counts.get(name):
            of = [
                f"{number:,} of {key.partition(':')[2]}"
                for key, number in sorted(counts.items())
                if key.startswith(f"{name}:")
            ]
            yield f"{_submissions_word(counts[name])} {words}: {', '.join(of)}."


def _said_tiers(counts: Mapping[str, int]) -> Iterator[str]:
    for part, one, many in (
        ("app", "app", "apps"),
        ("record", "privilege or credential", "privileges and credentials"),
    ):
        for was in TIERS:
            for would_be in TIERS:
                number = counts.get(f"{part}:{was}:{would_be}")
                if number:
                    yield f"{number:,} {one if number == 1 else many} would have been {would_be} instead of {was}."


def _said_terms(span: Span, counts: Mapping[str, int]) -> Iterator[str]:
    for tier in TIERS:
        if number := counts.get(f"shorter:{tier}"):
            days = span.after["longest_term"][tier]
            yield f"{number:,} {tier}-risk term{' was' if number == 1 else 's were'} asked for longer than {days} days."
    for name, words in (("due_sooner", "sooner"), ("due_later", "later")):
        if number := counts.get(name):
            yield f"{number:,} record{'' if number == 1 else 's'} would have been due {words}."
