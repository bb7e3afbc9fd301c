"""How many threads a run may use: what `parallel` and `nproc` mean, for every tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import UserError
from ciaopy.kernels import default_nproc

if TYPE_CHECKING:
    from ciaopy.param import ParameterSet

__all__ = ["thread_count"]


def thread_count(par: ParameterSet) -> int:
    """Return the threads that a tool's parameters ask for; all where it has none of the two.

    `parallel=no` is one. `nproc` is a number, at most that of the CPUs of this process; INDEF stands for all, a
    negative number for all but so many, and 0 for all where that is the tool's default.

    Raises
    ------
    UserError
        `nproc` is 0 and that is not the tool's word for all.
    """
    most = default_nproc()
    if par.get("parallel") is False:
        return 1
    wanted = par.get("nproc")
    if wanted is None:
        return most
    if wanted == 0:
        if par.file["nproc"].default == "0":
            return most
        raise UserError("nproc=0: at least one processor is needed; INDEF takes all")
    return min(int(wanted), most) if wanted > 0 else max(most + int(wanted), 1)
