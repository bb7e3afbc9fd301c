"""What became of a survey: a status for a terminal, JSON for programs, HTML and CSV for people."""

from __future__ import annotations

import csv
import html
import io
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ciaopy.batch.survey import Survey

__all__ = ["failures", "status_json", "status_text", "write_csv", "write_html"]

STATES = ("done", "running", "waiting", "failed", "skipped", "blocked", "cancelled")
_CURRENT = "state != 'superseded' order by obs_id, ident, started"


def failures(survey: Survey) -> list[dict[str, Any]]:
    """Return {ident, stage, cause, message, log} of the jobs that failed, with what was skipped."""
    keys = ("ident", "stage", "cause", "message", "log")
    with survey.ledger() as ledger:
        rows = list(ledger.jobs("state in ('failed', 'skipped') order by state, ident, stage"))
    return [{k: r[k] for k in keys} | {"state": r["state"]} for r in rows]


def status_json(survey: Survey) -> dict[str, Any]:
    """Return the status of a survey as JSON values."""
    with survey.ledger() as ledger:
        counts, number = ledger.counts(), len(ledger.observations())
    return {
        "survey": str(survey.folder),
        "observations": number,
        "running": survey.supervisor() is not None,
        "stages": counts,
        "failed": [f for f in failures(survey) if f.pop("state") == "failed" or f["cause"] != "not yet"],
    }


def status_text(survey: Survey) -> str:
    """Return a table of stages and states."""
    told = status_json(survey)
    names = [s.name for s in survey.settings().stages]
    order = [n for n in names if n in told["stages"]] + sorted(set(told["stages"]) - set(names))
    width = max([len(n) for n in order] + [5])
    lines = [f"{told['survey']}: {told['observations']} observations" + (", running" if told["running"] else "")]
    lines.append(f"{'stage':<{width}}" + "".join(f"{s:>10}" for s in STATES))
    for name in order:
        own = told["stages"][name]
        lines.append(f"{name:<{width}}" + "".join(f"{own.get(s) or '':>10}" for s in STATES))
    if not order:
        lines.append("nothing has been run yet")
    return "\n".join(lines)


def summary_text(survey: Survey, names: Iterable[str]) -> str:
    """Return one line per stage."""
    with survey.ledger() as ledger:
        counts = ledger.counts()
    lines = []
    for name in names:
        own = counts.get(name)
        if own:
            lines.append(f"{name}: " + ", ".join(f"{own[s]} {s}" for s in STATES if own.get(s)))
    return "\n".join(lines)


def without_numbers(message: str) -> str:
    """Return a message without ObsIDs, paths and numbers, so that equal failures look equal."""
    text = re.sub(r"\S*/\S+", "<path>", message)
    return re.sub(r"\d+", "#", text)


_COLUMNS = ("obs_id", "ident", "stage", "state", "cause", "message", "seconds", "cpu_seconds", "peak_memory",
            "attempts", "host", "engine", "log")  # fmt: skip


def write_csv(survey: Survey, path: Path) -> None:
    """Write one line per job."""
    from ciaopy.fits import AtomicFile

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    with survey.ledger() as ledger:
        for row in ledger.jobs(_CURRENT):
            writer.writerow([row[c] for c in _COLUMNS])
    with AtomicFile(path, True) as file:
        file.write(text.getvalue().encode())


_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#1c2733;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #d5dde5;padding-bottom:.2em}
table{border-collapse:collapse;margin:.6em 0;font-size:.92em}th,td{text-align:left;padding:.25em .7em}
td{vertical-align:top}
th{background:#eef2f6;font-weight:600}tr:nth-child(even) td{background:#f8fafb}td.n,th.n{text-align:right}
.done{color:#176b38}.failed{color:#b3261e;font-weight:600}.skipped{color:#2a5caa}.blocked{color:#8a4b08}
.running,.waiting,.cancelled{color:#5b6b7a}code{font-size:.92em}details{margin:.4em 0}summary{cursor:pointer}
img{max-height:190px;border:1px solid #d5dde5}
figure{display:inline-block;margin:.4em;vertical-align:top;max-width:14em}figcaption{font-size:.8em;color:#5b6b7a}.muted{color:#5b6b7a}
"""


def write_html(survey: Survey, path: Path) -> None:
    """Write a report as one file that needs no network."""
    from ciaopy.fits import AtomicFile

    with survey.ledger() as ledger:
        jobs = list(ledger.jobs(_CURRENT))
        observations = ledger.observations()
    for job in jobs:
        job.pop("inputs", None)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{_text(survey.folder.name)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Survey {_text(survey.folder.name)}</h1>",
        f"<p class='muted'>{len(observations)} observations, {len(jobs)} jobs;",
        f"written {time.strftime('%Y-%m-%d %H:%M')}</p>",
        _totals(jobs),
        _failure_groups(jobs),
        _warnings(jobs),
        _by_observation(jobs),
        _parameters(jobs),
        _versions(jobs),
        _thumbnails(survey, jobs),
        "</body></html>\n",
    ]
    with AtomicFile(path, True) as file:
        file.write("\n".join(p for p in parts if p).encode())


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], numeric: Iterable[int] = ()) -> str:
    right = set(numeric)

    def cell(tag: str, number: int, content: str) -> str:
        return f"<{tag} class='n'>{content}</{tag}>" if number in right else f"<{tag}>{content}</{tag}>"

    body = "".join("<tr>" + "".join(cell("td", i, c) for i, c in enumerate(row)) + "</tr>" for row in rows)
    return "<table><tr>" + "".join(cell("th", i, h) for i, h in enumerate(head)) + f"</tr>{body}</table>"


def _stages(jobs: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(j["stage"] for j in jobs))


def _totals(jobs: list[dict[str, Any]]) -> str:
    rows = []
    for stage in _stages(jobs):
        own = [j for j in jobs if j["stage"] == stage]
        states = [str(sum(j["state"] == s for j in own) or "") for s in STATES]
        cpu = sum(j["cpu_seconds"] or 0 for j in own)
        peak = max((j["peak_memory"] or 0 for j in own), default=0)
        rows.append(
            [_text(stage), *states, f"{sum(j['seconds'] or 0 for j in own):.0f}", f"{cpu:.0f}", f"{peak / 1e6:.0f}"]
        )
    head = ["stage", *STATES, "wall [s]", "CPU [s]", "peak [MB]"]
    return "<h2>Totals</h2>" + _table(head, rows, range(1, len(head)))


def _failure_groups(jobs: list[dict[str, Any]]) -> str:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for job in jobs:
        if job["state"] in ("failed", "skipped"):
            groups.setdefault((job["state"], job["cause"] or "", without_numbers(job["message"] or "")), []).append(job)
    if not groups:
        return "<h2>Failures</h2><p>None.</p>"
    rows = []
    for (state, cause, _), members in sorted(groups.items(), key=lambda g: (g[0][0], -len(g[1]))):
        idents = ", ".join(dict.fromkeys(_text(j["ident"]) for j in members[:40]))
        more = f" and {len(members) - 40} more" if len(members) > 40 else ""
        stages = ", ".join(dict.fromkeys(_text(j["stage"]) for j in members))
        logs = "<br>".join(f"<code>{_text(j['log'])}</code>" for j in members[:3] if j["log"])
        rows.append([f"<span class='{state}'>{state}</span>", _text(cause), str(len(members)), stages,
                     f"{_text(members[0]['message'])}<br>{logs}", idents + more])  # fmt: skip
    head = ("state", "cause", "jobs", "stage", "message of the first, logs", "idents")
    return "<h2>Failures and what was skipped</h2>" + _table(head, rows, (2,))


def _warnings(jobs: list[dict[str, Any]]) -> str:
    groups: dict[str, list[str]] = {}
    for job in jobs:
        for note in job["notes"] or ():
            groups.setdefault(without_numbers(note), []).append(f"{job['ident']}\0{note}")
    if not groups:
        return ""
    rows = [[_text(own[0].split("\0")[1]), str(len(own)), _text(own[0].split("\0")[0])] for own in groups.values()]
    return "<h2>Warnings</h2>" + _table(("warning", "jobs", "first"), rows, (1,))


def _by_observation(jobs: list[dict[str, Any]]) -> str:
    stages = _stages(jobs)
    idents: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for job in jobs:
        idents.setdefault(job["ident"], {}).setdefault(job["stage"], []).append(job)
    rows = []
    for ident, own in idents.items():
        cells = [f"<b>{_text(ident)}</b>"]
        for stage in stages:
            cells.append("<br>".join(_cell(j) for j in own.get(stage, ())))
        rows.append(cells)
    return "<h2>Observations</h2>" + _table(("ident", *stages), rows)


def _cell(job: Mapping[str, Any]) -> str:
    title = _text(job["message"])
    text = f"<span class='{job['state']}' title='{title}'>{job['state']}</span>"
    if job["seconds"]:
        text += f" <span class='muted'>{job['seconds']:.1f} s, {(job['peak_memory'] or 0) / 1e6:.0f} MB</span>"
    return text


def _parameters(jobs: list[dict[str, Any]]) -> str:
    sets: dict[tuple[str, str], int] = {}
    for job in jobs:
        if job["parameters"]:
            text = ", ".join(f"{k}={v}" for k, v in job["parameters"].items())
            sets[job["stage"], text] = sets.get((job["stage"], text), 0) + 1
    rows = [[_text(stage), f"<code>{_text(text)}</code>", str(n)] for (stage, text), n in sets.items()]
    return "<h2>Parameters</h2>" + _table(("stage", "parameters", "jobs"), rows, (2,)) if rows else ""


def _versions(jobs: list[dict[str, Any]]) -> str:
    sets: dict[str, int] = {}
    for job in jobs:
        text = ", ".join(f"{k} {v}" for k, v in (job["versions"] or {}).items())
        if text:
            sets[text] = sets.get(text, 0) + 1
    return "<h2>Versions</h2>" + _table(("versions", "jobs"), [[_text(t), str(n)] for t, n in sets.items()], (1,))


def _thumbnails(survey: Survey, jobs: list[dict[str, Any]], most: int = 60) -> str:
    """Return small pictures of the first images, with what they show."""
    pictures: list[str] = []
    for job in jobs:
        images = ((job["extra"] or {}).get("paths") or {}).get("image") if job["stage"] == "flux_image" else None
        if images and job["state"] == "done" and len(pictures) < most:
            drawn = _thumbnail(survey.folder / images[0])
            if drawn is not None:
                name, text = _text(job["ident"]), _text(drawn[1])
                picture = f"<img alt='{name}' title='{name}' src='data:image/png;base64,{drawn[0]}'>"
                pictures.append(f"<figure>{picture}<figcaption><b>{name}</b><br>{text}</figcaption></figure>")
    if not pictures:
        return ""
    note = "<p class='muted'>North is up where the axes are those of the sky; brightness by asinh, each on its own.</p>"
    return f"<h2>Images</h2>{note}" + "".join(pictures)


def _thumbnail(path: Path) -> tuple[str, str] | None:
    """Return an image, at most 300 pixels wide, as a PNG in base64, and what it is; None where it cannot be read."""
    import base64

    from ciaopy.errors import CiaopyError
    from ciaopy.fits import Image, read_dataset
    from ciaopy.plots import image_caption, thumbnail

    try:
        image = next((b for b in read_dataset(path).blocks if isinstance(b, Image) and b.data is not None), None)
        if image is None or image.data is None or image.data.ndim != 2 or not image.data.size:
            return None
        return base64.b64encode(thumbnail(image)).decode(), image_caption(image)
    except (CiaopyError, OSError):
        return None
