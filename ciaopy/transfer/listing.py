"""The files of an observation in an archive: it has no list of them, so folders are read from the server's pages."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request
from urllib.parse import unquote

from ciaopy.errors import DataError
from ciaopy.messages import reason
from ciaopy.transfer.downloads import FolderMirror, Mirror
from ciaopy.version import __version__

__all__ = ["NotThereError", "list_files", "names_on_page", "remote_size"]

_DEPTH = 3
_LINK = re.compile(r"<a\s+href=([\"'])(.*?)\1[^>]*>(.*?)</a>", re.IGNORECASE | re.DOTALL)
_TIMEOUT_S = 30.0


class NotThereError(DataError, FileNotFoundError):
    """The archive has no public data of an observation."""


def list_files(mirror: Mirror, base: str, obs_id: str) -> list[str]:
    """Return the paths of all files below a folder of a mirror.

    Raises
    ------
    NotThereError
        There is no such folder.
    ConnectionError
        The mirror is not reached.
    """
    if isinstance(mirror, FolderMirror):
        root = mirror.root / base
        if not root.is_dir():
            raise NotThereError(f"ObsID {obs_id}: not public, or there is none: {root}: no such folder")
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    found: list[str] = []
    folders = [("", 0)]
    while folders:
        place, depth = folders.pop()
        for name in _page(f"{mirror.where(base)}/{place}", obs_id):
            if name.endswith("/"):
                if depth < _DEPTH:
                    folders.append((place + name, depth + 1))
            else:
                found.append(place + name)
    return sorted(found)


def _page(address: str, obs_id: str) -> list[str]:
    """Return the names on a page that a server makes of a folder: links whose text is the name."""
    request = urllib.request.Request(address, headers={"User-Agent": f"ciaopy/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            text = reply.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise NotThereError(
                f"ObsID {obs_id}: not public, or there is none: {address}: HTTP {error.code}"
            ) from error
        raise ConnectionError(f"{address}: HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        raise ConnectionError(f"{address}: {reason(error)}") from error
    return names_on_page(text)


def names_on_page(text: str) -> list[str]:
    """Return the entries of a folder's page: relative links without path whose text begins like the name."""
    found = []
    for _, link, shown in _LINK.findall(text):
        name = unquote(html.unescape(link))
        plain = name.rstrip("/")
        label = html.unescape(re.sub(r"<[^>]*>", "", shown)).strip().rstrip("/").removesuffix("..>").removesuffix(">")
        if not plain or "/" in plain or plain in (".", "..") or name.startswith("?") or "\\" in plain or ":" in plain:
            continue
        if label and plain.startswith(label):
            found.append(name)
    return list(dict.fromkeys(found))


def remote_size(mirror: Mirror, name: str) -> int | None:
    """Return the size that a mirror announces for a file, None where it does not say."""
    if isinstance(mirror, FolderMirror):
        return (mirror.root / name).stat().st_size
    headers = {"User-Agent": f"ciaopy/{__version__}"}
    request = urllib.request.Request(mirror.where(name), headers=headers, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            length = reply.headers.get("Content-Length", "")
    except (OSError, ValueError):
        return None
    return int(length) if length.isdecimal() else None
