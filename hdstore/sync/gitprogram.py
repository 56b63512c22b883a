"""Exchange through the git program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hdstore.model import Progress
from hdstore.store import (
    Answer,
    GitReach,
    Layout,
    RefUpdate,
    ask_git,
    check_settings,
    is_ref_name,
    local_program,
    reach_from_environment,
)
from hdstore.sync.failures import failure_of
from hdstore.sync.reached import Reached
from hdstore.sync.reaching import (
    branches_and_tags,
    is_moved,
    moved_elsewhere,
    push_until_done,
)
from hdstore.sync.urls import Place

__all__ = ["GitProgram"]


_REF_LINE = re.compile(r"([0-9a-f]{40})\t(.+)")
_REFUSED = re.compile(r"!\t[^\t]*:(\S+)\t\[[^\]]*\] \(?(.*?)\)?")
_RACED = re.compile(r"cannot lock ref '([^']+)': .*but expected")
_IN_THE_WAY = "cannot create"
_NOT_ATOMIC = "does not support --atomic"


class GitProgram(Reached):
    """A ``Transport`` that runs git."""

    def __init__(self, layout: Layout, place: Place, **given: Any) -> None:
        super().__init__(layout, place, **given)
        self._reach: GitReach | None = None

    def refs(self, *, progress: Progress | None = None) -> dict[str, str]:
        """Returns the other side's branches and tags."""
        if self._folder is not None:
            return branches_and_tags(self._folder.refs)
        arguments = ["ls-remote", "--heads", "--tags", "--refs", "--quiet"]
        answer = self._try(lambda url: self._ask(*arguments, "--", url, progress=progress), progress)
        found = {}
        for line in answer.output.decode(errors="replace").splitlines():
            match = _REF_LINE.fullmatch(line)
            # Git fetches no ref whose name can not be one, and neither do we know it.
            if match and match[2].startswith(("refs/heads/", "refs/tags/")) and is_ref_name(match[2]):
                found[match[2]] = match[1]
        return found

    def fetch(self, specs: Sequence[str], *, progress: Progress | None = None) -> None:
        """Brings what ``specs`` name, sets our refs and removes those that are gone."""
        arguments = [
            "fetch",
            "--progress" if progress else "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--refmap=",
        ]
        if self._folder is not None:
            arguments.append(f"--upload-pack={local_program('upload-pack')}")
        self._try(lambda url: self._ask(*arguments, "--", url, *specs, progress=progress), progress)

    def push(self, updates: Sequence[RefUpdate], *, progress: Progress | None = None) -> None:
        """Moves refs of the other side, all or none where it can."""
        if not updates:
            return
        if self._candidates.inner is None:
            self.refs(progress=progress)
        push_until_done(self, updates, sleep=self._sleep, progress=progress)

    def send(self, updates: Sequence[RefUpdate], progress: Progress | None, *, atomic: bool = True) -> None:
        """Tries once to move refs of the other side."""
        arguments = [
            "push",
            "--porcelain",
            "--progress" if progress else "--quiet",
            "--no-verify",
            "--no-signed",
        ]
        if atomic:
            arguments.append("--atomic")
        if self._folder is not None:
            arguments.append(f"--receive-pack={local_program('receive-pack')}")
        specs = []
        for update in updates:
            arguments.append(f"--force-with-lease={update.name}:{update.old or ''}")
            # Without a plus: it would move the ref even where the lease says that somebody else moved it meanwhile.
            specs.append(f"{update.new or ''}:{update.name}")
        answer = self._run(*arguments, "--", self._candidates.url(), *specs, progress=progress)
        if answer.code == 0:
            return
        if atomic and any(_NOT_ATOMIC in line for line in answer.messages):
            self.send(updates, progress, atomic=False)
            return
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> Exception:
        """Returns the error for a push that was answered with a no."""
        refused = [
            (match[1], match[2])
            for line in answer.output.decode(errors="replace").splitlines()
            if (match := _REFUSED.fullmatch(line))
        ]
        raced = next((match for line in answer.messages if (match := _RACED.search(line))), None)
        if raced:
            return moved_elsewhere(self._place, raced[1])
        in_the_way = any(_IN_THE_WAY in line for line in answer.messages)
        for ref, reason in refused:
            if is_moved(reason) and not in_the_way:
                return moved_elsewhere(self._place, ref)
        reasons = [f"{ref}: {reason}" for ref, reason in refused if "atomic" not in reason]
        return failure_of(self._place, reasons[0] if reasons else answer.reason, answer.messages)

    def _ask(self, *arguments: str, progress: Progress | None) -> Answer:
        answer = self._run(*arguments, progress=progress)
        if answer.code:
            raise failure_of(self._place, answer.reason, answer.messages)
        return answer

    def _run(self, *arguments: str, progress: Progress | None) -> Answer:
        hds = self._layout.hds
        # Git has no switch for some of what a repository could say about proxies and other URLs.
        check_settings(hds)
        if self._reach is None and self._folder is None:
            place = self._place
            self._reach = reach_from_environment(
                hds, site=place.site, user=place.user, password=place.password
            )
        if progress is not None:
            progress(f"Reaching {self._place}", 0, None)
        return ask_git(
            hds,
            *arguments,
            progress=progress,
            reach=self._reach,
            memory=self._memory,
            longest=self._longest,
        )
