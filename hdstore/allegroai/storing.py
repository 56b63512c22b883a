"""Gives the media of new frames their place in a repository, and the frames their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hdstore.allegroai.dataframe import AnyFrame, FrameGroup, SingleFrame
from hdstore.compat.keeping import Keeping, Placement, kept_uris, real_folder
from hdstore.compat.places import PathLike
from hdstore.errors import InvalidInputError
from hdstore.ids import derive_id

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = ["Storing"]


class Storing(Keeping):
    """How one call treats local files: those that ``destination`` or ``mapping`` asks to upload are kept."""

    def __init__(
        self,
        repository: Repository,
        *,
        destination: str | bool | None = None,
        root_path: PathLike | None = None,
        mapping: Mapping[str, str] | None = None,
        force: bool = False,
        retries: int = 0,
        link_on_failure: bool = False,
    ) -> None:
        if destination and mapping:
            raise InvalidInputError(
                "auto_upload_destination and src_to_dst_mapping can not be given together."
            )
        if root_path is not None and mapping:
            raise InvalidInputError(
                "local_dataset_root_path and src_to_dst_mapping can not be given together."
            )
        if destination and root_path is None:
            raise InvalidInputError(
                "auto_upload_destination needs local_dataset_root_path, the folder in which all the files lie."
            )
        if force and not (destination or mapping):
            raise InvalidInputError("force_upload needs auto_upload_destination.")
        super().__init__(
            repository,
            keep_all=bool(destination),
            keep=kept_uris(mapping),
            base=real_folder(root_path),
            force=force,
            retries=retries,
            link_on_failure=link_on_failure,
        )
        self.tell_of(destination)

    def settle(self, frame: AnyFrame) -> None:
        """Gives all media of a frame their place and the frame its id; on an error the frame is as it was."""
        singles = frame if isinstance(frame, FrameGroup) else {"": frame}
        placements = {key: self._placement(single) for key, single in singles.items()}
        if not frame.has_id:
            names = [(key, placement.name) for key, placement in sorted(placements.items())]
            if not any(name for _, name in names):
                frame.id = frame.id
            elif isinstance(frame, FrameGroup):
                frame.id = derive_id("group", *(part for name in names for part in name))
            else:
                frame.id = derive_id("frame", names[0][1])
        for key, single in singles.items():
            placement = placements[key]
            single.take(placement.source, placement.preview, placement.masks)

    def _placement(self, frame: SingleFrame) -> Placement:
        return self.place(frame.source_value("00"), frame.known_media())
