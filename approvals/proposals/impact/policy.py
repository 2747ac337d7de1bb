"""The impact of a policy: recent submissions judged under both documents, counted and put in sentences (S8).

Both documents compute tiers from today's register. A submission's real tier moves by the difference. Seats, terms and
the light path follow. Effects without a trace in a submission (age of a sign-in, spot checks) are not counted, and a
sentence says so.
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
#: Parts of a document that change nothing about a submission.
UNCOUNTED = {
    "builder_working_days": "how long a builder has",
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

#: One approval: key, kind, tier, days, privilege, credential, and whether policy approved it.
Row = tuple[int, str, str, int, int | None, int | None, bool]


def total(span: Span) -> int:
    """Return the number of submissions to judge."""
    return _submissions(span).count()


def count(span: Span, cursor: int, size: int) -> Slice:
    """Judge the next submissions under both documents."""
    rows = list(_submissions(span).filter(pk__gt=cursor).order_by("pk")[:size])
    if not rows:
        return Slice(Counter(), cursor, 0)
    judged = _Judged.read(span, rows)
    counts = Counter[str]()
    for submission in rows:
        counts.update(judged.effect(submission))
    return Slice(counts, rows[-1].pk, len(rows))


def _submissions(span: Span) -> QuerySet[Submission]:
    rows = Submission.objects.filter(submitted_at__gt=span.since, submitted_at__lte=span.until)
    shown = ("tier", "light_path", "version_id", "automation__kind", "automation__environment")
    owners = ("automation__business_owner_id", "automation__technical_owner_id")
    return rows.select_related("automation").only(*shown, *owners).order_by("pk")


@dataclass
class _Judged:
    """Some submissions with their tiers under both documents, read together."""

    before: Document
    after: Document
    records: Mapping[int, list[Row]]
    held: Mapping[int, list[tuple[int, int | None, PrivilegeFacts]]]
    open_entries: frozenset[int]
    memory: dict[tuple[bool, PrivilegeFacts], Judged]

    @classmethod
    def read(cls, span: Span, submissions: Sequence[Submission]) -> _Judged:
        """Read the submissions in a fixed number of queries.

        Rows for tiers are skipped if both documents have the same tier rules.
        """
        are_tiers_same = span.before["tiers"] == span.after["tiers"]
        places = (
            {submission.version_id: submission.automation.environment for submission in submissions}
            if not are_tiers_same
            else {}
        )
        return cls(span.before, span.after, _records(submissions), _held(places), _open_entries(places), {})

    def effect(self, submission: Submission) -> Iterator[str]:
        """Yield the names of the differences for a submission, each once."""
        tiers = self._tiers(submission)
        app_tier = self._app_tier(submission, tiers)
        effects = {f"app:{submission.tier}:{app_tier}"} if app_tier != submission.tier else set[str]()
        for _, kind, tier, days, privilege, credential, by_policy in self.records.get(submission.pk, ()):
            new = app_tier if kind == ApprovalKind.APP else self._record_tier(tier, privilege, credential, tiers)
            if new != tier and kind != ApprovalKind.APP:
                yield f"record:{tier}:{new}"
            effects |= self._signatures(kind, tier, new)
            if kind != ApprovalKind.APP and days > self.after["longest_term"][new]:
                yield f"shorter:{new}"
            if self.after["due_working_days"][new] < self.before["due_working_days"][tier]:
                yield "due_sooner"
            elif self.after["due_working_days"][new] > self.before["due_working_days"][tier]:
                yield "due_later"
            if by_policy and (new != "low" or not self.after["light_path"]["grants"]):
                effects.add("off_light")
        if (
            app_tier in self.after["two_owners"]
            and submission.tier not in self.before["two_owners"]
            and _is_owned_alone(submission)
        ):
            effects.add("owners")
        if effects:
            yield "touched"
        yield from sorted(effects)

    def _signatures(self, kind: str, tier: str, new: str) -> set[str]:
        old_labels, new_labels = self.before["seats"][kind][tier], self.after["seats"][kind][new]
        was, would_be = set(old_labels), set(new_labels)
        label_changes = {f"more:{label}" for label in would_be - was} | {f"fewer:{label}" for label in was - would_be}
        kinds = (
            ("more", would_be - was),
            ("fewer", was - would_be),
            ("reordered", is_reordered(old_labels, new_labels)),
        )
        return label_changes | {name for name, differs in kinds if differs}

    def _tier(self, facts: PrivilegeFacts, *, after: bool) -> Tier:
        key = (after, facts)
        if key not in self.memory:
            self.memory[key] = risk_tiers.privilege_tier(facts, (self.after if after else self.before)["tiers"])
        return self.memory[key].tier

    def _tiers(self, submission: Submission) -> list[tuple[int, int | None, Tier, Tier]]:
        """Return for each privilege its key, its credential, and its tier under the old and the new document."""
        return [
            (pk, credential, self._tier(facts, after=False), self._tier(facts, after=True))
            for pk, credential, facts in self.held.get(submission.version_id, ())
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

    def _app_tier(self, submission: Submission, tiers: Sequence[tuple[int, int | None, Tier, Tier]]) -> str:
        if not self.held:
            return submission.tier
        facts = [facts for _, _, facts in self.held.get(submission.version_id, ())]
        is_open = submission.version_id in self.open_entries and any(not fact.is_read for fact in facts)
        by_kind = [
            [_by_kind(submission.automation.kind, rules, is_open=is_open)]
            for rules in (self.before["tiers"], self.after["tiers"])
        ]
        return _moved(
            submission.tier, [old for *_, old, _ in tiers] + by_kind[0], [new for *_, new in tiers] + by_kind[1]
        )


def _by_kind(kind: str, rules: Mapping[str, Any], *, is_open: bool) -> Tier:
    """Return the minimum tier of an app, whatever its privileges (T2)."""
    at_least = Tier.of(rules["at_least"].get(kind, "low"))
    return Tier.HIGH if is_open and rules["high"]["open_entry_with_non_read"] else at_least


def _moved(stood: str, old: Iterable[Tier], new: Iterable[Tier]) -> str:
    """Return the tier under the new document: the real tier if both documents agree on today's facts, else the new one.

    Height from causes that are not judged here (a shared identity, a person's decision) stays.
    """
    was, would_be = max(old, default=Tier.LOW), max(new, default=Tier.LOW)
    if was == would_be:
        return stood
    return (max(would_be, Tier.of(stood)) if Tier.of(stood) > was else would_be).word


def _is_owned_alone(submission: Submission) -> bool:
    owned = submission.automation
    return owned.technical_owner_id in (None, owned.business_owner_id)


def _records(submissions: Sequence[Submission]) -> Mapping[int, list[Row]]:
    columns = ("submission_id", "pk", "kind", "tier", "term_days", "privilege_id", "credential_id", "by_policy_id")
    rows = (
        Approval.objects.filter(submission__in=[submission.pk for submission in submissions])
        .order_by()
        .values_list(*columns)
    )
    made: dict[int, list[Row]] = {}
    for submission, pk, kind, tier, days, privilege, credential, by_policy in rows.iterator():
        made.setdefault(submission, []).append((pk, kind, tier, days, privilege, credential, by_policy is not None))
    return made


def _held(places: Mapping[int, str]) -> Mapping[int, list[tuple[int, int | None, PrivilegeFacts]]]:
    """Return by version each privilege's key, credential and current facts (I10: the environment counts)."""
    made: dict[int, list[tuple[int, int | None, PrivilegeFacts]]] = {}
    if not places:
        return made
    held = list(Privilege.objects.filter(version__in=places).only(*OF_PRIVILEGE).order_by())
    entitlements = Entitlement.objects.select_related("resource").only(*OF_ENTITLEMENT)
    entitlement_by_id = entitlements.in_bulk({privilege.entitlement_id for privilege in held})
    credentials = Credential.objects.only(*OF_CREDENTIAL).in_bulk(
        {privilege.credential_id for privilege in held} - {None}
    )
    for privilege in held:  # many share these rows: each is read once
        privilege.entitlement = entitlement_by_id[privilege.entitlement_id]
        if privilege.credential_id is not None:
            privilege.credential = credentials[privilege.credential_id]
        facts = assessment.facts_of(privilege, places[privilege.version_id])
        made.setdefault(privilege.version_id, []).append((privilege.pk, privilege.credential_id, facts))
    return made


#: Fields that `assessment.facts_of` reads. Nothing else is fetched: there are ten times as many privileges as
#: submissions.
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
    """Return versions that people can start without signing in (T2)."""
    if not places:
        return frozenset()
    rows = Trigger.objects.filter(version__in=places, active=True, authenticated=False)
    return frozenset(rows.order_by().values_list("version_id", flat=True))


# --- in words ---------------------------------------------------------------------------------------------------------


def sentences(span: Span, counts: Mapping[str, int]) -> list[str]:
    """Return the counts in sentences, the most important first, then the parts that were not counted."""
    sentences = [*_signature_sentences(counts), *_tier_sentences(counts), *_term_sentences(span, counts)]
    if counts.get("reordered"):
        sentences.append(
            f"{_submissions_word(counts['reordered'])} would have had the same signatures in another order."
        )
    if counts.get("off_light"):
        sentences.append(
            f"{_submissions_word(counts['off_light'])} that policy approved would have been decided by people."
        )
    if counts.get("owners"):
        sentences.append(f"{_submissions_word(counts['owners'])} would have needed a second owner first.")
    if not sentences:
        sentences = ["No submission would have been asked differently."]
    uncounted = [words for name, words in UNCOUNTED.items() if span.before.get(name) != span.after.get(name)]
    if uncounted:
        sentences.append(f"Not counted, since submissions do not show it: {', '.join(uncounted)}.")
    return sentences


def _submissions_word(number: int) -> str:
    return f"{number:,} submission{'' if number == 1 else 's'}"


def _signature_sentences(counts: Mapping[str, int]) -> Iterator[str]:
    for name, words in (
        ("more", "would have needed a signature more"),
        ("fewer", "would have needed a signature less"),
    ):
        if counts.get(name):
            by_label = [
                f"{number:,} of {key.partition(':')[2]}"
                for key, number in sorted(counts.items())
                if key.startswith(f"{name}:")
            ]
            yield f"{_submissions_word(counts[name])} {words}: {', '.join(by_label)}."


def _tier_sentences(counts: Mapping[str, int]) -> Iterator[str]:
    for part, singular, plural in (
        ("app", "app", "apps"),
        ("record", "privilege or credential", "privileges and credentials"),
    ):
        for was in TIERS:
            for would_be in TIERS:
                number = counts.get(f"{part}:{was}:{would_be}")
                if number:
                    yield f"{number:,} {singular if number == 1 else plural} would have been {would_be} instead of {was}."


def _term_sentences(span: Span, counts: Mapping[str, int]) -> Iterator[str]:
    for tier in TIERS:
        if number := counts.get(f"shorter:{tier}"):
            days = span.after["longest_term"][tier]
            yield f"{number:,} {tier}-risk term{' was' if number == 1 else 's were'} asked for longer than {days} days."
    for name, words in (("due_sooner", "sooner"), ("due_later", "later")):
        if number := counts.get(name):
            yield f"{number:,} record{'' if number == 1 else 's'} would have been due {words}."
