"""The commands on parameter files: pset plist pget pquery paccess pline punlearn pdump pedit.

Each takes its words and a console, returns the exit status 0, and raises a `ParameterError` (status 1) for everything
that is wrong. Outputs follow CIAO's `ahelp` pages.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from ciaopy.console import Console
from ciaopy.errors import ParameterError, UnknownParamError, UsageError
from ciaopy.param import (
    Changes,
    Evaluator,
    ParFile,
    Prompter,
    asks,
    check_values,
    locate,
    match_name,
    open_parameters,
    parse_arguments,
    read_current,
    restore,
    save,
    split_attribute,
    writable_path,
)

Command = Callable[..., int]

USAGE = {
    "pset": "pset TOOL [VALUE ...] [NAME=VALUE ...] [NAME+ NAME- ...]\nSet parameters; without any, ask for all.",
    "plist": "plist TOOL [TOOL ...]\nList the parameters; hidden ones stand in brackets.",
    "pget": "pget TOOL NAME [NAME ...]\nPrint values, one a line; NAME.p_min and the like print attributes.",
    "pquery": "pquery TOOL NAME [ARGUMENT ...]\nPrint a value, asking for it if needed; the arguments are remembered.",
    "paccess": "paccess TOOL [MODE | NAME]\nPrint the path of the parameter file (MODE r makes no copy).",
    "pline": "pline TOOL\nPrint one command line with all parameters.",
    "punlearn": "punlearn TOOL [TOOL ...]\nRestore the system values.",
    "pdump": 'pdump TOOL [ARGUMENT ...]\nPrint name="value" lines that a shell can read.',
    "pedit": "pedit TOOL\nEdit the parameter file in $EDITOR; it is saved if it is sound.",
}


def _command(body: Callable[[list[str], Console], int]) -> Command:
    """Wrap a command: `--help`, the tool name that all need, and exit status 1 for errors of grammar too."""
    name = body.__name__

    @functools.wraps(body)
    def command(argv: list[str], console: Console | None = None) -> int:
        console = console or Console()
        if argv and argv[0] in {"--help", "-h"}:
            console.output(f"Usage: {USAGE[name]}")
            return 0
        if not argv:
            raise _too_few(name, "a tool or a parameter file")
        try:
            return body(argv, console)
        except UsageError as error:
            kind = UnknownParamError if isinstance(error, UnknownParamError) else ParameterError
            raise kind(str(error)) from error

    return command


def _too_few(command: str, missing: str) -> ParameterError:
    return ParameterError(f"give the name of {missing}: {USAGE[command].splitlines()[0]}")


def _prompter(console: Console) -> Prompter:
    return Prompter(err=console.err)


@_command
def pset(argv: list[str], console: Console) -> int:
    """Set parameters and attributes: all of them, or with one bad value none."""
    location = locate(argv[0])
    file = read_current(location)
    changes = _assigned(file, argv[1:]) if len(argv) > 1 else _ask_all(file, _prompter(console))
    save(location, changes)
    return 0


def _assigned(file: ParFile, words: list[str]) -> Changes:
    """Check the words of `pset` on a copy of the file and return what they change."""
    typed = parse_arguments(file, words, attributes=True)
    if "mode" in typed.values and "mode" not in file:
        raise UnknownParamError(f"There is no parameter for {file.tool} that matches 'mode'")
    trial = file.copy()
    for (name, field), text in typed.attributes.items():
        trial.set(name, field, text)
    values: Changes = {(name, "value"): text for name, text in check_values(trial, typed.values).items()}
    for (name, field), value in values.items():
        trial.set(name, field, value)
    return {**typed.attributes, **values}


def _ask_all(file: ParFile, prompter: Prompter) -> Changes:
    """Ask for every parameter in file order, hidden ones too."""
    answers: dict[str, str] = {}
    evaluator = Evaluator(file, answers)
    for name in file.names:
        answers[name] = prompter.ask(evaluator, name)
    return {(name, "value"): text for name, text in answers.items() if text != file[name].default}


@_command
def plist(argv: list[str], console: Console) -> int:
    """List parameters: `name = value prompt`, hidden ones in brackets."""
    listings = [_listing(name) for name in argv]
    for listing in listings:
        console.output(listing)
    return 0


def _listing(name: str) -> str:
    """Text of `plist` for one tool."""
    file = read_current(locate(name))
    evaluator = Evaluator(file)
    rows = ["", f"Parameters for {file.path}", ""]
    for parameter in file:
        value = shown_value(evaluator, parameter.name)
        left, right = ("(", ")") if parameter.hidden else ("", "")
        rows.append(f"{left + parameter.name:>14s} = {value + right:<16s} {parameter.prompt}".rstrip())
    return "\n".join([*rows, ""])


def shown_value(evaluator: Evaluator, name: str) -> str:
    """Stored text; for a redirection `)name -> value`."""
    stored = evaluator.stored(name)
    if not stored.startswith(")"):
        return stored
    try:
        return f"{stored} -> {evaluator.text(name)}"
    except ParameterError:
        return f"{stored} -> ?"


@_command
def pget(argv: list[str], console: Console) -> int:
    """Print evaluated values and attributes, one a line in the order asked; an empty line for one that has none."""
    if len(argv) < 2:
        raise _too_few("pget", f"a parameter of {argv[0]}")
    evaluator = Evaluator(read_current(locate(argv[0])))
    problems = []
    for name in argv[1:]:
        try:
            console.output(evaluator.attribute(name))
        except ParameterError as error:
            console.output("")
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ParameterError("; ".join(map(str, problems)))
    return 0


@_command
def pquery(argv: list[str], console: Console) -> int:
    """Print values, asking for those in query mode that are not given, and remember arguments and answers."""
    if len(argv) < 2:
        raise _too_few("pquery", f"a parameter of {argv[0]}")
    tool, wanted, *arguments = argv
    par = open_parameters(tool, arguments, mode="rwHL")
    file = par.file
    names = sys.stdin.read().split() if wanted == "-" else [wanted]
    prompter = _prompter(console)
    answered = []
    for text in names:
        stem, field = split_attribute(file.names, text)
        name = match_name(file.tool, file.names, stem)
        if field is not None:
            console.output(par.evaluator.attribute(text))
            continue
        if not par.given(name) and asks(file, name, par.run_mode):
            par.set(name, prompter.ask(par.evaluator, name))
            answered.append(name)
        console.output(par.text(name))
    if "l" in par.run_mode:
        par.will_learn(answered)
        par.close()
    return 0


@_command
def paccess(argv: list[str], console: Console) -> int:
    """Print the path of the file that a tool would use, making the user's copy unless the mode is `r`."""
    location = locate(argv[0])
    mode = argv[1] if len(argv) > 1 else "rw"
    if not set("rwHL").issuperset(mode):
        file = read_current(location)
        console.output("1" if split_attribute(file.names, mode)[0] in file else "0")
        return 0
    path = save(location, {}) if "w" in mode else location.path
    console.output(str(path))
    return 0


@_command
def punlearn(argv: list[str], console: Console) -> int:
    """Restore the system values of each tool."""
    for location in [locate(name) for name in argv]:
        restore(location)
    return 0


@_command
def pline(argv: list[str], console: Console) -> int:
    """Print `tool name="value" ...` with the stored texts of all parameters, for pasting into a shell."""
    file = read_current(locate(argv[0]))
    words = [f"{p.name}={shell_quoted(p.default)}" for p in file]
    console.output(" ".join([file.tool, *words]))
    return 0


@_command
def pdump(argv: list[str], console: Console) -> int:
    """Print `name="value"` lines, evaluated, with the arguments taken into account but not remembered."""
    par = open_parameters(argv[0], argv[1:], mode="rH")
    for name, text in par.items():
        console.output(f"{name}={shell_quoted(text)}")
    return 0


def shell_quoted(text: str) -> str:
    """Return the text in double quotes, with what a shell would expand escaped."""
    for char in '\\"$`':
        text = text.replace(char, "\\" + char)
    return f'"{text}"'


@_command
def pedit(argv: list[str], console: Console) -> int:
    """Edit a parameter file in `$VISUAL` or `$EDITOR` and save it if it is sound; else nothing is changed."""
    from ciaopy.param import edit, rewrite

    location = locate(argv[0])
    before = read_current(location).to_bytes()
    target = writable_path(location)
    on_disk = target.read_bytes() if target.is_file() else None
    edited = edit(before, target, _prompter(console))
    if edited == before:
        return 0

    def replacement() -> bytes:
        now = target.read_bytes() if target.is_file() else None
        if now != on_disk:
            raise ParameterError(f"{target} was changed by another program while it was edited; nothing was saved")
        return edited

    rewrite(target, replacement)
    return 0


COMMANDS: dict[str, Command] = {
    "pset": pset,
    "plist": plist,
    "pget": pget,
    "pquery": pquery,
    "paccess": paccess,
    "pline": pline,
    "punlearn": punlearn,
    "pdump": pdump,
    "pedit": pedit,
}
