#!/usr/bin/env python3
"""Ask Countersign whether what a pipeline is about to deploy may run (A17): import it, submit it, ask the deploy gate.

Needs Python 3.8 or newer and nothing else. Run it on every change: what is there already is not imported or submitted again.

Environment variables: COUNTERSIGN_URL (https://…), COUNTERSIGN_TOKEN (of the team), COUNTERSIGN_OWNER (id of the business owner of
a new automation), COUNTERSIGN_ENVIRONMENT (default: production).

Exit codes: 0 it may run, 1 it is held, 2 that could not be found out, for whatever reason. Deploy on 0 alone.
"""

import argparse
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

MAY_RUN, HELD, UNKNOWN = 0, 1, 2
TRIES, SECONDS = 4, 60
#: Bytes of an answer that are read at most.
MOST = 10_000_000
#: Hosts that may be asked without TLS.
LOCAL = ("localhost", "127.0.0.1")
#: Answers that may be other ones later.
LATER = (429, 502, 503, 504)


class GiveUp(Exception):
    """The answer could not be found out."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take the token along."""

    def redirect_request(self, *args: object) -> None:
        """Refuse each one."""


class Countersign:
    """The API of one installation.

    Args:
        url: its address.
        token: of the team.

    Raises:
        GiveUp: for an address without TLS, to which the token would be sent, or for something else than a token.
    """

    def __init__(self, url: str, token: str) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            is_local = parts.scheme == "http" and parts.hostname in LOCAL
        except ValueError:
            raise GiveUp("COUNTERSIGN_URL is no address.") from None
        if "@" in parts.netloc or not (parts.scheme == "https" or is_local):
            raise GiveUp("COUNTERSIGN_URL has to be https://HOST: the token is sent to it.")
        if not re.fullmatch(r"[!-~]+", token):
            raise GiveUp("COUNTERSIGN_TOKEN holds a space, a line break or another character that no token has.")
        self.root, self.token = url.rstrip("/") + "/api/v1", token
        # A proxy would get a request to this machine, and the token with it, in plain text.
        direct = [urllib.request.ProxyHandler({})] if is_local else []
        self.opener = urllib.request.build_opener(NoRedirect, *direct)

    def ask(self, path: str, content: "bytes | None" = None, **query: str) -> "tuple[int, dict[str, Any]]":
        """Return status and document of one request; POST with content. Tries again where that may help.

        Raises:
            GiveUp: without a document.
        """
        address = self.root + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        for left in reversed(range(TRIES)):
            request = urllib.request.Request(address, content, headers)
            wait, why = "1", ""
            try:
                with self.opener.open(request, timeout=SECONDS) as answer:
                    return answer.status, document(answer)
            except urllib.error.HTTPError as error:
                if error.code not in LATER or not left:
                    return error.code, document(error)
                wait = error.headers.get("Retry-After") or "1"
            except (OSError, http.client.HTTPException) as error:
                why = str(getattr(error, "reason", "") or type(error).__name__)
            if left:
                time.sleep(min(int(wait), SECONDS) if wait.isdecimal() else 1)
        raise GiveUp(f"Countersign does not answer: {why}.")


def document(answer: Any) -> "dict[str, Any]":
    """The document of an answer.

    Raises:
        GiveUp: where it has none.
    """
    try:
        said = json.loads(answer.read(MOST))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise GiveUp(f"The answer of status {answer.status} is no document of Countersign: is COUNTERSIGN_URL right?")
    return said


def variable(name: str) -> str:
    """Return an environment variable.

    Raises:
        GiveUp: where it is not set.
    """
    value = os.environ.get(name)
    if not value:
        raise GiveUp(f"Set {name}.")
    return value


def expect(answer: "tuple[int, dict[str, Any]]", lead: str) -> "dict[str, Any]":
    """Return the document of a good answer.

    Raises:
        GiveUp: for another one, in its words.
    """
    status, said = answer
    if 200 <= status < 300:
        return said
    fields = ["{}: {}".format(field.get("name"), field.get("sentence")) for field in said.get("fields") or ()]
    words = [said.get("detail"), *fields, said.get("to_do"), "({} {})".format(status, said.get("code"))]
    raise GiveUp("{}: {}".format(lead, " ".join(str(word) for word in words if word)))


def say(*words: object, out: Any = None) -> None:
    """Print one line. Line breaks in it would be commands to some pipelines."""
    line = " ".join(str(word) for word in words if word)
    print(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", line), file=out or sys.stdout)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description="Import an export, submit it, and ask whether it may run.", add_help=False
    )
    parser.add_argument("export", type=Path, nargs="?", help="what the platform exported")
    parser.add_argument(
        "submission", type=Path, nargs="?", help="JSON: purpose and reasons; without it nothing is submitted"
    )
    parser.add_argument(
        "--complete", action="store_true", help="hold it also while a privilege that it requests is missing"
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this; the exit code is 2")
    chosen = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # the log of a pipeline may know few characters
    if chosen.help or chosen.export is None:
        parser.print_help()
        return UNKNOWN
    try:
        return run(chosen.export, chosen.submission, is_complete=chosen.complete)
    except (GiveUp, OSError) as error:
        say(error, out=sys.stderr)
    except (KeyError, TypeError, AttributeError):
        say(
            "Countersign answered in a way that this command does not know: use the one of its version.", out=sys.stderr
        )
    except KeyboardInterrupt:
        say("Interrupted.", out=sys.stderr)
    return UNKNOWN


def run(export: Path, submission: "Path | None", *, is_complete: bool) -> int:
    """Import, submit and ask; return the exit code.

    Raises:
        GiveUp: where the answer could not be found out.
    """
    environment = os.environ.get("COUNTERSIGN_ENVIRONMENT") or "production"
    content, reasons = export.read_bytes(), submission.read_bytes() if submission else None
    portal = Countersign(variable("COUNTERSIGN_URL"), variable("COUNTERSIGN_TOKEN"))
    about = {"name": re.sub(r"[^A-Za-z0-9._-]", "", export.name), "environment": environment}
    if os.environ.get("COUNTERSIGN_OWNER"):
        about["business_owner"] = os.environ["COUNTERSIGN_OWNER"]
    imported = expect(portal.ask("/automations", content, **about), "Not imported")
    automation, digest = str(imported["automation"]["id"]), str(imported["version"]["manifest_digest"])
    say("Imported:", imported["outcome"] + ",", "automation", automation + ",", digest)
    if reasons is not None:
        path = f"/automations/{automation}/submissions"
        submitted = expect(portal.ask(path, reasons, digest=digest), "Not submitted")
        under_way = submitted["submission"]
        say("Submitted." if submitted["submitted"] else "Submitted already.", under_way["next"], under_way["page"])
    answer = portal.ask("/gate/" + digest, environment=environment, automation=automation)
    return tell(expect(answer, "The gate was not asked"), is_complete=is_complete)


def tell(answer: "dict[str, Any]", *, is_complete: bool) -> int:
    """Say what the gate answered and which privileges are missing; return the exit code."""
    may_run, missing = answer["allowed"] is True, list(answer["without"])
    is_held = not may_run or (is_complete and bool(missing))
    out = sys.stderr if is_held else sys.stdout
    lead, where = ("Held:", answer["page"]) if is_held else ("May run.", "")
    say(lead, answer["reason"], answer["to_do"], where, out=out)
    for sentence in missing:
        say("  Missing:", sentence, out=out)
    return HELD if is_held else MAY_RUN


if __name__ == "__main__":
    sys.exit(main())
