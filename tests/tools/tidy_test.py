"""The house rules that a machine can check: arrows between folders, atomics with partners, leftovers.

The allowed arrows are the link lines of the CMakeLists.txt files; this test catches what the linker
cannot see: headers included across folders that are not linked.
"""

import collections
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = (".cc", ".h")


def tracked_files():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    return [pathlib.Path(name) for name in names if name and (ROOT / name).is_file()]


def libraries():
    """Folder of each library and the libraries it links, read from the CMakeLists.txt files."""
    folders, links = {}, collections.defaultdict(set)
    for path in tracked_files():
        if path.name != "CMakeLists.txt" or path.parts[0] in ("tests", "bench"):
            continue
        for name, body in re.findall(r"session_status_library\((\w+)(.*?)\)\n", (ROOT / path).read_text(),
                                     re.S):
            folders[name] = path.parent
            links[name] |= set(re.findall(r"session_status_(\w+)", body))
    return folders, links


def reachable(name, links):
    seen, queue = set(), [name]
    while queue:
        for other in links.get(queue.pop(), ()):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return seen


class ArrowsTest(unittest.TestCase):
    def test_a_folder_includes_only_what_it_links(self):
        folders, links = libraries()
        self.assertIn("registry", folders)
        by_folder = collections.defaultdict(set)
        for name, folder in folders.items():
            by_folder[folder].add(name)
        wrong = []
        for path in tracked_files():
            if path.suffix not in SOURCES or path.parent not in by_folder:
                continue
            allowed = {path.parent, pathlib.Path("proto")}
            for name in by_folder[path.parent]:
                allowed |= {folders[o] for o in reachable(name, links) if o in folders}
            if path.parts[0] == "registry":
                allowed.discard(pathlib.Path("proto"))
            for included in re.findall(r'^#include "([^"]+)"', (ROOT / path).read_text(), re.M):
                target = pathlib.Path(included).parent
                if (ROOT / included).is_file() and target not in allowed:
                    wrong.append(f"{path} includes {included}")
        self.assertEqual(wrong, [])

    def test_only_the_broker_folder_knows_the_broker(self):
        outside = [str(path) for path in tracked_files()
                   if path.suffix in SOURCES and path.parts[:1] in (("plugin",), ("registry",), ("cli",))
                   and path.parts[:2] != ("plugin", "broker")
                   and re.search(r"#include <mosquitto", (ROOT / path).read_text())]
        self.assertEqual(outside, [])


class AtomicsTest(unittest.TestCase):
    def test_every_file_with_atomics_names_partners(self):
        """Each explicit acquire, release or seq_cst order stands in a file that numbers its pairs."""
        wrong = []
        for path in tracked_files():
            if path.suffix not in SOURCES or path.parts[0] not in ("registry", "plugin"):
                continue
            text = (ROOT / path).read_text()
            if re.search(r"memory_order_(acquire|release|acq_rel|seq_cst)", text) and not re.search(
                    r"\([a-z]?\d+\)|// [a-z]\d+", text):
                wrong.append(str(path))
        self.assertEqual(wrong, [])

    def test_no_atomic_is_used_with_the_default_order(self):
        wrong = []
        for path in tracked_files():
            if path.suffix not in SOURCES or path.parts[0] not in ("registry", "plugin"):
                continue
            text = re.sub(r"//.*", "", (ROOT / path).read_text())
            for call in re.findall(r"\.(?:load|store|fetch_add|fetch_sub|fetch_or|exchange)\(([^;]*?)\)[;,)\s]",
                                   text):
                if "std::atomic" in text and "memory_order" not in call and call.strip() == "":
                    wrong.append(f"{path}: {call}")
        self.assertEqual(wrong, [])


class MemoryTest(unittest.TestCase):
    def test_no_hash_container_that_an_allocation_failure_corrupts(self):
        """Abseil's hash containers are broken for good when growing them throws, and then take the
        broker down; std's are as before."""
        allowed = {"registry/group_table.h"}  # reserved once, never grows
        wrong = [str(path) for path in tracked_files()
                 if path.suffix in SOURCES and path.parts[0] in ("registry", "plugin")
                 and str(path) not in allowed
                 and re.search(r"absl::(flat|node)_hash_(map|set)<", (ROOT / path).read_text())]
        self.assertEqual(wrong, [])


class LeftoversTest(unittest.TestCase):
    def test_nothing_unfinished_is_left(self):
        pattern = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
        wrong = [f"{path}:{i}" for path in tracked_files()
                 if path.suffix in (*SOURCES, ".sh", ".ts", ".mjs") for i, line in
                 enumerate((ROOT / path).read_text(errors="replace").split("\n"), 1)
                 if pattern.search(line)]
        self.assertEqual(wrong, [])

    def test_every_header_has_a_guard_and_a_purpose(self):
        wrong = []
        for path in tracked_files():
            if path.suffix != ".h" or path.parts[0] not in ("registry", "plugin", "cli"):
                continue
            text = (ROOT / path).read_text()
            guard = "SESSION_STATUS_" + re.sub(r"\W", "_", str(path)).upper() + "_"
            if f"#ifndef {guard}" not in text:
                wrong.append(f"{path}: guard {guard}")
            if not text.startswith("//"):
                wrong.append(f"{path}: says nothing at its top")
        self.assertEqual(wrong, [])

    def test_lock_files_name_no_download_address(self):
        wrong = [str(path) for path in tracked_files() if path.name == "package-lock.json"
                 and '"resolved": "http' in (ROOT / path).read_text()]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
