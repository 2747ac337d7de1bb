"""Where the SCIM server keeps users and groups (P1): entries of one source, and the people that follow from them.

scim2-server speaks the protocol (RFC 7644). The storage gets and gives whole resources; see its `ScimStorageContract`.
"""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Union, cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from scim2_models import (
    InvalidFilterException,
    InvalidValueException,
    Meta,
    MutabilityException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimFilter,
    ScimProvider,
    SearchRequest,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import ScimStorage, SearchPage
from scim2_server.utils import parametrize

from governance.core.access import Refused
from governance.core.clock import current_time
from governance.core.directory import transitions
from governance.core.models import DirectoryEntry, EntryKind, Person
from governance.core.sign_in import accounts
from governance.core.sign_in.accounts import Account, Write
from governance.core.sign_in.transitions import end_sessions
from governance.core.texts import free_text
from governance.portal.sessions import queries as sessions

#: Most entries that a search without an index reads.
MOST_SCANNED = 20_000
#: Longest name or key, and longest name or title of a person, in characters; last index of a page.
LONGEST_NAME, LONGEST_WORDS, LAST_INDEX = 255, 120, 10**9
#: Attributes with an index, by the column that holds them.
INDEXED = {"username": "user_name", "externalid": "external_id"}


class DirectoryStorage(ScimStorage):
    """The entries of one source.

    Args:
        provider: the description of the SCIM service.
        source: the id of the sign-in provider whose people these are.
        name: its name, for refusals.
        now: business time.
        domains: the mail domains of its people; all if empty.
    """

    def __init__(
        self, provider: ScimProvider, source: str, name: str, now: datetime, domains: Collection[str] = ()
    ) -> None:
        self.provider, self.source, self.name, self.now, self.domains = provider, source, name, now, domains
        self.actor = transitions.actor_of(source)

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a resource."""
        return self._resource(self._row(resource_type, resource_id))

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """Return one page of the matching resources. What no index answers is compared one by one.

        Raises:
            InvalidFilterException: it would be compared with too many.
        """
        rows = DirectoryEntry.objects.filter(source=self.source, kind__in=[kind.name for kind in resource_types])
        start, count = min(search_request.start_index_0 or 0, LAST_INDEX), search_request.count
        if search_request.filter is None and search_request.sort_by is None:
            stop = None if count is None else start + count
            return SearchPage(rows.count(), [self._resource(row) for row in rows[start:stop]])
        rows = _narrowed(rows, search_request.filter)
        if rows.count() > MOST_SCANNED:
            raise InvalidFilterException(detail="Compare userName or externalId with eq: there are too many entries.")
        resources = _matching([self._resource(row) for row in rows], search_request.filter)
        if search_request.sort_by is not None:
            descending = search_request.sort_order == SearchRequest.SortOrder.descending
            resources.sort(key=lambda resource: _sort_key(search_request, resource), reverse=descending)
        return SearchPage(len(resources), resources[start : None if count is None else start + count])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Store a new resource. An active user becomes a person.

        Raises:
            UniquenessException: another user has its name or key.
            Refused: the person can't be admitted.
        """
        at = current_time.real()
        row = DirectoryEntry(
            source=self.source, kind=str(resource_type.name), version=0, document={}, created_at=at, modified_at=at
        )
        return self._write(row, resource)

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace a resource. A user's person is described, leaves or comes back.

        Raises:
            UniquenessException: another user has its name or key.
            Refused: what follows for the person is refused.
        """
        return self._write(self._row(resource_type, str(resource.id), expected_version), resource)

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        """Delete a resource. Its person has left."""
        row = self._row(resource_type, resource_id, expected_version)
        person = self._person_of(row)
        if person is None or person.left_at is not None:
            _delete(row)
        else:
            self._leave(person, lambda _: _delete(row))

    def _row(
        self, resource_type: ResourceType, resource_id: str, expected_version: str | None = None
    ) -> DirectoryEntry:
        rows = DirectoryEntry.objects.filter(source=self.source, kind=resource_type.name).select_related("person")
        row = rows.filter(pk=resource_id).first() if is_id(resource_id) else None
        if row is None:
            raise NotFoundException(detail=f"There is no {resource_type.name} of this id.")
        if expected_version is not None and expected_version != _version(row):
            raise PreconditionFailedException
        return row

    def _write(self, row: DirectoryEntry, resource: Resource[Any]) -> Resource[Any]:
        """Set what the resource says, and follow it. A user keeps its key: its person is found by it."""
        before = row.document
        row.document = _document_of(resource)
        key, name = str(row.document.get("externalId") or ""), str(row.document.get("userName") or "").lower()
        if max(len(key), len(name)) > LONGEST_NAME:
            raise InvalidValueException(detail=f"A name or key has at most {LONGEST_NAME} characters.")
        if row.person_id is not None:
            key = key or row.external_id  # the person stays found by it
        if row.person_id is not None and row.external_id != key:
            raise MutabilityException(detail="The externalId of a user stays as it is: the person is found by it.")
        row.external_id, row.user_name, row.version = key, name, row.version + 1
        if row.version > 1:
            row.modified_at = current_time.real()
        try:
            if row.kind == EntryKind.USER:
                self._follow_user(row, was_active=before.get("active") is True)
            else:
                _save(row)
        except IntegrityError as error:
            raise UniquenessException from error
        return self._resource(row)

    def _resource(self, row: DirectoryEntry) -> Resource[Any]:
        kind = next(kind for kind in self.provider.resource_types if kind.name == row.kind)
        model = cast("type[Resource[Any]]", self.provider.model_for(kind))
        resource = model.model_validate(row.document)
        resource.id = str(row.pk)
        resource.meta = Meta(
            resource_type=row.kind, created=row.created_at, last_modified=row.modified_at, version=_version(row)
        )
        return resource

    def _person_of(self, row: DirectoryEntry) -> Person | None:
        """Return the person of a user: by its key, at each request, since a link may have ended."""
        if row.kind != EntryKind.USER or not row.external_id:
            return None
        return accounts.find_person(self.source, row.external_id)

    def _follow_user(self, row: DirectoryEntry, *, was_active: bool) -> None:
        """Admit, describe, let go or take back the person. Only an explicit word changes who is here; a new user is active by default."""
        account, person, is_new = self._account(row), self._person_of(row), row.version == 1
        active = row.document.get("active", True if is_new else None)
        row.person = person
        options: dict[str, Any] = {"actor": self.actor, "now": self.now, "write": _writer(row)}
        if person is None and active and row.external_id and account.email:
            new = Person(source=self.source, subject=account.subject, name=account.name, email=account.email)
            new.title = account.title
            new.set_unusable_password()
            accounts.admit(new, provider=self.name, **options)
        elif person is None:
            _save(row)  # without key or address nobody can tell who this is
        elif active and person.left_at is not None and not was_active:
            transitions.come_back(person, **options)
        elif active is False and person.left_at is None:
            self._leave(person, _writer(row))
        elif accounts.is_news(person, account):
            accounts.describe(person, account=account, **options)
        else:
            _save(row)

    def _leave(self, person: Person, write: Write) -> None:
        """Record that the person left. If they must stay an admin for now, at least their sessions end.

        Raises:
            Refused: they are one of the last two admins, or the source reported too many leavers.
        """
        try:
            transitions.leave_by_directory(person, actor=self.actor, now=self.now, write=write)
        except Refused as error:
            running = sessions.of_person(person) if error.refusal.code == "S9" else []
            if running:
                end_sessions(person, actor=self.actor, now=self.now, end=lambda: sessions.end(running))
            raise

    def _account(self, row: DirectoryEntry) -> Account:
        """The account that the entry describes."""
        document = row.document
        name = document.get("name") or {}
        parts = " ".join(filter(None, (name.get("givenName"), name.get("familyName"))))
        words = document.get("displayName") or name.get("formatted") or parts or document.get("userName") or ""
        addresses = document.get("emails") or []
        first = next((address for address in addresses if address.get("primary")), addresses[0] if addresses else {})
        texts = (free_text.name(str(text))[:LONGEST_WORDS] for text in (words, document.get("title") or ""))
        email = accounts.usable_address(first.get("value"), self.domains)
        return Account(self.source, row.external_id, next(texts), email, next(texts))


def _document_of(resource: Resource[Any]) -> dict[str, Any]:
    """Return what is kept of a resource: everything but a password."""
    document: dict[str, Any] = json.loads(resource.model_dump_json(by_alias=True, exclude_none=True))
    for name in ("id", "meta", "password"):
        document.pop(name, None)
    return document


def is_id(text: str) -> bool:
    """Whether a text may be the id of an entry."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _version(row: DirectoryEntry) -> str:
    return f'W/"{row.version}"'


def _save(row: DirectoryEntry) -> None:
    with transaction.atomic():
        _store(row)


def _store(row: DirectoryEntry) -> None:
    """Insert the entry, or replace the version that was read.

    Raises:
        PreconditionFailedException: another request changed or deleted it in between.
    """
    if row.version == 1:
        row.save(force_insert=True)
        return
    names = ("document", "user_name", "external_id", "person", "version", "modified_at")
    read = DirectoryEntry.objects.filter(pk=row.pk, version=row.version - 1)
    if not read.update(**{name: getattr(row, name) for name in names}):
        raise PreconditionFailedException


def _delete(row: DirectoryEntry) -> None:
    if not DirectoryEntry.objects.filter(pk=row.pk, version=row.version).delete()[0]:
        raise PreconditionFailedException


def _writer(row: DirectoryEntry) -> Write:
    """Return what saves the entry with its person, inside the operation."""

    def write(person: Person) -> None:
        row.person = person
        _store(row)

    return write


def _narrowed(rows: QuerySet[DirectoryEntry], scim_filter: ScimFilter[Any] | None) -> QuerySet[DirectoryEntry]:
    """Use the index of a name or key that is compared with ``eq``, as directories ask."""
    node = scim_filter.ast if scim_filter is not None else None
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return rows
    column = INDEXED.get(str(node.attr_path).rpartition(":")[2].lower())
    if column and not node.value.isprintable():
        return rows.none()
    return rows.filter(**{column: node.value.lower() if column == "user_name" else node.value}) if column else rows


def _matching(resources: list[Resource[Any]], scim_filter: ScimFilter[Any] | None) -> list[Resource[Any]]:
    if scim_filter is None or not resources:
        return resources
    if not scim_filter.models:  # a search at the root
        models = tuple(dict.fromkeys(type(resource) for resource in resources))
        scim_filter = parametrize(ScimFilter, Union[models])(str(scim_filter))  # noqa: UP007  a union made at run time
    return [resource for resource in resources if scim_filter.match(resource)]


def _sort_key(search_request: SearchRequest[Any], resource: Resource[Any]) -> tuple[bool, Any, str]:
    value = search_request.sort_value(resource)
    return value is None, "" if value is None else value, str(resource.id)
