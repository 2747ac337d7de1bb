"""What changed since the approved version, on the review page itself: a line of counts, what of the app and of each privilege is another,
old struck beside new, and on each row whether it is new, raised, narrowed or asked anew (A12, I7).
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
from approvals.review.changes import Altered, Since
from approvals.review.views import approval_rows
from approvals.review.views.dossier import Dossier
from approvals.review.views.reader import Reader, Shape
from approvals.submissions import version_diff
from governance.web.components import state_words as web_words
from inventory.models import AutomationKind, Credential, Privilege
from inventory.versions import trigger_descriptions

#: What a row is tagged with that is another than it was, and how that is drawn.
WAYS = {"raised": ("Raised", "high", "up"), "narrowed": ("Narrowed", "", "minus"), "changed": ("Changed", "", "pen")}
#: Why stage 2 is asked anew about what did not change (`version_diff.why_asked`).
WHY_AGAIN = {
    "new": "It is not held now: it was refused, has ended, or was taken back.",
    "stopped": "It was stopped.",
    "held back": "Policy approved it and whoever looked at that did not find it fine.",
    "renewal": "What is held of it ends soon, and no review renews it.",
    "raised": "Its risk tier has risen.",
}
#: A fact of the app whose old and new value the page can't show: only a digest of it is kept.
UNSHOWN = "Code, prompts, model or settings are others. The file is not kept, so this is all that is known of it here."


def shape(about: Dossier, reader: Reader) -> Shape | None:
    """The context of ``approvals/review/changes.html``; None for a first version."""
    since = about.since
    if since is None:
        return None
    submission = about.submission
    return {
        "title": _title(since),
        "items": _items(since),
        "unchanged": _unchanged(since),
        "app": [row for name, pair in since.app.items() for row in _app_rows(name, pair, about)],
        "note": UNSHOWN if "source" in since.app else "",
        "groups": [*_groups(since, _why_again(about, reader.now)), *_kept(about, since)],
        "href": reverse("automation_version", args=[submission.automation_id, submission.version.number]),
    }


def _title(since: Since) -> str:
    """What it is compared with, and what of that counts here (I10)."""
    if not since.below:
        return f"Since approved version {since.number}"
    if (since.added or since.removed) and not (since.altered or since.again or since.kept):
        return f"Said to be promoted from {since.below}: it has nothing in common with version {since.number} there"
    return f"Promotion from {since.below}: against version {since.number}, {since.stands} there"


def mark(row: Shape, record: Approval, since: Since | None) -> None:
    """Say on the row of a record what about it is another than approved: a tag, and in its evidence what it was."""
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


def of_app(about: Dossier) -> list[Shape]:
    """What changed in the app, for its column, where each new value stands already: what it was (``components/reasons.html``)."""
    rows: list[Shape] = []
    for name, pair in (about.since.app if about.since is not None else {}).items():
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
            was = _said(name, pair[0], about) or "nothing"
            rows.append({"icon": "pen", "lead": f"{digest.WORDS[name]} was:", "text": was})
    return rows


def _items(since: Since) -> list[Shape]:
    """The line of counts: what is more and what is less, each with its icon."""
    ways = [one.way for one in since.altered]
    again = _counted(len(since.again), len(since.credentials_again))
    found = (
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
    items = [{"icon": icon, "tone": tone, "text": f"{count} {said}"} for icon, tone, count, said in found if count]
    if since.app:
        names = [digest.WORDS[name].lower() for name in since.app]
        said = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
        items.append({"icon": "pen", "tone": "high", "text": f"Changed in the app: {said}"})
    return items


def _counted(privileges: int, credentials: int = 0) -> str:
    parts = [
        f"{count} {name}{'s' if count != 1 else ''}"
        for count, name in ((privileges, "privilege"), (credentials, "credential"))
        if count
    ]
    return " and ".join(parts)


def _unchanged(since: Since) -> str:
    kept = _counted(len(since.kept), len(since.credentials_kept))
    is_one = len(since.kept) + len(since.credentials_kept) == 1
    return (
        f"{kept} unchanged: {'keeps its grant' if is_one else 'they keep their grants'}, not asked again"
        if kept
        else ""
    )


def _groups(since: Since, why_again: Mapping[str, str]) -> list[Shape]:
    """What is another of the privileges and credentials, in groups; empty ones left out."""
    altered = {way: [_altered(one) for one in since.altered if one.way == way] for way in WAYS}
    again = [_one(one, more=why_again.get(one.key, "")) for one in since.again]
    again += [_credential(one, more=why_again.get(f"credential:{one.pk}", "")) for one in since.credentials_again]
    added = [_one(one) for one in since.added] + [_credential(one) for one in since.credentials_added]
    removed = [_one(one) for one in since.removed] + [_credential(one) for one in since.credentials_removed]
    found = (
        ("New", "ok", "plus", added),
        ("Raised or wider", "high", "up", altered["raised"]),
        ("Narrowed", "", "minus", altered["narrowed"]),
        ("Changed", "", "pen", altered["changed"]),
        (
            f"In {since.below} alone" if since.below else "Gone",
            "soft",
            "minus",
            [one | {"gone": True} for one in removed],
        ),
        ("Not changed, and asked anew", "soft", "undo", again),
    )
    return [{"title": title, "tone": tone, "icon": icon, "rows": rows} for title, tone, icon, rows in found if rows]


def _kept(about: Dossier, since: Since) -> list[Shape]:
    """What nothing is asked of, the riskiest first: the app is as risky as that makes it, and whoever decides about it sees why (A3, T2)."""
    if not since.kept and not since.credentials_kept:
        return []
    privileges, credentials = tiers.tiers_of(about.submission, about.route.parties)
    rows = [_one(one) | {"tier": privileges.get(one.pk, "")} for one in since.kept]
    rows += [_credential(one) | {"tier": credentials.get(one.pk, "")} for one in since.credentials_kept]
    ordered = sorted(rows, key=lambda row: ("high", "standard", "low", "").index(row["tier"]))
    title = "Unchanged, keeps its grant" if len(rows) == 1 else "Unchanged, they keep their grants"
    return [{"title": title, "tone": "soft", "icon": "check", "rows": [row | {"same": True} for row in ordered]}]


def _one(one: Privilege, *, more: str = "") -> Shape:
    return {"level": one.level, "sentence": one.sentence, "scope": _raw(one), "more": more}


def _credential(one: Credential, *, more: str = "") -> Shape:
    return {"level": "secret", "sentence": one.sentence, "scope": one.external_id, "more": more}


def _altered(one: Altered) -> Shape:
    """A privilege that is not as it was: its words and scope, and row by row what else of it is another."""
    was, now = one.before, one.after
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
        **_one(now),
        "sentence_was": was.sentence if was.sentence != now.sentence else "",
        "scope_was": _raw(was) if _raw(was) != _raw(now) else "",
        "rows": [{"label": label, "before": a, "after": b} for label, a, b in pairs if a != b],
    }


def _raw(one: Privilege) -> str:
    return approval_rows.raw(one.entitlement.code, one.through, one.target, one.scope)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _app_rows(name: str, pair: tuple[Any, Any], about: Dossier) -> list[Shape]:
    """What one fact of the app was and is, for ``components/diff.html``."""
    if name == "triggers":
        return _trigger_rows(*pair, gone=digest.WORDS[name], come=digest.WORDS[name])
    before, after = (_said(name, value, about) for value in pair)
    row: Shape = {"label": digest.WORDS[name], "before": before, "after": after}
    return [row | {"parts": _parts(before, after)} if name == "purpose" and before and after else row]


def _trigger_rows(before: Sequence[str] | None, after: Sequence[str] | None, *, gone: str, come: str) -> list[Shape]:
    went = [_trigger(one) for one in before or () if one not in (after or ())]
    came = [_trigger(one) for one in after or () if one not in (before or ())]
    if gone == come and len(went) == len(came) == 1:
        return [{"label": come, "before": went[0], "after": came[0]}]
    rows = [{"label": gone, "before": one, "after": ""} for one in went]
    return rows + [{"label": come, "before": "", "after": one} for one in came]


def _trigger(said: str) -> str:
    """What starts it as the facts have it (`digest.of_app`), the last word of which says whether one has to sign in for it."""
    words, _, authenticated = said.rpartition(" ")
    kind, _, detail = words.strip().partition(" ")
    how = trigger_descriptions.said(kind, detail.strip())
    return f"{how}, open to anybody" if authenticated == "False" else how


def _said(name: str, value: Any, about: Dossier) -> str:
    """One fact of the app for people."""
    if name.endswith("_owner"):
        return about.owner_named(value)
    if name == "kind":
        return str(dict(AutomationKind.choices).get(value, value or ""))
    if name == "source":
        return str(value or "").partition(":")[2][:10]
    if name == "runs_as":
        return ", ".join(value or ())
    return str(value or "").capitalize() if name == "tier" else str(value or "")


def _parts(before: str, after: str) -> list[Shape]:
    """A text word by word: what stayed, what went and what came."""
    old, new = before.split(), after.split()
    parts: list[Shape] = []
    for how, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if how == "equal":
            parts.append({"how": "same", "text": " ".join(old[a:b])})
            continue
        parts += [{"how": "gone", "text": " ".join(old[a:b])}] if b > a else []
        parts += [{"how": "come", "text": " ".join(new[c:d])}] if d > c else []
    return parts


def _why_again(about: Dossier, now: datetime) -> dict[str, str]:
    """Why what did not change is asked anew, by key: one query, none where nothing is, or where that has been decided long since."""
    since, submission = about.since, about.submission
    if since is None or submission.ended_at is not None or not (since.again or since.credentials_again):
        return {}
    standing = Grant.objects.standing().filter(automation=submission.automation_id, ends_at__gt=now)
    held = {grant.key: grant for grant in standing.select_related(*version_diff.GRANT)}
    found = {}
    for record in about.second:
        asked = version_diff.Asked("", record.tier, (), record.privilege, record.credential)
        found[asked.key] = WHY_AGAIN.get(version_diff.why_asked(asked, held.get(asked.key), now), "")
    return found


__all__ = ["mark", "of_app", "shape"]
