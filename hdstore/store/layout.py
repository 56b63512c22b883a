"""Where things lie in a repository, and making an empty one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hdstore.errors import StorageError, UntrustedError
from hdstore.store import files
from hdstore.store.config import Setting, render_config

__all__ = ["FORMAT", "HDS", "Layout"]

FORMAT = 1
"""The number of the format that this program writes."""

HDS = ".hds"

_DESCRIPTION = b"A dataset repository of hdstore.\n"
_HEAD = b"ref: refs/heads/hdstore\n"


class Layout:
    """The paths of the repository in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hds = folder / HDS
        self.objects = self.hds / "objects"
        self.own = self.hds / "hdstore"
        self.media = self.own / "media"
        self.index = self.own / "index"
        self.local = self.own / "local.toml"
        self.tmp = self.own / "tmp"
        self.locks = self.own / "locks"
        self.journal = self.own / "journal"

    @property
    def exists(self) -> bool:
        """Whether a whole repository lies here: ``create`` writes HEAD last."""
        return (self.hds / "HEAD").is_file()

    def create(self, *, shared: bool = False) -> None:
        """Makes an empty repository, or completes one whose making was cut short; a whole one stays as it is.

        A ``shared`` one can be written by all members of the folder's group.
        """
        if self.exists:
            return
        if self.hds.is_symlink():
            raise UntrustedError(
                f"{self.hds} is a symbolic link; remove it, for a repository must be a real folder."
            )
        with files.storage_errors(f"make a repository in {self.folder}"):
            if not self.folder.is_dir():
                raise StorageError(f"Could not make a repository in {self.folder}: there is no such folder.")
            files.make_folders(self.hds)
            if shared:
                self._share()
            for folder in self._folders():
                files.make_folders(folder)
            self._write("description", _DESCRIPTION)
            self._write("config", render_config(self._settings(shared=shared)).encode())
            self._write("HEAD", _HEAD)

    def restore_folders(self) -> None:
        """Makes the folders again that archives and some programs that copy leave out, because they were empty."""
        if os.access(self.hds, os.W_OK):
            with files.storage_errors(f"make the folders of {self.hds} again"):
                for folder in self._folders():
                    files.make_folders(folder)

    def _folders(self) -> tuple[Path, ...]:
        return (
            self.objects / "info",
            self.objects / "pack",
            self.hds / "refs" / "heads",
            self.hds / "refs" / "tags",
            self.media,
            self.index,
            self.tmp,
            self.locks,
            self.journal,
        )

    def _share(self) -> None:
        # What is made inside inherits both the group and the right to write.
        mode = stat.S_IMODE(os.stat(self.hds).st_mode)
        files.step("mkdir", self.hds)
        self.hds.chmod(mode | stat.S_ISGID | 0o070)

    def _write(self, name: str, data: bytes) -> None:
        path = self.hds / name
        if not path.exists():
            files.write_file(path, data, tmp=self.tmp)

    @staticmethod
    def _settings(*, shared: bool) -> list[Setting]:
        settings = [
            Setting("core.repositoryformatversion", "0"),
            Setting("core.filemode", "true"),
            Setting("core.bare", "true"),
        ]
        if shared:
            settings.append(Setting("core.sharedrepository", "group"))
        # A collection by git alone does not know which writers are at work.
        return [*settings, Setting("gc.auto", "0")]
