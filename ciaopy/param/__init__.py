"""Parameter files: reading, searching, evaluating, prompting, learning.

A tool gets a `ParameterSet`; `open_parameters(tool, argv)` makes one from the tool's `.par` file and a command line.
`ParFile` and `Parameter` are what help texts and man pages are made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.param.arguments import parse_arguments
    from ciaopy.param.editing import edit
    from ciaopy.param.evaluate import Evaluator, read_current, split_attribute
    from ciaopy.param.locking import rewrite, write_atomic
    from ciaopy.param.parameters import Changes, ParameterSet, asks, check_values, open_parameters, restore, save
    from ciaopy.param.parfile import Parameter, ParFile
    from ciaopy.param.prompt import Prompter
    from ciaopy.param.search import (
        VARIABLES,
        Location,
        SearchPath,
        find_par,
        list_tools,
        locate,
        system_par_dir,
        writable_path,
    )
    from ciaopy.param.values import AmbiguousParamError, ChoiceError, Value, convert, match_name, parse_boolean, to_text

__all__ = [
    "VARIABLES",
    "AmbiguousParamError",
    "Changes",
    "ChoiceError",
    "Evaluator",
    "Location",
    "ParFile",
    "Parameter",
    "ParameterSet",
    "Prompter",
    "SearchPath",
    "Value",
    "asks",
    "check_values",
    "convert",
    "edit",
    "find_par",
    "list_tools",
    "locate",
    "match_name",
    "open_parameters",
    "parse_arguments",
    "parse_boolean",
    "read_current",
    "restore",
    "rewrite",
    "save",
    "split_attribute",
    "system_par_dir",
    "to_text",
    "writable_path",
    "write_atomic",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "arguments": "parse_arguments",
            "editing": "edit",
            "evaluate": "Evaluator read_current split_attribute",
            "locking": "rewrite write_atomic",
            "parameters": "Changes ParameterSet asks check_values open_parameters restore save",
            "parfile": "ParFile Parameter",
            "prompt": "Prompter",
            "search": "Location SearchPath VARIABLES find_par list_tools locate system_par_dir writable_path",
            "values": "AmbiguousParamError ChoiceError Value convert match_name parse_boolean to_text",
        },
    )
