"""Northwind Foods, the company of the demo: who works there, in which teams, and what can be touched. Tables and nothing else.

`founding` turns them into rows by the product's own operations. Names of people are shared with the tests' cast.
"""

from __future__ import annotations

from typing import NamedTuple

from governance.controls.models import TeamKind
from governance.controls.roles import Role

#: The password of everybody in the demo. It opens nothing else: outside a demo these people do not exist.
PASSWORD = "northwind-demo"  # noqa: S105  printed by `demo_hints`

NAME = "Northwind Foods"
MAIL_DOMAIN = "northwind.example"


class PersonRow(NamedTuple):
    """One person: the key by which the story calls them, name and title. The address follows from the name."""

    key: str
    name: str
    title: str


class TeamRow(NamedTuple):
    """One team: key, name, the team above, lead, deputy lead, kind, members; people and teams by their keys."""

    key: str
    name: str
    above: str
    lead: str
    deputy: str
    kind: TeamKind
    members: tuple[str, ...]


class ResourceRow(NamedTuple):
    """One resource: key, name, kind, data class, owner, deputy, the team that answers for it, what it is, and the connections
    that open it, each as ``connector|instance``.
    """

    key: str
    name: str
    kind: str
    data_class: str
    owner: str
    deputy: str
    team: str
    about: str
    connections: tuple[str, ...] = ()


#: The first four are named by bootstrap: two admins, two security reviewers.
PEOPLE = (
    PersonRow("ines", "Ines Moreau", "Governance admin"),
    PersonRow("karl", "Karl Jensen", "Governance admin"),
    PersonRow("sana", "Sana Iqbal", "Security engineer"),
    PersonRow("viktor", "Viktor Lind", "Lead, Security"),
    PersonRow("rita", "Rita Novak", "Accounts payable specialist"),
    PersonRow("jonas", "Jonas Weil", "Head of accounts payable"),
    PersonRow("theo", "Theo Brandt", "Lead, Finance Operations"),
    PersonRow("bram", "Bram Visser", "Deputy lead, Finance Operations"),
    PersonRow("omar", "Omar Haddad", "Platform engineer"),
    PersonRow("amara", "Amara Okafor", "Lead, Platform Engineering"),
    PersonRow("mei", "Mei Tanaka", "Lead, IT Operations"),
    PersonRow("lena", "Lena Fischer", "Lead, Supply Engineering"),
    PersonRow("piet", "Piet de Vries", "Supply chain engineer"),
    PersonRow("grace", "Grace Lindqvist", "Lead, Marketing"),
    PersonRow("tom", "Tom Ashby", "Campaign manager"),
    PersonRow("nadia", "Nadia Petrov", "Lead, People"),
    PersonRow("yuki", "Yuki Sato", "Internal audit"),
)

BOOTSTRAP_ADMINS = ("ines", "karl")
BOOTSTRAP_REVIEWERS = ("sana", "viktor")

#: Roles that the first admin proposes and the second confirms.
ROLES = (
    ("rita", Role.BUILDER),
    ("piet", Role.BUILDER),
    ("tom", Role.BUILDER),
    ("nadia", Role.BUILDER),
    ("yuki", Role.AUDITOR),
    ("mei", Role.ON_CALL),
)

_BUSINESS = TeamKind.BUSINESS
TEAMS = (
    TeamRow("company", "Northwind", "", "", "", _BUSINESS, ("ines", "karl", "yuki")),
    TeamRow("engineering", "Engineering", "company", "", "", _BUSINESS, ("omar",)),
    TeamRow("operations", "Operations", "company", "", "", _BUSINESS, ()),
    TeamRow("business", "Business", "company", "", "", _BUSINESS, ("mei",)),
    TeamRow("platform", "Platform Engineering", "engineering", "amara", "", _BUSINESS, ("omar", "amara")),
    TeamRow("supply", "Supply Engineering", "engineering", "lena", "", _BUSINESS, ("lena", "piet")),
    TeamRow(
        "finance_ops", "Finance Operations", "operations", "theo", "bram", _BUSINESS, ("rita", "jonas", "theo", "bram")
    ),
    TeamRow("it_ops", "IT Operations", "operations", "mei", "", _BUSINESS, ("mei",)),
    TeamRow("marketing", "Marketing", "business", "grace", "", _BUSINESS, ("grace", "tom")),
    TeamRow("people_team", "People (HR)", "business", "nadia", "", _BUSINESS, ("nadia",)),
    TeamRow("security", "Security", "company", "viktor", "", TeamKind.SECURITY, ("viktor", "sana")),
    TeamRow("fallback", "Fallback owners", "company", "", "", TeamKind.FALLBACK, ("amara", "bram")),
)

RESOURCES = (
    ResourceRow(
        "erp",
        "ERP Postgres (production)",
        "data_store",
        "confidential",
        "omar",
        "jonas",
        "platform",
        "Invoices, payments, suppliers and stock. Read replicas exist; automations get the primary only for writing.",
        ("postgres|pgErpProd01xQ7aZ",),
    ),
    ResourceRow(
        "slack",
        "Finance Slack workspace",
        "saas_connector",
        "internal",
        "omar",
        "amara",
        "platform",
        "Where finance, supply and operations talk. No guests.",
        ("slack|slkFinance2mB9yT",),
    ),
    ResourceRow(
        "drive",
        "Supplier Drive",
        "saas_connector",
        "confidential",
        "mei",
        "amara",
        "it_ops",
        "Contracts, certificates, price lists and statements of suppliers.",
        ("googleDrive|gdrSupplier8KtQe", "googleSheets|gshSupplier3Ra8Mn"),
    ),
    ResourceRow(
        "mailbox",
        "Receivables mailbox",
        "saas_connector",
        "confidential",
        "mei",
        "amara",
        "it_ops",
        "receivables@northwind.example: what customers are written, and what they answer.",
        ("gmail|gmlReceivable7Hd",),
    ),
    ResourceRow(
        "github",
        "GitHub MCP server",
        "mcp_server",
        "internal",
        "mei",
        "amara",
        "it_ops",
        "Issues and pull requests of the company's repositories, as tools.",
        ("mcp|mcp.github.northwind.example", "mcp|github"),
    ),
    ResourceRow(
        "model",
        "Model gateway",
        "backend_api",
        "internal",
        "amara",
        "omar",
        "platform",
        "The one way to language models: logged, without training on what is sent.",
        ("openAi|oaiGateway5LpRs4",),
    ),
    ResourceRow(
        "n8n",
        "n8n of the company",
        "backend_api",
        "internal",
        "mei",
        "omar",
        "it_ops",
        "The platform itself: code that a workflow runs there, and workflows that start each other.",
        ("code|n8n", "workflow|n8n"),
    ),
    ResourceRow(
        "form",
        "Buyers' form",
        "backend_api",
        "internal",
        "mei",
        "omar",
        "it_ops",
        "The form in which buyers enter a new supplier.",
        ("formTrigger|basBuyers4Nq0RvX",),
    ),
    ResourceRow(
        "credit",
        "Credit check API",
        "backend_api",
        "confidential",
        "bram",
        "amara",
        "finance_ops",
        "A credit agency's reports about companies, paid by the call.",
        ("httpRequest|api.creditcheck.example",),
    ),
    ResourceRow(
        "bank",
        "Bank SFTP",
        "backend_api",
        "restricted",
        "mei",
        "amara",
        "it_ops",
        "Where payment files are handed to the bank. What arrives there is paid.",
        ("ftp|sftpBank9Ud3KzWp",),
    ),
    ResourceRow(
        "rates",
        "Exchange rates",
        "backend_api",
        "public",
        "mei",
        "omar",
        "it_ops",
        "Daily reference rates, as the central bank publishes them.",
        ("httpRequest|rates.northwind.example",),
    ),
    ResourceRow(
        "telematics",
        "Telematics API",
        "backend_api",
        "internal",
        "lena",
        "omar",
        "supply",
        "Where each truck is and how cold it is inside.",
    ),
    ResourceRow(
        "twilio",
        "Twilio alerts",
        "saas_connector",
        "internal",
        "mei",
        "omar",
        "it_ops",
        "Text messages to drivers, paid by the message.",
        ("twilio|twlAlerts5Gm2JyV",),
    ),
    ResourceRow(
        "catalogue",
        "Product catalogue API",
        "backend_api",
        "internal",
        "lena",
        "omar",
        "supply",
        "Products and prices as the shop shows them.",
        ("httpRequest|pim.northwind.example",),
    ),
    ResourceRow(
        "hr_db",
        "People Postgres",
        "data_store",
        "restricted",
        "nadia",
        "omar",
        "people_team",
        "Contracts, leave and salaries.",
        ("postgres|pgPeople6Wt2LmNc",),
    ),
    ResourceRow(
        "hr_calendar",
        "People calendar",
        "saas_connector",
        "confidential",
        "nadia",
        "mei",
        "people_team",
        "Who is away, and when.",
        ("googleCalendar|gclPeople0Ye5NqU",),
    ),
    ResourceRow(
        "brand",
        "Brand library",
        "mcp_server",
        "internal",
        "grace",
        "mei",
        "marketing",
        "Logos, claims and the tone of voice, as tools.",
        ("mcp|brand.northwind.example",),
    ),
    ResourceRow(
        "campaigns",
        "Campaign mail",
        "mcp_server",
        "confidential",
        "grace",
        "mei",
        "marketing",
        "Mail to customers: segments, drafts, sending.",
        ("mcp|campaign-mail",),
    ),
    ResourceRow(
        "photos",
        "Product photos",
        "mcp_server",
        "public",
        "grace",
        "mei",
        "marketing",
        "Pictures of every product, as the press may have them.",
        ("mcp|product-photos",),
    ),
    ResourceRow(
        "newsletter",
        "Newsletter service",
        "mcp_server",
        "confidential",
        "grace",
        "mei",
        "marketing",
        "The newsletter's old home; it is being moved to Campaign mail.",
        ("mcp|newsletter.northwind.example",),
    ),
    ResourceRow(
        "runbooks",
        "Runbooks",
        "mcp_server",
        "internal",
        "amara",
        "omar",
        "platform",
        "What to do when something breaks, as tools.",
        ("mcp|runbooks.northwind.example",),
    ),
    ResourceRow(
        "stock",
        "Stock database (read only)",
        "mcp_server",
        "internal",
        "omar",
        "amara",
        "platform",
        "Tables of the stock service behind a server that only reads.",
        ("mcp|stock-db",),
    ),
)

#: Resources whose grants are live and show figures of use: what is said about them says where the figures come from.
USED = ("erp", "slack", "drive", "model", "form", "credit", "telematics", "twilio")
