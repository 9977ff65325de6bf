"""How the suite runs: hypothesis profiles, and the rule that nothing is left out in silence."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("full", deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", settings.get_profile("full"), max_examples=30)
settings.load_profile(os.environ.get("YAMLFLOW_TESTS", "full"))

_SKIPPED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SKIPPED] = []
    config.pluginmanager.register(_NothingSkipped(config), "nothing-skipped")


class _NothingSkipped:
    """On Linux, where everything can run, a skipped test is a failed one: else a missing package passes for a green suite."""

    def __init__(self, config: pytest.Config) -> None:
        self.skipped = config.stash[_SKIPPED]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and sys.platform == "linux" and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped and sys.platform == "linux":
            terminalreporter.section("skipped tests count as failed on Linux", red=True, bold=True)
            for name in self.skipped:
                terminalreporter.line(name)
