"""Documents that name things of the code: tests, methods, files, commands. Needs no build."""

import json
import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def names_of_tests():
    """Suite.Name of every GoogleTest in the tree, and every name given to add_test."""
    names = set()
    for path in (ROOT / "tests").rglob("*.cc"):
        names |= {f"{suite}.{name}" for suite, name in
                  re.findall(r"\b(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", path.read_text())}
    for path in (ROOT / "tests").rglob("CMakeLists.txt"):
        names |= set(re.findall(r"add_test\(\s*NAME ([\w.]+)", path.read_text()))
    names |= {f"docs.{path.name.removesuffix('_test.py')}" for path in (ROOT / "tests/docs").glob("*_test.py")}
    return names


class GuaranteesTest(unittest.TestCase):
    def test_every_test_that_is_named_exists(self):
        known = names_of_tests()
        rows = [line for line in (DOCS / "guarantees.md").read_text().splitlines() if line.startswith("| ")]
        named = [name for line in rows for name in re.findall(r"`(\w+\.\w+)`", line.split("|")[-2])]
        self.assertGreater(len(named), 40)
        self.assertEqual([name for name in named if name not in known], [])

    def test_every_guarantee_names_a_test(self):
        for line in (DOCS / "guarantees.md").read_text().splitlines():
            if line.startswith("| ") and not line.startswith("| Guarantee"):
                self.assertRegex(line.split("|")[-2], r"`\w+\.\w", line)


    def test_what_it_says_of_the_kept_report_is_what_that_says(self):
        text = " ".join((DOCS / "guarantees.md").read_text().split())
        reports = re.findall(r"\(proof/([\w./-]+)\.html\)", text)
        self.assertNotEqual(reports, [])
        for report in reports:
            facts = json.loads((DOCS / "proof" / f"{report}.json").read_text())["facts"]
            self.assertIn(facts["Result"], text)


class ReferenceTest(unittest.TestCase):
    def test_the_reference_is_what_the_proto_says(self):
        made = subprocess.run([ROOT / "tools/api-reference"], capture_output=True, text=True, check=True).stdout
        if os.environ.get("SESSION_STATUS_UPDATE_DOCS"):
            (DOCS / "reference.md").write_text(made)
        self.assertEqual((DOCS / "reference.md").read_text(), made, "run ./tools/api-reference >docs/reference.md")

    def test_every_method_message_and_member_is_in_it(self):
        text = (DOCS / "reference.md").read_text()
        proto = (ROOT / "proto/session_status.proto").read_text()
        for name in re.findall(r"(?m)^(?:message|enum|  rpc) (\w+)", proto):
            self.assertIn(f"\n### {name}\n", text)
        members = len(re.findall(r"(?m)^ +(?:optional |repeated )?[\w.]+ \w+ = \d+;", proto))
        self.assertEqual(len(re.findall(r"(?m)^\| `\w+` \|", text)),
                         members + len(re.findall(r"(?m)^  [A-Z_0-9]+ = \d+;", proto)))


class IndexTest(unittest.TestCase):
    def test_the_index_links_every_document(self):
        linked = set(re.findall(r"\]\(([\w./-]+)\)", (DOCS / "README.md").read_text()))
        there = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
        self.assertEqual(there - linked, set())


class OptionsTest(unittest.TestCase):
    def test_options_that_documents_name_exist(self):
        known = set(re.findall(r"(?m)^\| `(\w+)` \|", (DOCS / "options.md").read_text()))
        self.assertTrue(known)
        wrong = []
        for path in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]:
            wrong += [f"{path.name}: {name}" for name in re.findall(r"plugin_opt_([a-z]\w*)", path.read_text())
                      if name not in known]
        # In the guides an option stands in code quotes, too.
        prefixes = ("listener_", "admin_", "feed_", "listings_", "listing_", "snapshot_", "ended_", "tls_", "access_f",
                    "usage_", "api_", "openapi_", "instance_by", "instances_by")
        for name in ("operations.md", "api.md", "access.md", "migrating-from-apsaramq.md", "listener.md"):
            wrong += [f"{name}: {option}" for option in re.findall(r"`([a-z_]+)(?: [^`]*)?`", (DOCS / name).read_text())
                      if option.startswith(prefixes) and option not in known]
        self.assertEqual(wrong, [])

    def test_metrics_that_the_guide_names_exist(self):
        known = (DOCS / "metrics.md").read_text()
        for document in ("operations.md", "threat-model.md", "guarantees.md"):
            for name in re.findall(r"`(session_status_\w+)`", (DOCS / document).read_text()):
                self.assertIn(f"`{name}`", known, document)


class ChangelogTest(unittest.TestCase):
    def test_the_version_of_the_project_has_an_entry(self):
        version = re.search(r"VERSION (\d+\.\d+\.\d+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        self.assertRegex((ROOT / "CHANGELOG.md").read_text(), rf"(?m)^## (Unreleased|{re.escape(version)})")


if __name__ == "__main__":
    unittest.main()
