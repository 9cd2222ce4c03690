"""The commands in tools/ as somebody new meets them: help, slips of the finger, a machine without apt."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(command, *arguments, **more):
    return subprocess.run([ROOT / "tools" / command, *arguments], capture_output=True, text=True, timeout=120, **more)


class CommandsTest(unittest.TestCase):
    def test_help_says_what_the_command_does_and_does_nothing(self):
        for command in ("demo", "test", "package", "fuzz"):
            result = run(command, "--help")
            self.assertEqual(result.returncode, 0, command)
            self.assertIn(f"./tools/{command}", result.stdout, command)

    def test_a_wrong_argument_is_named_before_anything_is_installed_or_built(self):
        result = run("demo", "--onse")
        self.assertEqual((result.returncode, result.stderr), (1, "error: unknown argument '--onse' (try --help)\n"))
        result = run("test", "asn")
        self.assertEqual(result.returncode, 1)
        self.assertIn("'asn' is no preset", result.stderr)

    def test_without_apt_the_missing_packages_are_listed(self):
        with tempfile.TemporaryDirectory() as folder:
            for tool in ("bash", "env", "sed", "dirname", "cat", "make", "id"):
                (pathlib.Path(folder) / tool).symlink_to(shutil.which(tool))
            result = run("demo", "--once", env={"PATH": folder, "HOME": folder})
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("there is no apt-get:\n", result.stderr)
        listed = result.stderr.split("apt-get:\n")[1].split()
        self.assertIn("libabsl-dev", listed)
        self.assertIn("mosquitto-clients", listed)
        self.assertNotIn("make", listed)  # there, as a command

    def test_services_that_come_with_the_packages_are_not_enabled(self):
        # With folders of its own in place of the machine's. Mosquitto was there before.
        script = """mount -t tmpfs none /lib/systemd/system && mount -t tmpfs none /usr/sbin &&
                    touch /lib/systemd/system/mosquitto.service &&
                    . tools/lib.sh && set -e && ensure_packages && ls /usr/sbin"""
        units = pathlib.Path("/lib/systemd/system")
        if os.geteuid() != 0 or not units.is_dir() or subprocess.run(["unshare", "-m", "true"],
                                                                     capture_output=True).returncode != 0:
            self.skipTest("only root can mount")
        with tempfile.TemporaryDirectory() as folder:
            fakes = {"dpkg-query": "exit 1",
                     "apt-get": f'[ "$1" != install ] || touch {units}/nginx.service {units}/redis-server.service',
                     "systemctl": f'echo "$*" >>{folder}/log'}
            for name, text in fakes.items():
                (pathlib.Path(folder) / name).write_text(f"#!/bin/sh\n{text}\n")
                (pathlib.Path(folder) / name).chmod(0o755)
            done = subprocess.run(["unshare", "-m", "bash", "-c", script], cwd=ROOT, capture_output=True, text=True,
                                  env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "HOME": folder})
            log = (pathlib.Path(folder) / "log").read_text() if "log" in os.listdir(folder) else ""
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(log.splitlines(), ["-q disable nginx.service", "-q disable redis-server.service"])
        self.assertIn("neither started nor enabled: nginx redis-server\n", done.stderr)

    def test_every_service_of_the_listed_packages_is_known(self):
        listed = subprocess.run(["bash", "-c", ". tools/lib.sh; ALL_PACKAGES=1 listed_packages; echo $SERVICES"], cwd=ROOT,
                                capture_output=True, text=True, check=True).stdout.splitlines()
        for package in [line.split()[0] for line in listed[:-1]]:
            files = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True).stdout
            for service in re.findall(r"/systemd/system/([\w-]+)\.service\n", files):
                self.assertIn(service, listed[-1].split(), package)


if __name__ == "__main__":
    unittest.main()
