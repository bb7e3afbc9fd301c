"""Running one tool: what the command line and `ciaopy.runtool` both call."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING

from ciaopy.console import Console, shown
from ciaopy.engine.options import RunOptions
from ciaopy.engine.threads import thread_count
from ciaopy.errors import CiaopyError, NotAvailableError, ParameterError
from ciaopy.kernels import on_compilation
from ciaopy.messages import enumerated
from ciaopy.param import ParameterSet, ParFile, system_par_dir

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

#: The room with a module for every simple tool, and the one whose `MODULES` names those of the pipelines. Both stand
#: above this room: they are looked up by name, when a tool is asked for.
TOOLS, PIPELINES = "ciaopy.tools", "ciaopy.pipelines"


#: Said to a user who watches, where the first run after an installation takes its time.
COMPILING = "Compiling for this machine: once after an installation, for 10 to 20 seconds."


def is_available(tool: str) -> bool:
    """Return True where ciaopy does the tool's work; nothing of the tool is imported."""
    return module_name(tool) is not None


def module_name(tool: str) -> str | None:
    """Return the full name of the module of a tool, or None; nothing of the tool is imported."""
    if tool.isidentifier() and not tool.startswith("_"):
        if importlib.util.find_spec(f"{TOOLS}.{tool}") is not None:
            return f"{TOOLS}.{tool}"
        pipelines: dict[str, str] = importlib.import_module(PIPELINES).MODULES
        return pipelines.get(tool)
    return None


def load_tool(tool: str) -> ModuleType:
    """Import the module of a tool.

    Raises
    ------
    NotAvailableError
        ciaopy does not do that tool's work yet.
    """
    name = module_name(tool)
    module = importlib.import_module(name) if name else None
    if module is None or not hasattr(module, "run"):
        raise NotAvailableError(f"{tool} is not available in ciaopy yet; `ciaopy list` shows the tools that are")
    return module


def unasked(par: ParameterSet, name: str) -> str | None:
    """Return what a tool takes for a parameter that its others make unnecessary; None if it must be asked for.

    A tool says so by a function of this name and signature in its module.
    """
    rule = getattr(load_tool(par.tool), "unasked", None)
    text: str | None = rule(par, name) if rule is not None else None
    return text


def run_tool(par: ParameterSet, console: Console, options: RunOptions | None = None) -> object:
    """Run a tool with bound parameters.

    Values to be remembered are saved before the run, as CIAO does, and results after it, also where it failed: they
    never are those of an earlier run. A parameter folder that cannot be written to costs a warning, unless there are
    results to save.

    Parameters
    ----------
    par : ParameterSet
        From `open_parameters`.
    console : Console
        Its streams are used, at the verbosity of the tool's own `verbose` parameter.
    options : RunOptions, optional
        `plan`: print the recipes that the pipeline's `plan(par, ws)` gives, and run none. `json`: print what
        `document(par, ws)` gives as JSON on standard output, messages on the error stream. Otherwise the options are
        handed to a pipeline whose function is `run(par, ws, options)`.

    Returns
    -------
    object
        What the tool returns; None for a plan.

    Raises
    ------
    NotAvailableError
        The tool has parameters and no module, or an option is asked for that it does not have.
    ParameterError
        Results cannot be saved.
    CiaopyError
        Whatever the tool raises; what it says of remembered values is marked as such.
    """
    try:
        return _run(par, console, options or RunOptions())
    except CiaopyError as error:
        _spell_out(error, par)
        name_remembered(error, par)
        raise


def _spell_out(error: CiaopyError, par: ParameterSet) -> None:
    """Write control characters of values, line ends among them, as escapes: a message is one line."""
    odd = [text for _, text in par.items() if not text.isprintable() and text.strip()]
    message = str(error)
    for text in odd:
        message = message.replace(text, "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
    if message != str(error):
        error.args = (message,)


def _run(par: ParameterSet, console: Console, options: RunOptions) -> object:
    module = load_tool(par.tool)
    extra = _accepted(module, par.tool, options)
    verbose = par.get("verbose")
    console = console if verbose is None else console.at(verbose)
    _remember(par, console)
    from ciaopy.datamodel import Workspace

    if console.is_terminal:
        on_compilation(lambda: console.say(COMPILING))
    ws = Workspace(console=console, nproc=thread_count(par))
    if options.plan:
        _show_plans(module, par, ws)
        return None
    clear_results(par)
    if options.json:
        console.spare_output()
    try:
        with shown(console, par.tool):
            result: object = module.document(par, ws) if options.json else module.run(par, ws, **extra)
    except (CiaopyError, OSError):
        with suppress(ParameterError):  # the tool's own error is the one to tell
            par.close()
        raise
    par.close()
    if options.json:
        _print_document(par.tool, result)
    return result


def _remember(par: ParameterSet, console: Console) -> None:
    """Save the values that are to be remembered; where that cannot be, warn and go on."""
    try:
        par.learn()
    except ParameterError as error:
        console.warn(f"the parameters are not remembered: {error}")
        par.forget()


def _print_document(tool: str, content: object) -> None:
    """Print what the `document` of a tool has given as JSON."""
    from ciaopy.documents import document, to_json

    assert isinstance(content, dict)
    sys.stdout.write(to_json(document(tool, content)) + "\n")


def _show_plans(module: ModuleType, par: ParameterSet, ws: Workspace) -> None:
    """Print the recipes that a pipeline would run."""
    from ciaopy.engine.runner import show_plan

    for recipe in module.plan(par, ws):
        show_plan(recipe, ws.console)
    par.close()


def _accepted(module: ModuleType, tool: str, options: RunOptions) -> dict[str, RunOptions]:
    """Return the options as the tool's function takes them; refuse those that it does not have."""
    extra = {"options": options} if "options" in inspect.signature(module.run).parameters else {}
    if options.plan and not hasattr(module, "plan"):
        raise NotAvailableError(f"{tool} has no plan: it is one step")
    if options.json and not hasattr(module, "document"):
        raise NotAvailableError(f"{tool} has no --json")
    if options.roots and not extra:
        raise NotAvailableError(f"{tool} runs on ciaopy's own tools alone")
    return extra


def clear_results(par: ParameterSet) -> None:
    """Give the result parameters the values they come with, so that nothing of the run before is taken for this one's.

    Those given on the command line stay.
    """
    for name, text in result_parameters(par.tool).items():
        if name in par.file and not par.given(name):
            par.put(name, text)


def result_parameters(tool: str) -> dict[str, str]:
    """Return the parameters that hold results, with the values they come with.

    Those are the ones whose prompt, in the package's own file, ends in `(result)`.
    """
    path = system_par_dir() / f"{tool}.par"
    file = ParFile.read(path) if path.is_file() else ()
    return {p.name: p.default for p in file if p.prompt.endswith("(result)")}


def name_remembered(error: CiaopyError, par: ParameterSet) -> None:
    """Add to an error which of the values that it speaks of the user did not type, and how to be rid of them.

    A value is spoken of where the message has `name=` or its like, or the value itself, at least three characters long.
    """
    lines = str(error).splitlines() or [""]
    said = r"\b{}(\s*=| was set to| must be | should be )"
    spoken = [
        f"{name}={value}"
        for name, value in par.remembered().items()
        if re.search(said.format(re.escape(name)), lines[0]) or (len(value) >= 3 and value in lines[0])
    ]
    if spoken:
        where = f"remembered in {par.path}, not from this command line"
        first = f"{lines[0]} ({enumerated(spoken)}: {where}; `punlearn {par.tool}` resets it)"
        error.args = ("\n".join([first, *lines[1:]]),)
