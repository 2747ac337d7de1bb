"""API of the registers: the rows that the token's person sees, filtered as on the page, a page at a time (P1)."""

from typing import Annotated, Any, Final

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema
from pydantic import WithJsonSchema

from approvals.api.caller import caller, fields
from approvals.api.problems import ERRORS
from approvals.api.responses import Page
from governance.core.access import Actor, Permission, Refusal, access, refuse
from governance.portal.registers.all_registers import REGISTERS
from governance.web.pages import pager
from governance.web.registers.register import Listing
from governance.web.requests.request import number

router = Router(tags=["Registers"])

#: Registers by their name in an address: ``automations`` for ``automation_list``.
NAMES: Final = {f"{name.removesuffix('_list')}s" if name.endswith("_list") else name: name for name in REGISTERS}
NAMES["identities"] = NAMES.pop("identitys")

RegisterName = Annotated[str, WithJsonSchema({"type": "string", "enum": sorted(NAMES)})]


class RegisterOut(Schema):
    """One page of a register."""

    name: str
    rows: list[dict[str, Any]] = Field(description="Values by column of the export; codes and instants as stored.")
    next: Page = Field(description="Address of the next page; empty on the last.")


def _check(listing: Listing) -> None:
    """Refuse a parameter or value that the page ignores: a program would take all rows for the chosen ones."""
    orders = {f"{sign}{name}" for name in listing.register.orders for sign in ("", "-")}
    references = listing.register.references
    values = {name: set(some) for name, some in {**listing.choices, "sort": orders}.items() if name not in references}
    known = {*values, *references, *pager.KEYS, "q"}
    for name, value in listing.query.items():
        is_key = name in references or name in pager.KEYS
        if is_key and number(str(value)) is None:
            sentence = "This takes the key of a row, a number."
            raise fields({name[:40]: sentence}, sentence, "Take the key from the row's address.")
        if name not in known or (name in values and value not in values[name]):
            sentence = f"The register has no {'value' if name in values else 'parameter'} like this."
            raise fields({name[:40]: sentence}, sentence, f"Use one of: {', '.join(sorted(values.get(name, known)))}.")


@router.get("/registers/{name}", response={200: RegisterOut, **ERRORS}, url_name="register")
def register(request: HttpRequest, name: RegisterName) -> dict[str, Any]:
    """List rows of a register: automations, submissions, grants, resources, identities, credentials or people.

    The query takes the filters, words, sort and page of the register's own page.
    """
    program = caller(request)
    if (key := NAMES.get(name)) is None:
        raise Http404("No register has this name.")
    if program.token.team_id is not None:
        sentence = "This token is for one team, and a register has rows of all teams."
        raise refuse(Refusal("S5", "permission", sentence, "Use a personal token."))
    reader = Actor.of_person(program.person)
    if key == "people" and not access.may(reader, Permission.LEDGER_READ, None, now=program.now):
        raise refuse(Refusal("PERMISSION", "permission", "Auditors, security reviewers and admins read this."))
    listing = Listing(REGISTERS[key](reader, program.now), request.GET, request.path)
    _check(listing)
    paged = listing.page()
    return {
        "name": name,
        "rows": [
            {"id": row.pk, **{value: getattr(row, value) for value in listing.register.exports.values()}}
            for row in paged.rows
        ],
        "next": paged.older_href,
    }
