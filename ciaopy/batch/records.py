"""Records: one JSON file per attempt, beside the products, written by whoever did the work.

A record is what the ledger knows of an attempt, and more: it is renamed into place after the products, so a product
whose record is there is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = [
    "changed_product",
    "config_of",
    "fingerprint",
    "product_stamp",
    "read_records",
    "record_path",
    "write_record",
]

_PIECE = 1 << 20
SCHEMA = 1


def config_of(*parts: object) -> str:
    """Return the identity of a job: a hash of JSON values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(path: Path, full: bool = False) -> dict[str, Any]:
    """Return {size, sha256} of a file: of its first and its last MiB, or of all of it.

    A gzipped file ends with a checksum of its content, and the headers of a plain FITS file hold those of the data, so
    that a change in the middle is seen all the same.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if full:
            while piece := file.read(_PIECE):
                digest.update(piece)
        else:
            digest.update(file.read(_PIECE))
            if size > _PIECE:
                file.seek(max(size - _PIECE, _PIECE))
                digest.update(file.read(_PIECE))
    return {"size": size, "sha256": digest.hexdigest()}


def product_stamp(path: Path) -> dict[str, int]:
    """Return {size, mtime_ns} of a product (of the file behind a link)."""
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def changed_product(survey: Path, products: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the first product that is not there as it was recorded; empty where all are."""
    for name, stamp in products.items():
        if stamp.get("shared"):
            continue
        try:
            status = (survey / name).stat()
        except OSError:
            return name
        if status.st_size != stamp["size"] or status.st_mtime_ns != stamp["mtime_ns"]:
            return name
    return ""


def record_path(survey: Path, task: Mapping[str, Any]) -> Path:
    """Return where the record of an attempt belongs."""
    name = f"{task['ident']}_{task['stage']}_{task['config']}_{task['attempt']}.json"
    return Path(survey, "processed_data", task["mission"], task["obs_id"], "records", name)


def write_record(survey: Path, record: Mapping[str, Any]) -> None:
    """Write a record; it is there whole or not at all."""
    path = record_path(survey, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=".ciaopy-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "w") as file:
            json.dump(record, file)
            file.write("\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record; None where the file is not there or is no record (as from a full disk)."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("schema", 0) <= SCHEMA and "ident" in record else None


def read_records(survey: Path, mission: str) -> Iterator[dict[str, Any]]:
    """Yield all records of a survey, attempt by attempt in order of their ends."""
    place = survey / "processed_data" / mission
    for folder in sorted(place.glob("*/records")):
        found = [r for p in sorted(folder.glob("*.json")) if (r := read_record(p)) is not None]
        yield from sorted(found, key=lambda r: (r.get("ended") or 0.0, r["attempt"]))


def absolute(survey: Path, extra: dict[str, Any]) -> dict[str, Any]:
    """Return extra information as its readers see it: paths absolute."""
    found: dict[str, Any] = dict((extra or {}).get("values", {}))
    for key, value in (extra or {}).get("paths", {}).items():
        found[key] = [str(survey / v) for v in value] if isinstance(value, list) else str(survey / value)
    return found


def versions(calibration: str) -> dict[str, str]:
    """Return the versions that a record names."""
    import platform
    from importlib import metadata

    from ciaopy import __version__

    found = {"ciaopy": __version__, "python": platform.python_version(), "caldb": calibration}
    for name in ("numpy", "numba", "astropy", "dask"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found | {"platform": platform.platform()}
