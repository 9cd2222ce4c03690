"""The commands in tools/ as somebody new meets them: help, slips of the finger, a machine without apt."""

import json
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


def write_fakes(folder, fakes):
    for name, text in fakes.items():
        (pathlib.Path(folder) / name).write_text(f"#!/bin/sh\n{text}\n")
        (pathlib.Path(folder) / name).chmod(0o755)


class CommandsTest(unittest.TestCase):
    def test_help_says_what_the_command_does_and_does_nothing(self):
        for command in ("demo", "test", "package", "fuzz", "bench"):
            result = run(command, "--help")
            self.assertEqual(result.returncode, 0, command)
            self.assertIn(f"./tools/{command}", result.stdout, command)

    def test_the_help_of_bench_says_which_there_are(self):
        told = run("bench", "--help").stdout
        for path in (ROOT / "tools/bench.d").iterdir():
            self.assertRegex(told, rf"(?m)^  {path.name} +\w")

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
            listed = {}
            for arguments in (["demo", "--once"], ["demo", "--fleet"], ["test"]):
                result = run(*arguments, env={"PATH": folder, "HOME": folder})
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn("there is no apt-get:\n", result.stderr)
                listed[arguments[-1]] = result.stderr.split("apt-get:\n")[1].split()
        for names in listed.values():
            self.assertIn("libabsl-dev", names)
            self.assertIn("mosquitto-clients", names)
            self.assertNotIn("make", names)  # there, as a command
            self.assertNotIn("valgrind", names)
        # The quick start brings what it shows, and no browser.
        self.assertEqual(set(listed["--fleet"]) - set(listed["--once"]), {"redis-server", "redis-tools"})
        self.assertLess(set(listed["--fleet"]), set(listed["test"]))
        for name in ("chromium", "libgtest-dev", "mosquitto", "nginx-light"):
            self.assertNotIn(name, listed["--fleet"])
            self.assertIn(name, listed["test"])

    def test_services_that_come_with_the_packages_are_not_enabled(self):
        # With folders of its own in place of the machine's. Mosquitto was there before.
        script = """mount -t tmpfs none /lib/systemd/system && mount -t tmpfs none /usr/sbin &&
                    touch /lib/systemd/system/mosquitto.service &&
                    . tools/lib.sh && set -e && ensure_packages test && ls /usr/sbin"""
        units = pathlib.Path("/lib/systemd/system")
        if os.geteuid() != 0 or not units.is_dir() or subprocess.run(["unshare", "-m", "true"],
                                                                     capture_output=True).returncode != 0:
            self.skipTest("only root can mount")
        with tempfile.TemporaryDirectory() as folder:
            write_fakes(folder, {
                "dpkg-query": "exit 1",
                "apt-cache": "exit 0",
                "apt-get": f'[ "$1" != install ] || touch {units}/nginx.service {units}/redis-server.service',
                "systemctl": f'echo "$*" >>{folder}/log'})
            done = subprocess.run(["unshare", "-m", "bash", "-c", script], cwd=ROOT, capture_output=True, text=True,
                                  env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "HOME": folder})
            log = (pathlib.Path(folder) / "log").read_text() if "log" in os.listdir(folder) else ""
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(log.splitlines(), ["-q disable nginx.service", "-q disable redis-server.service"])
        self.assertIn("neither started nor enabled: nginx redis-server\n", done.stderr)

    def test_help_tells_from_every_folder(self):
        for tool in "bench", "check", "demo", "fuzz", "package", "test":
            done = subprocess.run([f"../tools/{tool}", "--help"], cwd=ROOT / "docs", capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), tool)
            self.assertIn(f"./tools/{tool}", done.stdout)

    def in_library(self, script, fakes):
        """What `script` says with the functions of tools/lib.sh and fake commands."""
        with tempfile.TemporaryDirectory() as folder:
            write_fakes(folder, fakes)
            return subprocess.run(["bash", "-c", f". tools/lib.sh; set -euo pipefail; {script}"], cwd=ROOT,
                                  capture_output=True, text=True,
                                  env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})

    def test_what_this_system_does_not_have_is_left_out_and_told(self):
        lacks_clang = {"apt-cache": 'case "$2" in clang*) exit 1;; esac'}
        done = self.in_library("known_packages cmake clang-14 valgrind", lacks_clang)
        self.assertEqual(done.stdout.split(), ["cmake", "valgrind"])
        self.assertEqual(done.stderr, "not in this system's archive, left out: clang-14\n")
        done = self.in_library("known_packages clang-14", lacks_clang)
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt knows nothing of what is missing", done.stderr)

    def test_the_package_needs_what_building_needs_and_for_its_roots_two_more(self):
        script = "missing_packages build debootstrap debian-archive-keyring"
        listed = self.in_library(script, {"dpkg-query": "exit 1", "debootstrap": ""}).stdout.split()
        self.assertIn("libabsl-dev", listed)
        self.assertIn("debian-archive-keyring", listed)
        self.assertNotIn("debootstrap", listed)  # there, as a command
        self.assertNotIn("libgtest-dev", listed)
        self.assertNotIn("clang-14", listed)

    def test_the_list_has_parts_each_with_those_above_it_and_no_package_twice(self):
        parts = ["build", "demo", "test", "checks"]
        listed = [self.in_library(f"listed_packages {part}", {}).stdout.splitlines() for part in parts]
        for less, more in zip(listed, listed[1:]):
            self.assertEqual(more[:len(less)], less)
            self.assertGreater(len(more), len(less))
        names = [line.split()[0] for line in listed[-1]]
        self.assertEqual(len(names), len(set(names)))
        done = self.in_library("listed_packages tests", {})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("has no part 'tests'", done.stderr)

    def test_a_demo_needs_no_tests_and_takes_none_away_that_are_configured(self):
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(folder) / "build/release"
            build.mkdir(parents=True)
            script = f"exec 3>&1; cd {folder}; build_for_demo"
            cmake = {"cmake": 'echo "<$*>" >&3'}
            without = "<--preset release -DSESSION_STATUS_TESTS=OFF>\n"
            self.assertIn(without, self.in_library(script, cmake).stdout)
            (build / "CTestTestfile.cmake").write_text('subdirs("cli")\nsubdirs("packaging")\n')
            self.assertIn(without, self.in_library(script, cmake).stdout)
            (build / "CTestTestfile.cmake").write_text('subdirs("cli")\nsubdirs("tests")\nsubdirs("packaging")\n')
            self.assertIn("<--preset release>\n", self.in_library(script, cmake).stdout)
        # Whoever configures anew has them again.
        presets = {p["name"]: p.get("cacheVariables", {})
                   for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}
        self.assertEqual(presets["base"]["SESSION_STATUS_TESTS"], "ON")

    def test_a_folder_with_a_blank_stays_one_word(self):
        done = self.in_library('exec 3>&1; build release "-DA=/a b" x y', {"cmake": 'printf "<%s>" "$@" >&3'})
        self.assertIn("<--preset><release><-DA=/a b>", done.stdout)
        self.assertTrue(done.stdout.endswith("<--target><x><y>"), done.stdout)
        for preset in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]:
            for name, value in preset.get("cacheVariables", {}).items():
                if name.endswith("_FLAGS"):  # split at blanks
                    self.assertNotIn("${", value, preset["name"])

    def test_the_packages_time_is_the_callers_or_the_commits_and_never_now(self):
        with tempfile.TemporaryDirectory() as folder:
            write_fakes(folder, {"dpkg-query": "echo installed", "git": "exit 128",
                                 "cmake": 'echo "time $SOURCE_DATE_EPOCH"', "cpack": "exit 1",
                                 # A package that is there already is not this test's.
                                 "rm": f'case "$*" in *.deb*) ;; *) exec {shutil.which("rm")} "$@" ;; esac'})
            path = f"{folder}:{os.environ['PATH']}"
            environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
            done = run("package", env={**environment, "PATH": path})
            self.assertEqual(done.returncode, 1)
            self.assertIn("error: git does not tell the commit's time", done.stderr)
            self.assertNotIn("time 1", done.stderr)  # what is built would be of now
            done = run("package", env={**environment, "PATH": path, "SOURCE_DATE_EPOCH": "86400"})
            self.assertIn("time 86400\n", done.stderr)

    def test_a_package_for_a_root_asks_for_root_before_anything_is_installed_or_built(self):
        for arguments in (["--test"], ["--suite", "forky"], ["--suite", "forky", "--test"]):
            with tempfile.TemporaryDirectory() as folder:
                fails = "echo too late >&2; exit 1"
                write_fakes(folder, {"id": "echo 1000", **{name: fails for name in (
                    "dpkg-query", "sudo", "apt-get", "git", "cmake", "debootstrap")}})
                done = run("package", *arguments, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"\Aerror: --test and --suite need root.*\n\Z")

    def test_packages_of_two_commits_are_two_versions_that_rise(self):
        # git's answers as of a commit, and what cmake is given for the version.
        # `released`: where the tag of this version is.
        def version(time, commit, released="nowhere"):
            git = (f'case "{released} $*" in *" log "*) echo {time};; *" rev-parse "*) echo {commit};; '
                   '"here tag "*v0.1.0 | "before tag --list "*v0.1.0) echo v0.1.0;; esac')
            with tempfile.TemporaryDirectory() as folder:
                write_fakes(folder, {"dpkg-query": "echo installed", "git": git, "cmake": 'echo "<$*>" >&2; exit 1',
                                     "rm": f'case "$*" in *.deb*) ;; *) exec {shutil.which("rm")} "$@" ;; esac'})
                environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
                done = run("package", env={**environment, "PATH": f"{folder}:{os.environ['PATH']}"})
            return "0.1.0" + re.search(r"PACKAGE_VERSION_SUFFIX=(\S*)>", done.stderr).group(1)

        self.assertEqual(version(86400, "abc"), "0.1.0~git19700102000000.abc")
        rising = [version(86399, "fff"), version(86400, "abc"), version(1795000000, "0"),
                  version(1795000001, "0", "here"), version(1795000002, "0", "before")]
        self.assertEqual(rising[-2:], ["0.1.0", "0.1.0+git20261118110642.0"])
        for lower, higher in zip(rising, [*rising[1:], "0.1.1~git19700102000000.0"]):
            compared = subprocess.run(["dpkg", "--compare-versions", lower, "lt", higher])
            self.assertEqual(compared.returncode, 0, (lower, higher))

    def test_every_service_of_the_listed_packages_is_known(self):
        listed = subprocess.run(["bash", "-c", ". tools/lib.sh; listed_packages checks; echo $SERVICES"], cwd=ROOT,
                                capture_output=True, text=True, check=True).stdout.splitlines()
        for package in [line.split()[0] for line in listed[:-1]]:
            files = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True).stdout
            for service in re.findall(r"/systemd/system/([\w-]+)\.service\n", files):
                self.assertIn(service, listed[-1].split(), package)


if __name__ == "__main__":
    unittest.main()
