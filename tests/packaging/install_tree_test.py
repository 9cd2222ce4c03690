"""`cmake --install` puts every file where the documents say, and the maintainer scripts are sound shell.

    install_tree_test.py CMAKE BUILD_FOLDER
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE, BUILD = sys.argv[1:3]

EXPECTED = {
    "bin/mosquitto_session",
    "share/man/man1/mosquitto_session.1",
    "share/bash-completion/completions/mosquitto_session",
    "share/zsh/vendor-completions/_mosquitto_session",
    "share/fish/vendor_completions.d/mosquitto_session.fish",
    "lib/mosquitto_session_status.so",
    "lib/systemd/system/mosquitto.service.d/session-status.conf",
    "share/doc/mosquitto-session-status/README.Debian",
    "share/doc/mosquitto-session-status/copyright",
    "share/doc/mosquitto-session-status/docs/broker-support.md",
    "share/doc/mosquitto-session-status/docs/operations.md",
    "share/doc/mosquitto-session-status/examples/alert-rules.yml",
    "share/doc/mosquitto-session-status/examples/apparmor",
    "share/doc/mosquitto-session-status/examples/grafana-dashboard.json",
    "share/doc/mosquitto-session-status/examples/mosquitto.conf.example",
    "share/mosquitto-session-status/session_status.proto",
}


class InstallTreeTest(unittest.TestCase):
    def test_every_file_has_its_place(self):
        with tempfile.TemporaryDirectory() as prefix:
            subprocess.run([CMAKE, "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
            found = {p.relative_to(prefix).as_posix() for p in pathlib.Path(prefix).rglob("*") if p.is_file()}
        # The library folder has a machine's name in it when the build was configured for /usr.
        found = {"lib/" + name.split("/")[-1] if name.endswith(".so") else name for name in found}
        self.assertLessEqual(EXPECTED, found)

    def test_the_maintainer_scripts_are_sound_shell(self):
        for name in ("postinst", "postrm"):
            script = ROOT / "packaging/debian" / name
            self.assertEqual(subprocess.run(["sh", "-n", script]).returncode, 0, name)
            self.assertTrue(script.stat().st_mode & 0o100, name)
            self.assertIn("set -e", script.read_text())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
