"""The rows that every control rests on: people and their capacities, the ledger, the outbox, the clock."""

from governance.controls.models.erasure import Erasure
from governance.controls.models.kept import NEVER_REMOVED, AppendOnly, History, never_truncated
from governance.controls.models.ledger import FreeText, LedgerEvent, Seal
from governance.controls.models.notices import Notice, NoticeState
from governance.controls.models.people import Delegation, Membership, Person, RoleAssignment, Team, TeamKind
from governance.controls.models.time import ClockOffset, JobRun
from governance.controls.models.tokens import ApiToken
from governance.controls.models.webhooks import (
    DeliveryState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookFormat,
    WebhookState,
)

__all__ = [
    "NEVER_REMOVED",
    "ApiToken",
    "AppendOnly",
    "ClockOffset",
    "Delegation",
    "DeliveryState",
    "Erasure",
    "FreeText",
    "History",
    "JobRun",
    "LedgerEvent",
    "Membership",
    "Notice",
    "NoticeState",
    "Person",
    "RoleAssignment",
    "Seal",
    "Team",
    "TeamKind",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookFormat",
    "WebhookState",
    "never_truncated",
]
