"""Prints gcovr's summary (JSON) by folder: lines and branches that the tests reach."""
import collections
import json
import sys


def share(reached, total):
    return f"{100 * reached / total:5.1f} % of {total:,}" if total else "-"


def main():
    summary = json.load(open(sys.argv[1]))
    folders = collections.defaultdict(lambda: [0, 0, 0, 0])
    for file in summary["files"]:
        figures = [file[k] for k in ("line_covered", "line_total", "branch_covered", "branch_total")]
        for name in (file["filename"].rpartition("/")[0], "all"):
            folders[name] = [a + b for a, b in zip(folders[name], figures)]
    print("| folder | lines | branches |\n|---|---|---|")
    for name, (lines, lines_all, branches, branches_all) in sorted(folders.items(), key=lambda f: (f[0] == "all", f[0])):
        print(f"| {name} | {share(lines, lines_all)} | {share(branches, branches_all)} |")


main()
