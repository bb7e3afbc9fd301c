"""Bands of fluximage: the tokens of the specification and what each becomes."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ciaopy.errors import DataError, UserError
from ciaopy.pipelines.imaging.bands import parse_bands, weights_range


@pytest.fixture
def weights(tmp_path):
    def make(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return make


def labels(text, instrument="ACIS"):
    return [b.label for b in parse_bands(text, instrument)]


def test_names_ranges_and_repetitions():
    text = "broad,0.5:7:2.3,0.5:7.0:2.3,csc,default"
    assert labels(text) == ["broad", "0.5-7", "0.5-7.0", "soft", "medium", "hard"]


def test_energies_and_filter_of_a_named_band():
    (soft,) = parse_bands("Soft", "ACIS")
    assert (soft.low, soft.high, soft.energy, soft.filter) == (0.5, 1.2, 0.92, "[energy=500.0:1200.0]")


def test_filters_are_python_numbers():
    assert parse_bands("0.5:2.01:1", "ACIS")[0].filter == "[energy=500.0:2009.9999999999998]"


def test_files_of_weights_are_numbered_on_their_own(weights):
    a, b = (weights(n, "# ENERG_LO = 0.5\n# ENERG_HI = 2\n1 0.5\n1.5 0.5\n") for n in ("a.dat", "b.dat"))
    bands = parse_bands(f"csc,{a},{b},{a}", "ACIS")
    assert [x.label for x in bands] == ["soft", "medium", "hard", "band1", "band2"]
    assert bands[3].weights == a and bands[3].energy is None and bands[3].filter == "[energy=500.0:2000.0]"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("purple", "purple"),
        ("wide", "wide"),
        ("0.5:7", "lo:hi:effective"),
        ("0.5:7:2:3", "lo:hi:effective"),
        ("0.5::2", "lo:hi:effective"),
        ("0.5:20:2", "20 keV is out of range"),
        ("0.05:2:1", "0.05 keV"),
        ("0.5:2:11", "11 keV"),
        ("nan:2:1", "out of range"),
        ("0.5:2:1,0.5:2:1.5", "two bands would be called 0.5-2"),
        ("  ", "bands is empty"),
        ("7:0.5:2", "lower limit is not below"),
        ("2:2:2", "lower limit is not below"),
    ],
)
def test_what_acis_refuses(text, match):
    with pytest.raises(UserError, match=match):
        parse_bands(text, "ACIS")


def test_hrc():
    for text in ("default", "wide,default"):
        (wide,) = parse_bands(text, "HRC")
        assert (wide.label, wide.filter, wide.energy, wide.low) == ("wide", "[pi=:]", 1.5, None)
    assert labels("::1.1", "HRC") == ["all"]
    (part,) = parse_bands("30:200:1.1", "HRC")
    assert (part.label, part.filter, part.low, part.high) == ("30-200", "[pi=30:200]", 30, 200)


@pytest.mark.parametrize("text", ["30::1.1", "broad", "::20", "1.5:20:1", "wide,::1.1"])
def test_what_the_hrc_refuses(text):
    with pytest.raises(UserError, match="bands"):
        parse_bands(text, "HRC")


def test_two_files_are_two_bands_for_the_hrc(weights):
    a, b = (weights(n, "1 0.5\n2 0.5\n") for n in ("a.dat", "b.dat"))
    assert parse_bands(a, "HRC")[0].weights == a
    with pytest.raises(UserError, match="one band"):
        parse_bands(f"{a},{b}", "HRC")


def test_weights_range_from_the_first_column(tmp_path):
    path = tmp_path / "w.dat"
    path.write_text("".join(f"{0.625 + 0.25 * k} 0.04\n" for k in range(26)))
    assert weights_range(path) == (0.5, 7.0)


def test_weights_range_needs_both_keywords(tmp_path):
    path = tmp_path / "w.dat"
    path.write_text("# ENERG_LO = 0.3\n# X WEIGHT\n1.0 0.5\n2.0 0.5\n")
    assert weights_range(path) == (0.5, 2.5)
    path.write_text("# energ_lo =  0.3 / lower\n# ENERG_LO = 0.4 / again\n#ENERG_HI=2.2\n1.0 0.5\n2.0 0.5\n")
    assert weights_range(path) == (0.4, 2.2)
    path.write_text("# ENERG_LO = what\n# ENERG_HI = 3\n1.0 0.5\n2.0 0.5\n")
    assert weights_range(path) == (0.5, 2.5)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1.0 0.5\n", "1 energies"),
        ("1.0 0.5\n2.0\n", "line 2"),
        ("1.0 0.5\ntwo 0.5\n", "line 2"),
        ("1.0 0.5\n0.5 0.5\n", "ascend"),
        ("1.0 nan\n2.0 1\n", "line 1"),
        ("1.0 -1\n2.0 1\n", "line 1"),
        ("# only comments\n", "0 energies"),
    ],
)
def test_weights_with_holes(tmp_path, text, match):
    path = tmp_path / "w.dat"
    path.write_text(text)
    with pytest.raises(DataError, match=match):
        weights_range(path)


def test_weights_out_of_range(weights):
    name = weights("w.dat", "11 0.5\n12 0.5\n")
    with pytest.raises(UserError, match="out of range"):
        parse_bands(name, "ACIS")


@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_any_range_in_keV_is_read_back(low, high, energy):
    assume(low < high)
    (band,) = parse_bands(f"{low!r}:{high!r}:{energy!r}", "ACIS")
    assert (band.low, band.high, band.energy) == (low, high, energy)
    assert band.label == f"{low!r}-{high!r}"
