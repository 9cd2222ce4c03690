"""The table of claims, as text and as a page, and what the machine was."""
import datetime
import json
import os
import pathlib
import platform
import subprocess
from dataclasses import asdict, dataclass
from html import escape

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
td.reached { color: #2d6a2d } td.missed { color: #b3261e; font-weight: 600 } code { font-size: 12px }
svg { width: 100%; font: 11px system-ui, sans-serif; margin: .6rem 0 } svg .title { font-weight: 600; font-size: 13px }
svg .grid { stroke: #e4e4e4 } h2 { margin-top: 2.2rem }
"""


@dataclass
class Row:
    claim: str
    figure: str
    bound: str
    holds: bool
    command: str

    def verdict(self):
        return "reached" if self.holds else "missed"


def brokers():
    """The programs of both lines that the tests use."""
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
    find = lambda command: subprocess.run(command, capture_output=True, text=True, env=environment).stdout.split()
    return [*find(["sh", "-c", "command -v mosquitto"]), *(p + "/sbin/mosquitto" for p in find(["tools/get-mosquitto-2.1"])[-1:])]


def libraries():
    for name in ("libabsl20220623", "libprotobuf32", "libssl3", "libsqlite3-0", "libhiredis0.14"):
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
        if done.returncode == 0:
            yield name, done.stdout


def machine():
    """What the figures were measured on: name → text."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1])
    release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    first_line = lambda command: subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]
    return {
        "Processor": f"{cpu}, {os.cpu_count()} cores",
        "Memory": f"{memory / 2**20:.1f} GiB",
        "System": f"{release['PRETTY_NAME'].strip(chr(34))}, Linux {platform.release()}",
        "Brokers": " and ".join(first_line([program, "-h"]) for program in brokers()),
        "Rivals": ", ".join([first_line(["sh", "-c", "/usr/sbin/nginx -v 2>&1"]), first_line(["redis-server", "--version"])]),
        "Libraries": ", ".join(f"{name} {version}" for name, version in libraries()),
        "Compiler": first_line(["g++", "--version"]),
    }


def now():
    """What was measured and when: name → text."""
    git = lambda *words: subprocess.run(["git", *words], capture_output=True, text=True)
    changed = git("diff", "--quiet", "HEAD", "--", ":!docs/proof").returncode != 0  # the report itself is no change
    return {
        "Commit": git("rev-parse", "--short=12", "HEAD").stdout.strip() + ("-dirty" if changed else ""),
        "Date": datetime.date.today().isoformat(),
        "Load before": f"{os.getloadavg()[0]:.2f}",
    }


def text_table(rows):
    lines = ["| claim | figure | bound | verdict |", "|---|---|---|---|"]
    for r in rows:
        verdict = r.verdict() if r.holds else f"**{r.verdict()}**"
        lines.append(f"| {r.claim} | {r.figure} | {r.bound} | {verdict} |")
    return "\n".join(lines)


def html_table(rows):
    out = ["<table><tr><th>Claim<th>Figure<th>Bound<th>Verdict<th>Command</tr>"]
    for r in rows:
        out.append(f'<tr><td>{escape(r.claim)}<td>{escape(r.figure)}<td>{escape(r.bound)}'
                   f'<td class="{r.verdict()}">{r.verdict()}<td><code>{escape(r.command)}</code></tr>')
    return "\n".join(out + ["</table>"])


def page(title, sections, facts):
    """`sections`: [(heading, html)]."""
    out = [f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
           f"<style>{STYLE}</style><h1>{escape(title)}</h1><table>"]
    out += [f"<tr><th>{escape(k)}<td>{escape(v)}</tr>" for k, v in facts.items()]
    out.append("</table>")
    for heading, html in sections:
        out.append(f"<h2>{escape(heading)}</h2>\n{html}")
    return "\n".join(out) + "\n"


def save(path, rows, **more):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": [asdict(r) for r in rows], **more}, indent=1) + "\n")


def load_rows(path):
    return [Row(**r) for r in json.loads(pathlib.Path(path).read_text())["rows"]]
