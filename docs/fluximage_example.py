"""Exposure-corrected images in a notebook: the script twin of fluximage.ipynb, executed in a test.

Usage: python docs/fluximage_example.py EVENTS OUTFOLDER ASPECT...

`scripts/make_notebook` makes the notebook of this script, with what its cells print and draw.
"""

# %% [markdown]
# # Exposure-corrected images
# The files are those that `ciaopy demo` makes; put your own in their place.
#
# ## Counts, exposure, flux
# `ciaopy.runtool.fluximage` runs like CIAO's: parameters by name, text back, files in `last_result`. `help(fluximage)`
# lists the parameters with their types, units and defaults.

# %%
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import AsinhNorm

import ciaopy
from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame
from ciaopy.datamodel import Gti
from ciaopy.exposure import (
    InstrumentMap,
    LiveFraction,
    SkyView,
    aspect_histogram,
    exposure_map,
    parse_pixelgrid,
    parse_xygrid,
)
from ciaopy.runtool import fluximage

events, out, aspect = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
fluximage(str(events), f"{out}/nb", bands="soft,hard", binsize=16, expmapthresh="5%", cleanup=False, clobber=True)
result = fluximage.last_result
print(result)

# %% [markdown]
# ## Reading
# `ciaopy.read` takes what the tools take, filters included. A table shows its columns, an image its picture.

# %%
table = ciaopy.read(f"{events}[energy=500:7000][cols time,sky,energy,ccd_id]")
table  # noqa: B018

# %% [markdown]
# `astropy.table.Table(table)` is an astropy table with units and header; `numpy.asarray(image)` the pixels of an image,
# `image.wcs` its coordinates as an `astropy.wcs.WCS`.

# %%
image = ciaopy.read(result.flux["hard"])
flux = np.asarray(image)
figure = plt.figure(figsize=(6.5, 5.5), layout="constrained")
axes = figure.add_subplot(projection=image.wcs)
bright = np.percentile(flux[flux > 0], 99.8)
drawn = axes.imshow(flux, origin="lower", cmap="inferno", norm=AsinhNorm(bright / 10, vmin=0, vmax=bright))
figure.colorbar(drawn, ax=axes, label="hard band [photon cm$^{-2}$ s$^{-1}$ per pixel]")
axes.set(xlabel="Right ascension", ylabel="Declination")
figure  # noqa: B018

# %% [markdown]
# Flux is counts divided by exposure.

# %%
counts, exposure = (np.asarray(ciaopy.read(kind["hard"])) for kind in (result.counts, result.exposure))
seen = exposure > 0
np.testing.assert_allclose(flux[seen], counts[seen] / exposure[seen])
print(f"hard band: {counts.sum()} counts, {flux.sum():.3g} photons/cm2/s")

# %% [markdown]
# ## The same on arrays
# `ciaopy.exposure` takes arrays and gives arrays: here, how long each sky position was seen by chip 3, from the aspect
# solution, the good times and a map of ones.

# %%
header = table.header
plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
gti = Gti([header["TSTART"]], [header["TSTOP"]])
solution = AspectSolution.read(aspect)
histogram = aspect_histogram(solution, gti, frame, LiveFraction.constant(header["DTCOR"]))
chip = parse_pixelgrid("1:1024:#1024,1:1024:#1024")
ones = InstrumentMap(3, chip, np.ones(chip.shape, np.float32))
sky = exposure_map([ones], histogram, SkyView(plane, frame), parse_xygrid("0.5:8192.5:#512,0.5:8192.5:#512"))
seconds = sky.full()
print(f"chip 3 saw the best place for {seconds.max():.0f} s of {histogram.total:.0f} s")

# %%
figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
drawn = axes.imshow(seconds, origin="lower", extent=(0.5, 8192.5, 0.5, 8192.5), cmap="viridis")
figure.colorbar(drawn, ax=axes, label="time in view of chip 3 [s]")
axes.set(xlabel="x [sky pixel]", ylabel="y [sky pixel]")
figure  # noqa: B018
