"""The error tree: what cli/ relies on."""

import pytest

from ciaopy import errors


def test_all_lists_every_exception():
    found = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, Exception)}
    assert set(errors.__all__) == found


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n != "UsageError"])
def test_exit_status_is_one_but_for_usage(name):
    assert getattr(errors, name).exit_code == 1
    assert errors.UsageError.exit_code == 2


def test_caret_points_at_the_character():
    e = errors.VirtualFileError("unexpected ']'", "a.fits[x=]", 9)
    lines = str(e).splitlines()
    assert lines[1].strip() == "a.fits[x=]"
    assert lines[2].index("^") - 2 == 9
