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
                allowed |= {folders[o] for o in links[name] if o in folders}
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


ATOMIC_CALL = re.compile(r"(?:\.|->)\s*(?:load|store|exchange|fetch_\w+|compare_exchange_\w+|test_and_set)\(")
# How many lines above a call its pair's number may stand.
NEAR_LINES = 3


def without_comments(text):
    """The code alone, every character where it was."""
    return re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"', lambda m: " " * len(m[0]), text)


def closing(code, opening):
    """Where the parenthesis at `opening` ends."""
    depth = 0
    for i in range(opening, len(code)):
        depth += (code[i] == "(") - (code[i] == ")")
        if depth == 0:
            return i
    raise AssertionError("unbalanced")


def atomic_members(code):
    """Members (their names end with an underscore) that are an atomic or an array of them, and of
    whose name nothing else is declared."""
    aliases = "|".join(["std::atomic<", *(rf"\b{name}\b" for name in
                                          re.findall(r"using (\w+) = std::atomic<", code))])
    atomic = set(re.findall(rf"(?:{aliases})[^;*(){{}}]*[>\s](\w+_)(?:\{{[^}}]*\}})?;", code))
    others = set(re.findall(
        r"^\s*(?!return|.*atomic<)(?:mutable |const )*[\w:<>]+ (\w+_)(?: ABSL_\w+\(\w+\))?(?:\{.*\}| = .*)?;",
        code, re.M))
    return atomic - others


def misuses_of_atomics(text, declarations=""):
    """(line, what is wrong) of each use of an atomic. `declarations`: the file's own header."""
    code, lines = without_comments(text), text.split("\n")
    for call in ATOMIC_CALL.finditer(code):
        end = closing(code, call.end() - 1)
        orders = re.findall(r"memory_order_(\w+)", code[call.end():end])
        first, last = code.count("\n", 0, call.start()), code.count("\n", 0, code.find(";", end))
        near = " ".join(line.split("//", 1)[1] for line in lines[max(0, first - NEAR_LINES):last + 1]
                        if "//" in line)
        if not orders:
            yield first + 1, "names no order"
        elif set(orders) != {"relaxed"} and not re.search(r"\([a-z]?\d+\)|\b[a-z]\d+\b", near):
            yield first + 1, "does not name its partner"
    for name in atomic_members(without_comments(declarations) + code):
        written = rf"(?:\+\+|--)\s*{name}\b|\b{name}(?:\[[^]]*\])?\s*(?:\+\+|--|[-+|&^]?=(?!=))"
        for use in re.finditer(written, code):
            yield code.count("\n", 0, use.start()) + 1, f"writes {name} by an operator, which names no order"
        for use in re.finditer(rf"\b{name}(?=\s*(?:[),?]|&&|\|\||[!=<>]=|[-+<>]\s))|"
                               rf"(?:=|return|!)\s*{name}\s*;", code):
            yield code.count("\n", 0, use.start()) + 1, f"reads {name} without naming an order"


class AtomicsTest(unittest.TestCase):
    def test_every_use_names_its_order_and_its_partner(self):
        """By call, and wherever the atomic is declared. Relaxed pairs with nothing."""
        wrong, used = [], 0
        for path in tracked_files():
            if path.suffix not in SOURCES or path.parts[0] not in ("registry", "plugin"):
                continue
            text = (ROOT / path).read_text()
            header = ROOT / path.with_suffix(".h")
            declarations = header.read_text() if path.suffix == ".cc" and header.is_file() else ""
            wrong += [f"{path}:{line}: {what}" for line, what in misuses_of_atomics(text, declarations)]
            used += len(ATOMIC_CALL.findall(text))
        self.assertEqual(wrong, [])
        self.assertGreater(used, 150)

    def test_the_check_sees_what_it_is_for(self):
        header = "std::atomic<bool> waiting_{false};\nstd::array<std::atomic<int>, 3> used_{};\n"
        for code, what in (
                ("waiting_.store(true);", "names no order"),
                ("if (waiting_.exchange(false)) {", "names no order"),
                ("waiting_.store(f(1));", "names no order"),
                ("used_[0].fetch_add(1);", "names no order"),
                ("waiting_ = true;", "by an operator"),
                ("++used_[i];", "by an operator"),
                ("used_[0] += 2;", "by an operator"),
                ("return waiting_;", "without naming"),
                ("if (waiting_) return;", "without naming"),
                ("const bool w = waiting_;", "without naming"),
                ("waiting_.store(true, std::memory_order_release);", "partner"),
                ("waiting_.store(f(1), std::memory_order_release);", "partner"),
                ("waiting_.store(true, std::memory_order_release);  // (w1)", ""),
                ("// (w1) release; pairs with (w2)\nwaiting_.store(\n  true, std::memory_order_release);", ""),
                ("waiting_.store(true, std::memory_order_relaxed);", "")):
            with self.subTest(code):
                found = "; ".join(wrong for _, wrong in misuses_of_atomics(code, header))
                self.assertIn(what, found)
                self.assertEqual(found == "", what == "", found)


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

    def test_comments_end_within_the_line(self):
        """clang-format leaves them as they are; the limit is .clang-format's."""
        limit = int(re.search(r"(?m)^ColumnLimit: (\d+)$", (ROOT / ".clang-format").read_text())[1])
        long = [f"{path}:{number}" for path in tracked_files() if path.suffix in SOURCES
                for number, line in enumerate((ROOT / path).read_text().split("\n"), 1)
                if line.lstrip().startswith("//") and len(line) > limit]
        self.assertEqual(long, [])

    def test_lock_files_name_no_download_address(self):
        wrong = [str(path) for path in tracked_files() if path.name == "package-lock.json"
                 and '"resolved": "http' in (ROOT / path).read_text()]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
