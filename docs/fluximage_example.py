"""Exposure-corrected images in a notebook: the script twin of fluximage.ipynb, executed in a test.

Usage: python docs/fluximage_example.py EVENTS OUTFOLDER ASPECT...
"""

# %% [markdown]
# ## Counts, exposure, flux
# `ciaopy.runtool.fluximage` runs like CIAO's: parameters by name, text back, files in `last_result`.

# %%
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

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
# The images are FITS files with sky coordinates; flux is counts divided by exposure.

# %%
counts, exposure, flux = (fits.getdata(kind["hard"]) for kind in (result.counts, result.exposure, result.flux))
seen = exposure > 0
np.testing.assert_allclose(flux[seen], counts[seen] / exposure[seen])
print(f"hard band: {counts.sum()} counts, {flux.sum():.3g} photons/cm2/s")

# %% [markdown]
# ## The same on arrays
# `ciaopy.exposure` takes arrays and gives arrays: here, how long each sky position was seen by chip 3, from the aspect
# solution, the good times and a map of ones.

# %%
header = fits.getheader(events, "EVENTS")
plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
gti = Gti([header["TSTART"]], [header["TSTOP"]])
solution = AspectSolution.read(aspect)
histogram = aspect_histogram(solution, gti, frame, LiveFraction.constant(header["DTCOR"]))
chip = parse_pixelgrid("1:1024:#1024,1:1024:#1024")
ones = InstrumentMap(3, chip, np.ones(chip.shape, np.float32))
sky = exposure_map([ones], histogram, SkyView(plane, frame), parse_xygrid("0.5:8192.5:#512,0.5:8192.5:#512"))
seconds = sky.full()
print(f"chip 3 saw the best place for {seconds.max():.0f} s of {histogram.total:.0f} s")
