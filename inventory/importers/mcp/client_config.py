"""Configurations of MCP clients: ``mcpServers``, VS Code's ``servers``, and the variants of other clients.

One file is one automation, an agent; each server has a set of privileges. Without a tool list the level is unknown,
never read. No server is started or called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inventory.importers.addresses import Address, address_of
from inventory.importers.display import display_label, displayed
from inventory.importers.levels import access_of, is_sensitive
from inventory.importers.manifest import (
    Access,
    Credential,
    CredentialRef,
    Finding,
    Identity,
    Manifest,
    Privilege,
    Source,
)
from inventory.importers.mcp.launch import Launch, launch_of
from inventory.importers.mcp.narrowing import Narrowing, narrowing_of, options_of
from inventory.importers.mcp.reach import mcp_path, scope_of
from inventory.importers.secrets.findings import findings_of
from inventory.importers.secrets.scrubber import Occurrence, Scrubbed
from inventory.importers.secrets.slots import slot_strength
from inventory.importers.source_digest import mcp_content

FORMAT = "mcp_client"
_WRAPPERS = ("mcpServers", "servers", "context_servers", "mcp_servers")
_ADDRESSES = ("url", "httpUrl", "serverUrl", "endpoint")
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
    servers = list(_wrapped(document, ()))
    if not servers and isinstance(document.get("mcp"), dict):
        servers = list(_wrapped(document["mcp"], ("mcp",)))
    projects = document.get("projects")
    if isinstance(projects, dict):
        for path, project in projects.items():
            if isinstance(project, dict):
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
    servers = servers_in(document) or []
    privileges: list[Privilege] = []
    identities: list[Identity] = []
    findings: list[Finding] = []
    credentials: dict[tuple[str, str], Credential] = {}
    for server in servers:
        occurrences = scrubbed.below(*server.trail)
        reading = _Reading(server, scrubbed, occurrences)
        privileges += reading.privileges()
        identities += reading.identities()
        findings += reading.findings()
        for credential in reading.credentials:
            previous = credentials.get(credential.key)
            places = (*previous.at, *credential.at) if previous else credential.at
            base = previous or credential
            credentials[credential.key] = Credential(
                base.type, base.name, base.external_id, base.where, base.lifetime, tuple(dict.fromkeys(places))
            )
    below_servers = {id(each) for server in servers for each in scrubbed.below(*server.trail)}
    elsewhere = [each for each in scrubbed.found if id(each) not in below_servers]
    findings += findings_of(scrubbed, elsewhere)
    for credential in credentials.values():
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
        identities=tuple(dict.fromkeys(identities)),
        privileges=tuple(privileges),
        credentials=tuple(credentials.values()),
        findings=tuple(findings),
    )


def _wrapped(holder: dict[str, Any], trail: tuple[str | int, ...]) -> Iterator[Server]:
    for key in _WRAPPERS:
        servers = holder.get(key)
        if isinstance(servers, dict) and _looks_wrapped(servers):
            for name, config in servers.items():
                yield Server(name, config, (*trail, key, name))
        elif (
            isinstance(servers, list)
            and servers
            and all(isinstance(each, dict) and _is_server(each) for each in servers)
        ):
            for index, config in enumerate(servers):
                yield Server(str(config.get("name") or index), config, (*trail, key, index))


def _looks_wrapped(servers: dict[str, Any]) -> bool:
    return all(isinstance(each, dict) for each in servers.values())


def _is_server(config: Any) -> bool:
    return isinstance(config, dict) and any(isinstance(config.get(key), str) for key in ("command", *_ADDRESSES))


class _Reading:
    """One server, read once."""

    def __init__(self, server: Server, scrubbed: Scrubbed, occurrences: list[Occurrence]) -> None:
        config = server.config
        self._scrubbed = scrubbed
        self._occurrences = occurrences
        self._config = config
        self._name = displayed(server.name)
        self._env = _texts(config.get("env"))
        self._headers = _texts(config.get("headers"))
        arguments = config.get("args")
        self._arguments = (
            [str(each) for each in arguments if isinstance(each, (str, int))] if isinstance(arguments, list) else []
        )
        command = config.get("command")
        if isinstance(command, list):  # some clients have one list of program and arguments
            self._arguments = [str(each) for each in command[1:]] + self._arguments
            command = command[0] if command else ""
        self._launch: Launch | None = (
            launch_of(command, self._arguments) if isinstance(command, str) and command else None
        )
        self._address = self._find_address()
        self._instance = self._address.host or ("" if self._address.dynamic else self._name)
        self._active = not (
            config.get("disabled") is True or config.get("enable") is False or config.get("enabled") is False
        )
        self._narrowing = self._find_narrowing()
        self._scope = self._find_scope()
        self.credentials = list(self._find_credentials())

    def privileges(self) -> list[Privilege]:
        """One privilege for each named tool or tool set, otherwise one for the whole server."""
        narrowing = self._narrowing
        level: Access = "read" if narrowing.is_read_only else "unknown"
        named = [self._tool(tool) for tool in narrowing.tools]
        named += [
            self._privilege(f"{self._name}/{displayed(each)}", displayed(each), "*", level) for each in narrowing.sets
        ]
        return named or [self._privilege(self._name, "", "*", level)]

    def identities(self) -> list[Identity]:
        """OAuth client of the configuration, if it names one."""
        client = _texts(self._config.get("oauth")).get("clientId")
        return [Identity("oauth_client", displayed(client), self._instance)] if client else []

    def findings(self) -> list[Finding]:
        """Findings of this server."""
        findings = findings_of(self._scrubbed, self._occurrences)
        findings += [
            Finding("env_reference", self._scrubbed.place(each), "low", "Takes a secret from an environment variable")
            for each in self._occurrences
            if each.what == "reference" and each.reference.startswith("env:")
        ]
        at = self._name
        passed = [name for name in self._launch.passed if name not in self._env] if self._launch else []
        if passed or self._config.get("envFile"):
            names = ", ".join(displayed(name, 60) for name in passed[:10]) or "a file of variables"
            findings.append(Finding("env_reference", at, "low", f"Hands on from the machine's environment: {names}"))
        findings += [
            Finding("unbound_credential", f"{at}/env/{displayed(name, 80)}", "low", "The variable is there and empty")
            for name, value in self._env.items()
            if not value.strip() and slot_strength(name, "env") == "strong"
        ]
        findings += self._about_launch(at)
        if self._address.dynamic:
            findings.append(Finding("dynamic_host", at, "medium", "Which host is called is decided at run time"))
        elif self._launch is None and not self._address.host:
            findings.append(Finding("unrecognised", at, "medium", "The server has neither an address nor a command"))
        is_everything = not self._narrowing.tools and not self._narrowing.sets
        if self._active and is_everything:
            detail = "Every tool that the server offers, now and later"
            unasked = [len(self._config[key]) for key in _UNASKED if isinstance(self._config.get(key), list)]
            if sum(unasked):
                detail += f"; {sum(unasked)} of them without asking a person"
            findings.append(Finding("wildcard", at, "medium", detail))
        if not self._active:
            findings.append(
                Finding("dormant", at, "low", "The server is switched off; switching it on brings its tools back")
            )
        return list(dict.fromkeys(findings))

    def _about_launch(self, at: str) -> list[Finding]:
        launch = self._launch
        if launch is None:
            return []
        findings = []
        if launch.is_inline_code:
            findings.append(Finding("opaque_code", at, "medium", "Runs code that stands in the command line"))
        if launch.pin == "none":
            detail = "Runs whatever version is newest when it starts"
            findings.append(Finding("unpinned_component", at, "medium", detail))
        elif launch.pin == "tag":
            findings.append(
                Finding("unpinned_component", at, "low", "Pinned by a tag, which can be moved; a digest cannot")
            )
        elif launch.pin == "local":
            detail = "Runs a program of the machine; the configuration does not say which version"
            findings.append(Finding("unpinned_component", at, "low", detail))
        return findings

    def _privilege(self, at: str, resource: str, operation: str, level: Access) -> Privilege:
        bound = [each for each in self.credentials if each.external_id]
        first = next(iter([*bound, *self.credentials]), None)
        ref = CredentialRef(first.type, first.name, first.external_id, bool(first.external_id)) if first else None
        return Privilege(
            at=at,
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
        return self._privilege(f"{self._name}/{displayed(tool)}", "", displayed(tool), level)

    def _find_address(self) -> Address:
        url = next((self._config[key] for key in _ADDRESSES if isinstance(self._config.get(key), str)), "")
        if not url and self._launch:
            url = self._launch.address
        return address_of(url.replace("${", "{"))

    def _find_narrowing(self) -> Narrowing:
        """Restrictions of the server. A switch that does not reach the server restricts nothing."""
        if any(self._config.get(key) for key in _ADDRESSES):
            return narrowing_of(self._config, [], [*self._headers.items()])
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
        return "; ".join([*reached, *([f"except {without}"] if without else [])])

    def _find_credentials(self) -> Iterator[Credential]:
        at = (self._name,)
        for each in self._occurrences:
            in_env = len(each.trail) >= 2 and each.trail[-2] == "env"
            name = displayed(str(each.trail[-1]) if in_env else each.name.lstrip("-"), 80)
            local_id = f"{each.kind}/{name}@{self._instance or self._name}"
            kind, _, target = each.reference.partition(":")
            where = "env" if in_env else each.kind
            if each.what == "literal":
                yield Credential("embedded", name, local_id, where, at=at)
            elif each.what == "placeholder":
                yield Credential("environment_variable" if in_env else "placeholder", name, "", where, at=at)
            elif kind == "env":
                yield Credential(
                    "environment_variable", displayed(target, 80), displayed(each.reference, 100), where, at=at
                )
            elif kind == "input":
                yield Credential("input", displayed(target, 80), displayed(each.reference, 100), where, at=at)
            else:
                yield Credential("secret_store", name, local_id, where, at=at)
        for name, value in self._env.items():
            if not value.strip() and slot_strength(name, "env") == "strong":
                yield Credential("environment_variable", displayed(name, 80), "", "env", at=at)
        for name in self._launch.passed if self._launch else ():
            if name not in self._env and slot_strength(name, "env") == "strong":
                yield Credential(
                    "environment_variable", displayed(name, 80), f"env:{displayed(name, 80)}", "env", at=at
                )
        client = _texts(self._config.get("oauth")).get("clientId")
        if client:
            yield Credential(
                "oauth", displayed(client), f"oauth/{displayed(client)}@{self._instance}", "oauth", "long", at
            )


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: str(each) for key, each in value.items() if isinstance(each, (str, int, float, bool))}
