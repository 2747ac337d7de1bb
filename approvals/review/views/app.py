"""App column of the review page: facts, tier, findings, comments, decisions and the decision form."""

from approvals.assignment import next_approver
from approvals.decisions import digest
from approvals.duplicates import views as duplicates
from approvals.models import Approval, ApprovalState, Decision, Submission
from approvals.review.views import actions, approval_rows, changes, decision_form, remarks, tier_reasons
from approvals.review.views.dossier import Dossier
from approvals.review.views.reader import Reader, Shape
from governance.web.components.facts import Fact
from inventory.importers import sentences
from inventory.models import AutomationKind, Privilege
from inventory.versions import findings

FINDING_TONES = {"high": "high", "medium": "wait"}
#: Advice if a decision would leave other approvals without an eligible approver.
STRANDING_ADVICE = "Leave it to somebody else who may decide it, where there is one."


def panel(details: Dossier, reader: Reader) -> Shape:
    """Context of ``approvals/review/app.html``."""
    submission, app, titles = details.submission, details.app, details.titles
    shape: Shape = {
        "state": {"value": app.state if app else "approved"},
        "purpose": submission.asked.get("purpose", submission.automation.purpose),
        "facts": _facts(details),
        "tier": submission.tier,
        "reasons": tier_reasons.group_reasons(submission.reasons, _sentences(details)),
        "findings": _findings(details),
        "changes": changes.of_app(details),
        "changes_since": details.since.version if details.since is not None else "",
        "compare_href": "#changes-diff",
        "compare_words": "Old and new, side by side",
        # objections to privileges from before stage 2, for the deciders of stage 1 (A3)
        "objections": [
            remarks.of_comment(comment, titles.get(comment.approval_id or 0, ""))
            for comment in details.comments
            if comment.is_objection
        ],
        "decisions": [remarks.of_decision(decision) for decision in _decisions(details)],
        "alike": details.alike,
        "history": approval_rows.earlier(app, details.route, reader) if app is not None and details.alike else [],
    }
    if reader.opened == "app" and reader.refusal is not None:
        shape["refusal"], shape["typed"] = reader.refusal, (reader.typed or {}).get("reason", "")
    if app is not None:
        shape["undo"] = approval_rows.undo_action(app, details.context, reader)
    if app is not None and app.state == ApprovalState.OPEN:
        shape["light"] = _light(details)
        _add_decision(shape, app, details, reader)
    return shape


def _sentences(details: Dossier) -> list[str]:
    """Sentences of all privileges that the version would hold. Reasons of its tier may start with them."""
    privileges = [record.privilege for record in details.second if record.privilege is not None]
    held = [change.after for change in details.since.items] if details.since is not None else []
    privileges += [item for item in held if isinstance(item, Privilege)]
    return list(dict.fromkeys(privilege.sentence for privilege in privileges))


def _light(details: Dossier) -> str:
    """Effect of approving the app on the light path, in a sentence; else empty (A13)."""
    if not details.submission.light_path:
        return ""
    records = "one record" if len(details.second) == 1 else f"{len(details.second)} records"
    policy = approval_rows.policy_words(details.submission)
    return f"Once the app is approved, {policy} approves its {records} of stage 2, and nobody else is asked."


def _facts(details: Dossier) -> list[Fact]:
    submission = details.submission
    automation, version = submission.automation, submission.version
    business, technical = (details.owner_named(submission.asked.get(name)) for name in digest.OWNERS)
    starts = [changes.trigger_words(fact) for fact in submission.asked.get("triggers") or ()]
    platform = sentences.platform_label(automation.platform_instance)
    return [
        Fact(automation.team.name, "Team"),
        Fact(business or automation.business_owner.name, "Business"),
        Fact(technical or "nobody named", "Technical"),
        Fact(automation.escalation_contact or "none given", "Escalation"),
        Fact("; ".join(starts) or "by hand", "Starts"),
        Fact(f"{platform}, {automation.get_environment_display().lower()}", "Runs on"),
        Fact(kind_of(submission), "Kind"),
        Fact(f"{version.number} {version.manifest_digest.partition(':')[2][:8]}…", "Version"),
    ]


def kind_of(submission: Submission) -> str:
    """The submitted kind, in words. The current kind may differ until the submission is in force (A12)."""
    kind = submission.asked.get("kind", submission.automation.kind)
    return str(dict(AutomationKind.choices).get(kind, kind))


def _findings(details: Dossier) -> list[Shape]:
    """Open findings of the version's newest assessment."""
    return [
        {
            "icon": "key" if "secret" in finding.code or "credential" in finding.code else "warning",
            "tone": FINDING_TONES.get(finding.severity, ""),
            "lead": f"{findings.finding_label(finding.code, finding.place)}.",
            "text": finding.detail or finding.place,
        }
        for finding in details.findings
    ]


def _decisions(details: Dossier) -> list[Decision]:
    """Decisions on the app: its own, carried-over ones, or those that the submission rests on."""
    app, decisions_by_approval = details.app, details.route.decisions
    if app is None:
        return decisions_by_approval.get(details.submission.app_approval_id or 0, [])
    return decisions_by_approval.get(app.pk) or decisions_by_approval.get(app.carried_from_id or 0, [])


def _add_decision(shape: Shape, app: Approval, details: Dossier, reader: Reader) -> None:
    """Add the decision form, or the holder for other readers; with people asked in addition and why (A9)."""
    route = details.route
    standing = route.standing(app)
    additions = [(seat.beside.words, "A9") for seat in standing if seat.beside is not None]
    additions += [(rung.words, "A10") for seat in standing for rung in seat.late]
    shape["beside"] = [{"icon": "person", "text": words, "code": code} for words, code in additions]
    say = actions.allowed_actions(app, details.context, reader)
    if say.refusal is not None:
        held = details.held_of(app)
        shape["state"]["holder"] = approval_rows.holder_words(held)
        shape["locked"] = approval_rows.locked(say.refusal, held)
        return
    shape["state"]["mine"] = True
    form_reader = reader.at(decision_form.key_of(app))
    form = decision_form.decision_form(app, details.context, form_reader, say.actor, say.held)
    form["alike"] = duplicates.questions(details.alike, form_reader)
    if form["alike"]:  # the form shows the ones that it asks about
        shape["alike"] = [duplicate for duplicate in details.alike if not duplicate["may_answer"]]
    stranded = route.would_strand(app, say.actor)
    if stranded:
        lead = f"If you decide this, nobody is left to decide {next_approver.list_names(stranded)}."
        form["warnings"] = [{"tone": "no", "icon": "warning", "lead": lead, "text": STRANDING_ADVICE}]
    shape["decide"] = form
