"""
Renaming a file without ever taking the name of another.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

__all__ = ["rename_new"]

_NOREPLACE = 1
# Of kernels, file systems and sandboxes that do not know it.
_UNKNOWN = (errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP)


def _found() -> Any:
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


_renameat2 = _found()


def rename_new(name: str | bytes, folder: int, new_name: str | bytes, new_folder: int) -> None:
    """
    Rename a file in one step, to a name that nothing has.

    Where the system cannot do that, an empty file claims the name first, which a crash may leave
    there.

    :param folder: the descriptor of its folder, as ``new_folder`` is of the other one.
    :raises FileExistsError: if anything has the name.
    :raises OSError: if it cannot be renamed.
    """
    if _renameat2 is not None:
        old, new = os.fsencode(name), os.fsencode(new_name)
        if not _renameat2(folder, old, new_folder, new, _NOREPLACE):
            return
        number = ctypes.get_errno()
        if number not in _UNKNOWN:
            raise OSError(number, os.strerror(number), os.fsdecode(new))
    _rename_over_claim(name, folder, new_name, new_folder)


def _rename_over_claim(
    name: str | bytes, folder: int, new_name: str | bytes, new_folder: int
) -> None:
    os.stat(name, dir_fd=folder, follow_symlinks=False)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    os.close(os.open(new_name, flags, 0o600, dir_fd=new_folder))
    try:
        os.replace(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)
    except BaseException:
        os.unlink(new_name, dir_fd=new_folder)
        raise
