"""Small pictures of a survey's report: drawn with a caption, left out where a file cannot be."""

from __future__ import annotations

import base64
import io

import numpy as np

from ciaopy.batch.report import _thumbnail
from ciaopy.fits import Header, Image


def test_a_thumbnail_is_small_bright_and_says_what_it_is(tmp_path):
    from matplotlib.image import imread

    data = np.full((640, 1280), 1e-9)
    data[320:330, 640:650] = 1e-6
    cards = [("OBJECT", "3C 273"), ("OBS_ID", "1712"), ("BUNIT", "photon/cm**2/s")]
    sky = [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", 187.3), ("CRVAL2", 2.0), ("CRPIX1", 640.5),
           ("CRPIX2", 320.5), ("CDELT1", -0.001), ("CDELT2", 0.001)]  # fmt: skip
    Image("IMAGE", data, Header([*cards, *sky])).write(tmp_path / "a.img")
    found = _thumbnail(tmp_path / "a.img")
    assert found is not None
    drawn = imread(io.BytesIO(base64.b64decode(found[0])))
    assert drawn.shape[:2] == (128, 256)
    assert drawn[..., :3].max() > 0.9, "fluxes of 1e-6 are seen"
    assert found[1] == "3C 273, ObsID 1712; 1.28° × 38.4′ about 187.3000° +2.0000°; photon cm⁻² s⁻¹"


def test_what_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "b.img").write_bytes(b"no FITS")
    assert _thumbnail(tmp_path / "b.img") is None and _thumbnail(tmp_path / "none.img") is None
