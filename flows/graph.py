"""The graph of stages, as DVC declares it in dvc.yaml."""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dvc.stage
from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

META = ("threads", "retries", "timeout_minutes")
# Stages of the report that show what their folders contain, whichever stages have run.
OVERVIEWS = {"render_index", "render_validation"}


@dataclass(frozen=True)
class Stage:
    """What a flow has to know about a stage of dvc.yaml.

    Attributes:
        name: What `dvc repro` calls it, such as `train_embedding@cbow`.
        room: The room of the command `python -m stages ROOM.STAGE ...`; "" for other commands.
        needs: The names of the stages whose outputs it reads.
        command: What runs it.
        writes: The paths of its outputs.
        threads: How many threads it takes.
        retries: How often it runs again after a failure.
        timeout_minutes: After how long it is killed.
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
        stages: Every stage by its name.
        scratch: Where DVC keeps what is neither committed nor shared.
    """

    def __init__(self) -> None:
        """Read dvc.yaml and what it takes from params.yaml.

        Raises:
            dvc.exceptions.DvcException: There is no repository, or a declaration in it is wrong.
            ValueError: A stage's `meta` holds a word that means nothing here.
        """
        self._repo = Repo()
        self._lock = threading.Lock()  # DVC's objects are not made for several threads
        self.scratch = Path(self._repo.tmp_dir)
        edges = self._repo.index.graph
        self.stages = {
            stage.addressing: _stage(stage, needs=edges.successors(stage))
            for stage in self._repo.index.stages
        }

    def select(self, flow: str) -> dict[str, Stage]:
        """Return the stages of the flow `text`, `music` or `everything`.

        `music` is the room `music`, `text` all other rooms, each with whatever it reads. Both
        end with the pages of the report. A page is left out where a stage that it needs is not
        part of the flow and has never run to its end; the overview then says so.
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

    def _with_upstream(self, name: str) -> set[str]:
        upstream = (self._with_upstream(need) for need in self.stages[name].needs)
        return {name}.union(*upstream)

    def _has_run(self, name: str) -> bool:
        """Return whether all that the stage writes is there, as dvc.lock has it."""
        with self._lock:
            (stage,) = self._repo.stage.collect(name)
            return not any(out.workspace_status() for out in stage.outs)

    def changed(self, name: str) -> bool:
        """Return whether `dvc repro --single-item NAME` would run anything.

        It is the question that `dvc repro` asks itself, so the two always agree.

        Raises:
            dvc.lock.LockError: Another process of DVC works on the same files.
        """
        # lock_repo forgets what was read before: other processes have written dvc.lock since.
        with self._lock, lock_repo(self._repo):
            (stage,) = self._repo.stage.collect(name)
            return stage.changed()

    def all_changed(self, names: Iterable[str]) -> list[str]:
        """Return those of some stages that would run even if nothing before them did.

        Raises:
            dvc.lock.LockError: Another process of DVC works on the same files.
        """
        with self._lock, lock_repo(self._repo):
            return [n for n in names if self._repo.stage.collect(n)[0].changed()]

    def tidy_locks(self) -> None:
        """Put what dvc.lock says of the stages in the order of dvc.yaml, without those not there.

        DVC appends a stage to it when it first ends, leaves it where it is from then on, and
        forgets none: the order would be one of chance, and differences in git hard to read.

        Raises:
            dvc.lock.LockError: Another process of DVC works on the repository.
        """
        with self._lock, lock_repo(self._repo):
            names: dict[Path, list[str]] = {}
            for stage in self._repo.index.stages:
                if isinstance(stage, PipelineStage):
                    lock = Path(stage.dvcfile.path).with_suffix(".lock")
                    names.setdefault(lock, []).append(stage.name)
            for lock, order in names.items():
                if lock.exists():
                    _tidy(lock, order)


def _tidy(lock: Path, order: list[str]) -> None:
    content = parse_yaml_for_update(lock.read_text(encoding="utf-8"), lock)
    entries = content.get("stages", {})
    wanted = [name for name in order if name in entries]
    if list(entries) == wanted:
        return
    content["stages"] = {name: entries[name] for name in wanted}
    aside = lock.with_suffix(".lock.partial")
    aside.write_text(dumps_yaml(content), encoding="utf-8")
    aside.replace(lock)


def _stage(stage: dvc.stage.Stage, needs: Iterable[dvc.stage.Stage]) -> Stage:
    command = stage.cmd if isinstance(stage.cmd, str) else "\n".join(stage.cmd or ())
    room = re.search(r"python -m stages (\w+)\.", command)
    meta = stage.meta or {}
    if unknown := sorted(meta.keys() - META):
        raise ValueError(
            f"stage '{stage.addressing}': meta holds {', '.join(unknown)}; "
            f"flows know {', '.join(META)}"
        )
    return Stage(
        name=stage.addressing,
        room=room[1] if room else "",
        # A frozen stage does not follow its dependencies, so it waits for none of them.
        needs=() if stage.frozen else tuple(need.addressing for need in needs),
        command=command,
        writes=tuple(out.def_path for out in stage.outs),
        **meta,
    )
