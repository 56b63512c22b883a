"""The rows of the action table."""

from __future__ import annotations

from collections.abc import Callable

from hdstore_gui.widgets.actions import Scope, Situation, Spec
from hdstore_gui.widgets.commands import Commands

__all__ = ["table"]


IN_FRAME, IN_GRID, ON_CANVAS = Scope.FRAME, Scope.BROWSE, Scope.CANVAS


def _repository(now: Situation) -> bool:
    return now.has_repository


def _version(now: Situation) -> bool:
    return now.has_version


def _draft(now: Situation) -> bool:
    return now.has_version and now.is_draft


def _published(now: Situation) -> bool:
    return now.has_version and not now.is_draft


def _exchange(now: Situation) -> bool:
    return now.has_repository and not now.exchanging


def _conflicts(now: Situation) -> bool:
    return now.conflicts > 0


def _listed(now: Situation) -> bool:
    return now.is_draft and now.conflicts > 0 and now.conflicts_open


def _frame(now: Situation) -> bool:
    return now.has_frame


def _annotations(now: Situation) -> bool:
    return now.can_edit and now.chosen_annotations > 0


def _frames(now: Situation) -> bool:
    return now.is_draft and now.chosen_frames > 0


def table(do: Commands) -> tuple[Spec, ...]:
    """Returns every action of the app."""
    return (*_file(do), *_edit(do), *_view(do), *_go(do), *_repository_menu(do), *_help(do), *_keys(do))


def _file(do: Commands) -> tuple[Spec, ...]:
    menu = "&File"
    return (
        Spec("file.open", "Open repository…", do.open_repository, ("Ctrl+O",), "folder-open", menu),
        Spec("file.create", "Create repository…", do.create_repository, ("Ctrl+Shift+N",), "folder-plus", menu),
        Spec(
            "file.dataset", "New dataset…", do.create_dataset, ("Ctrl+N",), "plus", menu,
            enabled=_repository, separated=True,
        ),
        Spec("file.draft", "New draft from this version…", do.create_draft, (), "branch", menu, enabled=_published),
        Spec("file.snapshot", "Snapshot…", do.snapshot, (), "published", menu, enabled=_draft),
        Spec(
            "file.import_folder", "Import images from a folder…", do.import_folder, ("Ctrl+I",), "import", menu,
            enabled=_repository, separated=True,
        ),
        Spec("file.import_coco", "Import COCO…", do.import_coco, (), "", menu, enabled=_repository),
        Spec("file.import_voc", "Import Pascal VOC…", do.import_voc, (), "", menu, enabled=_repository),
        Spec("file.import_yolo", "Import YOLO…", do.import_yolo, (), "", menu, enabled=_repository),
        Spec("file.save", "Save", do.save, ("Ctrl+S",), "save", menu, enabled=_repository, separated=True),
        Spec("file.quit", "Quit", do.quit, ("Ctrl+Q",), "", menu, separated=True),
    )  # fmt: skip


def _edit(do: Commands) -> tuple[Spec, ...]:
    menu = "&Edit"
    return (
        Spec("edit.undo", "Undo", do.undo, ("Ctrl+Z",), "undo", menu, enabled=lambda now: now.can_undo),
        Spec("edit.redo", "Redo", do.redo, ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", menu, enabled=lambda now: now.can_redo),
        Spec("edit.find", "Filter frames", do.find, ("Ctrl+F", "/"), "search", menu, IN_GRID, _version, separated=True),
        Spec("frames.all", "Select all frames", do.select_all_frames, ("Ctrl+A",), "", menu, IN_GRID, _version),
        Spec("frames.none", "Select no frame", do.select_no_frame, ("Escape",), "", "", IN_GRID, _version),
        Spec("frames.delete", "Delete frames", do.delete_frames, ("Delete",), "trash", menu, IN_GRID, _frames),
        Spec(
            "frames.copy", "Copy frame ids", do.copy_ids, ("Ctrl+C",),
            "", menu, IN_GRID, lambda now: now.chosen_frames > 0,
        ),
        Spec(
            "tool.select", "Select", lambda: do.use_tool("select"), ("V",), "select", menu, IN_FRAME, _frame,
            checkable=True, checked=True, group="tool", separated=True,
        ),
        Spec(
            "tool.box", "Draw box", lambda: do.use_tool("box"), ("R",),
            "box", menu, IN_FRAME, _frame, checkable=True, group="tool",
        ),
        Spec(
            "annotation.label", "Edit label", do.edit_label, ("L", "F2"),
            "label", menu, IN_FRAME, _annotations,
        ),
        Spec(
            "annotation.delete", "Delete annotation", do.delete_annotations, ("Delete", "Backspace"), "trash", menu,
            IN_FRAME, _annotations,
        ),
        Spec("annotation.label_here", "Edit label", do.edit_label, ("Return",), scope=ON_CANVAS, enabled=_annotations),
        Spec(
            "annotation.all", "Select all annotations", do.select_all_annotations, ("Ctrl+A",),
            "", menu, IN_FRAME, _frame,
        ),
    )  # fmt: skip


def _view(do: Commands) -> tuple[Spec, ...]:
    menu = "&View"
    return (
        Spec("view.fit", "Fit picture", do.fit, ("F", "Ctrl+F"), "fit", menu, IN_FRAME, _frame),
        Spec("view.actual", "Actual size", do.actual, ("Ctrl+0",), "actual", menu, IN_FRAME, _frame),
        Spec("view.zoom_in", "Zoom in", do.zoom_in, ("Ctrl++", "Ctrl+="), "zoom-in", menu, IN_FRAME, _frame),
        Spec("view.zoom_out", "Zoom out", do.zoom_out, ("Ctrl+-",), "zoom-out", menu, IN_FRAME, _frame),
        Spec(
            "view.annotations", "Show annotations", do.toggle_annotations, ("H",), "eye", menu, IN_FRAME, _frame,
            checkable=True, checked=True, separated=True,
        ),
        Spec("view.hide", "Hide or show selected", do.toggle_hidden, ("Shift+H",), "eye-off", menu, IN_FRAME, _frame),
        Spec(
            "view.labels", "Show labels", do.toggle_labels, ("T",), "label", menu, IN_FRAME, _frame,
            checkable=True, checked=True,
        ),
        Spec(
            "view.thumbnail_annotations", "Show annotations on thumbnails", do.toggle_thumbnails, ("H",), "eye", menu,
            IN_GRID, _version, checkable=True, checked=True,
        ),
        Spec(
            "view.larger", "Larger thumbnails", lambda: do.grow(1.2), ("Ctrl++", "Ctrl+="),
            "", menu, IN_GRID, _version,
        ),
        Spec("view.smaller", "Smaller thumbnails", lambda: do.grow(1 / 1.2), ("Ctrl+-",), "", menu, IN_GRID, _version),
        Spec(
            "view.sidebar", "Show datasets", do.toggle_sidebar, ("Ctrl+B",),
            "sidebar", menu, checkable=True, checked=True, separated=True,
        ),
        Spec(
            "view.light", "Light", lambda: do.choose_theme("light"), (),
            "sun", menu, checkable=True, group="theme", separated=True,
        ),
        Spec("view.dark", "Dark", lambda: do.choose_theme("dark"), (), "moon", menu, checkable=True, group="theme"),
        Spec(
            "view.system", "As the system", lambda: do.choose_theme("system"), (),
            "", menu, checkable=True, group="theme",
        ),
        Spec("view.toggle_theme", "Light or dark", do.toggle_theme, ("Ctrl+Shift+L",), "sun"),
    )  # fmt: skip


def _go(do: Commands) -> tuple[Spec, ...]:
    menu = "F&rame"
    return (
        Spec("frame.close", "Back to the grid", do.close_frame, ("Escape",), "back", menu, IN_FRAME, _frame),
        Spec(
            "frame.next", "Next frame", lambda: do.step(1), ("D", "Right"),
            "next", menu, IN_FRAME, _frame, separated=True,
        ),
        Spec(
            "frame.previous", "Previous frame", lambda: do.step(-1), ("A", "Left"),
            "previous", menu, IN_FRAME, _frame,
        ),
        Spec("frame.next_ten", "Ten frames on", lambda: do.step(10), ("Ctrl+Right",), "", menu, IN_FRAME, _frame),
        Spec("frame.previous_ten", "Ten frames back", lambda: do.step(-10), ("Ctrl+Left",), "", menu, IN_FRAME, _frame),
        Spec(
            "annotation.next", "Next annotation", lambda: do.select_annotation(1), ("Tab",),
            "", menu, ON_CANVAS, _frame, separated=True,
        ),
        Spec(
            "annotation.previous", "Previous annotation", lambda: do.select_annotation(-1), ("Shift+Tab",),
            "", menu, ON_CANVAS, _frame,
        ),
        Spec("frame.history", "History", do.show_history, ("Ctrl+H",), "history", menu, IN_FRAME, _frame),
        Spec("frame.lists", "Picture or lists", do.change_focus, ("F6",), "", menu, IN_FRAME, _frame),
    )  # fmt: skip


def _repository_menu(do: Commands) -> tuple[Spec, ...]:
    menu, listed = "Re&pository", Scope.CONFLICTS
    return (
        Spec(
            "sync.pull", "Pull", lambda: do.exchange("pull"), ("Ctrl+Shift+D",),
            "pull", menu, enabled=_exchange,
        ),
        Spec(
            "sync.push", "Push", lambda: do.exchange("push"), ("Ctrl+Shift+U",),
            "push", menu, enabled=_exchange,
        ),
        Spec(
            "sync.fetch", "Fetch", lambda: do.exchange("fetch"), ("Ctrl+Shift+F",),
            "refresh", menu, enabled=_exchange,
        ),
        Spec("sync.remotes", "Remotes…", do.edit_remotes, (), "remote", menu, enabled=_repository, separated=True),
        Spec(
            "view.conflicts", "Conflicts", do.toggle_conflicts, ("F7",),
            "merge", menu, enabled=_conflicts, separated=True,
        ),
        Spec("conflict.ours", "Ours", lambda: do.resolve("ours"), ("O",), "", "", listed, _listed),
        Spec("conflict.theirs", "Theirs", lambda: do.resolve("theirs"), ("T",), "", "", listed, _listed),
        Spec(
            "conflict.both", "Both", lambda: do.resolve("both"), ("B",),
            "", "", listed, lambda now: _listed(now) and now.can_both,
        ),
        Spec("conflict.keep", "Keep as shown", lambda: do.resolve("keep"), ("K",), "", "", listed, _listed),
        Spec("conflict.close", "Close the list", do.close_conflicts, ("Escape",), "close", "", listed),
    )  # fmt: skip


def _help(do: Commands) -> tuple[Spec, ...]:
    return (
        Spec("help.keys", "Keyboard and mouse", do.show_keys, ("F1",), "keyboard", "&Help"),
        Spec("help.about", "About hdstore", do.about, (), "info", "&Help"),
    )


def _keys(do: Commands) -> tuple[Spec, ...]:
    return tuple(
        Spec(f"label.{digit}", f"Label {digit}", _giver(do, digit), (digit,), scope=IN_FRAME, enabled=_frame)
        for digit in "123456789"
    )


def _giver(do: Commands, digit: str) -> Callable[[], None]:
    return lambda: do.give_key(digit)
