"""Changes since the approved version on the review page: counts, changed facts and privileges with old and new values, and a tag on each row
(new, raised, narrowed or asked again; A12, I7).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.decisions import digest
from approvals.models import Approval, Grant
from approvals.policies import tiers
from approvals.review.changes import AlteredPrivilege, VersionChanges
from approvals.review.views import approval_rows
from approvals.review.views.dossier import Dossier
from approvals.review.views.reader import Reader, Shape
from approvals.submissions import version_diff
from governance.web.components import state_words as web_words
from inventory.models import AutomationKind, Credential, Privilege
from inventory.versions import trigger_descriptions

#: Tag, tone and icon of a changed row.
WAYS = {"raised": ("Raised", "high", "up"), "narrowed": ("Narrowed", "", "minus"), "changed": ("Changed", "", "pen")}
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
    submission = details.submission
    return {
        "title": _title(since),
        "items": _items(since),
        "unchanged": _unchanged(since),
        "app": [row for name, pair in since.app.items() for row in _app_rows(name, pair, details)],
        "note": UNSHOWN if "source" in since.app else "",
        "groups": [*_groups(since, _why_again(details, reader.now)), *_kept(details, since)],
        "href": reverse("automation_version", args=[submission.automation_id, submission.version.number]),
    }


def _title(since: VersionChanges) -> str:
    """The compared version, and its state in a lower environment (I10)."""
    if not since.below:
        return f"Since approved version {since.number}"
    if (since.added or since.removed) and not (since.altered or since.again or since.kept):
        return f"Said to be promoted from {since.below}: it has nothing in common with version {since.number} there"
    return f"Promotion from {since.below}: against version {since.number}, {since.stands} there"


def mark(row: Shape, record: Approval, since: VersionChanges | None) -> None:
    """Add to a row a tag for its change, and the earlier value to its evidence."""
    if since is None:
        return
    altered = since.was(record.privilege) if record.privilege is not None else None
    if altered is not None:
        lead, tone, icon = WAYS[altered.way]
        was, now = altered.before.level, altered.after.level
        levels = f": {web_words.LEVELS[was].text.lower()} → {web_words.LEVELS[now].text.lower()}" if was != now else ""
        tag = {"text": f"{lead}{levels}", "tone": tone, "icon": icon}
        text = f"{altered.before.sentence}."
        reason = {"icon": icon, "lead": f"In {since.version}:", "text": text, "code": _raw(altered.before)}
    elif since.is_new(record):
        tag = {"text": "New", "tone": "", "icon": "plus"}
        reason = {"icon": "plus", "text": f"{since.version.capitalize()} did not ask for it."}
    else:
        tag = {"text": "Not changed", "tone": "", "icon": ""}
        reason = {"icon": "undo", "text": f"{since.version.capitalize()} asked for the same."}
    row["tags"].insert(0, tag)
    if row["evidence"]:
        row["evidence"]["reasons"].insert(0, reason)


def of_app(details: Dossier) -> list[Shape]:
    """Earlier values of changed facts, for the app's column, which has the new ones (``components/reasons.html``)."""
    rows: list[Shape] = []
    for name, pair in (details.since.app if details.since is not None else {}).items():
        if name == "source":
            rows.append({"icon": "pen", "text": "Code, prompts, model or settings are others."})
        elif name == "triggers":
            rows += [
                {
                    "icon": "minus" if row["before"] else "plus",
                    "lead": row["label"],
                    "text": row["before"] or row["after"],
                }
                for row in _trigger_rows(*pair, gone="No longer starts:", come="Starts:")
            ]
        else:
            was = _fact_words(name, pair[0], details) or "nothing"
            rows.append({"icon": "pen", "lead": f"{digest.LABELS[name]} was:", "text": was})
    return rows


def _items(since: VersionChanges) -> list[Shape]:
    """The line of counts, each with its icon."""
    ways = [altered.way for altered in since.altered]
    again = _counted(len(since.again), len(since.credentials_again))
    counts = (
        ("plus", "ok", _counted(len(since.added), len(since.credentials_added)), "new"),
        ("up", "high", _counted(ways.count("raised")), "raised or wider"),
        ("minus", "", _counted(ways.count("narrowed")), "narrowed"),
        ("pen", "", _counted(ways.count("changed")), "changed"),
        (
            "minus",
            "soft",
            _counted(len(since.removed), len(since.credentials_removed)),
            f"asked in {since.below} alone" if since.below else "gone, ending when this is in force",
        ),
        ("undo", "soft", again, "not changed and asked anew"),
    )
    items = [{"icon": icon, "tone": tone, "text": f"{count} {label}"} for icon, tone, count, label in counts if count]
    if since.app:
        names = [digest.LABELS[name].lower() for name in since.app]
        names_words = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
        items.append({"icon": "pen", "tone": "high", "text": f"Changed in the app: {names_words}"})
    return items


def _counted(privileges: int, credentials: int = 0) -> str:
    parts = [
        f"{count} {name}{'s' if count != 1 else ''}"
        for count, name in ((privileges, "privilege"), (credentials, "credential"))
        if count
    ]
    return " and ".join(parts)


def _unchanged(since: VersionChanges) -> str:
    kept = _counted(len(since.kept), len(since.credentials_kept))
    is_one = len(since.kept) + len(since.credentials_kept) == 1
    return (
        f"{kept} unchanged: {'keeps its grant' if is_one else 'they keep their grants'}, not asked again"
        if kept
        else ""
    )


def _groups(since: VersionChanges, why_again: Mapping[str, str]) -> list[Shape]:
    """Changed privileges and credentials by kind of change, without empty groups."""
    altered = {
        way: [_altered_row(altered_row) for altered_row in since.altered if altered_row.way == way] for way in WAYS
    }
    again = [_privilege_row(privilege, more=why_again.get(privilege.key, "")) for privilege in since.again]
    again += [
        _credential_row(credential, more=why_again.get(f"credential:{credential.pk}", ""))
        for credential in since.credentials_again
    ]
    added = [_privilege_row(privilege) for privilege in since.added] + [
        _credential_row(privilege) for privilege in since.credentials_added
    ]
    removed = [_privilege_row(privilege) for privilege in since.removed] + [
        _credential_row(privilege) for privilege in since.credentials_removed
    ]
    groups = (
        ("New", "ok", "plus", added),
        ("Raised or wider", "high", "up", altered["raised"]),
        ("Narrowed", "", "minus", altered["narrowed"]),
        ("Changed", "", "pen", altered["changed"]),
        (
            f"In {since.below} alone" if since.below else "Gone",
            "soft",
            "minus",
            [row | {"gone": True} for row in removed],
        ),
        ("Not changed, and asked anew", "soft", "undo", again),
    )
    return [{"title": title, "tone": tone, "icon": icon, "rows": rows} for title, tone, icon, rows in groups if rows]


def _kept(details: Dossier, since: VersionChanges) -> list[Shape]:
    """Unchanged items that keep their grants, riskiest first: they count for the app's tier (A3, T2)."""
    if not since.kept and not since.credentials_kept:
        return []
    privileges, credentials = tiers.tiers_of(details.context.facts)
    rows = [_privilege_row(privilege) | {"tier": privileges.get(privilege.pk, "")} for privilege in since.kept]
    rows += [
        _credential_row(credential) | {"tier": credentials.get(credential.pk, "")}
        for credential in since.credentials_kept
    ]
    ordered = sorted(rows, key=lambda row: ("high", "standard", "low", "").index(row["tier"]))
    title = "Unchanged, keeps its grant" if len(rows) == 1 else "Unchanged, they keep their grants"
    return [{"title": title, "tone": "soft", "icon": "check", "rows": [row | {"same": True} for row in ordered]}]


def _privilege_row(privilege: Privilege, *, more: str = "") -> Shape:
    return {"level": privilege.level, "sentence": privilege.sentence, "scope": _raw(privilege), "more": more}


def _credential_row(credential: Credential, *, more: str = "") -> Shape:
    return {"level": "secret", "sentence": credential.sentence, "scope": credential.external_id, "more": more}


def _altered_row(altered: AlteredPrivilege) -> Shape:
    """A changed privilege: its sentence and scope, and each changed fact before and after."""
    was, now = altered.before, altered.after
    pairs = (
        ("Level", web_words.LEVELS[was.level].text, web_words.LEVELS[now.level].text),
        ("Data class", was.entitlement.counted_class, now.entitlement.counted_class),
        ("Credential", str(was.credential or "none"), str(now.credential or "none")),
        ("Switched on", _yes(was.active), _yes(now.active)),
        ("Chosen by a model", _yes(was.model_controlled), _yes(now.model_controlled)),
        ("Can’t be judged from its source", _yes(was.opaque), _yes(now.opaque)),
        ("Recognised", _yes(was.recognised), _yes(now.recognised)),
    )
    return {
        **_privilege_row(now),
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
    if name == "triggers":
        return _trigger_rows(*pair, gone=digest.LABELS[name], come=digest.LABELS[name])
    before, after = (_fact_words(name, value, details) for value in pair)
    row: Shape = {"label": digest.LABELS[name], "before": before, "after": after}
    return [row | {"parts": _parts(before, after)} if name == "purpose" and before and after else row]


def _trigger_rows(before: Sequence[str] | None, after: Sequence[str] | None, *, gone: str, come: str) -> list[Shape]:
    went = [_trigger_words(trigger) for trigger in before or () if trigger not in (after or ())]
    came = [_trigger_words(trigger) for trigger in after or () if trigger not in (before or ())]
    if gone == come and len(went) == len(came) == 1:
        return [{"label": come, "before": went[0], "after": came[0]}]
    rows = [{"label": gone, "before": words, "after": ""} for words in went]
    return rows + [{"label": come, "before": "", "after": words} for words in came]


def _trigger_words(fact: str) -> str:
    """A trigger of the facts (`digest.of_app`) in words. Its last word says whether it needs authentication."""
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
        if how == "equal":
            parts.append({"how": "same", "text": " ".join(old[a:b])})
            continue
        parts += [{"how": "gone", "text": " ".join(old[a:b])}] if b > a else []
        parts += [{"how": "come", "text": " ".join(new[c:d])}] if d > c else []
    return parts


def _why_again(details: Dossier, now: datetime) -> dict[str, str]:
    """Why unchanged items are asked again, by key, in at most one query. Ended submissions have no reasons."""
    since, submission = details.since, details.submission
    if since is None or submission.ended_at is not None or not (since.again or since.credentials_again):
        return {}
    standing = Grant.objects.standing().filter(automation=submission.automation_id, ends_at__gt=now)
    held = {grant.key: grant for grant in standing.select_related(*version_diff.GRANT_RELATIONS)}
    reasons_by_key = {}
    for record in details.second:
        item = version_diff.RequestedItem("", record.tier, (), record.privilege, record.credential)
        reasons_by_key[item.key] = WHY_AGAIN.get(version_diff.reason_for_stage_2(item, held.get(item.key), now), "")
    return reasons_by_key


__all__ = ["mark", "of_app", "shape"]
