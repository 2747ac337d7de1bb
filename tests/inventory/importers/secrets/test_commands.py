"""Secrets on command lines, whatever the order of flags and however they are quoted (I6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.importers.secrets.scrubber import scrub
from inventory.importers.work_budget import Budget
from tests.inventory.importers.samples import bring, codes, node, server, workflow

FORMS = ("correcthorse", "hunter2", "Summer2024!", "K7x9Qp2LmZ4vT8wB3nY6")
COMMANDS = (
    "echo {c} | sudo -u root -S reboot",
    "sudo -u root -S reboot <<< '{c}'",
    "printf '%s\\n' {c} | sudo -k -S reboot",
    'ssh a.example "echo {c} | sudo -S reboot"',
    "sshpass -v -p {c} ssh -p 2222 a.example",
    "sshpass -p{c} scp -P 22 a b",
    "curl -su user:{c} https://a.example",
    "curl -H 'a;b' -u user:{c} https://a.example",
    "curl -d 'x&y=1' -u \"user:{c}\" https://a.example",
    "curl -u 'user':'{c}' https://a.example",
    "curl --proxy-user user:{c} https://a.example",
    "docker login -p={c} -u robot registry.example",
    "mongo -u root -p {c}",
    "mongosh mongodb://a.example --username robot -p {c}",
    "sqlcmd -S a.example -U sa -P {c}",
    "unzip -P {c} a.zip",
    "7z x -p{c} a.7z",
    "plink -ssh robot@a.example -pw {c}",
    "ldapsearch -x -D cn=robot -w {c}",
    "smbclient //a.example/b -U robot%{c}",
    "lftp -u robot,{c} sftp://a.example",
    "openssl enc -passin pass:{c}",
    "mysql \\\n  -u root \\\n  -p{c} erp",
    "bash -c \"mysql -uroot -p'{c}' -e 'select 1'\"",
    'echo "root:{c}" | chpasswd',
    "echo {c} | docker login -u robot --password-stdin registry.example",
    "don't run mysql -p{c}, it's bad",
)
HARMLESS = (
    "mysql -u root -p erp1",
    "sudo curl -sS https://a.example/x1",
    "echo hello1 | sudo curl -sS https://a.example",
    "curl -s -o out1 https://a.example -u robot",
    "mysql -p$DB_PASS erp",
    "curl -u $USER:$PASS https://a.example",
    "sshpass -p {{ $json.pw1 }} ssh a.example",
    "sshpass -p $PASS ssh -p port1 a.example",
    "zip -r a1.zip b1 && unzip -p a1.zip b1",
    "tar -p x1",
    "env npx -p thing1 thing",
    "srv -p profile1",
    "PWD=/home/x1 ls",
)
ARGUMENTS: tuple[tuple[str, list[str]], ...] = (
    ("srv", ["-u", "root", "-p{c}"]),
    ("srv", ["-uroot:{c}"]),
    ("srv", ["--user=robot:{c}"]),
    ("srv", ["--user", "robot:{c}"]),
    ("npx", ["-y", "mysql-mcp", "-u", "root", "-p{c}"]),
    ("env", ["sshpass", "-v", "-p", "{c}", "ssh", "a.example"]),
    ("mongo-mcp", ["-p", "{c}"]),
)
HARMLESS_ARGUMENTS: tuple[tuple[str, list[str]], ...] = (
    ("srv", ["-p", "profile1"]),
    ("srv", ["-u", "1000:group1"]),
    ("env", ["npx", "-p", "package1", "thing"]),
    ("npx", ["-p", "package1", "thing"]),
    ("uvx", ["--from", "package1", "-p", "python3", "thing"]),
)


def _command(text: str) -> dict[str, Any]:
    return workflow(node("executeCommand", "Run", 1, command=text))


@pytest.mark.rule("I6")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_password_on_a_command_line_is_found_and_only_it_is_masked(command: str, form: str) -> None:
    document = _command(command.format(c=form))
    assert "embedded_secret" in codes(bring(document).manifest)
    assert scrub(document).document["nodes"][0]["parameters"]["command"] == command.format(c="secret-removed")


@pytest.mark.rule("I6")
@pytest.mark.parametrize("command", HARMLESS)
def test_a_command_line_without_a_secret_stays(command: str) -> None:
    document = _command(command)
    assert bring(document).secrets == ()
    assert scrub(document).document == document


@pytest.mark.rule("I6")
@pytest.mark.parametrize("form", FORMS[1:])
@pytest.mark.parametrize(("program", "arguments"), ARGUMENTS)
def test_a_password_among_arguments_is_found_and_only_it_is_masked(
    program: str, arguments: list[str], form: str
) -> None:
    document = server(command=program, args=[each.format(c=form) for each in arguments])
    assert form not in json.dumps(bring(document).manifest.to_dict())
    masked = scrub(document).document["mcpServers"]["srv"]["args"]
    assert masked == [each.format(c="secret-removed") for each in arguments]


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("program", "arguments"), HARMLESS_ARGUMENTS)
def test_arguments_without_a_secret_stay(program: str, arguments: list[str]) -> None:
    document = server(command=program, args=arguments)
    assert scrub(document).document == document


@pytest.mark.rule("I6")
@pytest.mark.parametrize("piece", ["sudo -S ", "echo a1 ", '"sudo -S" ', "'", '\\"', "curl -u "])
def test_taking_a_command_line_apart_is_counted_as_work(piece: str) -> None:
    spent = []
    for length in (50_000, 100_000):
        budget = Budget(hits=10**9)
        scrub(_command("sudo -S " + piece * (length // len(piece))), budget=budget)
        spent.append(budget.spent_characters)
    assert 5 * 50_000 <= spent[0] <= 15 * 50_000
    assert spent[1] <= 2.1 * spent[0]
