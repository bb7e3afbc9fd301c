"""Many observations in a notebook: the script twin of surveys.ipynb, executed in a test.

Usage: python docs/surveys_example.py FOLDER
"""

# %% [markdown]
# ## A survey of three observations
# Simulated ones, so that nothing is downloaded; the third has lost its aspect solution. In a survey of your own the
# list holds folders, ObsIDs (which are downloaded), or `@list`.

# %%
import subprocess
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits

from ciaopy.batch import Archive, flux_image

here = Path(sys.argv[1])
for obs_id in ("90001", "90002", "90003"):
    words = ["simulate", str(here / obs_id), "--obsid", obs_id, "--events", "2e3", "--chips", "3", "--seed", obs_id[-1]]
    subprocess.run([sys.executable, "-m", "ciaopy.cli", *words], check=True, capture_output=True)
next((here / "90003").rglob("*asol1*")).unlink()

archive = Archive(here / "survey", [here / "90001", here / "90002", here / "90003"])

# %% [markdown]
# `run` does everything that is due, without waiting for the slowest observation between two stages. What it did stands
# in a ledger beside the products: interrupt it, kill it, and run it again.

# %%
run = archive.run(num_cores=2, disable_progress=True)
print(run)
archive.info()

# %% [markdown]
# ## What became of it
# An observation that cannot be used is skipped with a reason; a job that fails is listed by `get_failed_processes`, and
# its log tells why. The names of products are in `process_extra_info`.

# %%
print(archive.get_obs_to_process(), archive.get_failed_processes("chandra_repro"))
print(archive.get_process_logs("prepare_chandra_info", "90003")["chandra"]["90003"])

images = archive.process_extra_info["chandra"]["rate_image"]
for ident, found in images.items():
    for band, image, exposure, rate in zip(
        found["en_idents"], found["image"], found["expmap"], found["ratemap"], strict=True
    ):
        counts, seconds, rates = (fits.getdata(path).astype(float) for path in (image, exposure, rate))
        np.testing.assert_allclose(rates * seconds, np.where(seconds > 0, counts, 0.0), rtol=1e-5, atol=1e-4)
        print(ident, band.removeprefix("-"), f"{counts.sum():.0f} counts, {seconds.max():.0f} s")

# %% [markdown]
# ## Other bands, later
# The functions have the names, parameters and defaults of DAXA's `process.chandra`. Only what depends on a changed
# parameter runs again; the images of the other bands stay.

# %%
more = flux_image(
    archive,
    en_bounds=[[0.5, 2.0]] * u.keV,
    effective_ens=[1.4] * u.keV,
    acis_bin_size=8,
    num_cores=2,
    disable_progress=True,
)
print(more)

# %% [markdown]
# ## A command of your own
# Run for each ident under the same care: its own folder, limits of time and memory, further tries, a log.

# %%
command = """
[[command]]
name = "bright"
needs = ["cleaned_chandra_evts"]
argv = ["ciaopy", "dmcopy", "{cleaned_events}[energy=2000:7000]", "{out}/hard.fits"]
products = ["hard.fits"]
timeout = "10 min"
"""
toml = archive.folder / "survey.toml"
toml.write_text(toml.read_text() + command.replace('"ciaopy",', f'"{sys.executable}", "-m", "ciaopy.cli",'))
mine = archive.run(["bright"], num_cores=2, disable_progress=True)
print(mine, sorted(p.name for p in archive.folder.glob("processed_data/chandra/*/bright/*/*")))

# %% [markdown]
# On a cluster: `archive.run(engine=Client(...))` with any Dask client, or `ciaopy batch slurm` for a job array.
