"""Models of the core: people and roles, ledger, outbox, clock."""

from governance.core.models.accounts import LinkedAccount
from governance.core.models.audit_stream import AuditStream
from governance.core.models.clock import ClockOffset, JobRun
from governance.core.models.directory import DirectoryEntry, EntryKind
from governance.core.models.introduction import ClosedIntroduction
from governance.core.models.ledger import FreeText, LedgerEvent, Seal
from governance.core.models.notices import Notice, NoticeState, UnwantedMail
from governance.core.models.page_address import HasPage
from governance.core.models.people import Delegation, Erasure, Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.models.row_protection import AppendOnly, History
from governance.core.models.tokens import ApiToken
from governance.core.models.webhooks import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookFormat, WebhookState
