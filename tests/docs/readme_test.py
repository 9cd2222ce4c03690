"""Holds README.md and docs/ to the code: shown output, options, defaults, files."""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def normal(line):
    """A line of output without what differs from run to run: times, ports, ages, padding."""
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "TIME", line)
    line = re.sub(r"\b\d+(\.\d+)?(ms|s)? old", "AGE old", line)
    line = re.sub(r"(listener port\s+)\d+", r"\1PORT", line)
    line = re.sub(r"(incarnation\s+)\d+", r"\1NUMBER", line)
    return re.sub(r" +", " ", line).rstrip()


class ReadmeTest(unittest.TestCase):
    def test_the_shown_output_is_what_the_demo_prints(self):
        block = re.search(r"<!-- demo output.*?-->\n```\n(.*?)```", README, re.S).group(1)
        shown = [normal(line) for line in block.splitlines() if line]
        demo = subprocess.run([ROOT / "tools/demo", "--once"], capture_output=True, text=True,
                              timeout=280)
        self.assertEqual(demo.returncode, 0, demo.stderr)
        printed = iter([normal(line) for line in demo.stdout.splitlines()])
        for line in shown:  # in this order, with other lines between
            self.assertTrue(any(line == other for other in printed),
                            f"not printed, or not in this order: {line!r}\n{demo.stdout}")

    def test_every_option_shown_exists_with_that_default(self):
        table = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", (ROOT / "docs/options.md").read_text(),
                                re.M))
        shown = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", README, re.M)
        self.assertTrue(shown)
        for name, default in shown:
            self.assertEqual(table.get(name), default, name)
        for name in re.findall(r"plugin_opt_(\w+)", README):
            self.assertIn(name, table)

    def test_every_file_that_a_document_links_or_runs_exists(self):
        for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
            text = document.read_text()
            for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
                if not link.startswith("http"):
                    self.assertTrue((document.parent / link).exists(), f"{document.name}: {link}")
            for command in re.findall(r"\./tools/[\w.-]+", text):
                self.assertTrue((ROOT / command).exists(), f"{document.name}: {command}")

    def test_commands_shown_are_commands_of_the_cli(self):
        known = subprocess.run([pathlib.Path(os.environ["DEMO_BUILD"]) / "mosquitto_session", "--help"],
                               capture_output=True, text=True, check=True).stdout
        for command in re.findall(r"^(?:\$ )?mosquitto_session (?:--json )?(\w+)", README, re.M):
            self.assertRegex(known, rf"(?m)^  {command}\b")


if __name__ == "__main__":
    unittest.main()
