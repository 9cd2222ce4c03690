"""The package's SBOM names all it loads and is made of, also on a machine without a broker."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

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


if __name__ == "__main__":
    unittest.main()
