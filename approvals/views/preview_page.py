"""The context of the preview page: rows in plain words, risk, secrets, what is missing, and the route (ui.md, Bring in)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse

from approvals.preview import Preview, Row, Signature
from inventory.models import ImportItem, Resource, ResourceState

Shape = dict[str, Any]

NO_TEAM = {
    "file": "",
    "place": "",
    "sentence": "You belong to no team yet, and an automation belongs to one.",
    "to_do": "Ask an admin to put you into your team.",
}
#: Resources offered for one connection.
OFFERED = 200


def context(item: ImportItem, preview: Preview, form: forms.Form, draft: Shape, *, show_errors: bool) -> Shape:
    """Everything that ``approvals/preview.html`` takes."""
    gaps = missing(preview, draft, form)
    action = reverse("import_preview", args=[item.pk])
    options = _options() if any(row.binding for row in preview.rows) else []
    return {
        "crumbs": [{"label": "Bring in", "href": reverse("bring_in")}, {"label": "Preview", "href": ""}],
        "head": _head(item, preview, is_ready=not gaps),
        "action": action,
        "refresh_href": action,
        "missing": gaps,
        "record_words": _record_words(preview),
        "rows": [_row(row, draft, options, show_errors=show_errors) for row in preview.rows],
        "tier": preview.tier,
        "reasons": [
            {"icon": "warning" if preview.tier == "high" else "file", "text": text} for text in preview.reasons[:6]
        ],
        "tier_words": _tier_words(preview),
        "secrets": [
            {
                "lead": f"{str(one.get('kind', 'Secret')).replace('_', ' ').capitalize()} in the file",
                "place": one.get("at", ""),
                "text": "We kept a fingerprint and the place, not the secret. Rotate it, then move it to a vault.",
            }
            for one in item.secrets
        ],
        "conflicts": [],
        "drift": _drift(preview),
        "form": form,
        "route": _route(preview),
    }


def _head(item: ImportItem, preview: Preview, *, is_ready: bool) -> Shape:
    manifest = preview.manifest
    kind = manifest.kind.replace("_", " ")
    submit: Shape = {
        "label": "Submit",
        "kind": "filled",
        "after": "arrow",
        "form_id": "preview",
        "name": "do",
        "value": "submit",
    }
    if not is_ready:
        submit["disabled"] = "missing"
    return {
        "title": manifest.name,
        "tier": preview.tier,
        "facts": [
            f"{manifest.platform} {kind}",
            {"text": item.filename, "mono": True},
            f"digest {manifest.source.content.partition(':')[2][:10]}…",
        ],
        "actions": [
            {"label": "Save draft", "form_id": "preview", "name": "do", "value": "save"},
            submit,
        ],
    }


def _record_words(preview: Preview) -> str:
    privileges = sum(row.privilege is not None for row in preview.rows)
    credentials = len(preview.rows) - privileges
    unknown = sum(_is_unknown(row) for row in preview.rows)
    words = f"{privileges} privilege{'s' if privileges != 1 else ''}, {credentials} credential{'s' if credentials != 1 else ''}"
    return f"{words}, {unknown} not recognised" if unknown else words


def _is_unknown(row: Row) -> bool:
    return row.privilege is not None and (not row.privilege.recognised or row.on is None or row.on.pk is None)


def _options() -> list[Shape]:
    found = Resource.objects.filter(state=ResourceState.ACTIVE, directory=True).order_by("name")[:OFFERED]
    return [{"value": one.pk, "label": one.name} for one in found]


def _row(row: Row, draft: Shape, options: list[Shape], *, show_errors: bool) -> Shape:
    why = draft.get("why", {}).get(row.name, "")
    on = row.on
    shape: Shape = {
        "key": row.name,
        "tier": row.judged.tier.word,
        "data_class": on.data_class or None if on is not None else None,
        "asked_of": on.owner.name if on is not None and on.owner is not None else "",
        "unknown": _is_unknown(row),
        "tags": [],
    }
    if row.privilege is not None:
        privilege = row.privilege
        scope = [privilege.entitlement.code, privilege.target, ", ".join(privilege.scope)]
        shape |= {
            "level": privilege.level,
            "sentence": privilege.sentence,
            "scope": " · ".join(dict.fromkeys(filter(None, scope))),
        }
        if privilege.model_controlled:
            shape["tags"].append({"text": "Chosen by a model", "tone": "high", "icon": "robot"})
        if privilege.assumed:
            shape["tags"].append({"text": f"Assumed: {', '.join(privilege.assumed)}", "tone": "", "icon": "question"})
    else:
        credential = row.credential
        shape |= {
            "level": "secret",
            "sentence": credential.sentence if credential else "",
            "name": credential.name if credential else "",
            "scope": " · ".join(filter(None, [credential.external_id, credential.lifetime])) if credential else "",
        }
    if row.held:
        shape["tags"].append({"text": "Held already, not asked again", "tone": "ok", "icon": "check"})
    else:
        error = "Say why in one sentence." if show_errors and not why.strip() else ""
        shape["why"] = {"value": why, "error": error}
    if row.binding:
        chosen = str(draft.get("bind", {}).get(row.name, ""))
        shape["binding"] = {
            "options": [one | {"selected": str(one["value"]) == chosen} for one in options],
            "register_href": reverse("resource_list"),
            "words": "Counts as write on restricted data until it is known",
            "error": "",
        }
    return shape


def _tier_words(preview: Preview) -> str:
    if preview.policy is None:
        return ""
    days = preview.policy.longest_term(preview.tier)
    two = "Two people must own it; " if preview.policy.needs_two_owners(preview.tier) else ""
    return f"{two}terms are at most {days} days."


def missing(preview: Preview, draft: Shape, form: forms.Form) -> list[Shape]:
    """What stands between the draft and its submission, each a link to its place."""
    given = draft.get("fields", {})
    gaps = []
    if not str(given.get("purpose", "")).strip():
        gaps.append({"text": "say what it is for", "href": "#id_purpose"})
    if not given.get("business_owner"):
        gaps.append({"text": "name a business owner", "href": "#id_business_owner"})
    needs_two = preview.policy is not None and preview.policy.needs_two_owners(preview.tier)
    if needs_two and given.get("technical_owner", "") in ("", given.get("business_owner")):
        gaps.append({"text": "name a second owner, the risk is high", "href": "#id_technical_owner"})
    unknown = [row for row in preview.rows if _blocks(row)]
    if unknown:
        gaps.append({"text": _unknown_words(unknown), "href": f"#wish-{unknown[0].name}"})
    said = draft.get("why", {})
    unsaid = [row for row in preview.rows if not row.held and not str(said.get(row.name, "")).strip()]
    if unsaid:
        words = "justify one record" if len(unsaid) == 1 else f"justify {len(unsaid)} records"
        gaps.append({"text": words, "href": f"#why-{unsaid[0].name}"})
    if preview.short and given.get("business_owner"):
        gaps.append({"text": f"find somebody else to decide {preview.short[0]}", "href": "#route"})
    return gaps


def _blocks(row: Row) -> bool:
    """Whether a row can't be submitted: not recognised, or nobody has accepted to own what it touches (I8)."""
    if row.privilege is not None and not row.privilege.recognised:
        return True
    return row.on is not None and (row.on.pk is None or row.on.state != ResourceState.ACTIVE)


def _unknown_words(rows: list[Row]) -> str:
    places = [row.privilege.at[0] for row in rows if row.privilege is not None and row.privilege.at]
    if len(rows) == 1 and places:
        return f"say what “{places[0]}” talks to"
    return f"say what {len(rows)} connections talk to"


def _drift(preview: Preview) -> list[Shape]:
    if preview.known is None:
        return []
    held = sum(row.held for row in preview.rows)
    new = len(preview.rows) - held
    return [
        {
            "icon": "swap",
            "text": f"It is {preview.known.name}, which is in the register.",
            "href": preview.known.href,
            "link": "Open it",
        },
        {"icon": "plus", "tone": "ok", "text": f"{new} new or changed, {held} held already."},
    ]


def _signature(one: Signature, *, words: str) -> Shape:
    return {"name": one.person.name, "capacity": one.capacity, "text": words, "due": one.due}


def _route(preview: Preview) -> Shape:
    latest = max((one.due for one in preview.signatures), default=None)
    due = max((one.due for one in preview.app), default=None)
    return {
        "enough": not preview.short,
        "short": f"Nobody without a conflict is left for: {'; '.join(preview.short[:3])}." if preview.short else "",
        "you": {"name": "You", "text": "Today. The version is frozen as it stands."},
        "app": {
            "people": [{"name": one.person.name, "capacity": one.capacity} for one in preview.app],
            "text": "May this app exist for business use?",
            "due": due,
        },
        "seats": [
            _signature(
                one,
                words=f"{one.count} record{'s' if one.count != 1 else ''}: {one.names[0]}{' …' if one.count > 1 else ''}",
            )
            for one in preview.signatures
        ],
        "force": {
            "text": f"{latest:%a %d %b} at the latest, if everybody says yes."
            if latest
            else "As soon as everybody says yes.",
            "strong": "",
        },
        "skipped": preview.skipped,
    }
