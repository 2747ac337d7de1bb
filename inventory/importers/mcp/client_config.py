"""Configurations of MCP clients: ``mcpServers``, VS Code's ``servers``, and the variants of other clients.

One file is one automation, an agent; each server has a set of privileges. Without a tool list the level is unknown,
never read. No server is started or called.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from inventory.importers.addresses import Address, address_of
from inventory.importers.display import display_label, displayed
from inventory.importers.manifest import (
    Credential,
    CredentialRef,
    Finding,
    Identity,
    Manifest,
    Privilege,
    Source,
    merged_credentials,
)
from inventory.importers.mcp.launch import Launch, launch_of
from inventory.importers.mcp.reach import Narrowing, mcp_path, narrowing_of, options_of, scope_of
from inventory.importers.operation_words import access_of, is_sensitive
from inventory.importers.secrets.findings import findings_of
from inventory.importers.secrets.scrubber import Scrubbed
from inventory.importers.secrets.slots import slot_strength
from inventory.importers.source_digest import mcp_content
from inventory.risk.levels import Access

FORMAT = "mcp_client"
_WRAPPERS = ("mcpServers", "servers", "context_servers", "mcp_servers")
_ADDRESSES = ("url", "httpUrl", "serverUrl", "endpoint")
_REFERENCES = {"env": "environment_variable", "input": "input"}
_UNASKED = ("autoApprove", "alwaysAllow", "autoAllow")


@dataclass(frozen=True, slots=True)
class Server:
    """One configured server, scrubbed. `trail` leads to it in the document."""

    name: str
    config: dict[str, Any]
    trail: tuple[str | int, ...]


def servers_in(document: Any) -> list[Server] | None:
    """Servers of a client configuration, or None without any.

    Found under ``mcpServers`` and its synonyms, at the top, under ``mcp`` (VS Code settings) or for each project; as a
    list with names; and as a bare map whose every member has a command or an address (plugins).
    """
    if not isinstance(document, dict):
        return None
    servers = list(_wrapped(document, ())) or list(_wrapped(document.get("mcp"), ("mcp",)))
    projects = document.get("projects")
    for path, project in projects.items() if isinstance(projects, dict) else ():
        servers += _wrapped(project, ("projects", path))
    if servers or any(isinstance(document.get(key), dict) and _looks_wrapped(document[key]) for key in _WRAPPERS):
        return servers
    if document and all(_is_server(each) for each in document.values()):
        return [Server(name, config, (name,)) for name, config in document.items()]
    return None


def read_configuration(file: str, scrubbed: Scrubbed, fallback_name: str) -> Manifest:
    """The manifest of one configuration.

    Args:
        file: shown name, for the manifest.
        scrubbed: the document without its secrets, with the occurrences. `servers_in` finds servers in it.
        fallback_name: for a configuration that has no name of its own.
    """
    document = scrubbed.document
    readings = [_Reading(server, scrubbed) for server in servers_in(document) or []]
    credentials = merged_credentials((each for reading in readings for each in reading.credentials), lambda c: c.key)
    findings = [each for reading in readings for each in reading.findings()]
    below_servers = {id(each) for reading in readings for each in reading.occurrences}
    findings += findings_of(scrubbed, [each for each in scrubbed.found if id(each) not in below_servers])
    for credential in credentials:
        if len(credential.at) > 1 and credential.external_id:
            at, detail = f"credentials/{credential.name}", f"Opens {len(credential.at)} servers of this configuration"
            findings.append(Finding("shared_credential", at, "medium", detail))
    configured = [(each.trail, each.config) for each in servers_in(scrubbed.content) or []]
    content = mcp_content(configured, scrubbed.content.get("inputs"))
    name = document.get("name")
    is_vscode = "servers" in document or "mcp" in document
    return Manifest(
        source=Source(format=FORMAT, files=(file,), content=content),
        name=(display_label(name) if isinstance(name, str) else "") or display_label(fallback_name),
        kind="agent",
        platform="vscode" if is_vscode else "mcp",
        identities=tuple(dict.fromkeys(each for reading in readings for each in reading.identities())),
        privileges=tuple(each for reading in readings for each in reading.privileges()),
        credentials=tuple(credentials),
        findings=tuple(findings),
    )


def _wrapped(holder: Any, trail: tuple[str | int, ...]) -> Iterator[Server]:
    for key in _WRAPPERS if isinstance(holder, dict) else ():
        servers = holder.get(key)
        if isinstance(servers, dict) and _looks_wrapped(servers):
            for name, config in servers.items():
                yield Server(name, config, (*trail, key, name))
        elif isinstance(servers, list) and all(map(_is_server, servers)):
            for index, config in enumerate(servers):
                yield Server(str(config.get("name") or index), config, (*trail, key, index))


def _looks_wrapped(servers: dict[str, Any]) -> bool:
    return all(isinstance(each, dict) for each in servers.values())


def _is_server(config: Any) -> bool:
    return isinstance(config, dict) and any(isinstance(config.get(key), str) for key in ("command", *_ADDRESSES))


class _Reading:
    """One server, read once."""

    def __init__(self, server: Server, scrubbed: Scrubbed) -> None:
        config = server.config
        self._scrubbed = scrubbed
        self.occurrences = scrubbed.below(*server.trail)
        self._config = config
        self._name = displayed(server.name)
        self._env = _texts(config.get("env"))
        self._client = displayed(_texts(config.get("oauth")).get("clientId", ""))
        self._launch = _launch(config)
        self._address = self._find_address()
        self._instance = self._address.host or ("" if self._address.dynamic else self._name)
        is_off = config.get("enable") is False or config.get("enabled") is False
        self._active = not (is_off or config.get("disabled") is True)
        self._narrowing = self._find_narrowing()
        self._scope = self._find_scope()
        self.credentials = list(self._find_credentials())

    def privileges(self) -> list[Privilege]:
        """One privilege for each named tool or tool set, otherwise one for the whole server."""
        level: Access = "read" if self._narrowing.is_read_only else "unknown"
        named = [self._tool(displayed(tool)) for tool in self._narrowing.tools]
        named += [self._privilege(displayed(each), level, resource=displayed(each)) for each in self._narrowing.sets]
        return named or [self._privilege("", level)]

    def identities(self) -> list[Identity]:
        """OAuth client of the configuration, if it names one."""
        return [Identity("oauth_client", self._client, self._instance)] if self._client else []

    def findings(self) -> list[Finding]:
        """Findings of this server."""
        findings, at = findings_of(self._scrubbed, self.occurrences), self._name
        findings += [
            Finding("env_reference", self._scrubbed.place(each), "low", "Takes a secret from an environment variable")
            for each in self.occurrences
            if each.what == "reference" and each.reference.startswith("env:")
        ]
        passed = [name for name in self._launch.passed if name not in self._env] if self._launch else []
        if passed or self._config.get("envFile"):
            names = ", ".join(displayed(name, 60) for name in passed[:10]) or "a file of variables"
            findings.append(Finding("env_reference", at, "low", f"Hands on from the machine's environment: {names}"))
        findings += [
            Finding("unbound_credential", f"{at}/env/{displayed(name, 80)}", "low", "The variable is there and empty")
            for name in self._empty_secrets()
        ]
        if self._launch:
            findings += [Finding(code, at, severity, detail) for code, severity, detail in self._launch.notes]
        if self._address.dynamic:
            findings.append(Finding("dynamic_host", at, "medium", "Which host is called is decided at run time"))
        elif self._launch is None and not self._address.host:
            findings.append(Finding("unrecognised", at, "medium", "The server has neither an address nor a command"))
        if self._active and not self._narrowing.tools and not self._narrowing.sets:
            detail = "Every tool that the server offers, now and later"
            unasked = [len(self._config[key]) for key in _UNASKED if isinstance(self._config.get(key), list)]
            if sum(unasked):
                detail += f"; {sum(unasked)} of them without asking a person"
            findings.append(Finding("wildcard", at, "medium", detail))
        if not self._active:
            detail = "The server is switched off; switching it on brings its tools back"
            findings.append(Finding("dormant", at, "low", detail))
        return list(dict.fromkeys(findings))

    def _privilege(self, part: str, level: Access, *, resource: str = "", operation: str = "*") -> Privilege:
        first = next(iter(sorted(self.credentials, key=lambda each: not each.external_id)), None)
        ref = CredentialRef(first.type, first.name, first.external_id, bool(first.external_id)) if first else None
        return Privilege(
            at=f"{self._name}/{part}" if part else self._name,
            connector="mcp",
            instance=self._instance,
            resource=resource,
            operation=operation,
            access=level,
            target=mcp_path(self._address),
            scope=self._scope,
            credential=ref,
            origin=displayed(self._launch.component, 120) if self._launch else "",
            assumed=("access",) if level != "unknown" else (),
            active=self._active,
            model_controlled=True,
            sensitive=is_sensitive(operation),
        )

    def _tool(self, tool: str) -> Privilege:
        component = self._launch.component if self._launch else ""
        level = access_of(tool, service=f"{self._name} {component} {self._address.host}")
        if self._narrowing.is_read_only and level not in ("admin", "write"):
            level = "read"
        return self._privilege(tool, level, operation=tool)

    def _find_address(self) -> Address:
        url = next((self._config[key] for key in _ADDRESSES if isinstance(self._config.get(key), str)), "")
        if not url and self._launch:
            url = self._launch.address
        return address_of(url.replace("${", "{"))

    def _find_narrowing(self) -> Narrowing:
        """Restrictions of the server. A switch that does not reach the server restricts nothing."""
        if any(self._config.get(key) for key in _ADDRESSES):
            return narrowing_of(self._config, [], [*_texts(self._config.get("headers")).items()])
        if self._launch is None or not self._launch.takes_switches:
            return narrowing_of(self._config, [], [])
        return narrowing_of(self._config, [*self._launch.rest], self._launch.variables_from(self._env.items()))

    def _find_scope(self) -> str:
        """Machine and network access of the server, and excluded tools. Never cut: its owner decides about each."""
        reached: list[str] = []
        if self._launch:
            options = [(name, value) for name, value, _ in options_of([*self._launch.rest])]
            variables = [*self._env.items(), *self._launch.assigned]
            reached = scope_of(self._launch, options, variables, self._address.host)
        without = ", ".join(displayed(each, 80) for each in self._narrowing.without)
        return "; ".join([*reached, f"except {without}"] if without else reached)

    def _find_credentials(self) -> Iterator[Credential]:
        for each in self.occurrences:
            in_env = len(each.trail) >= 2 and each.trail[-2] == "env"
            name = displayed(str(each.trail[-1]) if in_env else each.name.lstrip("-"), 80)
            external_id = f"{each.kind}/{name}@{self._instance or self._name}"
            kind, _, target = each.reference.partition(":")
            if each.what == "literal":
                credential_type = "embedded"
            elif each.what == "placeholder":
                credential_type, external_id = ("environment_variable" if in_env else "placeholder"), ""
            elif kind in _REFERENCES:
                credential_type = _REFERENCES[kind]
                name, external_id = displayed(target, 80), displayed(each.reference, 100)
            else:
                credential_type = "secret_store"
            yield self._credential(credential_type, name, external_id, "env" if in_env else each.kind)
        for name in self._empty_secrets():
            yield self._credential("environment_variable", displayed(name, 80), "", "env")
        for name in self._launch.passed if self._launch else ():
            if name not in self._env and slot_strength(name, "env") == "strong":
                shown = displayed(name, 80)
                yield self._credential("environment_variable", shown, f"env:{shown}", "env")
        if self._client:
            client = self._credential("oauth", self._client, f"oauth/{self._client}@{self._instance}", "oauth")
            yield replace(client, lifetime="long")

    def _credential(self, credential_type: str, name: str, external_id: str, where: str) -> Credential:
        return Credential(credential_type, name, external_id, where, at=(self._name,))

    def _empty_secrets(self) -> list[str]:
        """Variables without a value whose name is that of a secret."""
        return [
            name for name, value in self._env.items() if not value.strip() and slot_strength(name, "env") == "strong"
        ]


def _launch(config: dict[str, Any]) -> Launch | None:
    command, arguments = config.get("command"), config.get("args")
    words = [str(each) for each in arguments if isinstance(each, (str, int))] if isinstance(arguments, list) else []
    if isinstance(command, list):  # some clients have one list of program and arguments
        command, words = (command or [""])[0], [str(each) for each in command[1:]] + words
    return launch_of(command, words) if isinstance(command, str) and command else None


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: str(each) for key, each in value.items() if isinstance(each, (str, int, float, bool))}
