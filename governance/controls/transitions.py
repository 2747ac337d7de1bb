"""The engine: every change of a governed row is a named operation that runs here and nowhere else.

A call ``verb(subject, *, actor, now, reason="", **params)`` opens a transaction, locks the row (and the rows above it), asks
`refusal()` (state, then permission, then each duty), runs the body, saves with history, appends the ledger event, follows
the consequences, commits, and only then nudges workers. A refusal rolls everything back, is itself recorded by the
outermost call, and is raised. The declaration hangs on the operation, so that buttons, the permission matrix, the API and
docs/rules.md read the same object.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from django.db import models, transaction

from governance.controls import access, consequences, ledger, texts
from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.models import FreeText
from governance.controls.refusals import InvalidInput, Refusal, Refused, refuse
from governance.controls.roles import Permission

M = TypeVar("M", bound=models.Model)


@dataclass
class Effect:
    """What a body did.

    Args:
        to: the state reached; needed when the declaration names several targets.
        payload: facts for the ledger event.
        subject: the row that the event is about, where the body made a new one.
    """

    to: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    subject: models.Model | None = None


@dataclass
class Step(Generic[M]):
    """One running call, handed to the body: the locked row, who acts, when, and why."""

    subject: M
    actor: Actor
    now: datetime
    verb: str
    reason: FreeText | None = None
    text: str = ""

    def save(self, row: models.Model) -> None:
        """Save a governed row so that its history names the actor and this step (H1)."""
        row.__dict__["_history_user"] = self.actor.person
        row.__dict__["_history_date"] = self.now
        row.__dict__["_change_reason"] = f"{self.verb} {self.actor.correlation}"
        row.save()

    def record(self, verb: str, row: models.Model, payload: Mapping[str, Any] | None = None) -> None:
        """Append one further event for a row that the body changed beside its subject."""
        ledger.append(
            actor=self.actor,
            verb=verb,
            subject=row,
            now=self.now,
            about_rows=_about(row),
            payload=payload,
            reason=self.reason,
        )


_running: ContextVar[Step[Any] | None] = ContextVar("running", default=None)


def _about(row: models.Model) -> list[str]:
    ask = getattr(row, "ledger_about", None)
    return ledger.about(*ask()) if ask is not None else []


Body = Callable[..., Effect | None]


@dataclass(frozen=True)
class Transition(Generic[M]):
    """One declared operation; calling it performs it. Registered in `REGISTRY` under ``app.verb``."""

    name: str
    model: type[M]
    event: str
    body: Body
    source: tuple[str, ...] | None
    target: tuple[str, ...]
    permission: Permission | None
    duties: tuple[Duty, ...]
    parents: tuple[str, ...]
    reason_needed: bool
    words: str

    @property
    def is_internal(self) -> bool:
        """Whether only another operation may cause it: no permission grants it."""
        return self.permission is None

    def refusal(self, subject: M, *, actor: Actor, now: datetime) -> Refusal | None:
        """Why the actor may not do this now, or None. Reads only; the screen and the write ask the same."""
        return (
            self._state_refusal(subject)
            or self._permission_refusal(subject, actor, now)
            or self._duty_refusal(subject, actor, now)
        )

    def _state_refusal(self, subject: M) -> Refusal | None:
        if self.source is None or state_of(subject) in self.source:
            return None
        noun = self.model._meta.verbose_name
        is_now = state_of(subject).replace("_", " ")
        return Refusal("STATE", "state", f"This {noun} is {is_now}, so this can't be done now.", "Reload the page.")

    def _permission_refusal(self, subject: M, actor: Actor, now: datetime) -> Refusal | None:
        if self.permission is None:
            if _running.get() is not None:
                return None
            return Refusal("INTERNAL", "permission", "Nobody does this directly: it follows from something else.")
        asked = cast("access.HasRelations | None", subject if hasattr(subject, "relations") else None)
        if access.may(actor, self.permission, asked, now=now):
            return None
        return Refusal(
            "PERMISSION", "permission", "Nothing you are trusted with allows this.", f"It needs {self.permission}."
        )

    def _duty_refusal(self, subject: M, actor: Actor, now: datetime) -> Refusal | None:
        return next((no for duty in self.duties if (no := duty.asks(subject, actor, now)) is not None), None)

    def __call__(self, subject: M, *, actor: Actor, now: datetime, reason: str = "", **params: Any) -> M:
        """Perform it.

        Args:
            subject: the row, as the caller read it; it is read again under a lock and brought up to date.
            actor: who acts.
            now: business time, read once by the caller.
            reason: what the actor says about it; kept beside the ledger (H6).
            params: the body's own arguments.

        Returns:
            The row that the event is about: the subject, or what the body made.

        Raises:
            OutOfTurn: wrong state, or something changed since it was shown.
            NotPermitted: no role or relation grants it.
            DutyConflict: a duty forbids it.
            InvalidInput: the arguments can't be used.
        """
        outer = _running.get()
        if outer is not None:
            return self._perform(subject, outer.actor, outer.now, reason, params, nested=True)
        try:
            with transaction.atomic(durable=True):
                return self._perform(subject, actor, now, reason, params, nested=False)
        except InvalidInput:
            raise
        except Refused as no:
            self._record_refusal(subject, actor, now, reason, no.refusal)
            raise

    def _perform(
        self, subject: M, actor: Actor, now: datetime, reason: str, params: Mapping[str, Any], *, nested: bool
    ) -> M:
        fresh = lock(subject, self.parents)
        if self.reason_needed and not texts.clean(reason):
            raise refuse(Refusal("REASON", "input", "Say why: a reason is needed here."))
        no = self.refusal(fresh, actor=actor, now=now)
        if no is not None:
            raise refuse(no)
        step = Step(fresh, actor, now, self.event, texts.keep(reason), texts.clean(reason))
        token = _running.set(step)
        try:
            made = self._take_effect(step, params)
        finally:
            _running.reset(token)
        if fresh is not subject:
            subject.__dict__.update(fresh.__dict__)
        return cast("M", made)

    def _take_effect(self, step: Step[M], params: Mapping[str, Any]) -> models.Model:
        before = state_of(step.subject)
        effect = self.body(step, **params) or Effect()
        made = effect.subject or step.subject
        payload = dict(effect.payload)
        if self.target:
            reached = effect.to or self.target[0]
            if reached not in self.target:
                raise AssertionError(f"{self.name} reached {reached}, which it does not declare")
            step.subject.__dict__["state"] = reached
            payload |= {"from": before, "to": reached}
        if step.subject.pk is not None and isinstance(step.subject, self.model) and self.target:
            step.save(step.subject)
        ledger.append(
            actor=step.actor,
            verb=step.verb,
            subject=made,
            now=step.now,
            about_rows=_about(made),
            payload=payload,
            reason=step.reason,
        )
        consequences.follow(step.verb, made, step)
        return made

    def _record_refusal(self, subject: M, actor: Actor, now: datetime, reason: str, no: Refusal) -> None:
        with transaction.atomic():
            ledger.append(
                actor=actor,
                verb=self.event,
                subject=subject,
                now=now,
                about_rows=_about(subject),
                payload={"sentence": no.code},
                reason=texts.keep(reason),
                refused=no.code,
            )


REGISTRY: dict[str, Transition[Any]] = {}


def state_of(row: models.Model) -> str:
    """A row's state, or nothing for a row without one."""
    return str(getattr(row, "state", ""))


def lock(subject: M, parents: Sequence[str]) -> M:
    """Read the row again FOR UPDATE, the rows above it first and always in the same order, so that nobody deadlocks.

    Args:
        subject: the row as the caller knows it.
        parents: dotted paths from it to rows that are locked before it, outermost first.
    """
    for path in parents:
        above: Any = subject
        for name in path.split("."):
            above = getattr(above, name)
        type(above)._base_manager.select_for_update(of=("self",)).get(pk=above.pk)
    manager = type(subject)._base_manager
    return cast("M", manager.select_for_update(of=("self",)).get(pk=subject.pk))


def transition(
    model: type[M],
    *,
    event: str,
    permission: Permission | None,
    source: Sequence[str] | None = None,
    target: Sequence[str] = (),
    duties: Sequence[Duty] = (),
    parents: Sequence[str] = (),
    reason_needed: bool = False,
) -> Callable[[Body], Transition[M]]:
    """Declare an operation; the decorated function is its body, ``body(step, **params) -> Effect | None``.

    Args:
        model: the model of its subject.
        event: what the ledger calls it, ``noun.past_verb``.
        permission: what the actor must be granted; None for an internal one, which only another operation causes.
        source: states it may start from; None for a write that changes no state.
        target: states it may reach; the first unless the body's effect names another.
        duties: asked after permission, in order.
        parents: rows locked before the subject (see `lock`).
        reason_needed: whether the actor must say why.
    """

    def declare(body: Body) -> Transition[M]:
        made = Transition(
            name=f"{model._meta.app_label}.{body.__name__}",
            model=model,
            event=event,
            body=body,
            source=tuple(source) if source is not None else None,
            target=tuple(target),
            permission=permission,
            duties=tuple(duties),
            parents=tuple(parents),
            reason_needed=reason_needed,
            words=inspect.cleandoc(body.__doc__ or "").partition("\n")[0],
        )
        if made.name in REGISTRY:
            raise RuntimeError(f"{made.name} is declared twice")
        REGISTRY[made.name] = made
        return made

    return declare


def declared() -> Iterator[Transition[Any]]:
    """Every declared operation, by name: for the matrix test and docs/rules.md."""
    yield from (REGISTRY[name] for name in sorted(REGISTRY))


__all__ = ["REGISTRY", "Effect", "Step", "Transition", "declared", "lock", "state_of", "transition"]
