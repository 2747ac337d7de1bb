"""The decision bar of the review page: the selected approvals, one reason, the buttons and what comes next (A7).

The page is one form. The rows hold the checkboxes, and the bar the rest. `selection` has what the bar needs to know of one approval.
"""

from collections.abc import Sequence

from django.urls import reverse

from approvals.decisions import digest
from approvals.decisions.rules import bulk_decisions
from approvals.inbox.queries import approvals
from approvals.inbox.views import filters
from approvals.models import Approval, Submission
from approvals.review.dossier import Dossier
from approvals.review.views import actions
from approvals.review.views.decision_form import key_of
from approvals.review.views.reader import Reader
from governance.web.pages.page import Shape


def selection(record: Approval, details: Dossier, say: actions.AllowedActions, name: str, *, signs: bool) -> Shape:
    """What the bar says and asks of one approval of the reader, if it is selected alone.

    Args:
        record: the reader may decide it.
        details: of its submission.
        say: the reader's actions on it.
        name: its sentence.
        signs: whether the approval signs a conflict, for all of it (S6).
    """
    context, is_required = details.context, signs or bulk_decisions.needs_reason(record)
    label = "Approve all in the conflict" if signs else "Approve the app" if record.stage == 1 else "Approve"
    needs = (
        f"{'required' if is_required else 'optional'} for {'the whole conflict' if signs else f'{record.tier} risk'}"
    )
    return {
        "key": key_of(record),
        "pk": record.pk,
        "name": name,
        "digest": digest.digest(digest.facts_of_approval(record, context.conflicts)),
        "label": f"{label} for {say.actor.standing_for.name}" if say.actor.standing_for is not None else label,
        "needs": needs,
        "is_required": is_required,
        "signs": signs,
        "is_held": say.held is not None,
        "apart": bulk_decisions.own_page_reason(record, context.facts, objected=details.objected),
    }


def select(candidates: Sequence[Shape], reader: Reader, focus: str = "") -> None:
    """Mark the selected approvals: those of a refused form, or the one with the focus, or the open one, or the first."""
    typed = set(reader.typed.getlist("approval"))
    keys = [shape["select"]["key"] for shape in candidates]
    first = next((key for key in (focus, reader.opened) if key in keys), keys[0] if keys else "")
    for shape in candidates:
        chosen = shape["select"]
        shape["is_selected"] = str(chosen["pk"]) in typed if typed else chosen["key"] == first


def bar(submission: Submission, candidates: Sequence[Shape], reader: Reader, *, has_decided: bool) -> Shape:
    """Context of ``approvals/review/decision_bar.html``.

    Args:
        submission: the submission.
        candidates: the app and the rows that the reader may decide, each with its `selection`.
        reader: the reader, with the typed reason and its error.
        has_decided: whether the reader has decided here.
    """
    apart = [shape["select"]["apart"] for shape in candidates if shape["select"]["apart"]]
    selected = [shape["select"] for shape in candidates if shape["is_selected"]]
    count, together = len(candidates), len(candidates) - len(apart)
    return {
        "count": count,
        "selected": selected,
        "one": selected[0] if len(selected) == 1 else None,
        "together": together if together > 1 else 0,
        "apart": _apart_words(apart),
        "reason": reader.typed.get("reason", ""),
        "error": reader.errors.get("reason") or reader.errors.get("selection") or _other_errors(reader),
        "next": next_submission(submission, reader) if has_decided and not candidates else None,
        "is_done": has_decided and not candidates,
    }


def _other_errors(reader: Reader) -> str:
    with_field = ("term_days", "level", "scope", "same-")
    return " ".join(message for name, message in reader.errors.items() if not name.startswith(with_field))


def _apart_words(apart: Sequence[str]) -> str:
    """Say which approvals are left out of "approve my remaining", and why; empty without any."""
    reasons = ", ".join(dict.fromkeys(apart))
    return f"{len(apart)} {'is' if len(apart) == 1 else 'are'} decided alone: {reasons}" if apart else ""


def next_submission(submission: Submission, reader: Reader) -> Shape | None:
    """The next submission in the reader's queue, by risk and age. At most three queries."""
    waiting = approvals.asked_of(reader.actor, reader.now).exclude(submission=submission)
    place = next(iter(filters.places(waiting)), None)
    if place is None:
        return None
    name = Submission.objects.values_list("automation__name", flat=True).get(pk=place[2])
    return {"name": name, "href": reverse("review", args=[place[2]])}
