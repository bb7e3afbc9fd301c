"""The Workspace: how tools read and write, on disk or from memory, and what they say to the user.

A step that opens a name which an earlier step of the same run kept in memory gets that object, not the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ciaopy.console import Console
from ciaopy.datamodel.constant import ConstantFiles
from ciaopy.datamodel.syntax import file_of, parse, split_file, whole_path
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.kernels import default_nproc
from ciaopy.streams import is_standard

if TYPE_CHECKING:
    from ciaopy.fits import Block, Dataset, FitsFile, Image, Table
    from ciaopy.param import ParameterSet

T = TypeVar("T")


class Workspace:
    """Read, write and report on behalf of a tool.

    Parameters
    ----------
    console : Console, optional
        Where messages go; default: the process's own streams, verbose 1.
    nproc : int, optional
        Threads that a kernel driver may use; default: the CPUs of this process.
    """

    def __init__(self, console: Console | None = None, nproc: int | None = None) -> None:
        self.console = console if console is not None else Console()
        self.nproc = nproc if nproc is not None else default_nproc()
        self._memory: dict[Path, Dataset] = {}
        self._in_memory: set[Path] = set()
        self._constant = ConstantFiles()

    def for_step(self, console: Console) -> Workspace:
        """Return a workspace that shares this one's memory and threads and speaks through another console."""
        other = Workspace(console, self.nproc)
        other._memory, other._in_memory, other._constant = self._memory, self._in_memory, self._constant
        return other

    def keep_constant(self, *names: str | Path) -> None:
        """Declare that nobody changes some files until `close`: they are opened once for all reads that follow.

        Brackets are dropped, and names without a file (NONE). A file that is not FITS is left to those who read it.
        """
        for name in names:
            plain = Path(str(file_of(name)).strip())
            if not is_standard(plain):
                self._constant.add(_key(plain), plain)

    def open_file(self, path: str | Path) -> FitsFile | None:
        """Return the file that `keep_constant` named, open; it is not the caller's to close. None for all others."""
        return self._constant.opened(_key(Path(path)))

    def once(self, kind: str, key: Hashable, names: Iterable[str | Path], make: Callable[[], T]) -> T:
        """Return ``make()``, or what it gave the last time for the same `kind` and `key`.

        The value is kept, one for each kind, where all files that it is made of are constant (`keep_constant`); others
        are made each time.

        Parameters
        ----------
        kind : str
            What it is.
        key : hashable
            All that the value depends on, but for the contents of the files.
        names : iterable of str or Path
            The files; brackets are dropped, and blanks and NONE do not count.
        make : callable
            Its result must not be changed afterwards.
        """
        plain = [str(file_of(n)).strip() for n in names]
        return self._constant.once(kind, key, [_key(Path(n)) for n in plain if n.lower() not in ("", "none")], make)

    def close(self) -> None:
        """Close the files of `keep_constant` and forget what was made of them."""
        self._constant.close()

    def read(self, vfile: str | Path) -> Table | Image:
        """Return the block that a virtual file describes, filtered, binned, with companions (GTIs) attached.

        Raises
        ------
        UserError, DataError
            The text, the file or the block is not as it should be.
        """
        from ciaopy.datamodel.reading import read_virtual

        return read_virtual(str(vfile), self)

    def dataset(self, path: str | Path) -> Dataset:
        """Return all blocks of a file; with brackets, the block asked for is replaced by the result."""
        from ciaopy.datamodel.reading import read_all

        return read_all(str(path), self)

    def write(
        self, path: str | Path, content: Block | Dataset, par: ParameterSet | None = None, clobber: bool = False
    ) -> None:
        """Write a block (with its companions) or a dataset: atomic, or into memory where `keep_in_memory` said so.

        Parameters
        ----------
        path : str or Path
            The name as typed; `out.fits[NAME]` names the block.
        content : Table, Image or Dataset
            Not modified.
        par : ParameterSet, optional
            The tool's parameters: a HISTORY record is added to every block but the GTIs.
        clobber : bool
            Replace an existing file.

        Raises
        ------
        OutputExistsError
            The file exists and `clobber` is false.
        """
        from ciaopy.datamodel.output import finish

        vfile = parse(str(path))
        target = Path(vfile.path)
        self.check_output(path, clobber)
        name = vfile.rename or (vfile.block if isinstance(vfile.block, str) else "")
        dataset = finish(content, par, name)
        key = _key(target)
        if key in self._in_memory:
            dataset.path = target
            self._memory[key] = dataset
            return
        from ciaopy.fits import write_dataset

        write_dataset(target, dataset.blocks, clobber=clobber)
        self._memory.pop(key, None)

    def exists(self, path: str | Path) -> bool:
        """True where the name can be read: in memory, on disk, or on disk with `.gz` added."""
        plain = Path(file_of(path))
        if is_standard(plain):
            return True
        return _key(plain) in self._memory or plain.exists() or plain.with_name(plain.name + ".gz").exists()

    def keep_in_memory(self, path: str | Path) -> None:
        """Mark a name as an intermediate: `write` keeps the object and later reads get it."""
        self._in_memory.add(_key(Path(path)))

    def hold(self, name: str | Path, dataset: Dataset) -> None:
        """Keep a dataset under a name: later reads get it; the disk is neither asked nor written, whatever is there.

        Parameters
        ----------
        name : str or Path
            A file name without brackets; blanks at its ends do not count.
        dataset : Dataset
            Not modified.
        """
        key = _key(Path(str(name).strip()))
        self._in_memory.add(key)
        self._memory[key] = dataset

    def in_memory(self, path: str | Path) -> Dataset | None:
        """Return the dataset kept under that name, or None."""
        return self._memory.get(_key(Path(path)))

    def wants_memory(self, path: str | Path) -> bool:
        """True where `keep_in_memory` was called for that name."""
        return _key(Path(path)) in self._in_memory

    def forget(self, path: str | Path) -> None:
        """Drop a name kept in memory."""
        self._memory.pop(_key(Path(path)), None)
        self._in_memory.discard(_key(Path(path)))

    def drop(self, path: str | Path) -> None:
        """Take a file away, from memory and from disk; the name stays an intermediate where it is one."""
        self._memory.pop(_key(Path(path)), None)
        Path(path).unlink(missing_ok=True)

    def check_output(self, path: str | Path, clobber: bool, inputs: tuple[str | Path, ...] = ()) -> None:
        """Refuse, before any work, an output that exists, that is an input, or that has no folder.

        Parameters
        ----------
        path : str or Path
            Output name, brackets allowed.
        clobber : bool
        inputs : tuple of str or Path
            Virtual files that will be read.

        Raises
        ------
        OutputExistsError, UserError
        """
        target = Path(file_of(path))
        if not target.name:
            raise UserError("no output file name given; set outfile")
        if split_file(path)[0] != whole_path(path):
            raise UserError(f"{path}: names an extension of {target}; an output is a whole file, give another name")
        if is_standard(target):
            self.console.spare_output()
            return
        for name in inputs:
            plain = Path(file_of(name))
            same = _key(plain) == _key(target)
            if same or (target.exists() and plain.exists() and target.samefile(plain)):
                raise UserError(f"{target}: the output would overwrite the input; give another name")
        if target.is_dir():
            raise UserError(f"{target}: is a folder; give a file name")
        if not clobber and (target.exists() or _key(target) in self._memory):
            raise OutputExistsError(f"{target}: the file exists; set clobber=yes to replace it")
        if not target.absolute().parent.is_dir():
            raise UserError(f"{target}: the folder {target.absolute().parent} does not exist; create it first")


def _key(path: Path) -> Path:
    return path.expanduser().absolute().resolve()


def read(vfile: str | Path, ws: Workspace | None = None) -> Table | Image:
    """Return the block that a virtual file describes.

    Parameters
    ----------
    vfile : str or Path
        `path[block][filter]...[bin ...]`.
    ws : Workspace, optional
        Where to look first (names kept in memory) and to report.

    Returns
    -------
    Table or Image
        With header, companions (GTIs) and subspace updated.

    Raises
    ------
    UserError, DataError
        The text, the file or the block is not as it should be.
    """
    return (ws if ws is not None else Workspace()).read(vfile)
