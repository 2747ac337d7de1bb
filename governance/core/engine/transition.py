"""The engine: every change of a governed row is a named operation, and only this module runs operations.

A call ``verb(subject, *, actor, now, reason="", **params)`` opens a transaction, locks the row (and the rows above it), asks
`refusal()` (state, then permission, then each duty), runs the body, saves with history, appends the ledger event, follows
the consequences, commits, and only then nudges workers. A refusal, also one by the database, rolls everything back.
The outermost call records it in the ledger and raises it. The operation carries its declaration, so buttons, the permission matrix,
the API and docs/rules.md read the same object.

An operation that creates a row takes the unsaved instance as its subject. It locks nothing; everything else is the same.
A body saves its own changes to a row before it calls another operation on that row, which reads the row again.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, cast

from django.db import DatabaseError, models, transaction
from django.db.models import Model

from governance.core.access import Actor, InvalidInput, OutOfTurn, Permission, Refusal, Refused, access, check, refuse
from governance.core.duties import database_refusals
from governance.core.duties.refusals import Duty
from governance.core.engine import hooks
from governance.core.engine.step import RUNNING, Effect, M, Step, about_of, bring_up_to_date, lock, running, state_of
from governance.core.jobs import job_runs
from governance.core.ledger import ledger_events
from governance.core.models import FreeText, LedgerEvent
from governance.core.texts import free_text

Body = Callable[..., Effect | None]
#: ``repeats(subject, actor, reason, params)`` returns the earlier result of the same call, if any. It only reads.
Repeats = Callable[[Any, Actor, str, Mapping[str, Any]], models.Model | None]
#: ``load_context(subject, now)`` reads the data that permission, duties and body need; called after the lock.
LoadContext = Callable[[Any, datetime], Any]


@dataclass(frozen=True)
class Transition(Generic[M]):
    """A declared operation. A call performs it. Registered in `REGISTRY` under ``app.model.verb``."""

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
    repeats: Repeats | None = None
    load_context: LoadContext | None = None

    @property
    def all_duties(self) -> tuple[Duty, ...]:
        """Return its own duties, and those that higher apps add to its event."""
        return (*self.duties, *hooks.demanded(self.event))

    def refusal(self, subject: M, *, actor: Actor, now: datetime, context: Any = None) -> Refusal | None:
        """Return why the actor may not do this now, or None. It only reads. Pages and the write call it.

        Args:
            subject: the row.
            actor: the person, program or job.
            now: business time.
            context: what the operation's loader returns for the row, if the caller has loaded it; loaded here otherwise.
        """
        refusal = self._state_refusal(subject)
        if refusal is not None:
            return refusal
        if context is None:
            context = self._context_of(subject, now)
        refusal = self._permission_refusal(subject, actor, now, context)
        if refusal is not None:
            return refusal
        refusals = (duty.refusal(subject, actor, now, context) for duty in self.all_duties)
        return next((refusal for refusal in refusals if refusal is not None), None)

    def _context_of(self, subject: M, now: datetime) -> Any:
        return self.load_context(subject, now) if self.load_context is not None else None

    def _state_refusal(self, subject: M) -> Refusal | None:
        if self.source is None or state_of(subject) in self.source:
            return None
        noun = self.model._meta.verbose_name
        is_now = state_of(subject).replace("_", " ")
        return Refusal("STATE", "state", f"This {noun} is {is_now}, so this can't be done now.", "Reload the page.")

    def _permission_refusal(self, subject: M, actor: Actor, now: datetime, context: Any) -> Refusal | None:
        if self.permission is None:
            if RUNNING.get() is not None:
                return None
            return Refusal("INTERNAL", "permission", "Nobody does this directly: it follows from something else.")
        refusal = access.token_refusal(actor, self.permission, subject)
        if refusal is not None:
            return refusal
        related = None if subject._state.adding else subject
        if not access.stands_in(actor, now) and actor.standing_for is not None:
            sentence = f"You have no delegation from {actor.standing_for.name} now."
            return Refusal("A11", "permission", sentence, "Act for yourself, or ask for a delegation.")
        if access.may(actor, self.permission, related, now=now, context=context):
            return None
        to_do = f"It takes somebody who may {self.permission.words}."
        return Refusal("PERMISSION", "permission", "You don’t have access to this.", to_do)

    def __call__(self, subject: M, *, actor: Actor, now: datetime, reason: str = "", **params: Any) -> M:
        """Perform the operation.

        Args:
            subject: the caller's row. It is read again under a lock and brought up to date. Unsaved for an operation that
                creates it.
            actor: the actor. Inside another operation, the actor of that operation counts.
            now: business time, read once by the caller.
            reason: the actor's reason; stored apart from the ledger (H6).
            params: the body's own arguments.

        Returns:
            The row of the event: the subject, or the row that the body made.

        Raises:
            OutOfTurn: wrong state, a change since it was shown, or a deleted row; or a trigger or constraint refuses a person's
                act.
            NotPermitted: no role or relation grants the permission.
            DutyConflict: a duty forbids it.
            InvalidInput: the arguments can't be used.
            RuntimeError: called inside another transaction. Its rollback would also remove the event of a refusal.
        """
        if not isinstance(subject, self.model):
            raise TypeError(f"{self.name} is about a {self.model.__name__}, not a {type(subject).__name__}")
        outer = RUNNING.get()
        if outer is not None:
            return self._perform_inside(outer, subject, reason, params)
        return self._perform_alone(subject, actor, now, reason, params)

    def when_due(self, subject: M, *, actor: Actor, now: datetime, **params: Any) -> bool:
        """Perform the operation for a sweep, if it is still due. A sweep's query reads the row before the lock.

        Another transaction may have done it, or ended the row, since then. So a refusal because of the state changes nothing and
        is not recorded. Every other refusal is recorded and raised.

        Args:
            subject: the row from the sweep's query.
            actor, now: the job, and business time.
            params: the body's own arguments.

        Returns:
            Whether it was done.

        Raises:
            TypeError: the actor is a person. Every refused attempt of a person is recorded (S5).
        """
        if actor.kind != "job":
            raise TypeError(f"{self.name} is tried by a person, and what a person tries is on record")
        try:
            self._perform_alone(subject, actor, now, "", params, is_attempt=False)
        except OutOfTurn:
            return False
        return True

    def sweep(self, rows: models.QuerySet[M], *, actor: Actor, now: datetime) -> int:
        """Perform the operation as a job on each due row, in its own transaction; return their number. See `job_runs.sweep`."""
        return job_runs.sweep(rows, partial(self.when_due, actor=actor, now=now), job=actor.job)

    def _perform_alone(
        self, subject: M, actor: Actor, now: datetime, reason: str, params: Mapping[str, Any], is_attempt: bool = True
    ) -> M:
        """Perform the operation in its own transaction, and record a refusal. A sweep's refusal by state is not recorded.

        A second press of the same button by the same person is not recorded either. It returns the result of the first press
        (A8).
        """
        known_as = ledger_events.name_of(subject)
        try:
            with transaction.atomic(durable=True):
                fresh, made = self._perform(subject, actor.afresh(), now, reason, params, [])
        except Refused as no:
            # An input error is a new attempt, unless it repeats the same answer (A14).
            may_be_a_second_press = no.refusal.kind != "input" or no.refusal.code == "A14"
            if may_be_a_second_press and (done := self._done_already(subject, actor, reason, params)) is not None:
                return done
            is_mistyped = isinstance(no, InvalidInput) and not no.refusal.is_attempt
            if not is_mistyped and (is_attempt or not isinstance(no, OutOfTurn)):
                self._record_refusal(subject, known_as, actor, now, reason, no.refusal)
            raise
        except DatabaseError as error:
            sentence = self._said_by_database(error, actor)
            if sentence is None:
                raise
            self._record_refusal(subject, known_as, actor, now, reason, sentence, by="database")
            raise refuse(sentence) from error
        bring_up_to_date(subject, fresh)
        return made

    def _done_already(self, subject: M, actor: Actor, reason: str, params: Mapping[str, Any]) -> M | None:
        """Return the result of an earlier same call by this person, with the subject brought up to date; None without one."""
        if self.repeats is None or actor.person is None or subject._state.adding:
            return None
        if self.permission is None or access.token_refusal(actor, self.permission, subject) is not None:
            return None  # a program without the permission repeats nothing of its person's (S5)
        fresh = self.model._base_manager.filter(pk=subject.pk).first()
        if fresh is None:
            return None
        made = self.repeats(fresh, actor, free_text.clean(reason[: free_text.LONGEST]), params)
        if made is None:
            return None
        bring_up_to_date(subject, fresh)
        return subject if made == subject else cast("M", made)

    def _perform_inside(self, outer: Step[Any], subject: M, reason: str, params: Mapping[str, Any]) -> M:
        """Perform the operation as a part of ``outer``. If it fails, ``outer`` fails too, so nothing is committed in part."""
        if not transaction.get_connection().in_atomic_block:
            raise RuntimeError(f"{self.name} was caused outside the transaction of {outer.verb}")
        try:
            fresh, made = self._perform(subject, outer.actor, outer.now, reason, params, outer.events)
        except BaseException as error:
            outer.broken = outer.broken or error
            raise
        bring_up_to_date(subject, fresh)
        return made

    def _perform(
        self,
        subject: M,
        actor: Actor,
        now: datetime,
        reason: str,
        params: Mapping[str, Any],
        events: list[LedgerEvent],
    ) -> tuple[M, M]:
        """Lock, check and act; return the present subject, and the row of the event. Earlier ``events`` are written first."""
        fresh = lock(subject, self.parents)
        context = self._context_of(fresh, now)
        check(self.refusal(fresh, actor=actor, now=now, context=context))
        text = free_text.clean(reason)
        if self.reason_needed and not text:
            raise refuse(Refusal("REASON", "input", "Say why: a reason is needed here."))
        step = Step(fresh, actor, now, self.event, free_text.keep(text), text, context, events=events)
        with running(step):
            made = self._take_effect(step, params)
        return fresh, cast("M", made)

    def _take_effect(self, step: Step[M], params: Mapping[str, Any]) -> models.Model:
        before = state_of(step.subject)
        effect = self.body(step, **params) or Effect()
        step.write_first_history()
        made = effect.subject or step.subject
        payload = dict(effect.payload)
        if self.target:
            reached = effect.to or self.target[0]
            if reached not in self.target:
                raise AssertionError(f"{self.name} reached {reached}, which it does not declare")
            subject: Any = step.subject
            subject.state = reached
            payload |= {"from": before, "to": reached}
            step.save(step.subject)
        if effect.then is not None:
            payload |= effect.then() or {}
        verb = effect.verb or step.verb
        step.record(verb, made, payload)
        step.write()
        step.payload = payload
        hooks.follow(verb, made, step)
        step.write()  # events that the handlers added
        if effect.after is not None:
            effect.after()
        return made

    def _said_by_database(self, error: DatabaseError, actor: Actor) -> Refusal | None:
        """Return the refusal of a person by the database. A job's database error is logged, and the job tries again."""
        if actor.kind != "person":
            return None
        others = [duty for operation in declared() for duty in operation.all_duties]
        return database_refusals.refusal_of(error, self.all_duties, others)

    def _record_refusal(
        self,
        subject: M,
        known_as: tuple[str, str],
        actor: Actor,
        now: datetime,
        reason: str,
        refusal: Refusal,
        by: str = "",
    ) -> None:
        """Record a refused attempt in its own transaction. A text that is too long is cut."""
        with transaction.atomic():
            ledger_events.append(
                actor=actor,
                verb=self.event,
                subject=subject,
                known_as=known_as,
                now=now,
                about_rows=about_of(subject) if not subject._state.adding else (),
                payload={"kind": refusal.kind, **({"by": by} if by else {})},
                reason=free_text.keep(reason[: free_text.LONGEST]),
                refused=refusal.code,
            )


REGISTRY: dict[str, Transition[Any]] = {}


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
    repeats: Repeats | None = None,
    context: LoadContext | None = None,
) -> Callable[[Body], Transition[M]]:
    """Declare an operation; the decorated function is its body, ``body(step, **params) -> Effect | None``.

    Args:
        model: the model of its subject.
        event: its name in the ledger, ``noun.past_verb``.
        permission: the permission that the actor needs; None for an internal operation, which only others call.
        source: states it may start from; None for a write that changes no state.
        target: states it may reach; the first unless the body's effect names another.
        duties: asked after permission, in order.
        parents: rows locked before the subject (see `lock`).
        reason_needed: whether the actor must give a reason.
        repeats: returns the result of the same earlier call by the same person, so that a second press is no attempt (A8).
        context: reads the data that permission, duties and body need. The engine calls it after the lock, and again for
            a nested operation.
    """

    def declare(body: Body) -> Transition[M]:
        made = Transition(
            name=f"{model._meta.label_lower}.{body.__name__}",
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
            repeats=repeats,
            load_context=context,
        )
        if made.name in REGISTRY:
            raise RuntimeError(f"{made.name} is declared twice")
        REGISTRY[made.name] = made
        return made

    return declare


def declared() -> Iterator[Transition[Any]]:
    """Return every declared operation by name, for the matrix test and docs/rules.md."""
    yield from (REGISTRY[name] for name in sorted(REGISTRY))


__all__ = ["Effect", "Step", "Transition", "declared", "transition"]


def said_the_same(kept: FreeText | None, text: str) -> bool:
    """Whether a stored text equals a new one. An erased text equals none."""
    return (kept.text if kept is not None else "") == text


def acts_as(actor: Actor, giver_id: int | None) -> bool:
    """Whether an operation done for a giver may be the actor's repeated press; a delegate of another giver does not repeat it (A11).

    The delegation may have ended with the first press. So a person who acts for themself may repeat what they did as a delegate.

    Args:
        actor: the person who presses.
        giver_id: id of the giver of the delegation; None without one.
    """
    return actor.standing_for is None or actor.standing_for.pk == giver_id


def last_word(*verbs: str) -> Any:
    """Return a ``repeats`` for operations with a reason and no other argument. It compares with the subject's last such event.

    Args:
        verbs: events of the alternatives; the first one is the operation's own.
    """

    def repeats(subject: Model, actor: Actor, text: str, params: Mapping[str, Any]) -> Model | None:
        kind, key = ledger_events.name_of(subject)
        done = LedgerEvent.objects.filter(subject_type=kind, subject_id=key, verb__in=verbs, outcome="done")
        last = done.select_related("reason").order_by("-pk").first()
        if last is None or last.verb != verbs[0] or (last.actor_id, last.for_id) != (actor.actor_id, actor.for_id):
            return None
        return subject if said_the_same(last.reason, text) else None

    return repeats
