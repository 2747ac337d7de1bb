"""Who acts: a person, for themself or for another, or a job. Made once at the edge and passed on as `actor=`."""

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
        token: by which a program acts as the person; what it may is asked in `access` (S5).
        signed_in_at: real time of the sign-in of an interactive session; None for tokens, commands and jobs.
        correlation: joins everything that one request or job run caused.
        memory: what was found out about this actor while the request lasts (`access` keeps roles here). A write forgets
            it first: see `afresh`.
    """

    kind: Literal["person", "job"]
    person: Person | None = None
    job: str = ""
    standing_for: Person | None = None
    token: ApiToken | None = None
    signed_in_at: datetime | None = None
    correlation: uuid.UUID = field(default_factory=uuid.uuid4)
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, person: Person, *, signed_in_at: datetime | None = None) -> Actor:
        """A person acting for themself, interactively when ``signed_in_at`` says since when."""
        return cls("person", person=person, signed_in_at=signed_in_at)

    @classmethod
    def of_token(cls, token: ApiToken) -> Actor:
        """A program that acts as the person who made its token: in no session, and never for somebody else."""
        return cls("person", person=token.person, token=token)

    @classmethod
    def of_job(cls, name: str) -> Actor:
        """A background job or a management command that acts for nobody."""
        return cls("job", job=name)

    def for_person(self, giver: Person) -> Actor:
        """The same person, standing in for ``giver``."""
        return replace(self, standing_for=giver, memory={})

    def afresh(self) -> Actor:
        """The same actor with the people read again from the database and nothing remembered.

        A write asks its rules of this one: a role that ended, a token that was revoked, or a person who left, since the page was
        loaded counts.

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
        """What the ledger holds: the opaque id of a person, or the name of a job (H6)."""
        return str(self.person.opaque_id) if self.person else self.job

    @property
    def for_id(self) -> str:
        """Return the opaque id of the delegating person, or nothing."""
        return str(self.standing_for.opaque_id) if self.standing_for else ""

    @property
    def people(self) -> tuple[Person, ...]:
        """Return the people whose conflicts count: the person and the delegating person (A11)."""
        return tuple(person for person in (self.person, self.standing_for) if person is not None)

    @property
    def people_ids(self) -> frozenset[int]:
        """Ids of `people`."""
        return frozenset(person.pk for person in self.people)

    @property
    def capacity_of(self) -> Person | None:
        """Whose capacity is exercised: the giver's under a delegation, else the person's own."""
        return self.standing_for or self.person
