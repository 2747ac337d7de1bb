"""What a credential opens; its owner decides about the credential unless a store keeps it (I6, A2). Reads only.

A credential in a platform's store serves many automations. An import may set the resource of a credential without one.
It may not change the resource while another automation or a submission uses it. Only the credential's own connection
changes it, after the owner of the resource confirmed the connection.
"""

from collections.abc import Collection, Mapping

from django.db.models import Q

from inventory.importers.connectors import service_of
from inventory.models import Automation, AutomationState, Binding, Credential, DataClass, Privilege, Resource
from inventory.models.binding import BindingKey


def resources_of_credentials(
    uses: Collection[tuple[Credential, BindingKey]],
    resources: Mapping[BindingKey, Resource],
    bindings: Mapping[BindingKey, Binding],
    automation: Automation | None,
) -> list[tuple[Credential, Resource]]:
    """Resources that an import sets for credentials, independent of the order in the file.

    The credential's own connection comes first. Among hosts, a confirmed one (I8) comes before an unconfirmed one, then
    the highest data class.

    Args:
        uses: credentials of a manifest, each with a connection that uses it.
        resources: resource of each connection of the manifest.
        bindings: existing bindings of these connections.
        automation: the known automation of the version; None for a new one.
    """

    def weight(credential: Credential, key: BindingKey) -> tuple[bool, bool, int]:
        is_own = key == (service_of(credential.kind), credential.external_id)
        is_confirmed = key in bindings and not bindings[key].is_open
        return is_own, is_confirmed, DataClass.values.index(resources[key].counted_class)

    best: dict[int, tuple[Credential, BindingKey]] = {}
    for credential, key in sorted(uses, key=lambda use: use[1]):
        _, before = best.get(id(credential), (credential, None))
        is_better = before is None or weight(credential, key) > weight(credential, before)
        if is_better and not resources[key].unresolved:
            best[id(credential)] = credential, key
    moved = [
        (credential, key)
        for credential, key in best.values()
        if credential.opens is None or credential.opens_id != resources[key].pk
    ]
    unproven = {
        credential.pk: credential
        for credential, key in moved
        if not (credential._state.adding or weight(credential, key)[:2] == (True, True))
    }
    resting = _settled_credentials(unproven, resources, automation) if unproven else frozenset()
    return [(credential, resources[key]) for credential, key in moved if credential.pk not in resting]


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
