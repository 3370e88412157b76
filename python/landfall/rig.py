"""A rig that Python holds: taken down when its `with` block ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType

from . import _core
from .session import Session


class Rig(_core._RigHandle):
    """A running machine. One session or scenario at a time, from one thread."""

    @classmethod
    def start(cls, name_or_path: str, kernel: str | None = None, kernel_args: str = "",
              log: Callable[[str], None] | None = None, *, seed: int = 1, faults: Iterable[str] = (),
              boot: bool = False, api: str = "") -> Rig:
        """Starts the rig of that name, or of that file, and waits until it answers. Raises LabError.

        It is restored from a snapshot if there is one, unless it shall `boot`. `api` is what its address spaces are driven by, "iommufd", "type1" or "compat"; else what its file says, or its kernel has. Of a simulated rig `seed` says which history it takes, `faults` what it gets wrong (fault_table()).
        """
        return cls(name_or_path, kernel or "", kernel_args, seed, list(faults), boot, api, log)

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def session(self, devices: Iterable[str] = ()) -> Session:
        """A live session with these devices bound; with all of the rig's when none is named."""
        return Session(self, devices)
