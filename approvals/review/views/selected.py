"""Decisions on the selected approvals of the review page with one reason, each with its own result (A6, A7).

A single approval may be of high risk and may be narrowed. Several are a bulk decision: approvals that need their own decision are left out.
Approvals of one conflict are approved by a single decision (S6), and rejected one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, QueryDict

from approvals.assignment.context import SubmissionContext
from approvals.decisions import digest
from approvals.decisions.rules import bulk_decisions
from approvals.decisions.transitions import decide
from approvals.models import Approval, Decision
from approvals.review.views import actions, decision_form
from approvals.review.views.decision_form import REST, key_of
from approvals.review.views.reader import Reader
from governance.core.access import Refusal, Refused, refuse
from governance.core.engine.transition import Transition
from governance.core.texts import free_text
from governance.web.components import times
from governance.web.requests.request import number

#: Short words after a decision, by the name of its button.
DONE = {"approve": "Approved", REST: "Approved", "reject": "Rejected", "ask": "Changes requested"}


@dataclass
class Result:
    """Result of the decisions on several approvals.

    Args:
        done: decided approvals.
        refusals: why others were not decided, by the key of the row.
        is_stale: whether a selected approval had changed, so that nothing was decided (A6).
    """

    done: list[Approval] = field(default_factory=list)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    is_stale: bool = False

    def words(self, form: QueryDict) -> str:
        """Say what was decided: "Approved 3. 1 needs its own decision."."""
        count, left = len(self.done), len(self.refusals)
        done = DONE[form.get("decision", "")] + (f" {count}" if count != 1 or left else "")
        return f"{done}. {times.counted(left, 'approval')} not decided, see the row." if left else f"{done}."


def chosen_approvals(context: SubmissionContext, reader: Reader, form: QueryDict) -> list[Approval]:
    """Return the approvals that the form selects, in the order of the page. `REST` selects all that may be approved together.

    Raises:
        Http404: one belongs to another submission.
        InvalidInput: none is selected.
    """
    if form.get("decision") == REST:
        shown = [record for record in context.approvals if f"shown_digest-{record.pk}" in form]
        mine = [record for record in shown if actions.allowed_actions(record, context, reader).refusal is None]
        apart = bulk_decisions.own_page_reasons(mine, {context.submission.pk: context})
        chosen = [record for record in mine if record.pk not in apart]
    else:
        keys = {number(value) for value in form.getlist("approval")}
        chosen = [record for record in context.approvals if record.pk in keys]
        if len(chosen) < len(keys):
            raise Http404
    if not chosen:
        raise refuse(Refusal("A7", "input", "Select at least one approval.", detail=(("selection", ""),)))
    return chosen


def decide_one(record: Approval, context: SubmissionContext, reader: Reader, form: QueryDict) -> None:
    """Decide one approval as the form says, possibly narrowed. Raises any refusal."""
    verb = decision_form.verb(form)
    actor, _ = actions.decider_of(record, context, reader, verb)
    _decide(verb, record, form, actor=actor, now=reader.now)


def decide_several(chosen: Sequence[Approval], context: SubmissionContext, reader: Reader, form: QueryDict) -> Result:
    """Decide several approvals with one reason. If a selected one has changed, nothing is decided (A6).

    Raises:
        InvalidInput: there is no decision, or no reason.
    """
    verb, result = decision_form.verb(form), Result()
    if not free_text.clean(form.get("reason", "")):
        sentence = "Say why: the reason stands with each decision."
        raise refuse(Refusal("A7", "input", sentence, detail=(("reason", sentence),)))
    actors = {record.pk: actions.decider_of(record, context, reader, verb)[0] for record in chosen}
    gives = (actions.gives_extra_approval(record, context, actors[record.pk]) for record in chosen)
    signs = verb is decide.approve and all(gives)
    apart = {} if signs else bulk_decisions.own_page_reasons(chosen, {context.submission.pk: context})
    together = [record for record in chosen if record.pk not in apart]
    for record in together:
        shown = decision_form.fields_of(form, record).get("shown_digest", "")
        if (refusal := digest.stale_refusal(record, context.conflicts, shown)) is not None:
            result.refusals[key_of(record)] = refusal
    if result.refusals:
        result.is_stale = True
        return result
    for record in chosen:
        if record.pk in apart:
            result.refusals[key_of(record)] = bulk_decisions.refusal_for(apart[record.pk])
    batch = None if signs else uuid4()
    for record in together:
        if signs and not Approval.objects.filter(pk=record.pk, state=record.state).exists():
            result.done.append(record)  # an earlier signature covers it
            continue
        try:
            _decide(verb, record, form, batch, actor=actors[record.pk], now=reader.now)
        except Refused as error:
            result.refusals[key_of(record)] = error.refusal
        else:
            result.done.append(record)
    return result


def rest_of_batch(record: Approval, decision: int) -> list[tuple[Approval, int]]:
    """Return the other approvals of a bulk decision in the submission, each with the id of its decision."""
    batch = record.decisions.filter(pk=decision, batch__isnull=False).values("batch")
    others = Decision.objects.standing().filter(batch__in=batch, approval__submission=record.submission_id)
    rows = others.exclude(approval=record).select_related("approval__submission").order_by("pk")
    return [(row.approval, row.pk) for row in rows]


def _decide(verb: Transition[Any], record: Approval, form: QueryDict, batch: UUID | None = None, **who: Any) -> None:
    fields = decision_form.fields_of(form, record)
    answers = decision_form.other_answers(fields, verb) | ({"batch": batch} if batch is not None else {})
    verb(record, reason=fields.get("reason", ""), shown_digest=fields.get("shown_digest", ""), **answers, **who)
