"""The register: automations and their versions, resources, identities, credentials, and imports under way."""

from inventory.models.automation import (
    Automation,
    AutomationKind,
    AutomationState,
    AutomationUserObjectPermission,
    Transfer,
    TransferState,
)
from inventory.models.binding import REGISTERED, Binding, HostConsent
from inventory.models.chain import ChainEnd, ChainKind, ChainMember
from inventory.models.credential import Credential, Lifetime, Reach
from inventory.models.identity import IdentityState, NonHumanIdentity
from inventory.models.import_batch import BatchState, ImportBatch, ImportItem, ImportState, Outcome
from inventory.models.interim_owner import OWNED, InterimOwner, InterimState, NamedAs, Owned
from inventory.models.resource import (
    DataClass,
    Enforcement,
    Entitlement,
    Environment,
    Incident,
    Level,
    NextStep,
    Resource,
    ResourceKind,
    ResourceState,
    ResourceUserObjectPermission,
    ScopeKind,
)
from inventory.models.version import (
    Assessment,
    Finding,
    Privilege,
    Trigger,
    Version,
    VersionAuthor,
    VersionCredential,
    VersionIdentity,
)
