"""docs/architecture.md draws the arrows that the CMakeLists.txt files draw.

Each row of its folder table names the folder's libraries of this project in its last column; this test
compares them with what the folder links. SESSION_STATUS_UPDATE_DOCS=1 rewrites that column and adds
rows that are missing.
"""

import os
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/tools"))
import tidy_test  # noqa: E402  (it knows how to read the link lines)

DOCUMENT = ROOT / "docs/architecture.md"
ROW = re.compile(r"(?m)^\| `([\w/]+)/` \| (.*?) \| ?(.*?) ?\|$")


def arrows():
    """Folder → folders it links directly."""
    folders, links = tidy_test.libraries()
    folders["proto"] = folders["proto_full"] = pathlib.Path("proto")
    drawn = {str(folder): set() for folder in folders.values() if str(folder) != "."}
    for name, used in ((name, used) for name, used in links.items() if str(folders[name]) in drawn):
        drawn[str(folders[name])] |= {str(folders[other]) for other in used
                                      if other in folders and folders[other] != folders[name]}
    return drawn


def shown(folder):
    return f"`{folder.removeprefix('plugin/')}`"


class ArchitectureTest(unittest.TestCase):
    def test_the_folder_table_is_what_is_linked(self):
        drawn = arrows()
        text = DOCUMENT.read_text()
        if os.environ.get("SESSION_STATUS_UPDATE_DOCS"):
            text = self.updated(text, drawn)
            DOCUMENT.write_text(text)
        rows = {folder: uses for folder, _, uses in ROW.findall(text)}
        self.assertEqual(sorted(rows), sorted(drawn), "folders in the table; folders that are libraries")
        for folder, uses in rows.items():
            self.assertEqual(uses, self.cell(drawn[folder]), folder)

    @staticmethod
    def cell(uses):
        return ", ".join(sorted(map(shown, uses))) or "–"

    def updated(self, text, drawn):
        text = ROW.sub(lambda row: f"| `{row[1]}/` | {row[2]} | {self.cell(drawn.get(row[1], set()))} |", text)
        missing = sorted(set(drawn) - {row[0] for row in ROW.findall(text)})
        lines = "".join(f"| `{folder}/` | (say what it knows) | {self.cell(drawn[folder])} |\n" for folder in missing)
        last = list(ROW.finditer(text))[-1].end() + 1
        return text[:last] + lines + text[last:]

    def test_every_folder_says_what_it_knows(self):
        self.assertNotIn("(say what it knows)", DOCUMENT.read_text())


if __name__ == "__main__":
    unittest.main()
