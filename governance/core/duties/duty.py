"""The protocol of a duty: a rule that separates people, asked after permission and of everybody (S5).

The duties themselves stand in the apps whose facts they judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from inspect import cleandoc
from typing import Any

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal


@dataclass(frozen=True)
class Duty:
    """One duty, as it is declared on a transition.

    Args:
        code: what the screen and the ledger show, for instance ``SOD-1``.
        rule: the rule's code in the product's rule book.
        words: the duty in one sentence, for docs/rules.md.
        asks: ``asks(subject, actor, now)`` returns a refusal or None, and only reads.
        needs_context: whether ``asks`` takes the operation's context as a fourth argument.
        backed_by: names of the constraints by which the database says the same.
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
    """Make a `Duty` of a function whose docstring is the duty in one sentence.

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
