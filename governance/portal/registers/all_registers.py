"""All registers by the name of their URL."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from governance.core.access import Actor
from governance.portal.registers import access_registers, inventory_registers
from governance.web.registers.register import Register

#: Registers by the name of their URL.
REGISTERS: Final[Mapping[str, Callable[[Actor, datetime], Register]]] = {
    "automation_list": inventory_registers.automations,
    "resource_list": inventory_registers.resources,
    "identity_list": inventory_registers.identities,
    "credential_list": inventory_registers.credentials,
    "grant_list": access_registers.grants,
    "submission_list": access_registers.submissions,
    "people": access_registers.people,
}
