"""Classes of duties, refusals, and errors that carry a refusal.

A duty is a rule of separation of duties. It is checked after the permission, for every actor (S5). The duties themselves are in the
apps that hold their facts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from inspect import cleandoc
from typing import Any, Literal

from governance.core.actors.actor import Actor

Kind = Literal["state", "permission", "duty", "stale", "input"]


@dataclass(frozen=True)
class Refusal:
    """A reason why the person can't do something, as the person reads it.

    Args:
        code: the duty or rule, for instance ``SOD-1`` or ``A6``.
        kind: the kind of refusal; it sets the HTTP status.
        sentence: the reason in plain words, addressed to the person.
        to_do: the next step, for them or another person; may be empty.
        detail: more for the page, JSON-able: pairs of a field and its error, or changes as label, before, after.
        is_attempt: whether invalid input tried something that a rule forbids. It is then recorded in the ledger (S5).
    """

    code: str
    kind: Kind
    sentence: str
    to_do: str = ""
    detail: tuple[tuple[str, ...], ...] = ()
    is_attempt: bool = False

    @property
    def words(self) -> str:
        """Return the reason and the next step in one line."""
        return f"{self.sentence} {self.to_do}".strip()

    @property
    def diff(self) -> list[dict[str, str]]:
        """Return the changes in the detail: label, before, after."""
        return [dict(zip(("label", "before", "after"), row, strict=True)) for row in self.detail if len(row) == 3]

    @property
    def pairs(self) -> list[tuple[str, ...]]:
        """Return the pairs of the detail that name a field and its error."""
        return [row for row in self.detail if len(row) == 2]


class Refused(Exception):
    """An attempt is refused; `refusal` has the reason. Raised after the refusal is in the ledger (S5)."""

    status = 403

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.sentence}")
        self.refusal = refusal


class OutOfTurn(Refused):
    """The subject's state, or a change since it was shown, does not allow this now (409)."""

    status = 409


class NotPermitted(Refused):
    """No role or relation of the actor grants the permission (403)."""


class DutyConflict(Refused):
    """The actor has the permission, and a duty forbids it (403)."""


class InvalidInput(Refused):
    """Invalid input: the person corrects it and tries again (422). The ledger has it only if the refusal is an
    attempt.
    """

    status = 422


ERRORS: dict[Kind, type[Refused]] = {
    "state": OutOfTurn,
    "stale": OutOfTurn,
    "permission": NotPermitted,
    "duty": DutyConflict,
    "input": InvalidInput,
}


def invalid(code: str, field: str, sentence: str, to_do: str = "", *, beside: str = "") -> Refused:
    """Refusal of one input field, ready to be raised.

    Args:
        code: of the rule.
        field: its name in the form.
        sentence: the refusal.
        to_do: the next step.
        beside: another sentence beside the field.
    """
    return refuse(Refusal(code, "input", sentence, to_do, detail=((field, beside or sentence),)))


def refuse(refusal: Refusal) -> Refused:
    """Return the exception for a refusal's kind, ready to be raised."""
    return ERRORS[refusal.kind](refusal)


def check(refusal: Refusal | None) -> None:
    """Raise the exception of a refusal, if there is one."""
    if refusal is not None:
        raise refuse(refusal)


@dataclass(frozen=True)
class Duty:
    """A duty, declared on a transition.

    Args:
        code: the code on pages and in the ledger, such as ``SOD-1``.
        rule: the rule's code in the product's rule book.
        words: the duty in one sentence, for docs/rules.md.
        asks: ``asks(subject, actor, now)`` returns a refusal or None, and only reads.
        needs_context: whether ``asks`` takes the operation's context as a fourth argument.
        backed_by: names of constraints that enforce the same in the database.
    """

    code: str
    rule: str
    words: str
    asks: Callable[..., Refusal | None]
    backed_by: tuple[str, ...] = ()
    needs_context: bool = False

    def refusal(self, subject: Any, actor: Actor, now: datetime, context: Any = None) -> Refusal | None:
        """Return why this duty keeps the actor from acting on the subject, or None.

        Args:
            subject: the row.
            actor: the person, program or job.
            now: business time.
            context: what the operation's loader returns for the row; a duty that needs none ignores it.
        """
        return self.asks(subject, actor, now, context) if self.needs_context else self.asks(subject, actor, now)


def duty(
    code: str, *, rule: str = "", backed_by: tuple[str, ...] = (), needs_context: bool = False
) -> Callable[[Callable[..., Refusal | None]], Duty]:
    """Make a `Duty` of a function. Its docstring is the duty in one sentence.

    Args:
        code: of the duty.
        rule: its rule; by default the one that the code names: ``S1`` for ``SOD-1``.
        backed_by: see `Duty`.
        needs_context: see `Duty`.
    """

    def make(asks: Callable[..., Refusal | None]) -> Duty:
        words = " ".join(cleandoc(asks.__doc__ or "").split())
        return Duty(code, rule or code.replace("SOD-", "S"), words, asks, backed_by, needs_context)

    return make
