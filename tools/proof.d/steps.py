"""What ./tools/proof runs: one Step per command, in the order of the report.

A step names its command at both scales and how to read rows out of what it printed. Scenarios of the
test suite are run by name with the environment variables that scale them (each is told in its file).
"""
import json
import pathlib
import re
from dataclasses import dataclass, field
from typing import Callable

from report import Row, load_rows


@dataclass
class Step:
    name: str
    title: str
    claim: str
    full: str
    quick: str
    rows: Callable
    targets: list = field(default_factory=list)
    build: str = ""  # the command that builds what `targets` of the release build do not
    charts: str = ""  # the page that it draws

    def command(self, quick):
        return self.quick if quick else self.full


def markdown_verdicts(text, code, command):
    """Rows of the benchmarks' tables: those that have a cell "reached" or "**missed**".

    Before the verdict stands the bound; before that, under their headings, the figures. A table of
    three columns (the registry's) has the bound first.
    """
    rows, section, heading, before = [], "", [], []
    for line in text.splitlines():
        if line.startswith("### "):
            section = line[4:] + ": "
        if not line.startswith("|"):
            continue
        if set(line) <= set("|-: "):  # under the headings
            heading = before
            continue
        before = cells = [c.strip() for c in line.strip().strip("|").split("|")]
        verdict = next((i for i, c in enumerate(cells) if c in ("reached", "**missed**")), None)
        if verdict is None:
            continue
        holds = cells[verdict] == "reached"
        if verdict == 2:
            rows.append(Row(section + cells[0], cells[1], "as claimed", holds, command))
            continue
        named = 2 if heading[1].startswith("via") else 1
        figures = [c if verdict == 3 else f"{h} {c}" for h, c in zip(heading[named:], cells[named:verdict - 1]) if c]
        rows.append(Row(", ".join(cells[:named]), "; ".join(figures), cells[verdict - 1], holds, command))
    return rows


def load_results(text, code, command):
    return load_rows("build/load/load.json") if text.rstrip().endswith("build/load/load.html") else []


def fuzz_rows(text, code, command):
    """One row per target: "name executions=N cov=M seconds=S"."""
    failed = re.search(r"failed:([^(]*)", text)
    failed = failed[1].split() if failed else []
    return [Row(f"fuzzing {name} finds nothing", f"{int(executions):,} inputs", "> 0 inputs, no failure",
                int(executions) > 0 and name not in failed, command)
            for name, executions in re.findall(r"^(\w+) executions=(\d+)", text, re.M)]


def tests(claim):
    """A row for a run of ctest or of one GoogleTest program: tests ran, and none failed."""
    def rows(text, code, command):
        gtest, ctest = re.search(r"(\d+) tests? from \d+ test suites? ran", text), re.search(r"failed out of (\d+)", text)
        found = gtest or ctest
        if not found:
            return []
        failed = len(set(re.findall(r"^\[  FAILED  \] (\S+?),? ", text, re.M))) if gtest else \
            int(re.search(r"(\d+) tests failed out of", text)[1])
        skipped = re.search(r"^\[  SKIPPED \] (\d+) test", text, re.M)
        skipped = f", {skipped[1]} skipped" if skipped else ""
        return [Row(claim, f"{found[1]} tests, {failed} failed{skipped}", "none fails",
                    int(found[1]) > 0 and code == 0, command)]
    return rows


def program(claim, pattern, bound):
    """A row for a program that says in its last words what it did: `pattern`'s first group."""
    def rows(text, code, command):
        found = re.search(pattern, text)
        return [Row(claim, found[1] if found else f"exit code {code}", bound, code == 0 and bool(found), command)]
    return rows


def suite(program, pattern, environment):
    """A test program by itself: ctest would hold it to the time that suits the small scale."""
    words = [f"SESSION_STATUS_{name}={value}" for name, value in environment.items()]
    return " ".join([*words, f"build/release/tests/{program} --gtest_filter='{pattern}'"])


def storm(name, title, claim, program, pattern, full=None, quick=None):
    return Step(name, title, claim, suite(program, pattern, full or {}), suite(program, pattern, quick or {}),
                tests(claim), [program.split("/")[-1]])


STEPS = [
    Step("registry", "The registry and its rivals", "every bound of the registry",
         "./tools/bench registry", "./tools/bench registry --quick", markdown_verdicts,
         build="./tools/bench registry --build"),
    Step("listener", "The listener, nginx and Redis", "every bound of the listener",
         "./tools/bench listener", "./tools/bench listener --rounds 3 --seconds 0.1", markdown_verdicts,
         ["listener_host", "load_client", "signed_requests"]),
    Step("publish", "The broker's own work beside queries", "publishing is not held up",
         "./tools/bench publish", "./tools/bench publish --rounds 6 --seconds 0.5", markdown_verdicts,
         ["publish_probe", "past_sessions", "load_client"]),
    Step("fleet", "Many brokers on one Redis", "every bound of the fleet",
         "./tools/bench fleet", "./tools/bench fleet --seconds=2 --partition_s=5 --ghost_rounds=1", markdown_verdicts,
         ["fleet_bench"]),
    Step("model", "The registry against a plain map", "random events, compared after every step",
         "build/release/tests/registry/registry_soak 100000000", "build/release/tests/registry/registry_soak 2000000",
         program("random events on the registry and on a plain map: no difference", r"(\d+ random events), no difference", "no difference"),
         ["registry_soak"]),
    storm("takeovers", "Takeover storm", "no answer says offline during takeovers without end",
          "broker/broker_scenarios", "*TakeoverStorm*", {"TAKEOVERS": 100_000}, {"TAKEOVERS": 10_000}),
    storm("churn", "Churn", "at rest the registry is what the clients know and the broker counts",
          "broker/broker_scenarios", "*ChurnScenario*", {"CHURN_CLIENTS": 2000, "CHURN_SECONDS": 60, "CHURN_SEEDS": 20},
          {"CHURN_CLIENTS": 400, "CHURN_SECONDS": 5}),
    storm("kills", "kill -9 of the broker", "after the restart nobody is wrongly online",
          "broker/broker_scenarios", "*KillScenario*", {"KILL_ROUNDS": 100}, {"KILL_ROUNDS": 5}),
    storm("memory", "Memory that runs out", "allocations fail, one at a time (all at full scale, else one in five; of a fleet's one in 43): no crash, the broker stays",
          "faults/fault_scenarios", "*AllocationFault*", {"ALLOCATION_STEP": 1}),
    storm("faults", "Other faults", "descriptors, clock jumps, reloads, cut requests, limits, hostile ids, secrets in logs",
          "faults/fault_scenarios", "-*AllocationFault*", {"RELOADS": 1000}),
    storm("starts", "Starts and stops", "no thread, descriptor or file stays behind",
          "faults/start_stop_test", "*", {"STARTS": 1000}, {"STARTS": 100}),
    storm("support", "Every way a session begins and ends", "every scenario of docs/broker-support.md, on both broker lines",
          "broker/broker_scenarios", "*Scenario*-*ChurnScenario*:*KillScenario*"),
    storm("attacks", "The listener under attack", "slow and flooding clients do not delay others, memory is bounded",
          "transport/transport_test", "FloodTest*:StrictnessTest*:TimeoutTest*:DescriptorTest*:ConnectionLimitsTest*"),
    Step("models", "Exhaustive checks of the lock-free protocols",
         "the models (at full scale the memory orders, too) hold, and those with a fault planted fail",
         "ctest --test-dir build/release -R '^(models|orders)'", "ctest --test-dir build/release -R '^models'",
         tests("the models (at full scale the memory orders, too) hold, and those with a fault planted fail"),
         ["memory_orders"]),
    Step("load", "Real connections", "a crowd of real MQTT clients",
         "./tools/load --clients 100000 --seconds 600 --churn 5000", "./tools/load --quick", load_results, ["mqtt_load"],
         charts="build/load/load.html"),
    Step("soak", "Churn for long", "memory stays flat",
         "./tools/load --soak 3600 --ramps 0", "./tools/load --quick --soak 20 --ramps 0", load_results, ["mqtt_load"],
         charts="build/load/load.html"),
    Step("fuzz", "Fuzzing", "every byte that comes from outside",
         "./tools/fuzz all 600", "./tools/fuzz all 2", fuzz_rows, build="./tools/fuzz build"),
]
