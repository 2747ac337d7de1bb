"""Changes since the approved version on the review page: counts, and changed facts and privileges with old and new values (A12, I7)."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.decisions import digest
from approvals.models import Grant
from approvals.policies import current_tiers
from approvals.review.changes import Change, VersionChanges
from approvals.review.dossier import Dossier
from approvals.review.views.reader import Reader
from approvals.submissions import reapproval
from governance.web.components import times
from governance.web.pages.page import Shape
from inventory.models import AutomationKind, Credential, Privilege
from inventory.versions import diff, trigger_descriptions

#: Title, tone, icon and counted words of each way to change, in display order.
WAYS = {
    "added": ("New", "ok", "plus", "new"),
    "raised": ("Raised or wider", "high", "up", "raised or wider"),
    "narrowed": ("Narrowed", "", "minus", "narrowed"),
    "changed": ("Changed", "", "pen", "changed"),
    "removed": ("Gone", "soft", "minus", "gone, ending when this is in force"),
    "again": ("Not changed, asked again", "soft", "undo", "not changed, asked again"),
}
#: Why an unchanged item is asked again (`submissions.reapproval`).
WHY_AGAIN = {
    "new": "It is not held now: it was rejected, has ended, or was taken back.",
    "stopped": "It was stopped.",
    "held back": "Policy approved it, and the spot check found a problem.",
    "renewal": "What is held of it ends soon, and no review renews it.",
    "raised": "Its risk tier has risen.",
}


def shape(details: Dossier, reader: Reader) -> Shape | None:
    """Context of ``approvals/review/changes.html``; None for a first version."""
    since = details.since
    if since is None:
        return None
    kept, why_again = since.of_way("kept"), _why_again(details, reader.now)
    groups: list[Shape] = []
    grants = "keeps its grant" if len(kept) == 1 else "they keep their grants"
    for way, (title, tone, icon, words) in WAYS.items():
        if since.below and way == "removed":
            title, words = f"In {since.below} alone", f"asked in {since.below} alone"
        if changed := since.of_way(way):
            rows = [{"change": one, "diff": _differences(one), "more": why_again.get(one.item, "")} for one in changed]
            counted = f"{_counted(changed)} {words}"
            groups.append({"title": title, "tone": tone, "icon": icon, "words": counted, "rows": rows})
    if kept:
        title, rows = f"Unchanged, {grants}", _kept(kept, details)
        groups.append({"title": title, "tone": "soft", "icon": "check", "rows": rows, "is_kept": True})
    return {
        "title": _title(since),
        "is_empty": not since.app and len(kept) == len(since.items),
        "unchanged": f"{_counted(kept)} unchanged: {grants}, not asked again" if kept else "",
        "app": [row for name, pair in since.app.items() for row in _app_rows(name, pair, details)],
        "app_labels": [digest.LABELS[name].lower() for name in since.app],
        "is_source_changed": "source" in since.app,
        "groups": groups,
    }


def _title(since: VersionChanges) -> str:
    """The compared version, and its state in a lower environment (I10)."""
    if not since.below:
        return f"Since approved version {since.number}"
    privileges = {change.way for change in since.items if isinstance(change.item, Privilege)}
    if privileges and privileges <= {"added", "removed"}:
        return f"Said to be promoted from {since.below}: it has nothing in common with version {since.number} there"
    return f"Promotion from {since.below}: against version {since.number}, {since.stands} there"


def of_app(details: Dossier) -> list[Shape]:
    """Earlier values of changed facts, for the app's column, which has the new ones (``components/reasons.html``)."""
    rows: list[Shape] = []
    for name, pair in (details.since.app if details.since is not None else {}).items():
        changed = _app_rows(name, pair, details)
        if name == "source":
            rows.append({"icon": "pen", "text": "Code, prompts, model or settings are others."})
        elif name == "triggers":
            rows += [
                {"icon": icon, "lead": lead, "text": row[side]}
                for side, icon, lead in (("before", "minus", "No longer starts:"), ("after", "plus", "Starts:"))
                for row in changed
                if row[side]
            ]
        else:
            rows += [
                {"icon": "pen", "lead": f"{row['label']} was:", "text": row["before"] or "nothing"} for row in changed
            ]
    return rows


def _counted(changes: Sequence[Change]) -> str:
    credentials = sum(isinstance(change.item, Credential) for change in changes)
    counts = ((len(changes) - credentials, "privilege"), (credentials, "credential"))
    return " and ".join(times.counted(count, name) for count, name in counts if count)


def _kept(kept: Iterable[Change], details: Dossier) -> list[Shape]:
    """Unchanged items that keep their grants, riskiest first: they count for the app's tier (A3, T2)."""
    privileges, credentials = current_tiers.tiers_of(details.context.facts)
    rows: list[Shape] = []
    for change in kept:
        by_id = privileges if isinstance(change.item, Privilege) else credentials
        rows.append({"change": change, "tier": by_id.get(change.item.pk, "")})
    return sorted(rows, key=lambda row: ("high", "standard", "low", "").index(row["tier"]))


def _differences(change: Change) -> Sequence[diff.Field]:
    """Facts of a changed privilege before and after, for ``components/diff.html``."""
    was, now = change.before, change.after
    if not change.is_altered or not isinstance(was, Privilege) or not isinstance(now, Privilege):
        return ()
    return diff.altered(was, now)


def _app_rows(name: str, pair: tuple[Any, Any], details: Dossier) -> list[Shape]:
    """Old and new value of one fact of the app, for ``components/diff.html``."""
    label = digest.LABELS[name]
    if name == "triggers":
        old, new = pair[0] or (), pair[1] or ()
        went = [trigger_words(fact) for fact in old if fact not in new]
        came = [trigger_words(fact) for fact in new if fact not in old]
        if len(went) == len(came) == 1:
            return [{"label": label, "before": went[0], "after": came[0]}]
        rows = [{"label": label, "before": words, "after": ""} for words in went]
        return rows + [{"label": label, "before": "", "after": words} for words in came]
    before, after = (_fact_words(name, value, details) for value in pair)
    row: Shape = {"label": label, "before": before, "after": after}
    return [row | {"parts": _parts(before, after)} if name == "purpose" and before and after else row]


def trigger_words(fact: str) -> str:
    """A trigger of the facts (`digest.facts_of_app`) in words. Its last word says whether it needs authentication."""
    words, _, authenticated = fact.rpartition(" ")
    kind, _, detail = words.strip().partition(" ")
    description = trigger_descriptions.trigger_sentence(kind, detail.strip())
    return f"{description}, open to anybody" if authenticated == "False" else description


def _fact_words(name: str, value: Any, details: Dossier) -> str:
    """One fact of the app in words."""
    if name.endswith("_owner"):
        return details.owner_named(value)
    if name == "kind":
        return str(dict(AutomationKind.choices).get(value, value or ""))
    if name == "source":
        return str(value or "").partition(":")[2][:10]
    if name == "runs_as":
        return ", ".join(value or ())
    return str(value or "").capitalize() if name == "tier" else str(value or "")


def _parts(before: str, after: str) -> list[Shape]:
    """Word-by-word difference of two texts."""
    old, new = before.split(), after.split()
    parts: list[Shape] = []
    for how, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        sides = [("same", old[a:b])] if how == "equal" else [("gone", old[a:b]), ("come", new[c:d])]
        parts += [{"how": side, "text": " ".join(words)} for side, words in sides if words]
    return parts


def _why_again(details: Dossier, now: datetime) -> Mapping[Privilege | Credential | None, str]:
    """Why unchanged items are asked again, in at most one query. Ended submissions have no reasons."""
    since, submission = details.since, details.submission
    again = [] if since is None or submission.ended_at is not None else [one.item for one in since.of_way("again")]
    if not again:
        return {}
    standing = Grant.objects.standing().filter(automation=submission.automation_id, ends_at__gt=now)
    held = {grant.key: grant for grant in standing.select_related(*reapproval.GRANT_RELATIONS)}
    reasons: dict[Privilege | Credential | None, str] = {}
    for record in details.second:
        if (item := record.privilege or record.credential) in again:
            request = reapproval.RequestedItem("", record.tier, (), record.privilege, record.credential)
            reasons[item] = WHY_AGAIN.get(reapproval.reason_for_stage_2(request, held.get(request.key), now), "")
    return reasons
