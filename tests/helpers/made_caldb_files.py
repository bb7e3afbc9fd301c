"""Calibration files in the documented layouts, small and made here: one builder per product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits


def table(
    columns: list[tuple[str, str, Any]], name: str = "", units: dict | None = None, dims: dict | None = None, **keys
):
    """Make a binary table HDU: (name, TFORM, data) per column."""
    made = [
        fits.Column(n, f, array=np.asarray(a), unit=(units or {}).get(n), dim=(dims or {}).get(n))
        for n, f, a in columns
    ]
    hdu = fits.BinTableHDU.from_columns(made, name=name)
    for key, value in keys.items():
        hdu.header[key] = value
    return hdu


def write(path: Path, *hdus: Any) -> Path:
    """Write HDUs behind an empty primary, unless the first is itself an image."""
    first = [] if isinstance(hdus[0], fits.PrimaryHDU) else [fits.PrimaryHDU()]
    fits.HDUList([*first, *hdus]).writeto(path)
    return path


def geom():
    one = np.zeros((1, 3))
    return [
        table([("INSTRUMENT", "20A", ["ACIS"]), ("ORIGIN", "3D", one)], "INSTRUMENTS"),
        table([("CHIP_ID", "J", [0]), *((c, "3D", one) for c in ("LL", "LR", "UR", "UL"))], "INSTGEOM"),
    ]


def grade():
    return [table([("FLTGRADE", "I", np.arange(256)[::-1]), ("GRADE", "I", np.arange(256)[::-1] % 8)], "AXAF_GRADE")]


def evtsplt():
    ccd, node = np.divmod(np.arange(40), 4)
    return [table([("CCD_ID", "I", ccd), ("NODE_ID", "I", node), ("SPLIT_THRESH", "E", 13.0 + ccd)], "AXAF_EVTSPLT")]


def det_gain():
    """Two chips, two halves in x each; energy = slope * PHA with a slope that differs by row."""
    ccd = np.array([0, 0, 7, 7])
    pha = np.tile(np.array([50.0, 500.0, 3000.0, 0.0]), (4, 1))
    slope = np.array([3.0, 4.0, 5.0, 6.0])[:, None]
    x0 = np.array([1, 513, 1, 513])
    return [
        table(
            [
                ("CCD_ID", "J", ccd),
                ("CHIPX_MIN", "J", x0),
                ("CHIPX_MAX", "J", x0 + 511),
                ("CHIPY_MIN", "J", np.ones(4)),
                ("CHIPY_MAX", "J", np.full(4, 1024)),
                ("NPOINTS", "J", np.full(4, 3)),
                ("PHA", "4E", pha),
                ("ENERGY", "4E", pha * slope),
            ],
            "AXAF_DETGAIN",
            {"ENERGY": "eV"},
        )
    ]


def t_gain():
    pha = np.array([[100.0, 1000.0, 3000.0]])
    return [
        table(
            [
                ("CCD_ID", "I", [3]),
                ("CHIPX_LO", "I", [1]),
                ("CHIPX_HI", "I", [1024]),
                ("CHIPY_LO", "I", [1]),
                ("CHIPY_HI", "I", [1024]),
                ("NPOINTS", "I", [3]),
                ("PHA", "3E", pha),
                ("DELTPHA1", "3E", pha * 0.01),
                ("DELTPHA2", "3E", pha * 0.03),
            ],
            "AXAF_TGAIN",
            EPOCH1=1.0e8,
            EPOCH2=2.0e8,
        )
    ]


def cti():
    pha = np.array([[0.0, 100.0, 4000.0]])
    curves = table(
        [
            ("CCD_ID", "I", [7]),
            ("NPOINTS", "I", [3]),
            ("PHA", "3E", pha),
            ("VOLUME_X", "3E", pha * 0.1),
            ("VOLUME_Y", "3E", pha * 0.2),
            ("FRCTRLX", "E", [0.3]),
            ("FRCTRLY", "3E", pha * 0 + 0.4),
            ("TCTIY", "E", [0.02]),
        ],
        "AXAF_CTI",
        FP_TEMP=153.5,
    )
    maps = []
    for axis, value in (("X", 2.0), ("Y", 3.0)):
        image = fits.ImageHDU(
            np.full((4, 4), value, np.float32) + np.arange(4, dtype=np.float32), name=f"TRAPDENS{axis}"
        )
        image.header["CCD_ID"] = 7
        maps.append(image)
    return [curves, *maps]


def subpix():
    energy = np.array([[0.0, 0.0, 0.0], [0.0, 500.0, 20000.0]])
    dy = np.array([[0.0, 0.0, 0.0], [-0.3, -0.4, -0.2]])
    columns = [
        ("FLTGRADE", "I", [0, 2]),
        ("NPOINTS", "I", [1, 3]),
        ("ENERGY", "3E", energy),
        ("CHIPX_OFFSET", "3E", dy * 0),
        ("CHIPY_OFFSET", "3E", dy),
    ]
    return [table(columns, f"AXAF_SUBPIX{c + 1}", {"ENERGY": "eV"}, CCD_ID=c) for c in range(10)]


def grdimg():
    image = np.zeros((256, 3, 3))
    image[:, 1, 1] = 1.0
    image[64, 2, 1] = 0.25
    return [table([("FLTGRADE", "I", np.arange(256)), ("IMAGE", "9E", image.reshape(256, 9))], dims={"IMAGE": "(3,3)"})]


def badpix():
    return [
        table(
            [
                ("SHAPE", "16A", ["POINT", "RECTANGLE"]),
                ("COMPONENT", "I", [1, 2]),
                ("CHIPX", "2I", [[5, 5], [10, 20]]),
                ("CHIPY", "2I", [[7, 7], [1, 1024]]),
                ("TIME", "D", [0.0, 5.0e7]),
                ("TIME_STOP", "D", [0.0, 6.0e7]),
                ("STATUS", "32X", np.array([[0] * 31 + [1], [0] * 30 + [1, 0]], dtype=bool)),
            ],
            "BADPIX",
            CCD_ID=c,
        )
        for c in (3, 7)
    ]


def qe():
    return [
        table([("ENERGY", "E", [0.3, 1.0, 8.0]), ("QE", "E", [0.1, 0.8, 0.4])], "AXAF_QE", {"ENERGY": "keV"}, CCD_ID=c)
        for c in (3, 7)
    ]


def qeu():
    cube = np.ones((1, 2, 4, 8))
    cube[0, 1, 3, 7] = 0.5
    return [
        table(
            [("ENERGY", "2E", [[1.0, 5.0]]), ("QEU", "64E", cube.reshape(1, 64))],
            "AXAF_QEU4",
            dims={"QEU": "(8,4,2)"},
            CCD_ID=3,
            DETNAM="ACIS-3",
        )
    ]


def contam():
    layers = 2
    return [
        table(
            [
                ("COMPONENT", "J", [0] * layers),
                ("N_ENERGY", "J", [3, 2]),
                ("ENERGY", "3E", [[0.1, 1.0, 10.0], [0.1, 10.0, 0.0]]),
                ("MU", "3E", [[2.0, 1.0, 0.0], [0.5, 0.5, 0.0]]),
                ("N_TIME", "J", [2, 2]),
                ("TIME", "2D", [[1e8, 2e8]] * layers),
                ("TAU0", "2E", [[0.2, 0.4]] * layers),
                ("TAU1", "2E", [[0.0, 0.1]] * layers),
                ("FXY", "4E", [[0.0, 1.0, 2.0, 3.0]] * layers),
            ],
            f"AXAF_CONTAM{c + 1}",
            dims={"FXY": "(2,2)"},
            CCD_ID=c,
        )
        for c in (3, 7)
    ]


def dead_area():
    rate = [0.0 if c in (5, 7) else 0.006508 for c in range(10)]
    return [table([("CCD_ID", "I", np.arange(10)), ("COEFF", "E", rate)], "AXAF_DEAD_AREA")]


def axeffa():
    out = []
    for shell, share in (("1111", 1.0), ("1000", 0.4), ("0100", 0.3), ("0010", 0.2), ("0001", 0.1)):
        columns = [
            ("ENERG_LO", "E", [0.5, 1.0, 2.0]),
            ("ENERG_HI", "E", [1.0, 2.0, 4.0]),
            ("EFFAREA", "E", np.array([700.0, 750.0, 400.0]) * share),
        ]
        out.append(table(columns, "AXAF_AXEFFA", {"ENERG_LO": "keV"}, CBD10001=f"SHELL({shell})"))
    return out


def vignet():
    value = np.ones((1, 3 * 2 * 2))
    value[0, 3:6] = 0.8
    return [
        table(
            [
                ("ENERG_LO", "3E", [[0.5, 1.0, 2.0]]),
                ("ENERG_HI", "3E", [[0.5, 1.0, 2.0]]),
                ("THETA", "2E", [[0.0, 10.0]]),
                ("PHI", "2E", [[0.0, 180.0]]),
                ("VIGNET", "12E", value),
            ],
            "AXAF_VIGNET1",
            {"ENERG_LO": "keV"},
            {"VIGNET": "(3,2,2)"},
            CBD10001="SHELL(1111)",
        )
    ]


def reef():
    """RADIUS with the axes (slow to fast) energy, phi, theta, ecf; radius = 1 + theta + 10 ecf + energy + phi / 90."""
    energy, phi, theta, ecf = np.meshgrid(
        [1.0, 4.0], [0.0, 90.0, 180.0], [0.0, 5.0], [0.2, 0.5, 0.9, 0.95], indexing="ij"
    )
    radius = 1 + theta + 10 * ecf + energy + phi / 90
    return [
        table(
            [
                ("ECF", "4E", [[0.2, 0.5, 0.9, 0.95]]),
                ("THETA", "2E", [[0.0, 5.0]]),
                ("PHI", "3E", [[0.0, 90.0, 180.0]]),
                ("ENERGY", "2E", [[1.0, 4.0]]),
                ("RADIUS", "48E", radius.reshape(1, -1)),
            ],
            "REEF",
            {"ENERGY": "keV"},
            {"RADIUS": "(4,2,3,2)"},
            **{"1CTYP5": "ECF", "2CTYP5": "THETA", "3CTYP5": "PHI", "4CTYP5": "ENERGY"},
        )
    ]


def greff():
    out = []
    for shell, kind in (("1000", "MEG"), ("0100", "MEG"), ("0010", "HEG"), ("0001", "HEG")):
        eff = np.tile(np.linspace(0.0, 0.22, 23), (2, 1))
        columns = [("ENERGY", "E", [0.5, 8.0]), ("EFF", "23E", eff)]
        out.append(table(columns, "AXAF_GREFF", GRATING="HETG", GRATTYPE=kind, SHELL=shell))
    return out


def lsfparm():
    """MEG +1: two widths, three wavelengths, one Gaussian and one Lorentzian that share the light 3 to 1."""
    lam = np.array([5.0, 15.0, 25.0])
    gauss, lorentz = np.zeros((1, 2, 3, 3)), np.zeros((1, 2, 3, 3))
    gauss[..., 0], gauss[..., 1], gauss[..., 2] = 30.0, 0.004 + 2e-4 * lam, lam + 1e-3
    lorentz[..., 0], lorentz[..., 1], lorentz[..., 2] = 10.0, 0.01, lam
    columns = [
        ("NUM_WIDTHS", "I", [2]), ("WIDTHS", "2E", [[0.001, 0.002]]), ("NUM_LAMBDAS", "J", [3]),
        ("LAMBDAS", "3D", [lam]), ("EE_FRACS", "6E", [[[0.8, 0.8, 0.8], [0.95, 0.95, 0.95]]]),
        ("GAUSS1_PARMS", "18E", gauss), ("LORENTZ1_PARMS", "18E", lorentz),
    ]  # fmt: skip
    dims = {"EE_FRACS": "(3,2)", "GAUSS1_PARMS": "(3,3,2)", "LORENTZ1_PARMS": "(3,3,2)"}
    return [table(columns, "MEG", dims=dims, GRATING="HETG", GRATTYPE="MEG", ORDER=1, SHELL="1100")]


def osip():
    energy = np.array([[500.0, 5000.0]])
    return [
        table(
            [
                ("CCD_ID", "I", [5]),
                ("NPOINTS", "I", [2]),
                ("ENERGY", "2E", energy),
                ("ENERG_LO", "2E", energy * 0.9),
                ("ENERG_HI", "2E", energy * 1.1),
                ("FRACRESP", "2E", energy * 0 + 0.98),
            ],
            "AXAF_OSIP",
            {"ENERGY": "eV"},
        )
    ]


def gmap():
    hdu = fits.PrimaryHDU(np.linspace(1.0, 2.0, 128 * 128, dtype=np.float32).reshape(128, 128))
    hdu.header["DETNAM"] = "HRC-I"
    hdu.header["SAMPNORM"] = 148
    return [hdu]


def t_gmap():
    """nx 4, ny 6, nt 3; G0 = 5, G1 = 100 + ix + 10 iy; T = 1 + t index + iy."""
    gain = np.empty((2, 6, 4))
    gain[0] = 5.0
    gain[1] = 100.0 + np.arange(4) + 10.0 * np.arange(6)[:, None]
    drift = 1.0 + np.arange(3)[:, None] + np.arange(6)
    return [
        table(
            [
                ("GAINMAP", "48E", gain.reshape(1, -1)),
                ("TGAIN", "18E", drift.reshape(1, -1)),
                ("RAWXGRID", "4E", [np.arange(4) * 1024.0]),
                ("RAWYGRID", "6E", [np.arange(6) * 8192.0]),
                ("TIMEGRID", "3D", [[51400.0, 53400.0, 55400.0]]),
            ],
            "AXAF_TGAINMAP",
            dims={"GAINMAP": "(4,6,2)", "TGAIN": "(6,3)"},
        )
    ]


def degap():
    return [
        table(
            [
                ("AXIS", "1A", ["U", "U", "V"]),
                ("TAP", "I", [0, 2, 1]),
                ("LA", "E", [1.05, 1.06, 1.07]),
                ("LB", "E", [0.01, 0.02, 0.03]),
                ("RA", "E", [1.01, 1.02, 1.03]),
                ("RB", "E", [0.1, 0.2, 0.3]),
            ],
            "AXAF_DEGAP",
        )
    ]


def amp_sf_cor():
    names = ("RANGE_SWITCH_LEVEL", "RANGE_SWITCH_TOL", "PHA_1TO2", "WIDTH_1TO2", "PHA_2TO3", "WIDTH_2TO3", "GAIN")
    rows = [[90.0, 115.0], [5.0, 5.0], [50.0, 64.0], [4.0, 4.0], [100.0, 127.0], [4.0, 4.0], [75.0, 75.0]]
    return [table([(n, "E", r) for n, r in zip(names, rows, strict=True)], "AXAF_AMP_SF_COR")]


def _by_axis(names: tuple[str, ...], name: str):
    values = [(n, "E", [k + 1.0, k + 11.0]) for k, n in enumerate(names)]
    return [table([("AXIS", "1A", ["U", "V"]), *values], name)]


def tapringtest():
    return _by_axis(
        ("TRING_A", "TRING_B", "TRING_C", "TRING_D", "BETA", "GAMMA", "THRESH12", "OFFSET"), "AXAF_TAPRINGTEST"
    )


def fptest():
    return _by_axis(("HYPER_A", "HYPER_B", "HYPER_H", "HYPER_DELTAH", "HYPER_C"), "AXAF_FPTEST")


def eftest():
    return [table([("FLATNESS_LIMIT", "E", [1.0])], "AXAF_EFTEST")]


def sattest():
    columns = [
        ("AMP_SF", "I", [1, 2, 3]),
        ("NTAPS", "I", [1, 1, 2]),
        ("ADC_LOWER_LIMIT", "I", [0, 0, 0]),
        ("ADC_UPPER_LIMIT", "I", [4090, 4090, 4090]),
    ]
    return [table(columns, "AXAF_SATTEST")]


def tgmask2():
    return [
        table(
            [
                ("ROWID", "15A", ["SOURCE", "BACKGROUND_UP"]),
                ("SHAPE", "16A", ["polygon", "polygon"]),
                ("TG_R", "5E", [[0.0, 1.0, 1.0, 0.0, 0.0]] * 2),
                ("TG_D", "5E", [[-0.1, -0.1, 0.1, 0.1, -0.1], [0.2, 0.2, 0.3, 0.3, 0.2]]),
                ("TG_PART", "I", [3, 3]),
                ("TG_M", "I", [1, 1]),
                ("BACKSCAL", "E", [1.0, 5.0]),
            ],
            "REGION",
        )
    ]


def tgpimask2():
    columns = [
        ("SHAPE", "16A", ["Polygon"]),
        ("TG_MLAM", "4E", [[-100.0, 100.0, 100.0, -100.0]]),
        ("PI", "4E", [[20.0, 20.0, 200.0, 200.0]]),
    ]
    return [table(columns, "REGION")]


BUILDERS: dict[str, Callable[[], list[Any]]] = {
    "GEOM": geom,
    "GRADE": grade,
    "EVTSPLT": evtsplt,
    "DET_GAIN": det_gain,
    "T_GAIN": t_gain,
    "CTI": cti,
    "SUBPIX": subpix,
    "GRDIMG": grdimg,
    "BADPIX": badpix,
    "QE": qe,
    "QEU": qeu,
    "CONTAM": contam,
    "DEAD_AREA": dead_area,
    "AXEFFA": axeffa,
    "VIGNET": vignet,
    "REEF": reef,
    "GREFF": greff,
    "LSFPARM": lsfparm,
    "OSIP": osip,
    "GMAP": gmap,
    "T_GMAP": t_gmap,
    "DEGAP": degap,
    "AMP_SF_COR": amp_sf_cor,
    "TAPRINGTEST": tapringtest,
    "FPTEST": fptest,
    "EFTEST": eftest,
    "SATTEST": sattest,
    "TGMASK2": tgmask2,
    "TGPIMASK2": tgpimask2,
}
