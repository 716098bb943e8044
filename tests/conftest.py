"""Every test run first executes the chapters that need it, once, before the workers start.

A run of the whole suite also notes which tests read which claim, for the page that lists them all,
and fails if there is a claim that no test reads.
"""

import hashlib
import json
import os
import threading
from collections import defaultdict
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from build_radon import check_radon
from exact_posterior import MODELS, exact_posterior
from execution import ROOT, BookError, execute_chapters
from monte_carlo import COMPARISONS, LEAST_ESS, RECORDS, Estimate, summarize
from pdf import find_chromium


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist: the main process has done it
        return
    try:
        execute_chapters()
    except BookError as error:
        pytest.exit(str(error), returncode=1)


READERS = defaultdict(set)  # the tests that read a claim, by "chapter key"
COLLECTED, OUTCOMES = set(), {}  # the tests of this run, and what became of each
SECONDS = defaultdict(float)  # by file
DESELECTED = []


class ChapterClaims(dict):
    """The claims of a chapter, which note the test that reads one."""

    def __init__(self, chapter, claims):
        super().__init__(claims)
        self.chapter = chapter

    def __getitem__(self, key):
        test, _ = os.environ["PYTEST_CURRENT_TEST"].rsplit(" ", 1)
        READERS[f"{self.chapter} {key}"].add(test)
        return super().__getitem__(key)

    def __missing__(self, key):
        raise KeyError(f"chapters/{self.chapter}.md glues no {key}")

    def estimate(self, key, ess=None):
        """Return a claim with its Monte Carlo error, known as well as ess effective draws tell.

        Without ess, it is the effective sample size that the chapter claims for the parameter, or else
        the least that a sound fit may have.
        """
        stem = key.removesuffix("_mean")
        error = self[f"{key}_mcse" if f"{key}_mcse" in self else f"{stem}_mcse"]
        if ess is None:
            of_fit = f"{stem.removesuffix('_sd')}_ess"
            ess = self[of_fit] if of_fit in self else LEAST_ESS
        return Estimate(self[key], error, ess, f"{self.chapter} {key}")


@pytest.fixture(scope="session")
def claims():
    """Return every result that the prose states, as {chapter: {key: value}}."""
    everything = json.loads((ROOT / "_build" / "claims.json").read_text())
    return {chapter: ChapterClaims(chapter, values) for chapter, values in everything.items()}


def pytest_deselected(items):
    DESELECTED.extend(item.nodeid for item in items)


def pytest_collection_finish(session):
    COLLECTED.update(item.nodeid for item in session.items)


def pytest_runtest_logreport(report):
    SECONDS[report.nodeid.split("::")[0]] += report.duration
    if report.when == "call" or report.outcome != "passed":
        if OUTCOMES.get(report.nodeid) != "failed":
            OUTCOMES[report.nodeid] = report.outcome


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    output = getattr(node, "workeroutput", {})
    for claim, tests in output.get("readers", {}).items():
        READERS[claim].update(tests)
    RECORDS.extend(output.get("records", []))
    COLLECTED.update(output.get("collected", []))
    DESELECTED.extend(output.get("deselected", []))


def is_complete(config):
    """Say whether every test that there is has run: only then the suite speaks of all claims."""
    files = {f"tests/{path.name}" for path in (ROOT / "tests").glob("test_*.py")}
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and not DESELECTED
        and COLLECTED == set(OUTCOMES)
        and files == {test.split("::")[0] for test in COLLECTED}
    )


def write_atomically(path, content):
    """Write JSON into a file, all or nothing of it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n")
    part.replace(path)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput |= {
            "readers": {claim: sorted(tests) for claim, tests in READERS.items()},
            "records": RECORDS,
            "collected": sorted(COLLECTED),
            "deselected": DESELECTED,
        }
        return
    write_atomically(ROOT / "_build" / "comparisons.json", RECORDS)
    if len(RECORDS) > COMPARISONS:
        print(f"\nThere are {len(RECORDS)} comparisons; BUDGET in monte_carlo.py is for fewer.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if not is_complete(session.config):
        return
    everything = json.loads((ROOT / "_build" / "claims.json").read_text())
    guards = {
        chapter: {key: sorted(READERS[f"{chapter} {key}"]) for key in values}
        for chapter, values in everything.items()
    }
    unread = [f"{name}: {key}" for name in guards for key in guards[name] if not guards[name][key]]
    if unread:
        print("\nNo test reads these claims; test them or drop them:", *unread, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    record = {
        "claims": hashlib.sha256((ROOT / "_build" / "claims.json").read_bytes()).hexdigest(),
        "when": f"{date.today()}",
        "failed": sorted(test for test, outcome in OUTCOMES.items() if outcome == "failed"),
        "skipped": sorted(test for test, outcome in OUTCOMES.items() if outcome == "skipped"),
        "tests": guards,
    }
    write_atomically(ROOT / "_build" / "guards.json", record)


def pytest_terminal_summary(terminalreporter, config):
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if summary := summarize(RECORDS):
        terminalreporter.write_line(summary)
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        slowest = sorted(SECONDS, key=SECONDS.get, reverse=True)[:5]
        files = ", ".join(f"{Path(file).name} {SECONDS[file]:.0f} s" for file in slowest)
        terminalreporter.write_line(f"The slowest files: {files}")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, browser_type):
    """Return how pytest-playwright starts its browser: Chromium, the system's if there is one."""
    found = find_chromium()
    if not found and not Path(browser_type.executable_path).exists():
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("There is no Chromium: install it, or name it in the environment variable CHROMIUM.")
    return browser_type_launch_args | {"executable_path": found}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site():
    """Serve the built site from a folder below the server's root and return its address."""
    if not (ROOT / "_build" / "html" / "index.html").exists():
        pytest.fail("The site is not built yet: run 'make book' first.")
    handler = partial(QuietHandler, directory=ROOT / "_build")
    server = ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/html"
    server.shutdown()


@pytest.fixture(scope="module")
def tab(browser):
    """Return one page of the browser for all tests that leave nothing behind.

    To make one for each test takes longer than most tests.
    """
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def listen(tab):
    """Return a function that empties the tab and returns two lists, which fill from then on.

    They hold what goes wrong in the tab's pages, and the addresses that these ask for.
    """
    noise, requests = [], []

    def hear(said):
        if said.type in ["error", "warning"]:
            noise.append(f"{said.type}: {said.text}")

    tab.on("console", hear)
    tab.on("pageerror", lambda error: noise.append(f"error: {error}"))
    tab.on("requestfailed", lambda request: noise.append(f"failed: {request.url}"))
    tab.on(
        "response",
        lambda answer: answer.status < 400 or noise.append(f"{answer.status}: {answer.url}"),
    )
    tab.on("request", lambda request: requests.append(request.url))

    def start():
        tab.goto("about:blank")  # what the page before still asks for fails here
        noise.clear()
        requests.clear()
        return noise, requests

    return start


@pytest.fixture(scope="session")
def radon():
    """Return the survey."""
    return check_radon()


@pytest.fixture(scope="session")
def counties(radon):
    """Return the counties of the survey in the order in which the models have them."""
    return pd.Index(sorted(radon["county"].unique()))


@pytest.fixture(scope="session")
def exact(radon, counties):
    """Return the exact posterior of each of the three models."""
    return {name: exact_posterior(radon, counties, **fixed) for name, fixed in MODELS.items()}
