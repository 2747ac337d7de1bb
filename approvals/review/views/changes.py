"""Changes since the approved version on the review page: counts, changed facts and privileges with old and new values, and a tag on each row
(new, raised, narrowed or asked again; A12, I7).
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.decisions import digest
from approvals.models import Approval, Grant
from approvals.policies import tiers
from approvals.review.changes import Change, VersionChanges
from approvals.review.views import approval_rows
from approvals.review.views.dossier import Dossier
from approvals.review.views.reader import Reader, Shape
from approvals.submissions import version_diff
from governance.web.components import state_words as web_words
from inventory.models import AutomationKind, Credential, Privilege
from inventory.versions import trigger_descriptions

#: Title, tone, icon and counted words of each way to change, in display order.
WAYS = {
    "added": ("New", "ok", "plus", "new"),
    "raised": ("Raised or wider", "high", "up", "raised or wider"),
    "narrowed": ("Narrowed", "", "minus", "narrowed"),
    "changed": ("Changed", "", "pen", "changed"),
    "removed": ("Gone", "soft", "minus", "gone, ending when this is in force"),
    "again": ("Not changed, and asked anew", "soft", "undo", "not changed and asked anew"),
}
ALTERED = ("raised", "narrowed", "changed")
#: Why an unchanged item is asked again (`submissions.version_diff`).
WHY_AGAIN = {
    "new": "It is not held now: it was refused, has ended, or was taken back.",
    "stopped": "It was stopped.",
    "held back": "Policy approved it and whoever looked at that did not find it fine.",
    "renewal": "What is held of it ends soon, and no review renews it.",
    "raised": "Its risk tier has risen.",
}
#: Note on a changed source: only its digest is stored, so the page can't show the values.
UNSHOWN = "Code, prompts, model or settings are others. The file is not kept, so this is all that is known of it here."


def shape(details: Dossier, reader: Reader) -> Shape | None:
    """Context of ``approvals/review/changes.html``; None for a first version."""
    since = details.since
    if since is None:
        return None
    submission, kept = details.submission, since.of_way("kept")
    grants = "keeps its grant" if len(kept) == 1 else "they keep their grants"
    return {
        "title": _title(since),
        "items": _items(since),
        "unchanged": f"{_counted(kept)} unchanged: {grants}, not asked again" if kept else "",
        "app": [row for name, pair in since.app.items() for row in _app_rows(name, pair, details)],
        "note": UNSHOWN if "source" in since.app else "",
        "groups": [
            *_groups(since, _why_again(details, reader.now)),
            *([_kept(kept, details, f"Unchanged, {grants}")] if kept else []),
        ],
        "href": reverse("automation_version", args=[submission.automation_id, submission.version.number]),
    }


def _title(since: VersionChanges) -> str:
    """The compared version, and its state in a lower environment (I10)."""
    if not since.below:
        return f"Since approved version {since.number}"
    privileges = {change.way for change in since.items if isinstance(change.item, Privilege)}
    if privileges and privileges <= {"added", "removed"}:
        return f"Said to be promoted from {since.below}: it has nothing in common with version {since.number} there"
    return f"Promotion from {since.below}: against version {since.number}, {since.stands} there"


def mark(row: Shape, record: Approval, since: VersionChanges | None) -> None:
    """Add to a row a tag for its change, and the earlier value to its evidence."""
    if since is None:
        return
    change, version = since.of_record(record), since.version.capitalize()
    before = change.before if change is not None else None
    if change is not None and change.way in ALTERED and isinstance(before, Privilege):
        title, tone, icon, _ = WAYS[change.way]
        levels = [web_words.LEVELS[level].text.lower() for level in (before.level, getattr(change.item, "level", ""))]
        moved = f": {levels[0]} → {levels[1]}" if levels[0] != levels[1] else ""
        tag = {"text": f"{title.removesuffix(' or wider')}{moved}", "tone": tone, "icon": icon}
        reason = {"icon": icon, "lead": f"In {since.version}:", "text": f"{before.sentence}.", "code": _raw(before)}
    elif change is not None and change.way == "added":
        tag = {"text": "New", "tone": "", "icon": "plus"}
        reason = {"icon": "plus", "text": f"{version} did not ask for it."}
    else:
        tag = {"text": "Not changed", "tone": "", "icon": ""}
        reason = {"icon": "undo", "text": f"{version} asked for the same."}
    row["tags"].insert(0, tag)
    if row["open"]:
        row["evidence"]["reasons"].insert(0, reason)


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


def _items(since: VersionChanges) -> list[Shape]:
    """The line of counts, each with its icon."""
    items = []
    for way, (_, tone, icon, words) in WAYS.items():
        words = f"asked in {since.below} alone" if since.below and way == "removed" else words
        if counted := _counted(since.of_way(way)):
            items.append({"icon": icon, "tone": "soft" if way == "removed" else tone, "text": f"{counted} {words}"})
    if since.app:
        *names, last = [digest.LABELS[name].lower() for name in since.app]
        names_words = f"{', '.join(names)} and {last}" if names else last
        items.append({"icon": "pen", "tone": "high", "text": f"Changed in the app: {names_words}"})
    return items


def _counted(changes: Sequence[Change]) -> str:
    credentials = sum(isinstance(change.item, Credential) for change in changes)
    parts = [
        f"{count} {name}{'s' if count != 1 else ''}"
        for count, name in ((len(changes) - credentials, "privilege"), (credentials, "credential"))
        if count
    ]
    return " and ".join(parts)


def _groups(since: VersionChanges, why_again: Mapping[str, str]) -> list[Shape]:
    """Changed privileges and credentials by kind of change, without empty groups."""
    groups = []
    for way, (title, tone, icon, _) in WAYS.items():
        title = f"In {since.below} alone" if since.below and way == "removed" else title
        rows = [_row(change) for change in since.of_way(way)]
        if way == "again":
            rows = [
                row | {"more": why_again.get(_key(change), "")}
                for row, change in zip(rows, since.of_way(way), strict=True)
            ]
        if rows:
            groups.append({"title": title, "tone": tone, "icon": icon, "rows": rows})
    return groups


def _kept(kept: Iterable[Change], details: Dossier, title: str) -> Shape:
    """Unchanged items that keep their grants, riskiest first: they count for the app's tier (A3, T2)."""
    privileges, credentials = tiers.tiers_of(details.context.facts)
    rows = []
    for change in kept:
        by_id = privileges if isinstance(change.item, Privilege) else credentials
        rows.append(_row(change) | {"same": True, "tier": by_id.get(change.item.pk, "")})
    rows.sort(key=lambda row: ("high", "standard", "low", "").index(row["tier"]))
    return {"title": title, "tone": "soft", "icon": "check", "rows": rows}


def _key(change: Change) -> str:
    item = change.item
    return item.key if isinstance(item, Privilege) else f"credential:{item.pk}"


def _row(change: Change) -> Shape:
    """A privilege or credential with its sentence and scope. Of a changed one each fact before and after."""
    was, now = change.before, change.item
    row: Shape = {"sentence": now.sentence, "gone": change.after is None}
    if not isinstance(now, Privilege):
        return row | {"level": "secret", "scope": now.external_id}
    row |= {"level": now.level, "scope": _raw(now)}
    if change.way not in ALTERED or not isinstance(was, Privilege):
        return row
    pairs = (
        ("Level", web_words.LEVELS[was.level].text, web_words.LEVELS[now.level].text),
        ("Data class", was.entitlement.counted_class, now.entitlement.counted_class),
        ("Credential", str(was.credential or "none"), str(now.credential or "none")),
        ("Switched on", _yes(was.active), _yes(now.active)),
        ("Chosen by a model", _yes(was.model_controlled), _yes(now.model_controlled)),
        ("Can’t be judged from its source", _yes(was.opaque), _yes(now.opaque)),
        ("Recognised", _yes(was.recognised), _yes(now.recognised)),
    )
    return row | {
        "sentence_was": was.sentence if was.sentence != now.sentence else "",
        "scope_was": _raw(was) if _raw(was) != _raw(now) else "",
        "rows": [{"label": label, "before": a, "after": b} for label, a, b in pairs if a != b],
    }


def _raw(privilege: Privilege) -> str:
    return approval_rows.raw(privilege.entitlement.code, privilege.through, privilege.target, privilege.scope)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _app_rows(name: str, pair: tuple[Any, Any], details: Dossier) -> list[Shape]:
    """Old and new value of one fact of the app, for ``components/diff.html``."""
    label = digest.LABELS[name]
    if name == "triggers":
        went, came = ([trigger_words(fact) for fact in facts] for facts in _differences(*pair))
        if len(went) == len(came) == 1:
            return [{"label": label, "before": went[0], "after": came[0]}]
        rows = [{"label": label, "before": words, "after": ""} for words in went]
        return rows + [{"label": label, "before": "", "after": words} for words in came]
    before, after = (_fact_words(name, value, details) for value in pair)
    row: Shape = {"label": label, "before": before, "after": after}
    return [row | {"parts": _parts(before, after)} if name == "purpose" and before and after else row]


def _differences(before: Sequence[str] | None, after: Sequence[str] | None) -> tuple[list[str], list[str]]:
    old, new = before or (), after or ()
    return [fact for fact in old if fact not in new], [fact for fact in new if fact not in old]


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


def _why_again(details: Dossier, now: datetime) -> dict[str, str]:
    """Why unchanged items are asked again, by key, in at most one query. Ended submissions have no reasons."""
    since, submission = details.since, details.submission
    if since is None or submission.ended_at is not None or not since.of_way("again"):
        return {}
    standing = Grant.objects.standing().filter(automation=submission.automation_id, ends_at__gt=now)
    held = {grant.key: grant for grant in standing.select_related(*version_diff.GRANT_RELATIONS)}
    reasons_by_key = {}
    for record in details.second:
        item = version_diff.RequestedItem("", record.tier, (), record.privilege, record.credential)
        reasons_by_key[item.key] = WHY_AGAIN.get(version_diff.reason_for_stage_2(item, held.get(item.key), now), "")
    return reasons_by_key
