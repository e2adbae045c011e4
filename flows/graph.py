"""The graph of stages, as DVC declares it in dvc.yaml."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import dvc.stage
from dvc.repo import Repo
from dvc.stage import PipelineStage

from flows import lock_file

META = ("threads", "retries", "timeout_minutes")
# Report stages that show the files that exist, so they can run before the stages upstream.
OVERVIEWS = {"render_index", "render_validation"}


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml.

    Attributes:
        name: name that `dvc repro` takes, such as `train_embedding@cbow`.
        room: room of the command `python -m stages ROOM.STAGE ...`; "" for other commands.
        needs: names of the stages whose outputs the stage reads.
        command: shell command.
        writes: paths of the outputs.
        threads: number of threads.
        retries: number of retries after a failure.
        timeout_minutes: time limit, minutes.
    """

    name: str
    room: str
    needs: tuple[str, ...]
    command: str = ""
    writes: tuple[str, ...] = ()
    threads: int = 1
    retries: int = 0
    timeout_minutes: float = 60


class Graph:
    """The stages of the DVC repository around the current directory.

    Attributes:
        stages: stages by name.
        scratch: DVC's folder of temporary files.
    """

    def __init__(self) -> None:
        """Read dvc.yaml and the values that it takes from params.yaml.

        Raises:
            dvc.exceptions.DvcException: there is no repository, or a declaration is invalid.
            ValueError: the `meta` of a stage has an unknown key.
        """
        self._repo = Repo()
        self.scratch = Path(self._repo.tmp_dir)
        edges = self._repo.index.graph
        self._declared = {stage.addressing: stage for stage in self._repo.index.stages}
        self.stages = {
            name: _stage(stage, needs=edges.successors(stage))
            for name, stage in self._declared.items()
        }

    def select(self, flow: str) -> dict[str, Stage]:
        """Return the stages of the flow `text`, `music` or `everything`.

        `music` consists of the room `music`, `text` of all other rooms, each with its upstream
        stages. Both end with the pages of the report. A page is left out if it needs a stage that
        is not part of the flow and has never finished; the overview then says so.
        """
        if flow == "everything":
            return self.stages
        selected: set[str] = set()
        for name, stage in self.stages.items():
            if stage.room not in ("report", "") and (stage.room == "music") == (flow == "music"):
                selected |= self._with_upstream(name)
        for name, stage in self.stages.items():
            others = self._with_upstream(name) - selected - {name}
            if stage.room == "report" and (name in OVERVIEWS or all(map(self._has_run, others))):
                selected.add(name)
        return {name: stage for name, stage in self.stages.items() if name in selected}

    def left_out(self, stages: Iterable[str]) -> list[str]:
        """Return the pages of the report that are not among `stages`."""
        others = sorted(self.stages.keys() - set(stages))
        return [name for name in others if self.stages[name].room == "report"]

    def _with_upstream(self, name: str) -> set[str]:
        upstream = (self._with_upstream(need) for need in self.stages[name].needs)
        return {name}.union(*upstream)

    def _has_run(self, name: str) -> bool:
        """Return whether the outputs of a stage exist as recorded in dvc.lock."""
        return not any(out.workspace_status() for out in self._declared[name].outs)

    def changed(self, names: Iterable[str]) -> list[str]:
        """Return the stages that `dvc repro --single-item` would run, by the locks as read.

        Raises:
            dvc.lock.LockError: another DVC process uses the same files.
        """
        with self._repo.lock:
            return [name for name in names if self._declared[name].changed()]

    def tidy_locks(self) -> None:
        """Sort dvc.lock as dvc.yaml; remove the stages that dvc.yaml lacks, and their outputs.

        DVC appends a stage to the file when it first finishes, and never moves or removes it. The
        order would depend on chance, and diffs in git would be hard to read. The outputs of a
        removed stage would stay in folders that other stages read, and change their hashes.

        Raises:
            dvc.lock.LockError: another DVC process uses the repository.
        """
        names: dict[Path, list[str]] = {}
        outs = {Path(out.fs_path) for stage in self._declared.values() for out in stage.outs}
        for stage in self._declared.values():
            if isinstance(stage, PipelineStage):
                lock = Path(stage.dvcfile.path).with_suffix(".lock")
                names.setdefault(lock, []).append(stage.name)
        with self._repo.lock:
            for lock, order in names.items():
                _tidy(lock, order, outs)


def _tidy(lock: Path, order: list[str], outs: set[Path]) -> None:
    content = lock_file.read(lock)
    entries = content.get("stages", {})
    names = [name for name in order if name in entries]
    if list(entries) == names:
        return
    removed = [entries[name].get("outs", []) for name in entries if name not in names]
    for path in (lock.parent / out["path"] for out in chain.from_iterable(removed)):
        if path in outs or any(path in out.parents for out in outs):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    content["stages"] = {name: entries[name] for name in names}
    lock_file.write(lock, content)


def _stage(stage: dvc.stage.Stage, needs: Iterable[dvc.stage.Stage]) -> Stage:
    command = stage.cmd if isinstance(stage.cmd, str) else "\n".join(stage.cmd or ())
    room = re.search(r"python -m stages (\w+)\.", command)
    meta = stage.meta or {}
    if unknown := sorted(meta.keys() - META):
        raise ValueError(
            f"dvc.yaml: stage '{stage.addressing}': meta contains {', '.join(unknown)}; "
            f"the known keys are {', '.join(META)}"
        )
    return Stage(
        name=stage.addressing,
        room=room[1] if room else "",
        # DVC does not check the dependencies of a frozen stage, so the stage waits for none.
        needs=() if stage.frozen else tuple(need.addressing for need in needs),
        command=command,
        writes=tuple(out.def_path for out in stage.outs),
        **meta,
    )
