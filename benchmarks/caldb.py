#!/usr/bin/env python3
"""Time the first and the later queries of an index of 20,000 rows. Usage: benchmarks/caldb.py [ROWS]."""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from made_caldb import Row, header, make_caldb

from ciaopy.caldb import Caldb

count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
products = [f"P{k}" for k in range(40)]
rows = [
    Row(
        f"f{k % 40}_{k % 10}N{k:05d}.fits",
        products[k % 40],
        f"20{k % 24:02d}-01-01",
        cbd=[f"CCD_ID({k % 10})", "FP_TEMP(150-165)K"],
    )
    for k in range(count)
]
with tempfile.TemporaryDirectory() as folder:
    root = make_caldb(Path(folder), acis=rows, files=False)
    start = time.perf_counter()
    caldb = Caldb.open({"CALDB": str(root)})
    caldb.search("P0", header(), ccd_id=3)
    print(f"{count} rows: reading the index and the first query {1e3 * (time.perf_counter() - start):.0f} ms")
    for text, repeats in (("first query of a product", 1), ("the same again", 5)):
        best = []
        for _ in range(repeats):
            start = time.perf_counter()
            for name in products[1:]:
                caldb.search(name, header(), ccd_id=3)
            best.append((time.perf_counter() - start) / len(products[1:]))
        print(f"{text}: {1e3 * min(best):.2f} ms")
