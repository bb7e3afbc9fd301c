"""Line shapes of the gratings (CALDB LSFPARM)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ciaopy.caldb.products_base import FloatArray, Product

__all__ = ["LineSpread"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LineSpread(Product):
    """Line spread function of an arm and order: a sum of Gaussians and Lorentzians, by extraction width and wavelength.

    Layout, functional forms and normalisation: interface document of the input of mkgrmf, revision 1.0.0 (public
    repository Chandra-MARX/generateLSFPARM). A Gaussian is ``A/sqrt(2 pi s^2) exp(-(r - r0)^2/(2 s^2))``, a Lorentzian
    ``A/(2 pi) w/((r - r0)^2 + (w/2)^2)``; amplitudes count relative to each other, the whole holds `enclosed`.

    Attributes
    ----------
    widths : float64 array, shape (w,)
        Full width of the extraction region across the dispersion, deg, ascending.
    wavelengths : float64 array, shape (n,)
        Angstrom, ascending.
    enclosed : float64 array, shape (w, n)
        Share of the light within the width.
    gaussians, lorentzians : float64 arrays, shape (m, w, n, 3)
        Amplitude, width (sigma of a Gaussian, full width at half maximum of a Lorentzian, Angstrom), position minus
        wavelength (Angstrom).
    """

    widths: FloatArray
    wavelengths: FloatArray
    enclosed: FloatArray
    gaussians: FloatArray
    lorentzians: FloatArray

    def at(self, wavelength: ArrayLike, width: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return `enclosed` (n,), `gaussians` and `lorentzians` (m, n, 3) at wavelengths (Angstrom) for a full width.

        Linear in both; beyond the table its ends hold. `width` in deg; infinite takes the widest.
        """
        lam = np.asarray(wavelength, np.float64)
        j = np.clip(np.searchsorted(self.wavelengths, lam, side="right") - 1, 0, max(self.wavelengths.size - 2, 0))
        k = min(j.max(initial=0) + 1, self.wavelengths.size - 1) if self.wavelengths.size > 1 else 0
        high = np.minimum(j + 1, self.wavelengths.size - 1) if k else j
        step = self.wavelengths[high] - self.wavelengths[j]
        share = np.clip(np.where(step > 0, (lam - self.wavelengths[j]) / np.where(step > 0, step, 1.0), 0.0), 0.0, 1.0)
        made = [self._of_width(a, width) for a in (self.enclosed[None, :, :, None], self.gaussians, self.lorentzians)]
        one, gaussians, lorentzians = (
            (1.0 - share)[None, :, None] * m[:, j] + share[None, :, None] * m[:, high] for m in made
        )
        return one[0, :, 0], np.ascontiguousarray(gaussians), np.ascontiguousarray(lorentzians)

    def _of_width(self, table: FloatArray, width: float) -> FloatArray:
        """Return a table (m, w, n, c) at a width, shape (m, n, c)."""
        w = float(np.clip(width, self.widths[0], self.widths[-1]))
        high = int(np.clip(np.searchsorted(self.widths, w, side="left"), 0, self.widths.size - 1))
        low = max(high - 1, 0)
        step = float(self.widths[high] - self.widths[low])
        f = (w - float(self.widths[low])) / step if step > 0 else 0.0
        return np.asarray((1.0 - f) * table[:, low] + f * table[:, high])
