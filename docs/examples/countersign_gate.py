#!/usr/bin/env python3
"""Ask Countersign whether what a pipeline is about to deploy may run (A17): import it, submit it, ask the deploy gate.

Needs Python 3.8 or newer and nothing else. Run it on every change: what is there already is not imported or submitted again.

Environment variables: COUNTERSIGN_URL (https://…), COUNTERSIGN_TOKEN (of the team), COUNTERSIGN_OWNER (id of the business owner
of what is new), COUNTERSIGN_ENVIRONMENT (production by default).

Exit codes: 0 it may run, 1 it is held, 2 that could not be found out. Deploy on 0 alone.
"""

import argparse
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
        GiveUp: for an address without TLS, to which the token would be sent.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        is_local = parts.scheme == "http" and parts.hostname in LOCAL
        if "@" in parts.netloc or not (parts.scheme == "https" or is_local):
            raise GiveUp("COUNTERSIGN_URL has to be https://HOST: the token is sent to it.")
        self.root, self.token = url.rstrip("/") + "/api/v1", token
        self.opener = urllib.request.build_opener(NoRedirect)

    def ask(self, path: str, content: "bytes | None" = None, **query: str) -> "tuple[int, dict[str, Any]]":
        """Return status and document of one request; POST with content. Tries again where that may help."""
        address = self.root + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        for left in reversed(range(TRIES)):
            request = urllib.request.Request(address, content, headers)
            wait = 1.0
            try:
                with self.opener.open(request, timeout=SECONDS) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in LATER or not left:
                    return error.code, document(error)
                wait = min(float(error.headers.get("Retry-After") or 1), SECONDS)
            except (OSError, ValueError):
                if not left:
                    break
            time.sleep(wait)
        raise GiveUp("Countersign does not answer.")


def document(error: urllib.error.HTTPError) -> "dict[str, Any]":
    """The problem document of an answer; without one its status in words."""
    try:
        said: dict[str, Any] = json.load(error)
        return said
    except ValueError:
        return {"detail": error.reason, "code": "no document of Countersign"}


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
    fields = ["{name}: {sentence}".format(**field) for field in said.get("fields") or ()]
    words = [said.get("detail"), *fields, said.get("to_do"), "({} {})".format(status, said.get("code"))]
    raise GiveUp("{}: {}".format(lead, " ".join(filter(None, words))))


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Import an export, submit it, and ask whether it may run.")
    parser.add_argument("export", type=Path, help="what the platform exported")
    parser.add_argument(
        "submission", type=Path, nargs="?", help="JSON: purpose and reasons; without it nothing is submitted"
    )
    parser.add_argument(
        "--complete", action="store_true", help="hold it also while a privilege that it requests is missing"
    )
    chosen = parser.parse_args()
    environment = os.environ.get("COUNTERSIGN_ENVIRONMENT") or "production"
    try:
        content = chosen.export.read_bytes()
        submission = chosen.submission.read_bytes() if chosen.submission else None
        portal = Countersign(variable("COUNTERSIGN_URL"), variable("COUNTERSIGN_TOKEN"))
        about = {"name": re.sub(r"[^A-Za-z0-9._-]", "", chosen.export.name), "environment": environment}
        if owner := os.environ.get("COUNTERSIGN_OWNER"):
            about["business_owner"] = owner
        made = expect(portal.ask("/automations", content, **about), "Not imported")
        automation, digest = str(made["automation"]["id"]), made["version"]["manifest_digest"]
        print("Imported: {}, automation {}, {}".format(made["outcome"], automation, digest))
        if submission is not None:
            made = expect(
                portal.ask(f"/automations/{automation}/submissions", submission, digest=digest), "Not submitted"
            )
            under_way = made["submission"]
            print("Submitted." if made["submitted"] else "Submitted already.", under_way["next"], under_way["page"])
        answer = portal.ask("/gate/" + digest, environment=environment, automation=automation)
        return tell(expect(answer, "The gate was not asked"), is_complete=chosen.complete)
    except (GiveUp, OSError) as error:
        print(error, file=sys.stderr)
    return UNKNOWN


def tell(answer: "dict[str, Any]", *, is_complete: bool) -> int:
    """Say what the gate answered and which privileges are missing; return the exit code."""
    is_held = not answer["allowed"] or (is_complete and bool(answer["without"]))
    out = sys.stderr if is_held else sys.stdout
    words = filter(None, (answer["reason"], answer["to_do"], answer["page"] if is_held else ""))
    print("Held:" if is_held else "May run.", *words, file=out)
    for sentence in answer["without"]:
        print("  Missing: " + sentence, file=out)
    return HELD if is_held else MAY_RUN


if __name__ == "__main__":
    sys.exit(main())
