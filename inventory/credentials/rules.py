"""What a credential opens; its owner decides about the credential unless a store keeps it (I6, A2). Reads only.

A credential in a platform's store serves many automations. An import may set the resource of a credential without one.
It may not change the resource while another automation or a submission uses it. Only the credential's own connection
changes it, after the owner of the resource confirmed the connection.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from inventory.importers.connectors import service_of
from inventory.models import Automation, AutomationState, Binding, Credential, DataClass, Privilege, Resource
from inventory.models.binding import BindingKey


@dataclass(frozen=True)
class Use:
    """One connection that uses a credential, its resource, and whether the resource's owner confirmed it (I8)."""

    key: BindingKey
    resource: Resource
    is_confirmed: bool


def resources_of_credentials(
    used: Sequence[tuple[Credential, Sequence[Use]]],
    resources: Mapping[BindingKey, Resource],
    automation: Automation | None,
) -> list[tuple[Credential, Resource]]:
    """Resources that an import sets for credentials.

    Args:
        used: credentials of a manifest with their uses.
        resources: resource of each connection of the manifest.
        automation: the known automation of the version; None for a new one.
    """
    best_uses = [(credential, best) for credential, uses in used if (best := _best_use(credential, uses)) is not None]
    best_uses = [
        (credential, best)
        for credential, best in best_uses
        if credential.opens is None or credential.opens_id != best.resource.pk
    ]
    unproven = {
        credential.pk: credential
        for credential, best in best_uses
        if not (credential._state.adding or _is_proven(credential, best))
    }
    resting = _settled_credentials(unproven, resources, automation) if unproven else frozenset()
    return [
        (credential, best.resource)
        for credential, best in best_uses
        if credential.pk is None or credential.pk not in resting
    ]


def _best_use(credential: Credential, uses: Iterable[Use]) -> Use | None:
    """Use that determines the resource of a credential, independent of the order in the file.

    The credential's own connection comes first. Among hosts, a confirmed one comes before an unconfirmed one, then the
    highest data class.
    """

    def weight(use: Use) -> tuple[bool, bool, int]:
        return _is_own(credential, use.key), use.is_confirmed, DataClass.values.index(use.resource.counted_class)

    resolved_uses = (use for use in uses if not use.resource.unresolved)
    return max(sorted(resolved_uses, key=lambda use: use.key), key=weight, default=None)


def _is_own(credential: Credential, key: BindingKey) -> bool:
    """Whether a connection belongs to the credential itself, at the service of its kind."""
    return key == (service_of(credential.kind), credential.external_id)


def _is_proven(credential: Credential, use: Use) -> bool:
    return use.is_confirmed and _is_own(credential, use.key)


def _settled_credentials(
    credentials: Mapping[int, Credential], resources: Mapping[BindingKey, Resource], automation: Automation | None
) -> frozenset[int]:
    """Credentials whose resource other automations or a submission rely on.

    A refused connection, or one to another resource, does not reserve the credential.
    """
    uses = Privilege.objects.filter(credential__in=credentials)
    uses = uses.exclude(version__automation__state=AutomationState.RETIRED)
    if automation is not None:
        is_asked_for = Q(credential__approvals__submission__automation=automation)
        uses = uses.filter(~Q(version__automation=automation) | is_asked_for)
    rows = set(uses.values_list("credential", "connector", "instance"))
    bindings = Binding.objects.filter(instance_name__in={instance for _, _, instance in rows}, refused_at__isnull=True)
    opened = {(row.connector, row.instance_name): row.resource_id for row in bindings if rows}
    opened |= {key: resource.pk for key, resource in resources.items() if key in opened}
    return frozenset(
        pk for pk, *key in rows if (opens := credentials[pk].opens_id) is None or opened.get((key[0], key[1])) == opens
    )
