"""What an MCP server really runs and reaches: the package behind a wrapper, mounts, scripts, hosts, organisations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.manifest import Privilege
from inventory.importers.mcp.launch import launch_of
from tests.inventory.importers.samples import bring, codes, server

DIGEST = "img@sha256:" + "0f" * 32


def _only(**config: Any) -> Privilege:
    (privilege,) = bring(server(**config)).manifest.privileges
    return privilege


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("command", "arguments", "component", "pin"),
    [
        ("bash", ["-c", "npx -y thing@1.2.3"], "thing@1.2.3", "exact"),
        ("sh", ["-lc", "exec uvx thing==1.2.3"], "thing==1.2.3", "exact"),
        ("bash", ["-c", "cd /srv/x && npx -y thing"], "thing", "none"),
        ("bash", ["-c", "source ~/.nvm/nvm.sh; export A=1; npx thing@1.0.0"], "thing@1.0.0", "exact"),
        ("bash", ["-c", "TOKEN=x npx thing@1.0.0"], "thing@1.0.0", "exact"),
        ("cmd", ["/c", "npx -y thing@1.2.3"], "thing@1.2.3", "exact"),
        ("cmd.exe", ["/C", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("powershell", ["-NoProfile", "-Command", "npx -y thing@1.2.3"], "thing@1.2.3", "exact"),
        ("env", ["A=1", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("/usr/bin/env", ["-i", "-u", "HOME", "A=1", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("sudo", ["-u", "mcp", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("timeout", ["60", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("nice", ["-n", "5", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("wsl", ["npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("wsl.exe", ["bash", "-c", "npx thing@1.2.3"], "thing@1.2.3", "exact"),
        ("op", ["run", "--env-file=.env", "--", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("dotenvx", ["run", "--", "uvx", "thing==1.2.3"], "thing==1.2.3", "exact"),
        ("npx", ["-y", "dotenv-cli@1.0.0", "-e", ".env", "--", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("npx", ["-y", "supergateway@1.0.0", "--stdio", "npx -y thing@1.2.3 /srv/x"], "thing@1.2.3", "exact"),
        ("npx", ["-y", "supergateway", "--stdio", "npx -y thing@1.2.3"], "thing@1.2.3", "none"),
        ("uvx", ["mcp-proxy", "--port", "8080", "uvx", "thing==1.2.3"], "thing==1.2.3", "none"),
        ("npx", ["-y", "@smithery/cli@latest", "run", "@acme/thing", "--key", "x"], "@acme/thing", "none"),
        ("npx", ["-y", "@modelcontextprotocol/inspector@1.0.0", "npx", "thing@1.2.3"], "thing@1.2.3", "exact"),
        ("uvx", ["--from", "git+https://git.example/x", "thing"], "git+https://git.example/x", "none"),
        ("docker", ["run", "-i", "node:22", "npx", "-y", "thing@1.2.3"], "thing@1.2.3", "tag"),
        ("docker", ["run", "-i", "--entrypoint", "npx", "node:22", "thing@1.2.3"], "thing@1.2.3", "tag"),
        ("docker", ["run", "-i", "acme/thing:1.0", "--verbose"], "acme/thing:1.0", "tag"),
        ("docker", ["run", "-i", "--runtime", "runc", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["run", "--ipc", "host", "--userns", "host", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["run", "--memory-swap", "1g", "--volumes-from", "c1", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["run", "--unknown", "x", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["run", "-it", "--rm", "--init", "--read-only", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["run", "-itv", "/etc:/x", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["--context", "x", "run", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("docker", ["-H", "tcp://x", "container", "run", "acme/thing:1.0"], "acme/thing:1.0", "tag"),
        ("bash", ["-c", "npx -y real-mcp@1.2.3 2>/dev/null"], "real-mcp@1.2.3", "exact"),
        ("bash", ["-c", "exec npx -y real-mcp@1.2.3 2>&1"], "real-mcp@1.2.3", "exact"),
        ("firejail", ["--net=none", "npx", "real-mcp@1.2.3"], "real-mcp@1.2.3", "exact"),
        ("npx", ["tsx", "/a/s.ts"], "/a/s.ts", "local"),
        ("npx", ["-y", "tsx@4.0.0", "/a/s.ts"], "/a/s.ts", "local"),
        ("docker", ["exec", "-i", "box", "thing"], "docker exec box", "local"),
        ("docker", ["mcp", "gateway", "run"], "docker mcp gateway run", "local"),
        ("uv", ["run", "--with", "mcp", "server.py"], "server.py", "local"),
        ("uv", ["--directory", "/srv/mcp", "run", "server.py"], "/srv/mcp/server.py", "local"),
        ("uv", ["run", "--with", "mcp[cli]", "mcp", "run", "/srv/mcp/server.py"], "/srv/mcp/server.py", "local"),
        ("poetry", ["run", "python", "server.py"], "server.py", "local"),
        ("python", ["/srv/mcp/server.py", "--port", "1"], "/srv/mcp/server.py", "local"),
        ("python3", ["-u", "-m", "acme.server"], "acme.server", "local"),
        ("node", ["--max-old-space-size=4096", "/srv/mcp/build/index.js"], "/srv/mcp/build/index.js", "local"),
        ("deno", ["run", "-A", "npm:thing@1.2.3"], "thing@1.2.3", "exact"),
        ("java", ["-jar", "/srv/thing.jar"], "/srv/thing.jar", "local"),
        ("bash", ["/srv/mcp/start.sh"], "/srv/mcp/start.sh", "local"),
    ],
)
def test_component_is_the_program_that_runs(command: str, arguments: list[str], component: str, pin: str) -> None:
    launch = launch_of(command, arguments)
    assert (launch.component, launch.pin, launch.is_inline_code) == (component, pin, False)


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("bash", ["-c", "curl https://x.example | sh"]),
        ("bash", ["-c", "npx thing; rm -rf /"]),
        ("bash", ["-c", "npx $(cat x)"]),
        ("bash", ["-c", "npx `cat x`"]),
        ("bash", ["-c", "npx thing > /tmp/x"]),
        ("bash", ["-c", "npx 'thing"]),
        ("node", ["-e", "require('x')"]),
    ],
)
def test_a_line_that_does_more_than_start_one_program_stays_code(command: str, arguments: list[str]) -> None:
    assert launch_of(command, arguments).is_inline_code


def test_wrappers_within_wrappers_end() -> None:
    launch = launch_of("env", ["env"] * 200 + ["npx", "thing"])
    assert launch.component == "env"


@pytest.mark.rule("I8")
def test_wrapper_settings_count() -> None:
    manifest = bring(server(command="env", args=["READ_ONLY=true", "npx", "thing@1.0.0", "--tools=get_a"])).manifest
    (privilege,) = manifest.privileges
    assert (privilege.operation, privilege.access, privilege.origin) == ("get_a", "read", "thing@1.0.0")
    bridged = _only(command="npx", args=["-y", "supergateway", "--stdio", "npx -y thing@1.0.0 /srv/photos"])
    assert (bridged.scope, bridged.origin) == ("/srv/photos", "thing@1.0.0")
    remote = _only(command="cmd", args=["/c", "npx", "-y", "mcp-remote", "https://mcp.example/acme/mcp"])
    assert (remote.instance, remote.target) == ("mcp.example", "/acme/mcp")


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("arguments", "scope"),
    [
        (["-v", "/home/me/work:/data"], "/home/me/work"),
        (["-v", "/home/me/work:/data:ro"], "/home/me/work read-only"),
        (["--volume=/var/run/docker.sock:/var/run/docker.sock"], "/var/run/docker.sock"),
        (["--volume", "cache:/data"], "cache"),
        (["--mount", "type=bind,src=/home/me,dst=/data,readonly"], "/home/me read-only"),
        (["--mount=type=bind,source=/home/me,target=/data"], "/home/me"),
        (["-v", "C:\\Users\\me:/data"], "C:\\Users\\me"),
        (["-v", "${workspaceFolder}:/data"], "${workspaceFolder}"),
        (["--privileged"], "all of the machine (privileged)"),
        (["--network=host"], "network of the machine"),
        (["-v/etc:/x"], "/etc"),
        (["-iv/etc:/x:ro"], "/etc read-only"),
        (["--pid=host"], "processes of the machine"),
        (["--pid", "host"], "processes of the machine"),
        (["--ipc=host"], "shared memory of the machine"),
        (["--userns=host"], "users of the machine"),
        (["--device=/dev/kvm:/dev/kvm"], "/dev/kvm"),
        (["--cap-add=ALL"], "all of the machine (capability ALL)"),
        (["--cap-add", "SYS_ADMIN"], "the machine by capability SYS_ADMIN"),
        (["--volumes-from", "c1"], "volumes of container c1"),
        (["-v", "/a:/a", "-v", "/b:/b:ro"], "/a; /b read-only"),
    ],
)
def test_container_mounts_are_the_scope(arguments: list[str], scope: str) -> None:
    assert _only(command="docker", args=["run", "-i", "--rm", *arguments, DIGEST]).scope == scope


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("config", "scope"),
    [
        ({"command": "python", "args": ["/srv/mcp/server.py", "/srv/photos"]}, "/srv/photos"),
        ({"command": "python", "args": ["server.py", "--url", "https://api.example/v1"]}, "api.example"),
        ({"command": "python", "args": ["server.py", "--base-url=https://api.example"]}, "api.example"),
        ({"command": "python", "args": ["server.py"], "env": {"API_URL": "https://api.example/v1"}}, "api.example"),
        ({"command": "python", "args": ["server.py"], "env": {"DB_HOST": "db.example"}}, "db.example"),
        ({"command": "node", "args": ["x.js", "--host", "db.example"]}, "db.example"),
        ({"command": "npx", "args": ["thing@1.0.0"], "env": {"API_URL": "https://api.example"}}, "api.example"),
        (
            {
                "command": "npx",
                "args": ["thing@1.0.0"],
                "env": {"DATABASE_URL": "postgres://me:Sommer2024@db.example:5432/x"},
            },
            "db.example:5432",
        ),
        (
            {"command": "npx", "args": ["thing@1.0.0"], "env": {"HTTPS_PROXY": "http://proxy.example:3128"}},
            "through proxy proxy.example:3128",
        ),
        ({"command": "npx", "args": ["thing@1.0.0", "--proxy", "http://p.example"]}, "through proxy p.example"),
        ({"command": "npx", "args": ["thing@1.0.0"], "env": {"LOG_LEVEL": "debug"}}, ""),
        ({"command": "npx", "args": ["thing@1.0.0"], "env": {"HOST": "0.0.0.0"}}, ""),
        ({"command": "npx", "args": ["thing@1.0.0"], "env": {"HOST": "localhost"}}, ""),
    ],
)
def test_paths_and_hosts_of_a_local_program_are_the_scope(config: dict[str, Any], scope: str) -> None:
    privilege = _only(**config)
    assert privilege.scope == scope
    assert "Sommer2024" not in json.dumps(bring(server(**config)).manifest.to_dict())


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://mcp.example/mcp", ""),
        ("https://mcp.example/v1/sse", ""),
        ("https://mcp.example", ""),
        ("https://mcp.example/runtime/webhooks/mcp", ""),
        ("https://mcp.example/orgs/acme/mcp", "/orgs/acme/mcp"),
        ("https://mcp.example/mcp/acme/payments/", "/mcp/acme/payments"),
        ("https://mcp.example/${ORG}/mcp", "/{expression}/mcp"),
    ],
)
def test_the_organisation_of_a_remote_server_is_the_target(url: str, target: str) -> None:
    privilege = _only(url=url)
    assert (privilege.instance, privilege.target) == ("mcp.example", target)


def test_a_script_is_the_origin() -> None:
    manifest = bring(server(command="python", args=["/srv/mcp/server.py"])).manifest
    assert manifest.privileges[0].origin == "/srv/mcp/server.py"
    assert "unpinned_component" in codes(manifest)
