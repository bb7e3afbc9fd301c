"""What Python shows of a tool: docstring, signature and example, written from its parameter file.

Values that need a name of the user's get one by what they are called: `infile` is `evt2.fits`, an image `img.fits`.
"""

from __future__ import annotations

import inspect
import textwrap

from ciaopy.param import Parameter, ParFile, convert

__all__ = ["example_call", "signature", "tool_docstring", "tool_summary"]

_TYPES = {"b": "bool", "i": "int", "r": "float", "s": "str", "f": "str or Path"}
RESULT = "(result)"
WIDTH = 100

#: Values of an example, where the parameter file has none.
_SAMPLES = {
    "infile": "evt2.fits", "infiles": "@events.lis", "outfile": "out.fits", "outroot": "out/", "indir": "1838",
    "outdir": "1838/repro", "evtfile": "evt2.fits", "eventfile": "evt2.fits", "maskfile": "msk1.fits",
    "badpixfile": "bpix1.fits", "acaofffile": "asol1.fits", "obsfile": "asphist.fits", "pbkfile": "pbk0.fits",
    "biasfile": "@bias0.lis", "xygrid": "2000.5:6000.5:#1000,2000.5:6000.5:#1000", "detsubsys": "ACIS-S3",
    "asphistfile": "asphist.fits", "instmapfile": "instmap.fits", "pixelgrid": "1:1024:#256,1:1024:#256",
    "operation": "add", "input": "in.par", "output": "out.par", "dmfilter": "filter.txt", "image": "img.fits",
    "statfile": "stat1.fits", "berrfile": "NONE", "calibfile": "NONE", "key": "OBJECT", "value": "M31",
    "filelist": "none", "tool": "all", "infile2": "img2.fits", "userlimit": "count_rate<2", "mask": "bounding",
    "joinfile": "table2.fits", "join": "time", "keyword": "EXPOSURE", "pastefile": "table2.fits", "bin": "2",
    "keys": "time", "expression": "rate=counts/exposure", "arg": "754", "dec": "", "times": "gti.fits",
    "dtffile": "dtf1.fits", "engrid": "grid(arf.fits[SPECRESP][cols ENERG_LO,ENERG_HI])", "model": "powlaw1d.pl",
    "paramvals": "pl.gamma=1.7", "energy": 1.0, "ecf": 0.9, "spectrum": "", "emin": 0.5, "emax": 7.0, "ewidth": 0.1,
    "sourcepixelx": 4096.5, "sourcepixely": 4096.5, "grating_arm": "MEG", "dtf_infile": "dtf1.fits",
    "mtl_infile": "mtl1.fits", "evt_infile": "evt1.fits", "evt_outfile": "new_evt1.fits", "gti_outfile": "gti.fits",
    "dtf_outfile": "new_dtf1.fits", "match": "b.fits", "regionfile": "mask.fits", "input_pos_tab": "src1.fits",
    "arffile": "@arf.lis", "rmffile": "@rmf.lis", "imageset": "img.fits", "eventset": "evt.fits",
    "expimageset": "exp.fits", "logfile": "emanom.log", "imagesets": "@images.lis", "mosaicedset": "mosaic.fits",
    "table": "evt.fits", "sets": "a.fits,b.fits", "outset": "merged.fits", "scephemfile": "orbit.fits",
    "ssoephemfile": "jupiter.fits", "instrume": "ACIS-I",
}  # fmt: skip


def tool_docstring(tool: str, file: ParFile, summary: str) -> str:
    """Return the docstring of a tool in numpydoc's form.

    Parameters
    ----------
    tool : str
    file : ParFile
        The system parameter file: types, defaults, limits, prompts (with units).
    summary : str
        One line, without a final stop; empty where ciaopy does not do the tool's work.
    """
    given = [p for p in file if p.name != "mode" and not _is_result(p)]
    results = [p for p in file if _is_result(p)]
    lines = [f"{summary}." if summary else "Parameters of a tool whose work ciaopy does not do yet.", ""]
    lines += ["Parameters", "----------"]
    for parameter in sorted(given, key=lambda p: p.hidden):
        lines += _entry(parameter)
    lines += ["", "Returns", "-------", "str or None", "    What the tool printed; what it made is in `last_result`."]
    if results:
        lines += ["", "Attributes", "----------"]
        for parameter in results:
            text = parameter.prompt.removesuffix(RESULT).strip()
            lines += [f"{parameter.name} : {_TYPES[parameter.kind]}", f"    {text}; after a run."]
    if summary:
        lines += ["", "Examples", "--------", f">>> from ciaopy.runtool import {tool}", *example_call(tool, file)]
        lines += ["", "See also", "--------", f"`ciaopy help {tool}` at a shell: the manual, with more examples."]
    return "\n".join(lines)


def _is_result(parameter: Parameter) -> bool:
    return parameter.prompt.endswith(RESULT)


def _entry(parameter: Parameter) -> list[str]:
    """Return the lines of one parameter: name, type, default; prompt and allowed values."""
    default = default_value(parameter)
    head = f"{parameter.name} : {_TYPES[parameter.kind]}" + (" or None" if default is None else "")
    if parameter.hidden:
        head += f", default {default!r}" + (" (INDEF)" if default is None else "")
    text = parameter.prompt.rstrip(".") or "No description"
    low, high = parameter.minimum, parameter.maximum
    if parameter.choices:
        text += f". One of: {', '.join(parameter.choices)}"
    elif low and high:
        text += f". From {low} to {high}"
    elif low or high:
        text += f". At least {low}" if low else f". At most {high}"
    closing = "" if text.endswith("?") else "."
    return [head, *textwrap.wrap(text + closing, WIDTH, initial_indent="    ", subsequent_indent="    ")]


def default_value(parameter: Parameter) -> object:
    """Return the default as Python has it: bool, number, None for INDEF, or the text."""
    text = parameter.default
    return text if text.startswith(")") else convert(parameter, text, parameter.name)


def signature(file: ParFile) -> inspect.Signature:
    """Return the signature of a tool: those asked for by position or name, all others by name."""
    shown = [p for p in file if p.name != "mode" and p.name.isidentifier() and not (p.hidden and _is_result(p))]
    parameters = []
    for parameter in sorted(shown, key=lambda p: p.hidden):
        kind = inspect.Parameter.KEYWORD_ONLY if parameter.hidden else inspect.Parameter.POSITIONAL_OR_KEYWORD
        name = f"{parameter.name}_" if _is_reserved(parameter.name) else parameter.name
        parameters.append(inspect.Parameter(name, kind, default=default_value(parameter)))
    return inspect.Signature(parameters)


def _is_reserved(name: str) -> bool:
    import keyword

    return keyword.iskeyword(name)


def example_call(tool: str, file: ParFile) -> list[str]:
    """Return the lines of a call with all that the tool asks for: `>>> dmcopy("evt2.fits", "out.fits", clobber=True)`.

    Values come from the parameter file where it has defaults, which are then left out.
    """
    words: list[str] = []
    is_whole = True
    for parameter in (p for p in file if not p.hidden and p.name != "mode"):
        sample: object = _SAMPLES.get(parameter.name, "")
        if parameter.choices and sample not in parameter.choices:
            sample = parameter.choices[0]
        if sample == "" or _is_result(parameter) or default_value(parameter) not in ("", None):
            is_whole = False
            continue
        name = f"{parameter.name}_" if _is_reserved(parameter.name) else parameter.name
        value = f'"{sample}"' if isinstance(sample, str) else repr(sample)
        words.append(value if is_whole else f"{name}={value}")
    if "clobber" in file and default_value(file["clobber"]) is False:
        words.append("clobber=True")
    lines = [f">>> {tool}("]
    for word in (w + (", " if k < len(words) else ")") for k, w in enumerate(words, 1)):
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append("...     ")
        lines[-1] += word
    lines = [line.rstrip() for line in lines]
    return lines if words else [f">>> {tool}()"]


def tool_summary(tool: str) -> str:
    """Return the first line of the docstring of a tool's module, without a final stop; empty where there is none.

    The source is parsed, not run.
    """
    import ast
    from importlib.util import find_spec
    from pathlib import Path

    from ciaopy.engine import module_name

    name = module_name(tool)
    spec = find_spec(name) if name else None
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or ""
    line = " ".join(text.split("\n\n")[0].split())
    for start in (f"{tool}: ", f"`{tool}`: ", f"{tool} - "):
        line = line.removeprefix(start)
    line = line.split(". ")[0].rstrip(".")
    return line[:1].upper() + line[1:]
