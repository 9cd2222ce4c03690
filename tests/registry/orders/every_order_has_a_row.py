"""Every memory order above relaxed in the checked files has a row in orders.txt, and every row its line.

usage: every_order_has_a_row.py SOURCE_FOLDER
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
files = ["registry/loss_grace.cc", "registry/session_index.cc", "registry/session_index.h",
         "registry/session_record.h", "registry/snapshot_epochs.cc", "registry/snapshot_epochs.h",
         "plugin/feed/change_ring.cc", "plugin/feed/change_ring.h", "plugin/feed/word_ring.cc",
         "plugin/feed/word_ring.h"]
faults = []
texts = {name: [] for name in files}
for row in (root / "tests/registry/orders/orders.txt").read_text().splitlines():
    if not row or row.startswith("#"):
        continue
    fields = row.split(" | ")
    lines = (root / fields[2]).read_text().splitlines()
    if sum(fields[4] in line for line in lines) != 1:
        faults.append(f"{fields[2]} has not just one line with: {fields[4]}")
    texts[fields[2]].append(fields[4])
for name in files:
    lines = (root / name).read_text().splitlines()
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        if not re.search(r"memory_order_(acquire|release|acq_rel|seq_cst)", code):
            continue
        # A statement of two lines has its row by the first.
        if not any(text in line or text in lines[number - 2] for text in texts[name]):
            faults.append(f"{name}:{number} has no row: {code.strip()}")
print("\n".join(faults))
sys.exit(1 if faults else 0)
