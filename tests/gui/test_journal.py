"""Unsaved work on disk."""

from __future__ import annotations

from pathlib import Path

from hdstore_gui.editing.working import WorkingFrame
from hdstore_gui.services.journal import Journal, Unsaved

from hdstore.model import Annotation, Box, SingleFrame


def working(name: str, *labels: str) -> WorkingFrame:
    base = SingleFrame(id=name)
    frame = SingleFrame(
        id=name,
        annotations=tuple(
            Annotation(id=one, labels=(one,), geometry=Box(x=1, y=2, w=3, h=4)) for one in labels
        ),
    )
    return WorkingFrame(base=base, commit="c0", frame=frame)


def abandon(journal: Journal) -> None:
    """Lets go of a journal as the end of its process does: the lock is free, the file stays."""
    journal._lock.unlock()
    journal._file.close()


def take_over(folder: Path) -> list[Unsaved]:
    """Starts an app's journal, and closes it again."""
    journal = Journal(folder)
    found = journal.take_over()
    journal.close()
    return found


def test_what_a_dead_app_left_is_taken_over(tmp_path: Path) -> None:
    """The latest state of each frame that was not saved."""
    dead = Journal(tmp_path)
    dead.keep("v", working("a", "car"))
    dead.keep("v", working("a", "car", "bus"))
    dead.keep("v", working("b", "dog"))
    dead.keep("v", working("c", "cat"))
    dead.drop("v", "b")
    abandon(dead)

    found = take_over(tmp_path)

    assert {one.working.frame.id for one in found} == {"a", "c"}
    frame = next(one.working.frame for one in found if one.working.frame.id == "a")
    assert frame == working("a", "car", "bus").frame
    assert all(one.working.is_dirty for one in found)


def test_work_taken_over_survives_a_second_crash(tmp_path: Path) -> None:
    """It is in the new journal before the old one goes."""
    dead = Journal(tmp_path)
    dead.keep("v", working("a", "car"))
    abandon(dead)
    second = Journal(tmp_path)
    second.take_over()
    abandon(second)

    assert len(take_over(tmp_path)) == 1
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


def test_a_living_app_s_journal_is_left_alone(tmp_path: Path) -> None:
    """Two windows on one repository do not take each other's work."""
    living = Journal(tmp_path)
    living.keep("v", working("a", "car"))

    assert take_over(tmp_path) == []
    living.drop("v", "a")
    living.close()
    assert list(tmp_path.glob("*.jsonl")) == []


def test_a_line_cut_off_by_the_crash_is_left_out(tmp_path: Path) -> None:
    """What came before it is found."""
    dead = Journal(tmp_path)
    dead.keep("v", working("a", "car"))
    abandon(dead)
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text() + '{"version": "v", "commit": "c1", "base": "{\\"@')

    assert len(take_over(tmp_path)) == 1


def test_a_journal_with_work_stays_when_the_app_closes(tmp_path: Path) -> None:
    """It is offered again at the next start."""
    journal = Journal(tmp_path)
    journal.keep("v", working("a", "car"))
    journal.close()

    assert len(take_over(tmp_path)) == 1
