"""Plants each defect of tests/mutants/*.txt in a copy of the source, one at a time, and runs the tests that
must notice it. Called by ./tools/check mutants; the format of the lists is in docs/contributing.md.

  mutants.py --check        only: is every entry well-formed, and its text once in its file?
  mutants.py [WORD…]        all, or those whose file, list or reason contains a WORD
"""
import argparse
import collections
import filecmp
import pathlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTS = sorted((ROOT / "tests/mutants").glob("*.txt"))
COPY = ROOT / "build/mutants/tree"
BUILD = COPY / "build/release"
# A test that hangs on a defect has noticed it; the slowest filter takes a tenth of this.
PATIENCE_SECONDS = 300


class Wrong(Exception):
    """An entry that is not a mutant; the message says where and what."""


@dataclass
class Mutant:
    place: str  # list and line
    file: str
    why: str = ""
    tests: list = field(default_factory=list)  # (target, filter)
    old: list = field(default_factory=list)
    new: list = field(default_factory=list)

    def check(self):
        source = ROOT / self.file
        if not source.is_file():
            raise Wrong(f"{self.place}: there is no file {self.file}")
        if not self.why or not self.tests or not self.old:
            raise Wrong(f"{self.place}: an entry needs 'why:', 'test:' and a line that begins with '- '")
        if self.old == self.new:
            raise Wrong(f"{self.place}: nothing is changed")
        found = ("\n" + source.read_text()).count("\n" + "\n".join(self.old) + "\n")
        if found != 1:
            raise Wrong(f"{self.place}: the lines to replace are {found} times in {self.file}, not once")

    def applied_to(self, text):
        old, new = ("".join(line + "\n" for line in lines) for lines in (self.old, self.new))
        return ("\n" + text).replace("\n" + old, "\n" + new)[1:]


def read(path):
    mutants, mutant = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        place = f"{path.relative_to(ROOT)}:{number}"
        if not line:
            mutant = None
        elif line.startswith("#"):
            pass
        elif mutant is None:
            mutants.append(mutant := Mutant(place, line))
        elif line.startswith("why: "):
            mutant.why = line[5:]
        elif match := re.fullmatch(r"test: (\w+) (\S+)", line):
            mutant.tests.append(match.groups())
        elif line[:1] in "-+" and line[1:2] in ("", " "):
            (mutant.old if line[0] == "-" else mutant.new).append(line[2:])
        else:
            raise Wrong(f"{place}: neither 'why: …', 'test: TARGET FILTER', '- …' nor '+ …': {line}")
    return mutants


def copy_tree():
    """The source as it is in the work tree; unchanged files keep their times, so little is built again."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    names = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for old in COPY.rglob("*"):
        relative = old.relative_to(COPY)
        if relative.parts[0] != "build" and old.is_file() and str(relative) not in names:
            old.unlink()
    for name in names:
        target = COPY / name
        if not target.is_file() or not filecmp.cmp(ROOT / name, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def build(targets):
    done = subprocess.run(["cmake", "--build", BUILD, "--target", *targets], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return None if done.returncode == 0 else done.stdout


def notices(target, tests):
    """Whether the tests fail. None of them, or none left by the filter, is an error."""
    program = next(BUILD.glob(f"tests/*/{target}"))
    try:
        done = subprocess.run([program, f"--gtest_filter={tests}", "--gtest_fail_fast"], cwd=BUILD,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    if b"[==========] 0 tests" in done.stdout:
        raise Wrong(f"{target} has no test {tests}")
    return done.returncode != 0


def run(mutants, options):
    copy_tree()
    for command in (["cmake", "--preset", "release", *options],):
        subprocess.run(command, cwd=COPY, check=True, stdout=subprocess.DEVNULL)
    tests = collections.OrderedDict.fromkeys(test for mutant in mutants for test in mutant.tests)
    print(f"{len(mutants)} mutants; building the tests and running them without one first", file=sys.stderr)
    if complaint := build(sorted({target for target, _ in tests})):
        sys.exit(complaint)
    for target, names in tests:
        if notices(target, names):
            sys.exit(f"{target} --gtest_filter={names} fails without a mutant")
    survivors = []
    for number, mutant in enumerate(mutants, 1):
        source = COPY / mutant.file
        text = source.read_text()
        try:
            source.write_text(mutant.applied_to(text))
            if complaint := build(sorted({target for target, _ in mutant.tests})):
                raise Wrong(f"{mutant.place}: does not build:\n{complaint[-3000:]}")
            killed = any(notices(*test) for test in mutant.tests)
        finally:
            source.write_text(text)
        if not killed:
            survivors.append(mutant)
        print(f"{number:3} {'killed' if killed else 'SURVIVED'}  {mutant.file}: {mutant.why} ({mutant.place})", flush=True)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants are killed")
    return 1 if survivors else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cmake", action="append", default=[], help="an option for cmake")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    try:
        mutants = [mutant for path in LISTS for mutant in read(path)]
        for mutant in mutants:
            mutant.check()
        if arguments.check:
            print(f"{len(mutants)} mutants, each of which has its place")
            return 0
        chosen = [m for m in mutants if not arguments.words or any(w in f"{m.file} {m.place} {m.why}" for w in arguments.words)]
        if not chosen:
            raise Wrong(f"no mutant has one of: {' '.join(arguments.words)}")
        return run(chosen, arguments.cmake)
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")


sys.exit(main())
