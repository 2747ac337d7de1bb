"""What a decision's form says, read as it was meant or refused by its field: nothing garbled counts as "as asked" (A7).

A field that the form does not offer says nothing. One that it offers (it sends ``has_`` and the field's name) or sends says something,
and what can't be read is not guessed. Whether what was read is narrower is the operation's to judge.
"""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from approvals import transitions
from approvals.transitions import likening
from governance.controls.refusals import Refusal, refuse
from governance.controls.transitions import Transition
from governance.web.asked import number

#: What a decision's form may say, by the name of its button, which is what is kept of it (A7).
DECISIONS = {"approve": transitions.approve, "reject": transitions.reject, "ask": transitions.ask_for_changes}
KEPT = "Nothing was decided; what you typed is still there."


def verb(form: QueryDict) -> Transition[Any]:
    """Which button was pressed.

    Raises:
        InvalidInput: none, several, or one that is not on the form.
    """
    found = DECISIONS.get(_one(form, "decision") or "")
    if found is None:
        raise _garbled("decision", "Nothing was decided: approve, reject or ask for changes.")
    return found


def more(form: QueryDict, chosen: Transition[Any]) -> dict[str, Any]:
    """What the form says beside yes or no: term in days, level and scope of an approval; of a rejection, whose resource it is not (I8).

    Raises:
        InvalidInput: something can't be read, with its field.
    """
    not_mine = _one(form, "not_mine")
    if not_mine not in (None, "1"):
        raise _garbled("not_mine", "Say by the box whether this connection opens your resource.")
    if not_mine and chosen is not transitions.reject:
        sentence = "You said that this connection does not open your resource."
        raise refuse(Refusal("I8", "input", sentence, "Reject it, or take that back.", (("not_mine", sentence),)))
    if chosen is transitions.approve:
        return {"term_days": _term(form), "level": _level(form), "scope": _scope(form), "same": _same(form)}
    return {"not_mine": True} if not_mine else {}


def _term(form: QueryDict) -> int | None:
    said = _one(form, "term_days")
    days = number(said)
    if days is None and (said is not None or "has_term_days" in form):
        raise _garbled("term_days", "A term is a number of days: choose one.")
    return days


def _level(form: QueryDict) -> str:
    said = _one(form, "level")
    if said == "" or (said is None and "has_level" in form):
        raise _garbled("level", "Choose a level.")
    return said or ""


def _scope(form: QueryDict) -> list[str] | None:
    """The parts that stay; none where the form offers no parts."""
    if "scope" not in form and "has_scope" not in form:
        return None
    return [str(part) for part in form.getlist("scope")]


def _same(form: QueryDict) -> dict[int, bool]:
    """What the app was said to be the same as, and what not, by the likeness's id (I9)."""
    found = {}
    for name in form:
        pk = number(name.removeprefix(likening.FIELD)) if name.startswith(likening.FIELD) else None
        if pk is None:
            continue
        said = _one(form, name)
        if said not in ("yes", "no"):
            raise _garbled(name, "Say whether it is the same or another one.")
        found[pk] = said == "yes"
    return found


def _one(form: QueryDict, name: str) -> str | None:
    """The one value of a field; None for a field that was not sent."""
    said = form.getlist(name)
    if len(said) > 1:
        raise _garbled(name, f"The form says {len(said)} things at once here: choose one.")
    return str(said[0]) if said else None


def _garbled(field: str, sentence: str) -> Exception:
    return refuse(Refusal("A7", "input", sentence, KEPT, ((field, sentence),)))
