"""The package's SBOM names all it loads and is made of, also on a machine without a broker."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging"))
import sbom  # noqa: E402

# Stand in for dpkg's and apt's data of that machine.
DPKG_QUERY = """#!/bin/sh
for package; do :; done
case $package in
  mosquitto | absent) echo "no packages found matching $package" >&2; exit 1 ;;
  *) printf '1.2-3\\t%s-source\\tamd64\\thttps://example.org/\\n' "$package" ;;
esac
"""
APT_CACHE = """#!/bin/sh
for package; do :; done
[ "$package" = mosquitto ] || exit 100
printf 'Package: mosquitto\\nVersion: 2.1.2-1\\nArchitecture: amd64\\nHomepage: https://mosquitto.org/\\n'
"""


def sbom_of(depends):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, text in (("dpkg-query", DPKG_QUERY), ("apt-cache", APT_CACHE)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        control = folder / "tree/DEBIAN/control"
        control.parent.mkdir(parents=True)
        control.write_text(f"Package: ours\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDepends: {depends}\n"
                           "Description: x\n")
        subprocess.run(["dpkg-deb", "-b", folder / "tree", folder / "ours.deb"], check=True, capture_output=True)
        return subprocess.run(["python3", "-B", ROOT / "packaging/sbom.py", folder / "ours.deb"], text=True,
                              capture_output=True, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})


class SbomTest(unittest.TestCase):
    def test_a_broker_that_is_not_installed_has_the_archives_version(self):
        made = sbom_of("libssl3 (>= 3.0.0), mosquitto (>= 2.0.11)")
        self.assertEqual(made.stderr, "")
        document = json.loads(made.stdout)
        version = {p["name"]: p["versionInfo"] for p in document["packages"]}
        self.assertEqual(version["mosquitto"], "2.1.2-1")
        self.assertEqual(version["libssl3"], "1.2-3")
        self.assertEqual(version["ours"], "1")
        depends = [r["relatedSpdxElement"] for r in document["relationships"]
                   if r["relationshipType"] == "DEPENDS_ON"]
        self.assertEqual(depends, ["SPDXRef-libssl3", "SPDXRef-mosquitto"])

    def test_a_library_that_nobody_knows_is_an_error(self):
        made = sbom_of("absent")
        self.assertNotEqual(made.returncode, 0)
        self.assertIn("absent is not installed here", made.stderr)

    def test_what_is_compiled_in_is_named_with_its_notice(self):
        page = json.loads((ROOT / "web/package.json").read_text())["dependencies"]
        lock = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
        document = json.loads(sbom_of("libssl3").stdout)
        packages = {p["SPDXID"]: p for p in document["packages"]}
        linked = {packages[r["relatedSpdxElement"]]["externalRefs"][0]["referenceLocator"]
                  for r in document["relationships"] if r["relationshipType"] == "STATIC_LINK"}
        for name in page:
            self.assertIn(f"pkg:npm/{name}@{lock['node_modules/' + name]['version']}", linked)
        for name in sbom.HEADER_ONLY:
            self.assertIn(f"pkg:deb/debian/{name}@1.2-3?arch=amd64", linked)
        notices = (ROOT / "packaging/debian/copyright").read_text()
        stanzas = re.findall(r"(?m)^Files: (.*)\nCopyright: .*\nLicense: (.*)$", notices)
        told = {name: licence for names, licence in stanzas for name in names.split()}
        for name in [*sbom.HEADER_ONLY, *(f"npm/{name}" for name in sbom.in_the_page())]:
            self.assertIn(name, told)
            # By its text, here or in the licences' own paragraphs below.
            self.assertRegex(notices, rf"(?m)^License: {re.escape(told[name])}\n \S")

    def test_only_what_builds_the_page_is_left_out(self):
        page = json.loads((ROOT / "web/package.json").read_text())["dependencies"]
        self.assertEqual(set(sbom.in_the_page()), set(page))


if __name__ == "__main__":
    unittest.main()
