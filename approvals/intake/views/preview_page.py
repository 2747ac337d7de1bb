"""Context of the preview page: what an import would touch, the reasons of its risk, and missing answers (I7, I8).

It is made of the typed rows of `approvals.intake.preview`, which API answers take too; here they get fields and links.
"""

from dataclasses import replace

from approvals.conflicts.rows import ConflictRow, list_rows
from approvals.conflicts.views import rows as conflict_rows
from approvals.intake.preview import remarks
from approvals.intake.preview.missing import missing_answers
from approvals.intake.preview.route import light_path, preview_route
from approvals.intake.preview.rows import Preview
from approvals.intake.preview.shorter import shorter_routes
from approvals.intake.views import preview_rows
from approvals.intake.views.preview_rows import Form
from approvals.review.tier_reasons import group_reasons
from governance.core.access import Actor
from governance.web.components import times
from governance.web.pages.page import Shape
from inventory.automations import lineages
from inventory.chains import views as chain_views

#: Name of each source format.
FORMATS = {"n8n": "n8n export", "mcp_client": "MCP client configuration", "manual": "Described by hand"}


def context(preview: Preview, form: Form) -> Shape:
    """Context of ``approvals/intake/preview.html``."""
    context, content, source_format = preview.context, preview.content, preview.content.manifest.source.format
    chain = None
    if context.chain.others or context.chain.unknown:
        name, reader = content.automation.name, Actor.of_person(context.submitter)
        chain = chain_views.chain_shape(context.chain, name, reader, context.now, would=True)
    below = context.promoted_from if preview.refusal is None else None
    left_out = {row.sentence for row in preview.wanted if row.request.is_left_out}
    return {
        "preview": preview,
        "format": FORMATS.get(source_format, source_format),
        "missing": list(missing_answers(preview)),
        "standing": remarks.standing(preview),
        "record_words": _record_words(preview),
        "groups": preview_rows.group_shapes(preview, form),
        "term_choices": preview_rows.term_choices(preview),
        "inputs": form,
        "reasons": group_reasons(context.app.reasons, [row.sentence for row in preview.privileges], left_out),
        "tier_words": _tier_words(preview),
        "drift": remarks.changes(preview),
        "promoted": below,
        "promoted_status": lineages.version_status(below) if below is not None else "",
        "conflicts": _conflicts(preview),
        "secrets": list(remarks.secrets(preview)),
        "noticed": list(remarks.noticed(preview)),
        "chain": chain,
        "form": form.details,
        "route": preview_route(preview),
        "shorter": shorter_routes(preview),
        "light": light_path(preview),
    }


def _record_words(preview: Preview) -> str:
    requested = [row for row in preview.wanted if not row.request.is_left_out]
    privileges = [row for row in requested if row.requested.privilege is not None]
    credentials = len(requested) - len(privileges)
    parts = (
        (len(privileges), times.counted(len(privileges), "privilege")),
        (credentials, times.counted(credentials, "credential")),
        (sum(not row.is_recognised for row in privileges), "{} not recognised"),
        (len(preview.unnamed), f"{times.counted(len(preview.unnamed), 'connection')} to name"),
        (sum(not row.is_asked for row in requested), "{} held already"),
        (len(preview.wanted) - len(requested), "{} not requested"),
    )
    return ", ".join(words.format(count) for count, words in parts if count)


def _tier_words(preview: Preview) -> str:
    tier, policy = preview.context.tier, preview.context.policy
    owners = "Two people must own a high-risk app. " if policy.needs_two_owners(tier) else ""
    return f"{owners}Its {tier}-risk grants last at most {policy.longest_term(tier)} days."


def _conflicts(preview: Preview) -> list[ConflictRow]:
    """Conflicts and their resolutions (S6). A waiver needs a registered version, so others are saved first (S7)."""
    context, registered = preview.context, preview.content.registered
    rows = list_rows(context.conflicts, preview.conflict_words, Actor.of_person(context.submitter), context.now)
    for number, row in enumerate(rows):
        if preview.refusal is not None or not conflict_rows.may_request_waiver(row.found, context.now):
            continue
        if registered is None or preview.content.version is None:
            rows[number] = replace(row, ask_by=f"waiver:{row.rule.code}")
        else:
            rows[number] = replace(row, ask_href=conflict_rows.waiver_request_href(registered.pk, row.found))
    return rows
