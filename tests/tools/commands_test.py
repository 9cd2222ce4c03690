"""The commands in tools/ as somebody new meets them: help, slips of the finger, a machine without apt."""

import pathlib
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


if __name__ == "__main__":
    unittest.main()
