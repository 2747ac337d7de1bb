"""What a builder does in tests: uploads an export, fills the preview in, submits; and the company's connections that are known."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from governance.core.models import Person
from inventory.importers.manifest import Manifest, binding_key
from inventory.importers.reader import read_export
from inventory.models import ImportItem, Resource
from inventory.resources.transitions import bindings
from tests.people import as_actor
from tests.scenarios import EXPORTS, OPENS, Company
from tests.signed_in_client import client_of

STOCK = "weekly-stock-report.json"
STATEMENTS = "supplier-statement-check.json"
ONBOARDING = "supplier-onboarding.json"
PRICES = "price-list-sync.json"


def of_its_own(export: str, word: str) -> bytes:
    """An export as of an n8n of its own: committed tests share one register, in which ids say what is the same."""
    document = json.loads((EXPORTS / export).read_text())
    document["meta"] = {**document.get("meta", {}), "instanceId": hashlib.sha256(word.encode()).hexdigest()}
    for node in document["nodes"]:
        for used in node.get("credentials", {}).values():
            used["id"] += word
    return json.dumps(document).replace("rates.northwind.example", f"rates.{word}.example").encode()


def connect(c: Company, *exports: str | bytes, name: str = "export.json", otherwise: Resource | None = None) -> None:
    """Have the owners say what the connections of exports open, where the company knows it; others open ``otherwise``."""
    for export in exports:
        data = export if isinstance(export, bytes) else (EXPORTS / export).read_bytes()
        for result in read_export(name, data):
            for privilege in result.manifest.privileges:
                label = f"{privilege.credential.name if privilege.credential else ''} {privilege.instance}".lower()
                opened = next((getattr(c, attribute) for word, attribute in OPENS if word in label), otherwise)
                if opened is not None and privilege.instance:
                    connector, instance = binding_key(privilege)
                    bindings.bind_connection(
                        opened, actor=as_actor(opened.owner), now=c.now, connector=connector, instance=instance
                    )


@dataclass
class Build:
    """One person's browser without scripts."""

    client: Client
    person: Person

    @classmethod
    def by(cls, person: Person) -> Build:
        """Signed in as this person."""
        return cls(client_of(person), person)

    def upload(self, *files: tuple[str, bytes], **more: Any) -> Any:
        """Post files, as they are chosen or dropped."""
        sent = [SimpleUploadedFile(name, content, "application/json") for name, content in files]
        return self.client.post(reverse("import"), {"files": sent, **more})

    def import_item(self, export: str = STOCK, content: bytes | None = None) -> ImportItem:
        """The preview that one upload leads to."""
        data = content if content is not None else (EXPORTS / export).read_bytes()
        answer = self.upload((export, data))
        assert answer.status_code == 302, answer.content.decode()
        return ImportItem.objects.get(pk=re.search(r"/import/(\d+)/", answer["Location"])[1])  # type: ignore[index]

    def see(self, item: ImportItem) -> str:
        """The preview's page."""
        answer = self.client.get(reverse("import_preview", args=[item.pk]))
        assert answer.status_code == 200, answer.status_code
        return str(answer.content.decode())

    def fields(self, item: ImportItem) -> list[str]:
        """Names of the fields on the preview's page."""
        return re.findall(r'name="((?:why|term|bind)-[0-9a-f]{12})"', self.see(item))

    def typed(self, item: ImportItem, owner: Person, **more: Any) -> dict[str, Any]:
        """The form filled in: a purpose, an owner, a reason for each row."""
        reasons = {name: "It is needed for the report." for name in self.fields(item) if name.startswith("why-")}
        fields = {
            "purpose": "Tells buyers what runs low.",
            "business_owner": owner.pk,
            "technical_owner": self.person.pk,
            "environment": "production",
        }
        return {**fields, **reasons, **more}

    def post(self, item: ImportItem, data: dict[str, Any], do: str = "save", **headers: Any) -> Any:
        """Post the preview's form."""
        return self.client.post(reverse("import_preview", args=[item.pk]), {**data, "do": do}, **headers)

    def panel(self, item: ImportItem, data: dict[str, Any]) -> Any:
        """What a script posts when something was typed or chosen."""
        headers = {"HX-Request": "true", "HX-Target": "route"}
        return self.client.post(reverse("import_panel", args=[item.pk]), data, headers=headers)


def with_privileges(count: int) -> bytes:
    """An automation like the stock report with so many privileges: one that reads, and one for each channel."""
    export = json.loads((EXPORTS / STOCK).read_text()) | {"id": f"stockReport{count:02d}"}
    post = next(node for node in export["nodes"] if node["type"].endswith(".slack"))
    for number in range(count - 2):
        more = json.loads(json.dumps(post))
        more |= {"id": f"5d1f0a0e-0000-4000-8000-{number:012d}", "name": f"Post to {number}"}
        more["parameters"]["channelId"] = {"__rl": True, "value": f"C0{number:08d}", "mode": "id"}
        export["nodes"].append(more)
    return json.dumps(export).encode()


def everything_stored() -> Iterator[str]:
    """Every row of every table of the database, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                yield row


def manifest_of(item: ImportItem) -> Manifest:
    """What was read."""
    return Manifest.from_dict(item.manifest)
