"""What a credential opens, and by that whose owner decides it where no store of the register keeps it (I6, A2). Reads only.

A credential in a platform's store serves many automations. Whoever brings one of them in says by it what a credential opens that
nobody knows yet, but moves no decision about it that another automation, or a submission of this one, rests on: only its own
connection does that, once the owner of what that opens has confirmed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from inventory.importers.connectors import service_of
from inventory.models import Automation, AutomationState, Binding, Credential, DataClass, Privilege, Resource

#: Connector and instance: by what a connection is known.
BindingKey = tuple[str, str]


@dataclass(frozen=True)
class Use:
    """One connection that a credential is used with, what that opens, and whether whoever answers for it has confirmed it (I8)."""

    key: BindingKey
    resource: Resource
    is_confirmed: bool


def settle(
    used: Sequence[tuple[Credential, Sequence[Use]]],
    resources: Mapping[BindingKey, Resource],
    automation: Automation | None,
) -> list[tuple[Credential, Resource]]:
    """What an import says that credentials open, for those of which it may say so.

    Args:
        used: the credentials of a manifest with their uses in it.
        resources: what each connection of the manifest is resolved to.
        automation: the known automation that it is a version of; None for a new one.
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
    """The use by which it is known what a credential opens. The order of a file plays no part, so that nobody chooses who decides.

    A connection that is the credential itself says it; a host says only where it is sent. Of several hosts one that
    is confirmed counts before one that only a file names, then the one where most is at stake.
    """

    def weight(use: Use) -> tuple[bool, bool, int]:
        return _is_own(credential, use.key), use.is_confirmed, classes.index(use.resource.counted_class)

    classes = list(DataClass.values)
    resolved_uses = (use for use in uses if not use.resource.unresolved)
    return max(sorted(resolved_uses, key=lambda use: use.key), key=weight, default=None)


def _is_own(credential: Credential, key: BindingKey) -> bool:
    """Whether a connection is the credential itself, at the service that its kind belongs to."""
    return key == (service_of(credential.kind), credential.external_id)


def _is_proven(credential: Credential, use: Use) -> bool:
    return use.is_confirmed and _is_own(credential, use.key)


def _settled_credentials(
    credentials: Mapping[int, Credential], resources: Mapping[BindingKey, Resource], automation: Automation | None
) -> frozenset[int]:
    """Those credentials that others use as what they are known to open, or that were asked about already.

    A connection that was refused, or that opens something else by now, holds nothing back; nor does what is said of one again
    by whoever may.
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
