"""The left column of the review page: what the app is, why it has its tier, what was found, said and decided, the form."""

from __future__ import annotations

from approvals.assignment import next_approver
from approvals.decisions import digest
from approvals.models import Approval, ApprovalState, Decision, Submission
from approvals.review.views import actions, approval_rows, changes, decision_form, duplicates, tier_reasons
from approvals.review.views.dossier import Dossier
from approvals.review.views.reader import Reader, Shape
from inventory.importers import sentences
from inventory.models import AutomationKind
from inventory.versions import findings

FINDING_TONES = {"high": "high", "medium": "wait"}
#: What whoever is warned that nobody would be left for the rest can do.
LEAVE_IT = "Leave it to somebody else who may decide it, where there is one."
OUTCOMES = {"approve": "approved", "reject": "rejected", "ask": "changes_asked"}


def panel(about: Dossier, reader: Reader) -> Shape:
    """The context of ``approvals/review/app.html``."""
    submission, app = about.submission, about.app
    shape: Shape = {
        "state": {"value": app.state if app else "approved"},
        "purpose": submission.asked.get("purpose", submission.automation.purpose),
        "facts": _facts(about),
        "tier": submission.tier,
        "reasons": tier_reasons.grouped(submission.reasons, _sentences(about)),
        "findings": _findings(about),
        "changes": changes.of_app(about),
        "changes_since": about.since.version if about.since is not None else "",
        "compare_href": "#changes-diff",
        "compare_words": "Old and new, side by side",
        "objections": _objections(about),
        "decisions": [_decided(one) for one in _decisions(about)],
        "alike": [one.shape() for one in about.alike],
        "history": approval_rows.earlier(app, about.route, reader) if app is not None and about.alike else [],
    }
    if reader.opened == "app" and reader.refusal is not None:
        shape["refusal"], shape["typed"] = reader.refusal, (reader.typed or {}).get("reason", "")
    if app is not None:
        shape["undo"] = approval_rows.undo_action(app, about.route, reader)
    if app is not None and app.state == ApprovalState.OPEN:
        shape["light"] = _light(about)
        _add_decision(shape, app, about, reader)
    return shape


def _sentences(about: Dossier) -> list[str]:
    """Of everything that the version would hold, asked or not: what its tier's reasons may begin with."""
    asked = [record.privilege for record in about.second if record.privilege is not None]
    since = about.since
    held = [*since.kept, *since.again, *(one.after for one in since.altered)] if since is not None else []
    return list(dict.fromkeys(one.sentence for one in (*asked, *held)))


def _light(about: Dossier) -> str:
    """What else a yes to the app does where the submission is on the light path, in a sentence; else nothing (A13)."""
    if not about.submission.light_path:
        return ""
    records = "one record" if len(about.second) == 1 else f"{len(about.second)} records"
    policy = approval_rows.policy_words(about.submission)
    return f"Once the app is approved, {policy} approves its {records} of stage 2, and nobody else is asked."


def _facts(about: Dossier) -> list[Shape]:
    submission = about.submission
    automation, version = submission.automation, submission.version
    business, technical = (about.owner_named(submission.asked.get(name)) for name in digest.OWNERS)
    rows = (
        ("Team", automation.team.name, ""),
        ("Business", business or automation.business_owner.name, ""),
        ("Technical", technical or "nobody named", ""),
        ("Escalation", automation.escalation_contact or "none given", ""),
        ("Starts", "; ".join(about.starts) or "by hand", ""),
        (
            "Runs on",
            f"{sentences.platform(automation.platform_instance)}, {automation.get_environment_display().lower()}",
            "",
        ),
        ("Kind", kind_of(submission), ""),
        ("Version", str(version.number), f"{version.manifest_digest.partition(':')[2][:8]}…"),
    )
    return [{"label": label, "text": text, "quiet": quiet, "href": "", "mono": ""} for label, text, quiet in rows]


def kind_of(submission: Submission) -> str:
    """The kind that was asked for, in words: what it is now may be another until this is in force (A12)."""
    asked = submission.asked.get("kind", submission.automation.kind)
    return str(dict(AutomationKind.choices).get(asked, asked))


def _findings(about: Dossier) -> list[Shape]:
    """What the newest assessment of the version noticed and nobody has closed."""
    return [
        {
            "icon": "key" if "secret" in one["code"] or "credential" in one["code"] else "warning",
            "tone": FINDING_TONES.get(one["severity"], ""),
            "lead": f"{findings.lead(one['code'], one['place'])}.",
            "text": one["detail"] or one["place"],
        }
        for one in about.noticed
    ]


def _objections(about: Dossier) -> list[Shape]:
    """What was said against a privilege before stage 2 opened: shown to stage 1, binding nobody (A3)."""
    records = {record.pk: record for record in about.records}
    return [
        {
            "who": one.by.name,
            "at": one.at,
            "about": approval_rows.subject(records.get(one.approval_id or 0)),
            "text": one.text.shown,
        }
        for one in about.comments
        if one.is_objection
    ]


def _decisions(about: Dossier) -> list[Decision]:
    """The decisions on the app: its own, those that carried over, or those of the approval that the submission rests on."""
    app, known = about.app, about.route.decisions
    if app is None:
        return known.get(about.submission.app_approval_id or 0, [])
    return known.get(app.pk) or known.get(app.carried_from_id or 0, [])


def _decided(one: Decision) -> Shape:
    return {
        "who": one.person.name,
        "capacity": one.seat.get_label_display().lower(),
        "at": one.at,
        "text": one.reason.shown if one.reason else "",
        "state": OUTCOMES[one.outcome],
    }


def _add_decision(shape: Shape, app: Approval, about: Dossier, reader: Reader) -> None:
    """Add the form for whoever may decide stage 1, for others whom it waits for; and who is asked beside the first, and why (A9)."""
    route = about.route
    standing = route.standing(app)
    asked = [(seat.beside.words, "A9") for seat in standing if seat.beside is not None]
    asked += [(seat.late.words, "A10") for seat in standing if seat.late is not None]
    if asked:
        shape["beside"] = [{"icon": "person", "text": words, "code": code} for words, code in asked]
    say = actions.say_of(app, route, reader)
    if say.no is None:
        shape["state"]["mine"] = True
        own = reader.at(decision_form.key_of(app))
        form = decision_form.decision_form(app, route, own, say.actor, say.held)
        form["alike"] = duplicates.questions(about.alike, own)
        if form["alike"]:  # the form says so of each that is asked about
            fields = {one["field"] for one in form["alike"]}
            shape["alike"] = [one.shape() for one in about.alike if one.field not in fields]
        stranded = route.would_strand(app, say.actor)
        form["warnings"] = []
        if stranded:
            lead = f"If you decide this, nobody is left to decide {next_approver.listed(stranded)}."
            form["warnings"].append({"tone": "no", "icon": "warning", "lead": lead, "text": LEAVE_IT})
        shape["decide"] = form
        return
    shape["state"]["holder"] = approval_rows.whom(about.held_of(app))
    if say.no.kind == "duty":
        shape["locked"] = {
            "sentence": say.no.sentence.rstrip("."),
            "code": say.no.code,
            "passed_to": shape["state"]["holder"],
        }
