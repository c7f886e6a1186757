"""
What finished files will be called.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from .announced import AnnouncedFile
from .names import safe_path
from .refused import Refused

__all__ = ["ChooseName", "Naming"]

ChooseName = Callable[[AnnouncedFile], str]

_LONGEST = 2048
_DEEPEST = 64


@frozen
class Naming:
    """
    Decides where a new upload will lie once it is finished.

    :ivar keep_folders: whether in the folders that its client had it in.
    :ivar choose: chooses instead, if there is one.
    """

    keep_folders: bool
    choose: ChooseName | None = None

    def path_of(self, file: AnnouncedFile) -> str:
        """
        The path of a file below the root, harmless on every system.

        :raises Refused: with 400 if that is too long.
        :raises TypeError: if what was chosen is no text.
        """
        if self.choose is not None:
            wanted: object = self.choose(file)
            if not isinstance(wanted, str):
                raise TypeError(f"choose_name must return a str, and not {type(wanted).__name__}")
            path = safe_path(wanted)
        else:
            folders = file.relative_path if self.keep_folders else ""
            path = [*safe_path(folders)[:-1], *safe_path(file.file_name)[-1:]]
        if len(path) > _DEEPEST or len("/".join(path).encode()) > _LONGEST:
            raise Refused(400, "the path of this file is too long")
        return "/".join(path)
