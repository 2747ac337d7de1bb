"""App column of the review page: facts, tier, findings, comments, decisions and the decision form."""

from approvals.assignment import seat_state
from approvals.decisions import digest
from approvals.duplicates import views as duplicates
from approvals.models import Approval, ApprovalState, Decision, Submission
from approvals.review.dossier import Dossier
from approvals.review.tier_reasons import group_reasons
from approvals.review.views import actions, approval_rows, changes, decision_bar, decision_form
from approvals.review.views.reader import Reader
from governance.web.pages.page import Shape
from inventory.models import AutomationKind
from inventory.versions import findings

#: Empty fields of an app. A template takes longer for a missing key.
NOTHING_MORE = dict.fromkeys(
    ("history", "undo", "beside", "late", "holders", "locked", "decide", "select", "is_selected", "focus", "refusal"),
    "",
)


def panel(details: Dossier, reader: Reader) -> Shape:
    """Context of ``approvals/review/app.html``."""
    submission, app = details.submission, details.app
    business, technical = (details.owner_named(submission.asked.get(name)) for name in digest.OWNERS)
    shape: Shape = {
        **NOTHING_MORE,
        "approval": app,
        "reader": reader.for_row("app"),
        "purpose": submission.asked.get("purpose", submission.automation.purpose),
        "business": business,
        "technical": technical,
        "kind": kind_of(submission),
        "starts": [changes.trigger_words(fact) for fact in submission.asked.get("triggers") or ()],
        "reasons": group_reasons(submission.reasons, *_sentences(details)),
        "findings": [(finding, findings.finding_label(finding.code, finding.place)) for finding in details.findings],
        "changes": changes.of_app(details),
        "decisions": _decisions(details),
        "alike": duplicates.possible_duplicates(submission, reader),
    }
    if app is None:
        return shape
    if shape["alike"]:
        shape["history"] = approval_rows.decision_words(details.route.before.get(app.pk, ()), reader)
    shape |= {"undo": actions.undoable_decision(app, details.context, reader), "refusal": reader.refusals.get("app")}
    return shape | _decision(app, details, shape["alike"], reader) if app.state == ApprovalState.OPEN else shape


def _sentences(details: Dossier) -> tuple[list[str], set[str]]:
    """Return the sentences of the version's privileges, and those that nobody requests. Reasons of its tier may start with them."""
    requested = {record.privilege.sentence for record in details.second if record.privilege is not None}
    sentences = [privilege.sentence for privilege in details.context.facts.privileges]
    return sentences, set(details.context.conflicts.left_out) - requested


def kind_of(submission: Submission) -> str:
    """The submitted kind, in words. The current kind may differ until the submission is in force (A12)."""
    kind = submission.asked.get("kind", submission.automation.kind)
    return str(dict(AutomationKind.choices).get(kind, kind))


def _decisions(details: Dossier) -> list[Decision]:
    """Decisions on the app: its own, carried-over ones, or those that the submission rests on."""
    app, decisions_by_approval = details.app, details.route.decisions
    if app is None:
        return decisions_by_approval.get(details.submission.app_approval_id or 0, [])
    return decisions_by_approval.get(app.pk) or decisions_by_approval.get(app.carried_from_id or 0, [])


def _decision(app: Approval, details: Dossier, alike: list[Shape], reader: Reader) -> Shape:
    """The decision form, or the holder for other readers; with people asked in addition and why (A9)."""
    standing, say = details.route.standing(app), actions.allowed_actions(app, details.context, reader)
    shape: Shape = {
        "beside": [seat.beside.words for seat in standing if seat.beside is not None],
        "late": [rung.words for seat in standing for rung in seat.late],
    }
    if say.refusal is not None:
        holders = details.rows[app.pk].holders
        return shape | {"holders": holders, "locked": approval_rows.locked(say.refusal, holders)}
    form = decision_form.decision_form(app, details.context, reader.for_row("app"), say.actor, signs=True)
    form["held"] = say.held
    form["alike"] = duplicates.questions(alike, reader.for_row("app"))
    if form["alike"]:  # the form shows the ones that it asks about
        shape["alike"] = [duplicate for duplicate in alike if not duplicate["may_answer"]]
    if stranded := details.route.would_strand(app, say.actor):
        form["stranded"] = seat_state.list_names(stranded)
    name = details.submission.automation.name
    select = decision_bar.selection(app, details, say, f"The app {name}", signs=False)
    return shape | {"decide": form, "select": select}
