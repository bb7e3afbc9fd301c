"""Small recipes and consoles for tests of the engine."""

from io import StringIO

from ciaopy.console import Console
from ciaopy.engine.step import Recipe, Step


def console(verbose=0):
    return Console(verbose, StringIO(), StringIO())


def copies(table, tmp_path):
    """Two dmcopy steps: in -> middle -> out."""
    middle, out = tmp_path / "middle.fits", tmp_path / "out.fits"
    steps = (
        Step("dmcopy", {"infile": f"{table}[a=2:7]", "outfile": str(middle)}, (table,), (middle,)),
        Step("dmcopy", {"infile": f"{middle}[a=4:]", "outfile": str(out)}, (middle,), (out,)),
    )
    return Recipe(steps, (out,)), middle, out
