"""The settings of a survey: `survey.toml`, read, checked and written to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.batch.mission import Mission, Stage, load_mission
from ciaopy.batch.quantities import seconds, size_bytes
from ciaopy.batch.sources import CALDB_KEYS, DOWNLOAD_KEYS, read_source
from ciaopy.errors import UsageError

__all__ = ["Settings", "order_stages", "read_settings", "remember", "template"]

_RUN = ("num_cores", "threads", "timeout", "memory", "retries", "min_free", "digest")
_COMMAND = ("name", "needs", "argv", "products", "timeout", "memory", "retries")
#: Placeholders that every command has; `{out}` and `{threads}` are known when an attempt begins.
PLACEHOLDERS = ("ident", "obs_id", "instrument", "exposure", "raw", "out", "threads")


@dataclass(frozen=True)
class Settings:
    """What survey.toml says.

    Attributes
    ----------
    mission : Mission
    run : dict
        num_cores, threads, timeout [s], memory [bytes], retries, min_free [bytes], digest.
    parameters : dict
        Stage -> parameters, defaults filled in, JSON values.
    commands : tuple of Stage
        The user's commands.
    download : dict
        Where observations come from, JSON values; see `ciaopy.batch.sources`.
    caldb : dict or None
        Where calibration comes from; None: nothing is fetched.
    """

    mission: Mission
    run: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    commands: tuple[Stage, ...] = ()
    download: dict[str, Any] = field(default_factory=dict)
    caldb: dict[str, Any] | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of the mission and the commands, each after what it needs."""
        return order_stages((*self.mission.stages, *self.commands))


def order_stages(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return stages so that each follows those that it needs.

    Raises
    ------
    UsageError
        One needs a stage that is not there, or they need each other in a circle.
    """
    known = {s.name: s for s in stages}
    ordered: dict[str, Stage] = {}

    def place(stage: Stage, path: tuple[str, ...]) -> None:
        if stage.name in path:
            circle = " -> ".join((*path[path.index(stage.name) :], stage.name))
            raise UsageError(f"the commands need each other in a circle: {circle}")
        for need in (*stage.needs, *(a for a in stage.after if a in known)):
            if need not in known:
                raise UsageError(
                    f"command {stage.name!r} needs {need!r}, which is no stage; there are {', '.join(known)}"
                )
            place(known[need], (*path, stage.name))
        ordered.setdefault(stage.name, stage)

    for stage in stages:
        place(stage, ())
    return tuple(ordered.values())


def template(mission: Mission) -> str:
    """Return a survey.toml with everything at its default, as comments."""
    lines = [
        "# Settings of a ciaopy survey; `ciaopy batch run --set STAGE.PARAMETER=VALUE` writes here too.",
        f"# observations of {' and '.join(m.name for m in mission.members)} are told apart by themselves"
        if mission.members
        else f'mission = "{mission.name}"',
        "",
        "[run]",
        "# num_cores = 4          # cores in all; default: 90% of those this process may use",
        '# timeout = "2 h"        # of one try of one job',
        '# memory = "8 GB"        # of one job; above it the job is killed',
        "# retries = 2            # further tries after a lost process, an i/o error, too little memory",
        '# min_free = "2 GB"      # below it no new job starts',
    ]
    for stage in mission.stages:
        if stage.parameters:
            lines += ["", f"[stage.{stage.name}]"]
            lines += [f"# {p.name} = {_toml(p.default)}" for p in stage.parameters if p.default is not None]
    if mission.download:
        lines += [
            "",
            "[download]",
            '# mirror = ["https://cxc.cfa.harvard.edu/cdaftp/"]  # the next is tried where one fails',
            '# types = ["evt1", "asol"]      # default: what reprocessing uses',
            "# concurrency = 4              # files at a time, 1 to 4",
            '# limit_rate = "2 MB"          # a second, all files together',
            "# delete_raw_when_done = false # of an observation of which everything is done; fetched again if needed",
            "",
            "# Calibration, fetched once for all observations; without this table: $CALDB, or the embedded one.",
            "# [caldb]",
            '# mirror = "https://cxc.cfa.harvard.edu/cdaftp/arcftp/ChandraCalDB"',
            '# folder = "caldb"             # below the survey, or a path',
        ]
    lines += [
        "",
        "# A command of your own, run for every ident:",
        "# [[command]]",
        '# name = "spectra"',
        f'# needs = ["{mission.stages[-1].needs[0] if mission.stages[-1].needs else mission.prepare}"]',
        '# argv = ["python3", "spec.py", "{ident}", "{out}/spec.fits"]',
        '# products = ["spec.fits"]',
        "",
    ]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """Return a JSON value as TOML on one line."""
    return json.dumps(value)


def read_settings(path: Path) -> Settings:
    """Read survey.toml.

    Raises
    ------
    UsageError
        It is missing, no TOML, or has an unknown key, stage, placeholder or a wrong value; with its line.
    """
    import tomllib

    try:
        text = path.read_text()
        found = tomllib.loads(text)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); is this a survey? ciaopy batch init makes one"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from error
    reader = _Reader(path, text)
    reader.known(found, ("mission", "run", "stage", "command", "download", "caldb"), "")
    mission = load_mission(str(found.get("mission", "")))
    for name, keys in (("run", _RUN), ("download", DOWNLOAD_KEYS), ("caldb", CALDB_KEYS)):
        reader.known(reader.table(found, name), keys, name)
    commands = tuple(reader.command(c, mission) for c in reader.tables(found, "command"))
    names = [s.name for s in (*mission.stages, *commands)]
    for name in names:
        if names.count(name) > 1:
            raise reader.error(name, f"two commands, or a command and a stage, are called {name!r}")
    settings = Settings(mission, reader.run(reader.table(found, "run")), reader.stages(found, mission), commands,
                        reader.source(found, "download"),
                        reader.source(found, "caldb") if "caldb" in found else None)  # fmt: skip
    reader.placeholders(settings)
    return settings


@dataclass(frozen=True)
class _Reader:
    """Reads parts of one file and knows in which line they stand."""

    path: Path
    text: str

    def error(self, key: str, problem: str) -> UsageError:
        """Return an error with the line where a word stands first."""
        pattern = re.compile(rf"(?<![\w.]){re.escape(key)}(?![\w.])")
        lines = enumerate(self.text.splitlines(), 1)
        number = next((n for n, line in lines if not line.lstrip().startswith("#") and pattern.search(line)), None)
        return UsageError(f"{self.path}{f', line {number}' if number else ''}: {problem}")

    def known(self, table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in keys:
                place = f" in [{where}]" if where else ""
                raise self.error(key, f"unknown key {key!r}{place}; there is {', '.join(keys)}")

    def table(self, found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = found.get(name, {})
        if not isinstance(value, dict):
            raise self.error(name, f"{name} must be a table: [{name}]")
        return value

    def tables(self, found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        value = found.get(name, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.error(name, f"{name} must be a list of tables: [[{name}]]")
        return value

    def run(self, table: Mapping[str, Any]) -> dict[str, Any]:
        read = dict(table)
        for key, value in table.items():
            try:
                if key == "timeout":
                    read[key] = seconds(key, value)
                elif key in ("memory", "min_free"):
                    read[key] = size_bytes(key, value)
                elif key == "digest" and value not in ("ends", "full"):
                    raise ValueError(f"digest={value!r}: ends or full")
                elif key in ("num_cores", "threads", "retries") and (
                    type(value) is not int or value < (key != "retries")
                ):
                    raise ValueError(f"{key}={value!r}: a whole number is needed")
            except ValueError as error:
                raise self.error(key, str(error)) from error
        return read

    def source(self, found: Mapping[str, Any], name: str) -> dict[str, Any]:
        read = {}
        for key, value in self.table(found, name).items():
            try:
                read[key] = read_source(name, key, value)
            except ValueError as error:
                raise self.error(key, str(error)) from error
        return read

    def stages(self, found: Mapping[str, Any], mission: Mission) -> dict[str, dict[str, Any]]:
        table = self.table(found, "stage")
        names = [s.name for s in mission.stages]
        for name in table:
            if name not in names:
                raise self.error(f"stage.{name}", f"no stage is called {name!r}; there is {', '.join(names)}")
        result = {}
        for stage in mission.stages:
            values = stage.defaults
            for key, value in self.table(table, stage.name).items():
                try:
                    parameter = stage.parameter(key)
                    values[key] = parameter.parse(f"{stage.name}.{key}", value)
                except (TypeError, ValueError, UsageError) as error:
                    raise self.error(key, str(error)) from error
            try:
                stage.check(values)
            except ValueError as error:
                raise self.error(f"stage.{stage.name}", f"{stage.name}: {error}") from error
            result[stage.name] = values
        return result

    def command(self, table: Mapping[str, Any], mission: Mission) -> Stage:
        name = table.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][\w-]*", name):
            raise self.error("command", f"a command needs a name of letters, digits, _ and -, not {name!r}")
        self.known(table, _COMMAND, f"command {name}")
        lists = {k: table.get(k, []) for k in ("needs", "argv", "products")}
        for key, value in lists.items():
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise self.error(key, f"command {name!r}: {key} must be a list of texts")
        if not lists["argv"]:
            raise self.error(name, f"command {name!r} has no argv")
        for product in lists["products"]:
            if product.startswith("/") or ".." in Path(product).parts:
                raise self.error(product, f"command {name!r}: the product {product!r} is not below {{out}}")
        limits = self.run({k: table[k] for k in ("timeout", "memory", "retries") if k in table})
        return Stage(
            name,
            needs=tuple(lists["needs"]) or (() if mission.members else (mission.prepare,)),
            argv=tuple(lists["argv"]),
            products=tuple(lists["products"]),
            timeout=limits.get("timeout"),
            memory_limit=limits.get("memory"),
            retries=limits.get("retries"),
        )

    def placeholders(self, settings: Settings) -> None:
        """Refuse a command with a placeholder that no stage it needs can fill."""
        stages = {s.name: s for s in settings.stages}
        for command in settings.commands:
            known = {*PLACEHOLDERS, *(k for n in ancestors(command, stages) for k in stages[n].keys)}
            for word in command.argv:
                for name in re.findall(r"\{(\w*)\}", word):
                    if name not in known:
                        there = ", ".join(sorted(known))
                        problem = f"command {command.name!r}: unknown placeholder {{{name}}}; there is {there}"
                        raise self.error(word, problem)


def ancestors(stage: Stage, stages: Mapping[str, Stage]) -> list[str]:
    """Return the names of the stages that a stage needs, and that these need."""
    found: dict[str, None] = {}
    for need in stage.needs:
        found[need] = None
        found |= dict.fromkeys(ancestors(stages[need], stages))
    return list(found)


def remember(path: Path, stage: Stage, values: Mapping[str, Any]) -> None:
    """Write parameters of a stage into survey.toml; the rest of the file stays as it is.

    Raises
    ------
    UsageError
        The file is written in a way that this cannot follow.
    """
    from ciaopy.fits import AtomicFile

    text = path.read_text()
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*stage\s*\.\s*[\"']?{re.escape(stage.name)}[\"']?\s*\]")
    start = next((i for i, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        first = next((i for i, line in enumerate(lines) if re.match(r"\s*(#\s*)?\[\[command", line)), len(lines))
        lines[first:first] = [f"[stage.{stage.name}]", ""]
        start = first
    for name, value in values.items():
        end = next((i for i in range(start + 1, len(lines)) if re.match(r"\s*\[", lines[i])), len(lines))
        own = re.compile(rf"\s*{re.escape(name)}\s*=")
        where = next((i for i in range(start + 1, end) if own.match(lines[i])), None)
        comment = next((i for i in range(start + 1, end) if re.match(rf"\s*#\s*{re.escape(name)}\s*=", lines[i])), None)
        default = value == stage.parameter(name).default
        line = f"# {name} = {_toml(value)}" if default and value is not None else f"{name} = {_toml(value)}"
        if value is None:
            line = f"# {name}: not set"
        if where is not None:
            lines[where] = line
        elif comment is not None:
            lines[comment] = line
        elif not default:
            lines.insert(start + 1, line)
    new = "\n".join(lines) + "\n"
    if new == text:
        return
    _verify(path, text, new, stage, values)
    with AtomicFile(path, True) as file:
        file.write(new.encode())


def _verify(path: Path, old: str, new: str, stage: Stage, values: Mapping[str, Any]) -> None:
    """Raise where an edit would have changed anything else."""
    import tomllib

    try:
        before, after = tomllib.loads(old), tomllib.loads(new)
        changed = after.setdefault("stage", {}).setdefault(stage.name, {})
        before.setdefault("stage", {}).setdefault(stage.name, {})
        read = {
            n: stage.parameter(n).parse(n, changed[n]) if n in changed else stage.parameter(n).default for n in values
        }
        for name in values:
            changed.pop(name, None)
            before["stage"][stage.name].pop(name, None)
        good = before == after and read == dict(values)
    except (tomllib.TOMLDecodeError, TypeError, ValueError):
        good = False
    if not good:
        raise UsageError(f"{path}: [stage.{stage.name}] cannot be changed by --set as it is written; change it by hand")
