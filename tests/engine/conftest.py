"""What the tests of the engine share."""

import numpy as np
import pytest
from astropy.io import fits


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.fits"
    columns = [fits.Column("A", "J", array=np.arange(10)), fits.Column("B", "E", array=np.arange(10) / 2)]
    fits.BinTableHDU.from_columns(columns, name="EVENTS").writeto(path)
    return path
