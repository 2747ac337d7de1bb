"""Reports: how far long tests are; at the end which rules have a passing test, what long tests did, what broke, how the time was spent."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.run_lengths import GOING, IS_FULL, IS_SOAK

#: Kinds of tests, as `_group` names them.
GROUPS = ("rules", "pages and matrix", "browser", "processes")
PAGE_FOLDERS = ("tests/matrix/", "tests/pages/", "tests/portal/", "tests/web/")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rules "A1 A2"` runs the tests of these rules alone and fails for one that no test shows."""
    parser.addoption("--rules", help='only the tests of these rules ("A1 A2"; "all" for every rule that a test names)')


def _codes(item: pytest.Item) -> list[str]:
    """The rules that a test shows."""
    return [str(code) for marker in item.iter_markers("rule") for code in marker.args]


def _group(item: pytest.Item) -> str:
    """The kind of a test, for the time spent."""
    if item.get_closest_marker("browser"):
        return "browser"
    if item.get_closest_marker("process") or item.get_closest_marker("race"):
        return "processes"
    if item.get_closest_marker("matrix") or item.nodeid.startswith(PAGE_FOLDERS):
        return "pages and matrix"
    return "rules"


def _natural(code: str) -> tuple[str, int, str]:
    """A2 before A10."""
    digits = "".join(character for character in code if character.isdigit())
    return code.rstrip("0123456789"), int(digits or 0), code


@pytest.hookimpl(trylast=True)  # after the terminal has its reporter
def pytest_configure(config: pytest.Config) -> None:
    """Keep the run's figures on an object of its own."""
    wanted = config.getoption("--rules")
    config.pluginmanager.register(Figures(None if wanted is None else wanted.replace(",", " ").split()), "figures")
    if IS_SOAK and not hasattr(config, "workerinput"):  # a process that runs tests for another has nobody to tell
        config.pluginmanager.register(Long(config), "long")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """How far a test is counts as no result."""
    return ("", "", "") if report.when == GOING else None


class Figures:
    """What one run has shown.

    Args:
        wanted: the rules asked for; ``["all"]`` for every one that a test names; None when nobody asked.
    """

    def __init__(self, wanted: list[str] | None) -> None:
        self.wanted = wanted
        self.is_all = wanted == ["all"]
        self.seconds: dict[str, float] = defaultdict(float)
        self.files: dict[str, float] = defaultdict(float)
        self.outcomes: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Note each test's rules and group; drop the tests of other rules when some were asked for."""
        for item in items:
            item.user_properties += [("rule", code) for code in _codes(item)]
            item.user_properties.append(("group", _group(item)))
        if self.wanted is None:
            return
        wanted = {code for item in items for code in _codes(item)} if self.is_all else set(self.wanted)
        dropped = [item for item in items if not wanted & set(_codes(item))]
        items[:] = [item for item in items if wanted & set(_codes(item))]
        config.hook.pytest_deselected(items=dropped)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of one test."""
        self.files[report.nodeid.partition("::")[0]] += report.duration
        for name, value in report.user_properties:
            if name == "group":
                self.seconds[str(value)] += report.duration
            elif name == "rule" and (report.when == "call" or report.outcome != "passed"):
                self.outcomes[str(value)][report.nodeid] = report.outcome

    def rules(self) -> list[str]:
        """The rules asked for, in order."""
        return sorted(self.outcomes if self.is_all else self.wanted or (), key=_natural)

    def lacking(self) -> list[str]:
        """The rules asked for that no test shows, or that a test shows broken."""
        return [code for code in self.rules() if self._verdict(code) != "passed"]

    def _verdict(self, code: str) -> str:
        """`passed` when at least one test of the rule passed and none failed."""
        outcomes = set(self.outcomes.get(code, {}).values())
        return "failed" if "failed" in outcomes else "passed" if "passed" in outcomes else "lacking"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A rule without a passing test fails the run that asked for it. Whole files leave their time for `make check`."""
        if self.lacking():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        option, cache = session.config.option, getattr(session.config, "cache", None)
        is_whole = (
            self.wanted is None
            and session.exitstatus <= pytest.ExitCode.TESTS_FAILED
            and not (
                option.keyword
                or option.markexpr
                or IS_SOAK
                or IS_FULL
                or any("::" in name for name in option.file_or_dir)
            )
        )
        if is_whole and cache is not None and not hasattr(session.config, "workerinput"):
            cache.set("countersign/seconds", cache.get("countersign/seconds", {}) | self.files)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print both."""
        write = terminalreporter.write_line
        if self.wanted is not None:
            terminalreporter.section("rules")
            for code in self.rules():
                shown = [
                    test for test, outcome in self.outcomes.get(code, {}).items() if outcome == self._verdict(code)
                ]
                write(
                    f"{code:<5} {self._verdict(code):<8} {len(shown):>3}  {shown[0] if shown else 'no test shows it'}"
                )
        for report in terminalreporter.stats.get("skipped", []):
            if "Chromium" in str(report.longrepr) or "Redis" in str(report.longrepr):
                terminalreporter.write_line(f"NOT RUN: {report.nodeid}: {report.longrepr[-1]}", yellow=True, bold=True)
        spent = " · ".join(f"{name} {self.seconds[name]:.0f} s" for name in GROUPS)
        write(f"time, summed over the processes: {spent}")


class Long:
    """How far long tests are, what they did, and what broke."""

    def __init__(self, config: pytest.Config) -> None:
        self.terminal = config.pluginmanager.getplugin("terminalreporter")
        self.captured = config.pluginmanager.getplugin("capturemanager")
        self.done: list[str] = []
        self.broke: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print how far a test is; keep what it did or how it broke."""
        properties = {name: str(value) for name, value in report.user_properties}
        test = report.nodeid.rpartition("::")[2]
        if report.when == GOING:
            with self.captured.global_and_fixture_disabled():  # in one process the test still runs
                self.terminal.ensure_newline()
                self.terminal.write_line(f"  … {properties['going']}  ({test})")
        elif report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = (crash.message if crash is not None else str(report.longrepr)).strip().partition("\n")[0]
            reached = f", at {properties['reached']}" if "reached" in properties else ""
            self.broke.append(f"{report.nodeid} ({report.when}{reached}): {why[:300]}")
        elif report.when == "call" and report.passed:
            words = properties.get("did", test.removeprefix("test_").replace("_", " "))
            self.done.append(f"{report.duration:>6.0f} s  {words}  ({report.nodeid.partition('::')[0]})")

    def pytest_terminal_summary(self) -> None:
        """Print both lists."""
        self.terminal.section("what was done")
        for line in self.done:
            self.terminal.write_line(line)
        self.terminal.section("what broke")
        for line in self.broke or ["nothing"]:
            self.terminal.write_line(line)
