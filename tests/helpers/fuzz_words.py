"""Random command lines for the fuzz campaign: legal and illegal values for the parameters of every tool."""
# ruff: noqa: E501  - lists of values, as many in a line as fit

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzz_files import damaged

from ciaopy.param import Parameter, ParFile, system_par_dir

LONG, DIGITS = "n" * 5000, "9" * 5000
NUMBERS = (
    "0", "1", "-1", "2", "3", "10", "0.5", "1.5", "100", "1e-3", "4096", "1000", "2147483648", "-2147483649", "1e30",
    "9223372036854775808", "1e400", "-1e308", "nan", "inf", "-inf", "INDEF", "", "abc", "1,2", "0x10", "1e", "--1", "\0",
    "1 2", "\u0664", "1e-320", "$HOME", ")infile", ")dmlist.opt", "(1+", "07", "+5", "1d3", "5%", DIGITS,
)  # fmt: skip
TEXTS = (
    "", "none", "NONE", "default", "CALDB", "INDEF", "x", "energy", "a b", "(", "[", "*", "\\", "'", '"', "\n", "\x07", "\0",
    "caf\u00e9", "\U0001f52d", LONG, "@table.txt", "@nothing.lis", "-", "#", "%s{}", "1:2:3", "::", ",", ";", "=", "yes", "!",
    ".", "/nowhere/x", "-x", "--help=", "${", "$(", "NaN", "x=1", "1e999", "[a-", "(?P<",
)  # fmt: skip
#: No devices: a run as root must not be trusted with them.
OUTPUTS = (
    "out.fits", "out.fits", "out.fits", "out.fits", "out.fits", "out.fits", "out.fits", "out.fits", "out", "out/", "new/out.fits", "in0.fits", "", "none", ".", LONG + ".fits", "out.fits.gz", "out[x].fits", "out \u00e9.fits", "-", "folder", "out.fits[EVENTS]", "!out.fits",
    "/proc/x.fits", "o\0ut", "out\n.fits", "@out.lis",
)  # fmt: skip
REGIONS = (
    "circle(4100,4100,50)", "box(4100,4100,80,40,30)", "ellipse(4100,4100,60,30,10)", "annulus(4100,4100,10,60)",
    "pie(4100,4100,0,50,10,80)", "polygon(4000,4000,4200,4000,4100,4200)", "rotbox(4100,4100,9,9,45)", "point(4100,4100)",
    "sector(4100,4100,10,80)", "field()", "rectangle(4000,4000,4100,4100)", "region(region.reg)", "region(fk5.reg)",
    "circle(15:14:00,-59:06:00,20\")", "circle(228.5d,-59.1d,0.5')", "circle(nan,1,2)", "circle(1,2,-3)", "circle(1,2)",
    "mask(image.fits)", "bounds(image.fits)", "circle(4100,4100,1e300)", "region(itself.lis)", "region(null.txt)", "box(0,0,0,0)",
    "circle(4100,4100,50)-box(4100,4100,10,10)", "circle(4100,4100,50)*!box(4100,4100,10,10)", "polygon(1,2,3,4)", "circle((1,2,3",
)  # fmt: skip
COLUMNS = ("time", "x", "y", "energy", "sky", "x", "pi", "ccd_id", "status", "y", "flag", "name", "phas", "ra", "dec", "EQPOS", "phas[2]",
           "nothing", "a", "b+c(1)", "s", "u", "k", "c", "bits", "m", "v", "start", "#1", "c17", "chipx", "det")  # fmt: skip
RANGES = (
    "500:2000",
    ":",
    "4050:4150",
    "0:1500",
    "5:",
    ":7",
    "0,2:4,6",
    "1e3:2e3",
    "nan",
    "1:0",
    "abc",
    "'abc'",
    "X1F",
    "xxxx0000",
    DIGITS,
    f"{DIGITS}:",
    "1e999:",
    "-5:-1",
    "3",
)
STEPS = (
    "8",
    "1",
    "#16",
    "2",
    "100",
    "0",
    "-1",
    "nan",
    "0.5",
    "#0",
    "1e-9",
    "1e9",
    "#1e9",
    "#-1",
    "",
    DIGITS,
    "#" + DIGITS,
)
EXPRESSIONS = (
    "new=x+1", "x=x*2,y=-y", "z=sqrt(x-4100)", "s=x[0]", "n=phas[4]/0", "r=(x<y)?1:2", "status=status,status=X15F",
    "e=energy**2**9", "k=#rownum", "k=#rand", "k=#nan", "t=time-tstart", "a=acos(pi)", "b=x%0", "name2=name", "f=flag&&x>1",
    "x=", "=1", "a=b=c", "a=(((((1)))))", "a=" + "(" * 300 + "1" + ")" * 300, "a=1" + "+1" * 2000, "a=1/0", "a=10**1000", "a=nan",
    "a=<x:3>", "a='text'", "a=1;b=a+1", "a=pi<<99", "a=pi>>-1", "a=~pi", "a=x~=4100:4200", "a=sum(x)", "a=e", f"a={DIGITS}", f"a=x[{DIGITS}]", f"a=X{DIGITS}F", "a=1e400", "a=0x7f",
)  # fmt: skip
SPECIAL: dict[str, tuple[str, ...]] = {
    "expression": EXPRESSIONS,
    "keys": ("x", "-time", "x,y", "-x,energy", "", "nothing", "phas", "name", "sky", "v"),
    "columns": ("x,y", "", "(sky)=(1,2)", "energy", "nothing", "pos=sky"),
    "opt": ("data", "blocks", "header", "cols", "subspace", "counts", "data,clean", "header,raw", "keys", "structure", "nothing",
            "data,raw", "array", "image", "pha1", "generic", "ltc1", "gti"),
    "bands": ("broad", "default", "csc", "1:2:1.5", "0.5:7:2.3,2:7:4", "2:1:1", "wide", "nothing", "0:0:0", "nan:1:1", "weights.txt", "::"),
    "xygrid": ("3000:5000:#100,3000:5000:#100", "0:10:1,0:10:1", "1:0:1,1:2:1", "image.fits", "nan:1:#2,1:2:#2", "x", "1:2:#1e9,1:2:#1e9"),
    "bin": ("1:4:1,1:4:1", "1:32:2,1:24:2", "x", "1:2:0,1:2:1", "nan:1:1,1:2:1", ":::", "image.fits", "1:1e9:1,1:1e9:1"),
    "pixelgrid": ("1:1024:#16,1:1024:#16", "1:1024:#0,1:1:#1", "x", "1:1024:1,1:1024:1"),
    "obsfile": ("evt2[EVENTS]", "evt2", "in0.fits", "", "nothing.fits"),
    "detsubsys": ("ACIS-7", "ACIS-I3", "HRC-I", "ACIS-7;UNIFORM", "ACIS-77", "", "HRC-S2", "x;y;z"),
    "key": ("EXPOSURE", "OBJECT", "NAXIS", "TFIELDS", "HISTORY", "", "A B", "x" * 90, "\u00e9", "SIMPLE", "TTYPE1", "END", "TIME-OBS"),
    "keyword": ("EXPOSURE", "OBJECT", "NAXIS", "NAXIS2", "TTYPE1", "HISTORY", "", "NOTHING", "TLMIN3", "\u00e9", "x" * 90, "COMMENT"),
    "userlimit": ("energy>500", "x<", "energy>500&&x<4100", "", "nothing==1", "1"),
    "operation": ("add", "add", "add", "sub", "mul", "div", "delete", "tan", "imgout=img1+img2", "imgout=img1/0", "imgout=(", "imgout=img9", ""),
    "function": ("mean", "median", "min", "max", "gauss", "tophat", "nothing", "mode", "sigma"),
    "mask": ("box(0,0,3,3)", "circle(0,0,2)", "", "box(0,0,1e6,1e6)", "x", "field()", "image.fits"),
    "method": ("sigma", "clean", "x"),
    "arg": ("77", "M87", "-1", "1e9", "0", ""),
    "mirror": ("http://127.0.0.1:9/", "ftp://x", "", "file:///nowhere"),
    "cut": ("=4", ">5,<9", "nan", ":"),
    "tools": ("native", "ciao", "x"),
    "infiles": ("evt2,evt2", "evt2", "in0.fits,in0.fits", "@table.txt", "evt2,in0.fits", "", "*.fits"),
    "emin": ("0.5", "0", "-1", "nan"), "emax": ("7", "0.1", "1e9"), "ewidth": ("0.1", "0", "1e-9", "-1"),
    "order": ("1", "-1", "0", "99"), "grating_arm": ("HEG", "MEG", "LEG", "x"), "pix_adj": ("default", "EDSER", "NONE", "x"),
    "filelist": ("none", "none", "", "edits.txt", "null.txt", "in0.fits"),
    "option": ("", "all", "image", "table", "x"), "kernel": ("default", "text/simple", "text", "FITS", "x"),
    "verbose": ("0", "1", "2", "5", "6"),
}  # fmt: skip
#: Files of the simulated observation that a parameter's name asks for: (part of the name, part of the file's name).
HINTS = (
    ("asol", "asol1"), ("acaoff", "asol1"), ("alignment", "asol1"), ("mask", "msk1"), ("msk", "msk1"), ("badpix", "bpix1"),
    ("stat", "stat1"), ("mtl", "mtl1"), ("pbk", "pbk0"), ("bias", "bias0"), ("evt", "evt"), ("event", "evt"), ("gti", "flt1"),
    ("times", "flt1"), ("dtf", "dtf1"), ("fov", "fov1"), ("infile", "evt"), ("obsfile", "evt2"), ("match", "evt2"),
)  # fmt: skip
#: Tools that read any table or image, and can be called by the thousand; and what takes seconds when it succeeds.
QUICK = ("dmcopy", "dmlist", "dmstat", "dmkeypar", "dmtcalc", "dmextract", "dmsort", "dmhedit")
SLOW = ("chandra_repro", "fluximage", "merge_obs", "flux_obs", "reproject_obs", "mkexpmap", "mkgarf", "mkgrmf", "mktgresp",
        "splitobs", "celldetect", "tgdetect", "tgdetect2", "acis_build_badpix", "acis_run_hotpix", "skyfov", "sso_freeze")  # fmt: skip
IN_PLACE = ("dmhedit", "r4_header_update", "acis_clear_status_bits", "update_column_range", "dmappend")


@dataclass
class Call:
    """One command line, and what is known of it."""

    tool: str
    words: list[str]
    #: Files of the run's folder that were made for it: name, and whether it was damaged.
    files: dict[str, bool] = field(default_factory=dict)


class Maker:
    """Makes the calls of one run folder.

    Parameters
    ----------
    rng : random.Random
        Decides everything.
    library, folder : Path
        Where the sound files are, and the folder of this run.
    observation : Path or None
        A simulated observation.
    """

    def __init__(self, rng: random.Random, library: Path, folder: Path, observation: Path | None) -> None:
        self.rng, self.library, self.folder, self.observation = rng, library, folder, observation
        self.files: dict[str, bool] = {}
        #: Share of what is odd that gets into this call: most faults show where all the rest is sound.
        self.wild = rng.choice((0.0, 0.1, 0.1, 0.3, 1.0))
        for name in (
            "table.txt",
            "itself.lis",
            "region.reg",
            "fk5.reg",
            "null.txt",
            "image.fits",
            "weights.txt",
            "edits.txt",
        ):
            shutil.copy(library / name, folder / name)
        (folder / "folder").mkdir()

    def call(self, tool: str) -> Call:
        """Return a random call of a tool."""
        words = []
        for one in ParFile.read(system_par_dir() / f"{tool}.par"):
            asked = one.mode.startswith(("a", "q"))
            share = 1 - 0.05 * self.wild if asked else 0.05 if one.type == "f" else 0.1
            if one.name != "mode" and self.rng.random() < share:
                words.append(f"{one.name}={self._value(tool, one)}")
        if self.rng.random() < 0.5:
            words.append("clobber=yes") if any(w.startswith("outfile=") for w in words) else None
        if self._odd(0.02):
            words.insert(
                self.rng.randrange(len(words) + 1), self.rng.choice((*TEXTS, "mode=h", "infile=", "nothing=1"))
            )
        return Call(tool, words, self.files)

    def _odd(self, share: float) -> bool:
        """Decide whether something odd comes now."""
        return self.rng.random() < share * self.wild

    def _pick(self, values: Sequence[str]) -> str:
        """Pick one of some values, of which the first third is sound."""
        return self.rng.choice(values if self._odd(0.7) else values[: max(len(values) // 3, 1)])

    def _value(self, tool: str, one: Parameter) -> str:
        """Return a value, mostly one of the right kind."""
        rng = self.rng
        if self._odd(0.08):
            return rng.choice(TEXTS)
        name = one.name.lower()
        if one.name in SPECIAL and rng.random() < 0.9:
            return self._local(self._pick(SPECIAL[one.name]))
        if one.type == "b":
            return rng.choice(("maybe", "true", "1", "")) if self._odd(0.2) else rng.choice(("yes", "no"))
        if one.type in "ir":
            sound = one.default if one.default and rng.random() < 0.5 else rng.choice(("1", "2", "5"))
            return rng.choice(NUMBERS) if self._odd(0.6) else sound
        choices = str(one.min or "").split("|")
        if len(choices) > 1 and not self._odd(0.1):
            return rng.choice(choices)
        if name.startswith("out") or name in {"root", "mosaicedset", "gti_outfile", "expimageset"}:
            return self._pick(OUTPUTS)
        if one.type == "f" or "file" in name or name in {"infile", "sets", "imagesets", "image"}:
            return self._input(tool, name, one.default)
        return rng.choice((*TEXTS, *NUMBERS)) if self._odd(0.6) else one.default

    def _local(self, text: str) -> str:
        """Put real files in the places of `evt2` and `in0.fits`."""
        if "evt2" in text:
            text = text.replace("evt2", self._observed("evt2") or "events.fits")
        if "in0.fits" in text and "in0.fits" not in self.files:
            self._file(None)
        return text

    def _input(self, tool: str, name: str, default: str) -> str:
        """Return an input: a file, a virtual file, a folder, nothing at all."""
        rng = self.rng
        if default and rng.random() < 0.1:
            return default
        if self._odd(0.1):
            return rng.choice(
                (
                    "",
                    "none",
                    "nothing.fits",
                    "folder",
                    ".",
                    "/dev/null",
                    "@table.txt",
                    "@itself.lis",
                    LONG,
                    "\0",
                    "CALDB",
                )
            )
        if "dir" in name:
            return self._damaged_folder()
        hint = next((kind for part, kind in HINTS if part in name), None) if tool not in QUICK else None
        path = self._file(hint if hint and not self._odd(0.3) else None, tool)
        if tool == "dmextract" and name == "infile" and rng.random() < 0.85:
            return path + rng.choice(("", "", self.virtual())) + f"[{self._bins()}]"
        return path + (
            self.virtual()
            if rng.random() < (0 if tool == "dmhedit" and not self._odd(0.3) else 0.6 if tool in QUICK else 0.15)
            else ""
        )

    def _observed(self, kind: str) -> str | None:
        """Path of a file of the simulated observation."""
        found = sorted(self.observation.rglob(f"*{kind}*")) if self.observation else []
        return str(self.rng.choice(found)) if found else None

    def _file(self, hint: str | None, tool: str = "") -> str:
        """Put a file into the run's folder, half of them damaged; return its name."""
        rng = self.rng
        seen = self._observed(hint) if hint else None
        source = Path(seen) if seen else self._sound(tool)
        name = f"in{len(self.files)}" + (
            "".join(source.suffixes[-2:]) if source.name.endswith(".gz") else source.suffix
        )
        data = source.read_bytes()
        harm = rng.random() < 0.3 + 0.3 * self.wild
        if harm:
            if seen and source.suffix == ".gz" and rng.random() < 0.9:  # damage what is packed
                import gzip

                data, name = gzip.decompress(data), f"in{len(self.files)}.fits"
            data = damaged(data, rng)
        (self.folder / name).write_bytes(data)
        self.files[name] = harm
        return name

    def _sound(self, tool: str) -> Path:
        """Pick a file of the library: mostly one of the kind that a tool is for."""
        if self._odd(0.4) or self.rng.random() < 0.2:
            return self.rng.choice(sorted(p for p in self.library.iterdir() if p.is_file()))
        images = ("image", "image", "blank", "scaled_image", "holes", "cube", "bytes", "packed")
        if self._odd(1.0) or self.rng.random() < 0.3:
            tables: tuple[str, ...] = (
                "no_rows", "one_row", "variable", "scaled", "all_nan", "infinite", "no_name", "wide", "reversed_gti", "no_columns",
            )  # fmt: skip
        else:
            tables = ("events", "events", "plain")
        if "img" in tool or tool in {"dmregrid", "celldetect", "mkpsfmap", "get_sky_limits"}:
            kind = self.rng.choice(images)
        elif tool in {"dmcopy", "dmlist", "dmstat", "dmkeypar", "dmhedit"}:
            kind = self.rng.choice((*images, *tables))
        else:
            kind = self.rng.choice(tables)
        return self.library / f"{kind}.fits"

    def _damaged_folder(self) -> str:
        """An observation of which one file is damaged, missing, or twice there."""
        if self.observation is None:
            return "folder"
        place = self.folder / "obs"
        if place.exists() or self.rng.random() < 0.3:
            return str(self.observation)
        files = sorted(p for p in self.observation.rglob("*.fits*") if "truth" not in p.parts)
        victim = self.rng.choice(files)
        for path in files:
            copy = place / path.relative_to(self.observation)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path != victim:
                copy.symlink_to(path)
            elif self.rng.random() < 0.8:
                import gzip

                copy.write_bytes(gzip.compress(damaged(gzip.decompress(path.read_bytes()), self.rng), 1))
        return "obs"

    def virtual(self) -> str:
        """Return brackets behind a file name, legal or not."""
        rng = self.rng
        makers = (
            self._block,
            self._filter,
            self._filter,
            self._filter,
            self._columns,
            self._bins,
            self._option,
            self._rows,
        )
        text = "".join(f"[{rng.choice(makers)()}]" for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
        if self._odd(0.25):
            at = rng.randrange(len(text))
            text = (
                text[:at]
                + rng.choice(("", "[", "]", ",", "=", "\0", "\u00e9", "#", ":", "(", "@", "'"))
                + text[at + 1 :]
            )
        return text

    def _block(self) -> str:
        return self._pick(
            (
                "EVENTS",
                "events",
                "1",
                "1",
                "0",
                "IMG",
                "GTI",
                "1",
                "2",
                "99",
                "-1",
                "nothing",
                "",
                "EVENTS,2",
                DIGITS,
                "*",
                "[",
                "1e9",
            )
        )

    def _filter(self) -> str:
        rng = self.rng
        name = self._pick(COLUMNS)
        if name in {"sky", "det"} or self._odd(0.1):
            value = self._pick(REGIONS)
        else:
            value = ",".join(self._pick(RANGES) for _ in range(rng.choice((1, 1, 2))))
        return (rng.choice(("@", "!")) if self._odd(0.3) else rng.choice(("", "", "", "exclude "))) + f"{name}={value}"

    def _columns(self) -> str:
        rng = self.rng
        chosen = [
            rng.choice(("", "", "", "-", "n=", "(a,b)=")) + self._pick(COLUMNS) for _ in range(rng.randrange(1, 4))
        ]
        return "cols " + ",".join(chosen)

    def _bins(self) -> str:
        rng = self.rng

        def axis() -> str:
            return rng.choice((f"{self._pick(COLUMNS)}={self._pick(STEPS)}",
                               f"{rng.choice(('x', 'y', 'energy', 'time', 'pi'))}={self._pick(RANGES)}:{self._pick(STEPS)}"))  # fmt: skip

        if rng.random() < 0.3:
            return f"bin sky={self._pick(('8', '16', '@region.reg', '4', 'circle(4100,4100,50)', '0', '1e-3', '::', '#8,#8'))}"
        return "bin " + ",".join(axis() for _ in range(rng.choice((1, 2, 2, 3))))

    def _option(self) -> str:
        return "opt " + self._pick(
            (
                "null=5",
                "full",
                "mem=1",
                "mem=1e9",
                "type=i2",
                "type=x",
                "update=no",
                "kernel=text/simple",
                "null=nan",
                "",
            )
        )

    def _rows(self) -> str:
        return "#row=" + self._pick(
            ("1:5", "2:", "0", "-1", "5:1", DIGITS, "1:1e999", "nan", ":", "1,3,5:7", "99999999999999999999", "x")
        )
