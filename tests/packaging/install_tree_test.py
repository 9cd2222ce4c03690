"""`cmake --install` puts every file where the documents say, and the maintainer scripts are sound shell.

    install_tree_test.py CMAKE BUILD_FOLDER
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE, BUILD = sys.argv[1:3]

CACHE = (pathlib.Path(BUILD) / "CMakeCache.txt").read_text()
PREFIX = re.search(r"(?m)^CMAKE_INSTALL_PREFIX:PATH=(.*)$", CACHE).group(1)

EXPECTED = {
    "bin/mosquitto_session",
    "share/man/man1/mosquitto_session.1.gz",
    "share/bash-completion/completions/mosquitto_session",
    "share/fish/vendor_completions.d/mosquitto_session.fish",
    "lib/mosquitto_session_status.so",
    "lib/systemd/system/mosquitto.service.d/session-status.conf",
    "share/doc/mosquitto-session-status/README.Debian",
    "share/doc/mosquitto-session-status/CHANGELOG.md",
    "share/doc/mosquitto-session-status/README.md",
    "share/doc/mosquitto-session-status/copyright",
    "share/doc/mosquitto-session-status/docs/broker-support.md",
    "share/doc/mosquitto-session-status/docs/operations.md",
    "share/doc/mosquitto-session-status/examples/alert-rules.yml",
    "share/doc/mosquitto-session-status/examples/apparmor",
    "share/doc/mosquitto-session-status/examples/grafana-dashboard.json",
    "share/doc/mosquitto-session-status/examples/mosquitto.conf.example",
    "share/mosquitto-session-status/session_status.proto",
}

# Stands in for a broker with the plugin, until its standard input ends.
MAPS = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
print("mapped", flush=True)
sys.stdin.read()
"""


# What documents link to that is no part of an installation: pictures and reports of megabytes, and a list
# for those who build it.
ONLY_IN_THE_SOURCE = ("docs/screenshots/", "docs/proof/", "tools/packages")


class InstallTreeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.prefix = pathlib.Path(folder.name).resolve()
        self.documents = self.prefix / "share/doc/mosquitto-session-status"

    def install(self):
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", self.prefix], check=True, capture_output=True)

    def test_every_file_has_its_place(self):
        self.install()
        found = {p.relative_to(self.prefix).as_posix() for p in self.prefix.rglob("*") if p.is_file()}
        # The library folder has a machine's name in it when the build was configured for /usr.
        found = {"lib/" + name.split("/")[-1] if name.endswith(".so") else name for name in found}
        self.assertLessEqual(EXPECTED, found)

    def test_zsh_finds_its_completion_below_the_prefix(self):
        self.install()
        folder, = (self.prefix / "share/zsh").iterdir()
        self.assertTrue((folder / "_mosquitto_session").is_file())
        self.assertEqual(folder.name, "vendor-completions" if PREFIX == "/usr" else "site-functions")
        if PREFIX in ("/usr", "/usr/local") and shutil.which("zsh"):
            path = subprocess.run(["zsh", "-f", "-c", "print -l $fpath"], capture_output=True, text=True).stdout.split()
            self.assertIn(f"{PREFIX}/share/zsh/{folder.name}", path)

    def test_what_the_installed_documents_link_to_is_installed(self):
        self.install()
        broken = []
        for document in self.documents.rglob("*.md"):
            for link in re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", document.read_text()):
                if re.match(r"\w+:", link):
                    continue
                target = pathlib.Path(os.path.normpath(document.parent / link))
                if not target.exists() and not str(target.relative_to(self.documents)).startswith(ONLY_IN_THE_SOURCE):
                    broken.append(f"{document.name}: {link}")
        self.assertEqual(broken, [])

    def test_installed_texts_name_the_path_that_the_plugin_is_installed_at(self):
        self.install()
        folder = re.search(r"(?m)^CMAKE_INSTALL_LIBDIR:PATH=(.*)$", CACHE).group(1)
        for name in ("examples/mosquitto.conf.example", "README.md", "docs/broker-support.md"):
            text = (self.documents / name).read_text()
            for path in re.findall(r"(?m)^(?:global_)?plugin (/\S+/)mosquitto_session_status.so", text):
                self.assertEqual(path, f"{PREFIX}/{folder}/", name)
            self.assertIn(f"plugin {PREFIX}/{folder}/mosquitto_session_status.so", text, name)

    def test_the_packages_description_begins_once_and_it_suggests_what_the_documents_use(self):
        # Of an empty folder: what is packaged decides nothing here.
        self.prefix.joinpath("tree").mkdir()
        subprocess.run(["cpack", "-G", "DEB", "--config", pathlib.Path(BUILD) / "CPackConfig.cmake", "-B", self.prefix,
                        "-D", "CPACK_INSTALL_CMAKE_PROJECTS=", "-D", f"CPACK_INSTALLED_DIRECTORIES={self.prefix}/tree;/",
                        "-D", "CPACK_DEBIAN_PACKAGE_SHLIBDEPS=OFF"], check=True, capture_output=True)
        deb, = self.prefix.glob("*.deb")
        description = subprocess.run(["dpkg-deb", "-f", deb, "Description"], check=True, capture_output=True,
                                     text=True).stdout
        self.assertEqual(description.count(description.splitlines()[0]), 1, description)
        suggested = subprocess.run(["dpkg-deb", "-f", deb, "Suggests"], check=True, capture_output=True, text=True).stdout
        self.assertIn("; sqlite3 /var/lib/mosquitto/", (ROOT / "docs/persistence.md").read_text())
        self.assertEqual(suggested.split(), ["sqlite3"])

    def test_the_apparmor_lines_allow_what_the_plugin_opens(self):
        sources = "".join(p.read_text() for folder in ("plugin", "registry") for p in (ROOT / folder).rglob("*.cc"))
        rules = re.findall(r"(?m)^(owner )?([^#\s]\S*) (\w+),$", (ROOT / "packaging/apparmor").read_text())
        self.assertTrue(rules)
        # The broker is mosquitto, and what it reads there is root's.
        self.assertIn(("", "/etc/mosquitto/**", "r"), rules)
        for _, path, _ in rules:
            kernel = re.match(r"/sys/|@\{PROC\}|/proc/", path)
            self.assertTrue(not kernel or f'"{kernel[0].replace("@{PROC}", "/proc")}' in sources, path)

    def test_the_maintainer_scripts_are_sound_shell(self):
        for name in ("postinst", "postrm"):
            script = ROOT / "packaging/debian" / name
            self.assertEqual(subprocess.run(["sh", "-n", script]).returncode, 0, name)
            self.assertTrue(script.stat().st_mode & 0o100, name)
            self.assertIn("set -e", script.read_text())

    def test_a_purge_tells_of_the_broker_that_writes_again_what_it_removed(self):
        # A purge with folders of its own in place of the machine's.
        purge = """mount -t tmpfs none /var/lib && mount -t tmpfs none /run && mkdir /var/lib/mosquitto &&
                   touch /var/lib/mosquitto/session_status.db && "$0" purge && ls /var/lib/mosquitto"""
        command = ["unshare", "-m", "sh", "-c", purge, ROOT / "packaging/debian/postrm"]
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("only root can mount")
        with tempfile.TemporaryDirectory() as folder:
            plugin = pathlib.Path(folder) / "mosquitto_session_status.so"
            plugin.write_bytes(bytes(4096))
            with subprocess.Popen([sys.executable, "-c", MAPS, plugin], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) as broker:
                self.assertEqual(broker.stdout.readline(), "mapped\n")
                plugin.unlink()
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                broker.stdin.close()
            self.assertRegex(said, rf"\(process {broker.pid}\) still runs the plugin")
            self.assertIn("restart the broker, and then\n  rm -f /var/lib/mosquitto/session_status.db*", said)
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            self.assertNotIn(f"process {broker.pid}", said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
