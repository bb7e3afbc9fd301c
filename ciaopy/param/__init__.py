"""Parameter files: reading, searching, evaluating, prompting, learning.

A tool gets a `ParameterSet`; `open_parameters(tool, argv)` makes one from the tool's `.par` file and a command line.
`ParFile` and `Parameter` are what help texts and man pages are made from.
"""

from __future__ import annotations

from ciaopy.param.evaluate import Evaluator, read_current
from ciaopy.param.parameters import ParameterSet, open_parameters, restore, save
from ciaopy.param.parfile import Parameter, ParFile
from ciaopy.param.prompt import Prompter
from ciaopy.param.search import Location, SearchPath, find_par, list_tools, locate, system_par_dir
from ciaopy.param.values import Value

__all__ = [
    "Evaluator",
    "Location",
    "ParFile",
    "Parameter",
    "ParameterSet",
    "Prompter",
    "SearchPath",
    "Value",
    "find_par",
    "list_tools",
    "locate",
    "open_parameters",
    "read_current",
    "restore",
    "save",
    "system_par_dir",
]
