"""Time fluximage: one and several bands, binsize 8 and 1, one and two threads.

Usage: python benchmarks/fluximage.py OBSERVATION_FOLDER
"""

import resource
import subprocess
import sys
import tempfile
import time

CASES = (
    ("broad", 8, 1),  # 5 bands: broad, soft, medium, hard, 0.5-2
    ("broad", 8, 2),
    ("broad,csc,0.5:2:1.1", 8, 2),
    ("broad", 1, 1),
    ("broad", 1, 2),
    ("broad,csc,0.5:2:1.1", 1, 2),
)


def main(folder: str) -> None:
    print("| bands | binsize | nproc | wall s | CPU s | memory MB |\n|---|---|---|---|---|---|")
    for bands, binsize, nproc in CASES:
        with tempfile.TemporaryDirectory() as out:
            words = [sys.executable, "-m", "ciaopy.cli", "fluximage", folder, f"{out}/b", f"bands={bands}"]
            words += [f"binsize={binsize}", f"nproc={nproc}", "verbose=0", "mode=h"]
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(words, check=True)
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            # the largest child so far: cases are in order of growing memory
            count = 5 if "csc" in bands else 1
            print(f"| {count} | {binsize} | {nproc} | {wall:.1f} | {cpu:.1f} | {after.ru_maxrss / 1024:.0f} |")


if __name__ == "__main__":
    main(sys.argv[1])
