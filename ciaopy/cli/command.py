"""A tool as a command: CIAO's argument grammar, help and completion from the parameter file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ciaopy.cli import run

if TYPE_CHECKING:
    from ciaopy.param import Parameter


class ParameterCommand(click.Command):
    """A click command that hands its words unparsed to the parameter engine.

    click's own parser would take `-5`, `clobber-` or `--name` apart; here every word reaches `ciaopy.cli.run`.

    Parameters
    ----------
    name : str
        Tool or parameter command.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, add_help_option=False, context_settings={"ignore_unknown_options": True})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words as they are."""
        ctx.args = list(args)
        return []

    def invoke(self, ctx: click.Context) -> int:
        """Run the command and return its exit status."""
        return run.run_command(str(self.name), ctx.args)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the description for a list of commands."""
        return run.summary(str(self.name))

    def get_help(self, ctx: click.Context) -> str:
        """Return the help that is written from the parameter file."""
        return run.help_text(str(self.name))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete `name=`, the items of an enumeration, yes and no, and file names."""
        parameters = run.declared_parameters(str(self.name))
        words = list(ctx.args)
        files = [CompletionItem(incomplete, type="file")]
        if parameters is None:
            return files
        if incomplete.startswith("-"):
            return [
                CompletionItem(flag, help=text)
                for flag, text in run.flags(str(self.name))
                if flag.startswith(incomplete)
            ]
        name, equals, start = incomplete.partition("=")
        if equals:  # zsh and fish: units=def
            items = _values(parameters.get(name))
            return [CompletionItem(f"{name}={item}") for item in items if item.startswith(start)] or files
        owner = words[-1] if words else ""  # bash cuts words at "=", and click drops an "=" that stands alone
        if owner == "=":
            owner = words[-2] if len(words) > 1 else ""
        elif incomplete:
            owner = ""
        if owner in parameters:
            return [CompletionItem(item) for item in _values(parameters[owner]) if item.startswith(incomplete)] or files
        names = [CompletionItem(f"{n}=", help=p.prompt) for n, p in parameters.items() if n.startswith(incomplete)]
        return files + names  # bash forgets what stands before a file


def _values(parameter: Parameter | None) -> Sequence[str]:
    """Return the values that can be listed."""
    if parameter is None:
        return ()
    return ("yes", "no") if parameter.kind == "b" else parameter.choices


class Application(click.Group):
    """The command `ciaopy`: its own subcommands, the parameter commands, and every tool."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names: own subcommands first."""
        return [*run.SUBCOMMANDS, *run.parameter_commands(), *run.tool_names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; nothing else is imported."""
        if cmd_name in run.SUBCOMMANDS:
            return _subcommand(cmd_name)
        if cmd_name in run.parameter_commands() or run.is_tool(cmd_name):
            return ParameterCommand(cmd_name)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the ones that are spelt alike."""
        if not ctx.resilient_parsing and args and self.get_command(ctx, args[0]) is None:
            raise run.unknown_command(args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands and say where the tools are."""
        with formatter.section("Commands"):
            formatter.write_dl(run.subcommand_summaries())
        with formatter.section("Parameter commands"):
            formatter.write_text(" ".join(run.parameter_commands()))
        with formatter.section("Tools (TOOL --help describes one)"):
            formatter.write_text(" ".join(name for name in run.tool_names() if run.is_implemented(name)))


def _subcommand(name: str) -> click.Command:
    """Import `ciaopy.cli.NAME` and return its `command`."""
    import importlib

    if not run.subcommand_path(name).is_file():

        def refuse(words: tuple[str, ...]) -> None:
            raise run.not_yet(f"ciaopy {name}")

        words: Any = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
        settings = {"ignore_unknown_options": True}
        return click.Command(name, settings, refuse, [words], short_help=run.SUBCOMMANDS[name])
    command: click.Command = importlib.import_module(f"ciaopy.cli.{name}").command
    return command


@click.group(
    cls=Application,
    context_settings={"help_option_names": ["--help"], "max_content_width": 120},
    epilog="A tool is run as `ciaopy TOOL ...`; `ciaopy shims DIR` makes commands of all tools.",
)
@click.version_option(run.VERSION, prog_name="ciaopy", message="%(prog)s %(version)s")
def app() -> None:
    """Chandra X-ray data reduction: CIAO's commands, parameters and products."""
