"""Actors: a person, for themself or as a delegate, or a job. An entry point makes one and passes it on as `actor=`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from governance.core.models import ApiToken, Person


@dataclass(frozen=True)
class Actor:
    """One acting party.

    Args:
        kind: ``person`` or ``job``; a job decides nothing (S5).
        person: who, for a person.
        job: the job's name, for a job.
        standing_for: the person who delegated to the actor's person (A11).
        token: the token by which a program acts as the person; `access` limits it (S5).
        signed_in_at: real time of the sign-in of an interactive session; None for tokens, commands and jobs.
        second_factor: whether the session was opened with a second factor, here or at a provider (P1).
        correlation: joins everything that one request or job run caused.
        memory: facts about this actor that the request has read (`access` keeps roles here). A write drops them first:
            see `afresh`.
    """

    kind: Literal["person", "job"]
    person: Person | None = None
    job: str = ""
    standing_for: Person | None = None
    token: ApiToken | None = None
    signed_in_at: datetime | None = None
    second_factor: bool = False
    correlation: uuid.UUID = field(default_factory=uuid.uuid4)
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of_person(cls, person: Person, *, signed_in_at: datetime | None = None, second_factor: bool = False) -> Actor:
        """Return a person acting for themself; in an interactive session if ``signed_in_at`` is given."""
        return cls("person", person=person, signed_in_at=signed_in_at, second_factor=second_factor)

    @classmethod
    def of_token(cls, token: ApiToken) -> Actor:
        """Return a program that acts as the person who made its token: without a session, and never as a delegate."""
        return cls("person", person=token.person, token=token)

    @classmethod
    def of_job(cls, name: str) -> Actor:
        """Return a background job or a management command. It acts for no person."""
        return cls("job", job=name)

    def for_person(self, giver: Person) -> Actor:
        """Return the same person as the delegate of ``giver``."""
        return replace(self, standing_for=giver, memory={})

    def afresh(self) -> Actor:
        """Return the same actor with the people read again and without memory.

        A write checks its rules with this actor. So an ended role, a revoked token or a leaver counts, even if the page was loaded
        before.

        Raises:
            Person.DoesNotExist: the row of one of the people is gone.
        """
        ids = [person.pk for person in self.people]
        people = Person.objects.order_by().in_bulk(ids) if ids else {}
        if any(pk not in people for pk in ids):
            raise Person.DoesNotExist("Who acts is not in the database.")
        person = people[self.person.pk] if self.person else None
        giver = people[self.standing_for.pk] if self.standing_for else None
        token = ApiToken.objects.select_related("person").get(pk=self.token.pk) if self.token is not None else None
        return replace(self, person=person, standing_for=giver, token=token, memory={})

    @property
    def actor_id(self) -> str:
        """Return the actor's name in the ledger: the opaque id of a person, or the name of a job (H6)."""
        return str(self.person.opaque_id) if self.person else self.job

    @property
    def for_id(self) -> str:
        """Return the opaque id of the delegating person, or nothing."""
        return str(self.standing_for.opaque_id) if self.standing_for else ""

    @property
    def people(self) -> tuple[Person, ...]:
        """Return the people with conflicts that count: the person and the delegating person (A11)."""
        return tuple(person for person in (self.person, self.standing_for) if person is not None)

    @property
    def people_ids(self) -> frozenset[int]:
        """Ids of `people`."""
        return frozenset(person.pk for person in self.people)

    @property
    def capacity_of(self) -> Person | None:
        """Return the person with the capacity: the giver under a delegation, otherwise the actor's person."""
        return self.standing_for or self.person
