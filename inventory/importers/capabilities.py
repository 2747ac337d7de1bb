"""Capability tags of an entitlement for conflict rules (S6), from connector, code and level. Pure tables.

Pages and the rule library use one vocabulary, `TAGS`. In doubt a tag is given: an unknown level both reads and changes
(I4). Protective tags (`PROTECTIVE`), which satisfy rules of "A without B", need an exact match.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from inventory.importers.connectors import canonical_connector
from inventory.importers.display import vocabulary
from inventory.importers.levels import is_sensitive, words
from inventory.importers.manifest import QUERY_OPERATIONS

_TAGS = """
input.untrusted: bring in text that outsiders write: mail, web pages, feeds, forms, chats, tickets, invitations
message.send: send messages to people: mail, chat, text messages
public.post: publish where anybody reads it
tool.any: do everything that a server offers, which nobody has listed
model.call: send text to a model
memory.write: write what a model will later be given as its memory or as knowledge
memory.read: read such a memory
prompt.write: change what a model is told to do: prompts, assistants, skills
automation.run: start other automations
automation.write: make or change automations
code.run: run code or commands
code.write: change source code
code.merge: approve or merge changes of source code
deploy: put software to use: deploy, release, start a pipeline
infra.write: change machines, networks, clusters, names
secrets.read: read passwords, keys or tokens
secrets.write: make, change or remove passwords, keys or tokens
user.manage: make, change or remove users
access.grant: give or take permissions, roles or shares
approve: approve what others ask for
log.write: write an audit trail
log.delete: remove, shorten or switch off logs
backup.delete: remove backups
data.delete: remove stored data
data.write: change stored data
vendor.write: make or change vendors
vendor.bank: change where a vendor or an employee is paid
purchase.request: ask for a purchase
purchase.order: order from a vendor
goods.receive: confirm that goods or services came
invoice.enter: enter a vendor's invoice
pay: release or send a payment
customer.write: make or change customers
credit.limit: set how much credit a customer has
price.write: set prices and discounts
sale.order: take a customer's order
goods.ship: send goods out
invoice.issue: issue an invoice to a customer
refund: give money back: refunds, credit notes, write-offs
cash.receive: record what customers pay
bank.reconcile: reconcile bank accounts
ledger.post: post journal entries
ledger.account: make or change accounts of the ledger
period.open: open or close accounting periods
asset.write: make, change or write off assets
expense.enter: hand in expenses
employee.write: make or change employees
salary.write: set pay and benefits
time.enter: enter working time or absence
time.approve: approve working time or absence
payroll.run: run the payroll
hire: take somebody on
log.review: look through an audit trail, by somebody or something else
payment.limit: be held to a limit on each payment and on all of a day
human.confirm: wait for a person's yes before it acts
backup.write: make backups
"""
#: Each tag with the words that follow "May" in a sentence.
TAGS = MappingProxyType(dict(line.split(": ", 1) for line in _TAGS.strip().splitlines()))
#: Tags that no name shows: the owner of the resource states them. Each with its sentence and short form.
CONTROLS = MappingProxyType(
    {
        "human.confirm": ("Waits for a person’s yes before it acts", "Waits for a yes"),
        "payment.limit": ("Is held to a limit on each payment and on all of a day", "Limit on payments"),
        "log.review": ("Leaves a trail that somebody else looks through", "Trail is reviewed"),
    }
)
STATED_CONTROLS = frozenset(CONTROLS)
#: Tags whose presence removes a conflict.
PROTECTIVE = STATED_CONTROLS | vocabulary("log.write backup.write")

_GROUPS = MappingProxyType(
    {
        "@mail": "gmail microsoftOutlook emailReadImap emailSend emailImap sendGrid mailgun mailjet mandrill awsSes postmark",
        "@chat": (
            "slack discord telegram mattermost microsoftTeams rocketchat zulip matrix googleChat twilio whatsApp ciscoWebex line "
            "messageBird plivo vonage chat manualChat"
        ),
        "@web": (
            "httpRequest graphql webhook form sse mqtt kafka toolWikipedia toolSerpApi toolSearXng hackerNews reddit rssFeedRead "
            "twitter youTube facebookGraphApi linkedIn airtop jinaAi perplexity phantombuster outscraper urlScanIo discourse "
            "firecrawl apify brightData tavily brave exa playwright puppeteer browserless fetch"
        ),
        "@forms": "typeform jotForm formIo formstack surveyMonkey wufoo tally calendly cal formTrigger googleForms figma",
        "@desk": (
            "zendesk freshdesk freshservice helpScout intercom serviceNow jira linear zammad haloPSA theHive gitHubIssues googleCalendar"
        ),
        "@social": "twitter linkedIn facebookGraphApi wordpress medium reddit youTube webflow ghost discourse",
        "@store": (
            "postgres mySql microsoftSql snowflake oracleDatabase questDb crateDb timescaleDb supabase mongoDb redis baserow nocoDb "
            "googleBigQuery awsDynamoDb azureCosmosDb databricks elasticsearch dataTable airtable googleSheets microsoftExcel seaTable "
            "googleDrive microsoftOneDrive microsoftSharePoint dropbox box nextCloud awsS3 s3 azureStorage googleCloudStorage ftp "
            "googleFirebaseCloudFirestore googleFirebaseRealtimeDatabase microsoftDataverse notion coda quickbase stackby readWriteFile "
            "writeBinaryFile strapi contentful"
        ),
        "@forge": "github gitlab bitbucket gitea git azureDevOps",
        "@models": "openAi anthropic googleGemini mistralAi ollama perplexity googleVertex awsBedrock cohere huggingFace",
        "@cloud": "kubernetes terraform cloudflare awsLambda awsEc2 digitalOcean rundeck ansible vmware proxmox homeAssistant",
        "@directory": "okta microsoftEntra gSuiteAdmin ldap awsIam awsCognito keycloak auth0",
        "@money": "stripe payPal wise adyen gocardless revolut plaid mollie",
        "@books": "quickbooks xero odoo erpNext zohoCrm sap netsuite sage",
        "@make": "add append create insert write new make post put set update upsert edit change modify save import register submit issue",
        "@remove": "delete remove destroy drop purge truncate erase wipe empty del flush rotate expire",
        "@go": "release send execute run make approve create pay transfer initiate process submit post book",
    }
)
#: tag | connectors | words of the code | levels | verbs. Empty matches any. Words are alternatives in the singular;
#: ``a+b`` needs both. Levels: ``reads`` and ``changes`` include unknown; ``runs`` is execute and admin. The operation
#: ``*`` has every verb.
_TABLE = """
input.untrusted | @mail @chat @web @forms @desk | | reads |
input.untrusted | @mail @chat @web | sendAndWait request | any |
input.untrusted | @forge | issue pull+request comment discussion review | reads |
input.untrusted | | mail email inbox comment issue ticket feed rss web webpage url website browser tweet html conversation dm invitation attachment | reads |
input.untrusted | | message thread channel+history form+response form+submission calendar+event reply feedback | reads |
input.untrusted | | browser url webpage website scrape crawl navigate | runs |
input.untrusted | | scrape crawl fetch browse | any |
message.send | @mail @chat | | changes | send post reply forward publish sendAndWait create make
message.send | | mail email message sms notification dm reply chat | changes | send post reply forward publish notify create compose
public.post | @social | | changes |
public.post | | tweet blog | changes | @make publish
public.post | | post | changes | publish
input.untrusted | | * | reads |
tool.any | | * | changes |
model.call | @models | | changes |
model.call | | model prompt completion embedding | any | call embed generate complete run rerank send create
memory.write | | memory vector knowledge embedding+store | changes | @make @remove store upload remember index append
memory.read | | memory vector knowledge | reads |
prompt.write | | prompt assistant instruction skill persona system+message | changes | @make @remove
automation.run | workflow | | any |
automation.run | n8n make zapier | | runs |
automation.run | | workflow automation flow scenario | changes | execute run trigger start launch invoke dispatch call
automation.write | n8n make zapier | | changes | @make @remove activate deactivate
automation.write | | workflow automation flow scenario | changes | @make @remove activate deactivate enable disable
code.run | code executeCommand ssh | | any |
code.run | | code command shell bash script terminal notebook python powershell sandbox process | runs |
code.run | | bash shell powershell exec eval repl terminal | changes |
code.write | @forge | file commit branch tree blob content repository pull+request tag push clone | changes | @make @remove push commit merge fork edit
code.write | git | | changes | push commit add tag merge pull
code.write | | push+file commit create+or+update+file patch+code source+code code+file repository+file pull+request branch | changes | @make @remove push commit merge apply
code.merge | | pull+request merge+request pr review | changes | merge approve submit create
deploy | netlify vercel jenkins circleCi travisCi argoCd octopus rundeck | | changes |
deploy | @forge | workflow pipeline release deployment action | changes | dispatch run trigger create update publish deploy rerun retry play
deploy | | deploy deployment rollout pipeline | changes | deploy create run trigger promote rollback publish start release sync dispatch update apply
deploy | | release | changes | create publish promote rollback deploy
infra.write | @cloud | | changes |
infra.write | | cluster instance vm server dns firewall namespace pod droplet bucket terraform vpc subnet container node | changes | @make @remove scale apply restart start stop terminate destroy reboot
secrets.read | bitwarden totp vault awsSecretsManager azureKeyVault onePassword infisical doppler | | any | get list read fetch generate lookup search
secrets.read | | secret password credential api+key private+key access+key token vault keychain | reads | get list read fetch show search lookup load reveal generate
secrets.write | | secret password credential api+key private+key access+key token | changes | @make @remove revoke reset rotate renew
user.manage | @directory | | changes |
user.manage | | user account+user member membership service+account login | changes | @make @remove invite ban disable enable activate deactivate suspend provision deprovision reset unban
access.grant | @directory | group role policy permission member membership application | changes |
access.grant | | role permission acl policy collaborator privilege grant share access rolebinding entitlement | changes | @make @remove grant revoke assign unassign bind escalate share promote demote attach authorize authorise
access.grant | | grant impersonate escalate promote demote share | changes | grant impersonate escalate promote demote share
approve | | approval request+approval approve authorise authorize countersign signoff | changes | approve authorise authorize countersign accept confirm sign signoff complete reject
log.write | splunk datadog graylog | event log search+job | changes | create add insert send post append write
log.write | | audit+log audit+trail audit+event | changes | create add insert send post append write record
log.delete | | log audit trail retention cloudtrail journal+log event+log | changes | @remove disable stop clear reset archive shorten update
log.delete | splunk datadog graylog | | changes | @remove
backup.write | | backup | changes | create make take run start write schedule
backup.delete | | backup snapshot restore+point | changes | @remove disable prune
data.delete | @store | | changes | @remove deleteTable deleteRow executeQuery query clear
data.delete | | row record table database file object bucket document volume collection folder dataset item entry index | changes | @remove
data.write | @store | | changes |
data.write | | row record table database document sheet sql query file | changes | @make @remove executeQuery query execute upload
vendor.write | | vendor supplier creditor payee beneficiary | changes | @make @remove
vendor.bank | | bank+account bank+detail iban payment+detail payout+method direct+deposit external+account bank+data recipient | changes | @make @remove link
purchase.request | | purchase+request requisition purchase+requisition | changes | @make
purchase.order | | purchase+order po | changes | @make release approve send place
goods.receive | | goods+receipt good+receipt receipt+note service+entry delivery+receipt | changes |
invoice.enter | | bill vendor+invoice supplier+invoice purchase+invoice incoming+invoice invoice+receipt invoice+post | changes | @make book
invoice.enter | erpNext odoo sap netsuite | invoice | changes | @make book
pay | @money | transfer payout payment charge | changes | @go fund
pay | | pay payment payout disbursement remittance wire+transfer bank+transfer payment+run payment+order payable money iban+transfer | changes | @go schedule confirm pay
customer.write | | customer debtor client+record | changes | @make @remove
customer.write | zohoCrm salesforce hubspot pipedrive | account company organization | changes | @make @remove
credit.limit | | credit+limit credit+line credit+check credit+hold | changes |
price.write | | price discount coupon price+list pricebook promotion+code tariff | changes | @make @remove
sale.order | | sale+order customer+order order quote quotation | changes | create add insert update edit change upsert place submit
goods.ship | | shipment delivery fulfillment fulfilment goods+issue dispatch+order shipping | changes | @make send release ship fulfill book
invoice.issue | | invoice | changes | create add insert send issue post update upsert
refund | | refund credit+note credit+memo write+off chargeback reversal | changes |
cash.receive | quickbooks xero odoo chargebee | payment receipt | changes | @make
cash.receive | | incoming+payment customer+payment cash+receipt payment+receipt deposit | changes | @make book apply post
bank.reconcile | | reconciliation bank+reconciliation bank+statement reconcile bank+transaction | changes |
ledger.post | | journal journal+entry posting ledger gl+entry general+ledger | changes | @make book approve
ledger.account | | chart+account ledger+account gl+account account+code cost+center cost+centre | changes | @make @remove
period.open | | accounting+period fiscal+period posting+period fiscal+year period | changes | open close reopen lock unlock
asset.write | | asset fixed+asset depreciation | changes | @make @remove dispose retire depreciate write
expense.enter | | expense expense+report expense+claim | changes | @make
employee.write | bambooHr workday personio | employee | changes |
employee.write | | employee worker staff personnel | changes | @make @remove terminate onboard offboard
salary.write | | salary wage compensation pay+rate benefit bonus pay+grade remuneration | changes | @make @remove
time.enter | harvest clockify toggl | | changes |
time.enter | | timesheet time+entry time+log attendance leave+request time+off absence | changes | @make
time.approve | | timesheet time+entry attendance leave+request time+off absence | changes | approve accept confirm
payroll.run | | payroll pay+run payslip | changes |
hire | | hire candidate+offer job+offer employment+contract onboard onboarding | changes |
"""
_LEVELS = vocabulary("read write execute admin")
#: Connectors in which a word has another meaning: newsletters have members.
_NOT_MEANT = MappingProxyType(
    {
        "user.manage": vocabulary(
            "mailchimp sendInBlue brevo mailerLite convertKit activeCampaign slack discord telegram"
        ),
        "access.grant": vocabulary("mailchimp sendInBlue brevo linkedIn facebookGraphApi twitter"),
    }
)
#: Words that change the meaning of another word: logged time is no log.
_NOT_BESIDE = MappingProxyType({"log.delete": vocabulary("time work call food change")})


@dataclass(frozen=True, slots=True)
class _Line:
    tag: str
    connectors: frozenset[str]
    nouns: tuple[frozenset[str], ...]
    levels: str
    verbs: frozenset[str]

    def holds(self, connector: str, nouns: frozenset[str], level: str, *, is_everything: bool) -> bool:
        if self.tag in PROTECTIVE and (is_everything or level not in _LEVELS):
            return False  # a possible control protects nothing
        return (
            self._has_level(level)
            and (not self.connectors or connector in self.connectors)
            and (not self.nouns or any(noun <= nouns for noun in self.nouns))
            and (not self.verbs or is_everything or not self.verbs.isdisjoint(nouns))
            and connector not in _NOT_MEANT.get(self.tag, ())
            and _NOT_BESIDE.get(self.tag, frozenset()).isdisjoint(nouns)
        )

    def _has_level(self, level: str) -> bool:
        if self.levels == "reads":
            return level == "read" or level not in _LEVELS
        if self.levels == "runs":
            return level in ("execute", "admin")
        return self.levels == "any" or level != "read"


def tags_of(connector: str, code: str, level: str, *, kind: str = "", opens_secrets: bool = False) -> list[str]:
    """The tags of an entitlement, in the order of `TAGS`.

    Args:
        connector: as the source names it: ``gmailTrigger``, ``mcp``; anything else, or empty, for a manual description.
        code: the entitlement's, ``resource:operation`` or a tool's name, or a person's own words.
        level: ``read``, ``write``, ``execute``, ``admin``; anything else is unknown.
        kind: of its resource: a read from a secret store reads secrets.
        opens_secrets: the importer found that reading this shows secrets.
    """
    tags = _tags_found(connector, code, level)
    if opens_secrets or (kind == "secret_store" and level != "write"):
        tags |= {"secrets.read"}
    return [tag for tag in TAGS if tag in tags]


@lru_cache(maxsize=4096)
def _tags_found(connector: str, code: str, level: str) -> frozenset[str]:
    service = canonical_connector(connector.removesuffix("Trigger")).removesuffix("Tool")
    thing, _, operation = code.rpartition(":")
    if (query_operation := operation.partition("/")[0]) in QUERY_OPERATIONS:
        operation = query_operation  # the level already has the restriction
    # The operation also counts as one word; ``*`` on one thing is not everything.
    whole_operation = frozenset() if thing and operation == "*" else frozenset({operation})
    nouns = whole_operation.union(_singular(word) for word in words(f"{thing} {operation}"))
    tags = {line.tag for line in _lines() if line.holds(service, nouns, level, is_everything=operation == "*")}
    if is_sensitive(operation, thing) and level != "write":
        tags.add("secrets.read")
    if _is_model(connector) and level != "read":
        tags.add("model.call")
    return frozenset(tags)


def _is_model(connector: str) -> bool:
    return connector.startswith(("lmChat", "lmOpenAi", "lmOllama", "lmCohere", "embeddings", "reranker"))


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@cache
def _lines() -> tuple[_Line, ...]:
    return tuple(_read(_TABLE))


def _read(table: str) -> Iterator[_Line]:
    for line in table.strip().splitlines():
        tag, connectors, nouns, levels, verbs = (column.strip() for column in line.split("|"))
        yield _Line(
            tag,
            frozenset(_tag_words(connectors)),
            tuple(frozenset(map(_singular, noun.split("+"))) for noun in _tag_words(nouns)),
            levels,
            frozenset(_tag_words(verbs)),
        )


def _tag_words(column: str) -> list[str]:
    """Words of a column, with groups expanded."""
    return [word for part in column.split() for word in _GROUPS.get(part, part).split()]


def tags_in_table() -> frozenset[str]:
    """All tags in the table, for tests that compare it with the vocabulary."""
    return frozenset(line.tag for line in _lines())
