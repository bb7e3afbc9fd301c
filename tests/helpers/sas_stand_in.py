"""Stand-ins for the programs of SAS: they record how they were called and put small files where SAS would.

`make(folder)` writes them; the environment variables of a test say what is to go wrong: FAIL, HANG, SILENT, HALF, RAW
name a program; VERSION is what `sas --version` tells.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import xmm_helpers as made

OBS = made.OBS_ID
PROGRAMS = "sas cifbuild odfingest epchain emchain rgsproc emanom espfilt evselect merge eexpmap"

PROGRAM = r"""#!%PY%
import json, os, shutil, subprocess, sys, time
name = os.path.basename(sys.argv[0])
args = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
home = os.environ["STAND_IN"]
if name == "sas":
    print(os.environ.get("VERSION", "sas- [xmmsas_20211130_0941-20.0.0]")); sys.exit(0)
keep = {k: os.environ.get(k) for k in ("SAS_CCF", "SAS_ODF", "PFILES", "HEADASNOQUERY", "HEADASPROMPT")}
with open(home + "/calls", "a") as f:
    f.write(json.dumps({"name": name, "argv": sys.argv[1:], "cwd": os.getcwd(), "env": keep}) + "\n")
def hit(what):
    word = os.environ.get(what, "")
    return word == name or (":" in word and word.split(":")[0] == name and word.split(":")[1] in " ".join(sys.argv))
if hit("HANG"):
    p = subprocess.Popen(["sleep", "100"]); open(home + "/pid", "w").write(str(p.pid)); time.sleep(100)
if hit("FAIL"):
    print("** %s: error (noCounts), All histo counts are zero!" % name, file=sys.stderr); sys.exit(0)
if hit("SILENT"): sys.exit(3)
if hit("RAW"): open(os.path.join(os.environ["RAWFOLDER"], "rubbish.tmp"), "w").write("x")
print("** %s: warning (NoWCS), No WCS information available" % name)
O = "%OBS%"
def put(path, source=None):
    source = source or home + "/events.fits"
    data = open(source, "rb").read()
    open(path, "wb").write(data[: len(data) // 2] if hit("HALF") else data)
def put_list(path, inst, exp):
    put(path, home + "/" + inst + exp + ".fits")
if name == "cifbuild": put("ccf.cif", home + "/ccf.cif")
elif name == "odfingest": put(os.path.join(args["outdir"], "0800_%s_SCX00000SUM.SAS" % O), home + "/summary")
elif name == "epchain":
    kind = "OO" if args.get("withoutoftime") == "Y" else "PI"
    put_list("P%sPN%s%s%sEVLI0000.FIT" % (O, args["schedule"], args["exposure"], kind), "PN", "S003")
    put("P%sOBX000ATTTSR0000.FIT" % O, home + "/att.fits")
elif name == "emchain":
    inst, exp = args["instruments"], args["exposures"]
    put_list("P%s%s%sMIEVLI0000.FIT" % (O, inst, exp), inst, exp)
    put("P%sOBX000ATTTSR0000.FIT" % O, home + "/att.fits")
elif name == "rgsproc":
    b = "P%s%s" % (O, args["instexpids"])
    if args["entrystage"] == "2:angles" and not os.path.exists(b + "merged0000.FIT"): sys.exit("no list")
    if args["entrystage"] == "3:filter" and not os.path.exists("angles.done"): sys.exit("angles first")
    if args["entrystage"] == "1:events": put(b + "merged0000.FIT")
    elif args["entrystage"] == "2:angles": open("angles.done", "w").write("x")
    else: put(b + "EVENLI0000.FIT")
elif name == "emanom":
    line = "MOS1 CCD: %d Hardness: 3.0 +/- 0.1 Status: %s\n"
    open("M1S001-anom.log", "w").write("".join(line % (k, "B" if k == 4 else "G") for k in range(2, 8)))
elif name == "espfilt":
    long = os.environ.get("LONGNAMES", "-2500-8500")
    put("x-gti%s.fits" % long, home + "/gti.fits"); put("x-allevc%s.fits" % long)
    open("x-hist%s.qdp" % long, "w").write("x\n")
    if args.get("withoot") == "yes": put("x-allevcoot.fits")
elif name == "evselect":
    if args.get("filteredset"): put(args["filteredset"], args["table"])
    else: put(args["imageset"], home + "/image.fits")
elif name == "merge": put(args["outset"], args["set1"])
elif name == "eexpmap": put(args["expimageset"], home + ("/zero.fits" if hit("ZERO") else "/image.fits"))
"""


def summary(exposures: dict[str, list[tuple[str, str]]]) -> str:
    """Return a summary file: instrument -> [(exposure, mode)]."""
    lines = [
        "OBSERVATION",
        f"{OBS} / Observation Identifier",
        "0800 / Revolution Identifier",
        "2004-05-03T00:00:00 / Observation Start Time",
        "//",
        "FILES",
        "0 / Number of Files",
    ]
    counts = {"M1": 7, "M2": 7, "PN": 12, "R1": 9, "R2": 9}
    for inst, entries in exposures.items():
        kind = "RGS" if inst[0] == "R" else "EPIC PN" if inst == "PN" else "EPIC MOS"
        lines += [
            "INSTRUMENT",
            inst,
            "Y / Is this instrument active?",
            f"{len(entries)} / Number of exposures for this instrument",
        ]
        for key, mode in entries:
            data = "Spectroscopy" if inst[0] == "R" else "Imaging"
            config = [f"MODE = {mode} / x"] + [
                f"DATA_MODE_{n} = {data} / Data mode for CCD {n}" for n in range(1, counts[inst] + 1)
            ]
            config += [] if inst[0] == "R" else ["FILTER = Thin1 // Filter"]
            lines += [
                "EXPOSURE",
                f"{key[1:]} / Exposure Identifier [also {key}]",
                "Y / Is this a scheduled exposure?",
                "SCIENCE / Exposure Type",
                f"CONFIGURATION {kind}",
                f"{len(config)} / Number of configuration parameters",
                *config,
                "//",
            ]
    return "\n".join(lines) + "\n"


USUAL = {
    "M1": [("S001", "PrimeFullWindow"), ("U002", "PrimeFullWindow")],
    "M2": [("S002", "Offset")],
    "R1": [("S004", "HighEventRateWithSES")],
    "PN": [("S003", "PrimeFullWindow")],
}


def make(folder: Path, exposures: dict[str, list[tuple[str, str]]] | None = None) -> dict[str, str]:
    """Write programs and their files; return the environment that uses them."""
    import numpy as np
    from astropy.io import fits

    home, programs, ccf = folder / "stand in", folder / "sas dir" / "bin", folder / "ccf"
    for path in (home, programs, ccf):
        path.mkdir(parents=True)
    (ccf / "XMM_MISCDATA_0022.CCF").write_text("x")
    for name in PROGRAMS.split():
        path = programs / name
        path.write_text(PROGRAM.replace("%PY%", sys.executable).replace("%OBS%", OBS))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (home / "summary").write_text(summary(exposures or USUAL))
    rows = {"TIME": made.T0 + np.arange(200.0), "PI": np.full(200, 1000)}
    made.event_list(home / "events.fits", rows)
    for inst, exp, t0 in (("M1", "S001", 2.0e8), ("M1", "U002", 2.1e8), ("M2", "S002", 2.0e8), ("PN", "S003", 2.0e8)):
        name = {"M1": "EMOS1", "M2": "EMOS2", "PN": "EPN"}[inst]
        made.event_list(
            home / f"{inst}{exp}.fits",
            rows | {"TIME": t0 + np.arange(200.0)},
            name,
            exp,
            t0=t0,
            ccds=range(1, 13) if inst == "PN" else range(1, 8),
        )
    table = fits.BinTableHDU.from_columns([fits.Column("NAME", "8A", array=["MISCDATA"])], name="CALINDEX")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(home / "ccf.cif")
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("TIME", "D")], name="ATTHK")]).writeto(
        home / "att.fits"
    )
    made.write_gti(home / "gti.fits", [(2.0e8, 2.2e8)])
    fits.PrimaryHDU(np.ones((4, 4))).writeto(home / "image.fits")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(home / "zero.fits")
    return {
        "SAS_DIR": str(programs.parent),
        "SAS_CCFPATH": str(ccf),
        "STAND_IN": str(home),
        "SAS_ODF": "/wrong/odf",
        "SAS_CCF": "/wrong/ccf.cif",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }


def raw_folder(path: Path) -> Path:
    """Make a folder that looks like an ODF."""
    from astropy.io import fits

    path.mkdir(parents=True)
    for name in ("M1S00100AUX", "M1S00110IME", "PNS00300AUX", "R1S00400AUX"):
        fits.PrimaryHDU().writeto(path / f"0800_{OBS}_{name}.FIT")
    lines = (
        "OBSERVATION",
        f"{OBS} / Observation Identifier",
        "0800 / Revolution",
        "2004-05-03T00:00:00 / Observation Start Time",
    )
    (path / f"0800_{OBS}_SCX00000SUM.ASC").write_text("".join(f"{line:<80}\n" for line in lines))
    return path


def calls(environment: dict[str, str], name: str = "") -> list[dict[str, Any]]:
    """Return the calls of a program, in order."""
    path = Path(environment["STAND_IN"]) / "calls"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [c for c in found if name in ("", c["name"])]


def arguments(call: dict[str, Any]) -> dict[str, str]:
    """Return the parameters of a call."""
    return dict(a.split("=", 1) for a in call["argv"] if "=" in a)
