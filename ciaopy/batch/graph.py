"""The jobs of one observation: which are due and why, what each waits for.

A plan is made from the ledger's rows, the settings and the request alone; nothing is run or written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ciaopy.batch.mission import Facts, Mission, Stage
from ciaopy.batch.raw import deleted_listing
from ciaopy.batch.records import absolute, changed_product, config_of

__all__ = ["Node", "Plan", "Request"]

#: States of a node in which nothing more happens to it in this run.
SETTLED = frozenset({"done", "failed", "skipped", "blocked", "cancelled", "unmet"})


@dataclass(frozen=True)
class Request:
    """What a run is asked for.

    Attributes
    ----------
    stages : tuple of Stage
        All that there are, in order.
    wanted : frozenset of str
        Names of those to run.
    parameters : dict
        Stage -> parameters.
    calibration : str
        In use.
    force : frozenset of str
        Stages to run although they are done.
    retry : frozenset of str
        Causes of failure after which a job is tried once more.
    only : frozenset of str
        ObsIDs and idents; empty for all.
    timeout, memory : optional
        Limits of every job, s and bytes.
    release : str
        Version of ciaopy: what an older one could not do is tried again.
    calibrations : dict
        Of each mission, where a survey has several.
    offline : bool
        No request may be sent.
    """

    stages: tuple[Stage, ...]
    wanted: frozenset[str]
    parameters: Mapping[str, Mapping[str, Any]]
    calibration: str
    force: frozenset[str] = frozenset()
    retry: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    timeout: float | None = None
    memory: int | None = None
    release: str = ""
    calibrations: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False

    def limits(self, stage: Stage) -> dict[str, Any]:
        """Return {timeout, memory} of the jobs of a stage, and whether one that asks servers may not."""
        timeout = self.timeout if self.timeout is not None else stage.timeout
        memory = self.memory if self.memory is not None else stage.memory_limit
        limits: dict[str, Any] = {"timeout": timeout, "memory": memory}
        return limits | {"offline": True} if self.offline and stage.network else limits

    def concerns(self, obs_id: str, ident: str = "") -> bool:
        """Return True for an observation, or an ident, that `only` names."""
        if not self.only or obs_id in self.only or ident in self.only:
            return True
        return not ident and any(
            name.startswith(obs_id) and not name[len(obs_id) :][:1].isdecimal() for name in self.only
        )


@dataclass
class Node:
    """One job of a plan.

    Attributes
    ----------
    stage : Stage
    ident : str
    state : str
        `due`, `running`, `unmet` (what it needs is neither there nor asked for), or a state of the ledger.
    reason : str
        Why it is due, or what it waits for.
    config : str
    parameters, inputs : dict
    needs, after : list of Node
    extra : dict
        Extra information of a finished job.
    tries : int
        Further tries in this run.
    not_before : float
        Earliest next try (time.monotonic).
    memory_factor : int
        1, or 2 once it was killed for its memory.
    given : bool
        Its result came with the observation; the ledger is told all the same.
    """

    stage: Stage
    ident: str
    facts: Facts
    state: str = "due"
    reason: str = "new"
    config: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    needs: list[Node] = field(default_factory=list)
    after: list[Node] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    not_before: float = 0.0
    memory_factor: int = 1
    message: str = ""
    given: bool = False

    @property
    def settled(self) -> bool:
        """Return True where nothing more happens to it in this run."""
        return self.state in SETTLED

    @property
    def ready(self) -> bool:
        """Return True where it can run."""
        return self.state == "due" and all(n.state == "done" for n in self.needs) and all(n.settled for n in self.after)

    def all_needs(self) -> list[Node]:
        """Return what it needs, and what that needs; nearest first."""
        found: dict[int, Node] = {}
        for node in self.needs:
            for one in (node, *node.all_needs()):
                found.setdefault(id(one), one)
        return list(found.values())


class Plan:
    """The jobs of one observation.

    Parameters
    ----------
    survey : Path
    mission : Mission
    request : Request
    observation : dict
        Row of the ledger.
    rows : iterable of dict
        Jobs of this observation in the ledger.
    """

    def __init__(
        self,
        survey: Path,
        mission: Mission,
        request: Request,
        observation: Mapping[str, Any],
        rows: Iterable[Mapping[str, Any]],
    ) -> None:
        self.survey, self.mission, self.request = survey, mission, request
        self.obs_id = str(observation["obs_id"])
        self.folder = survey / observation["folder"]
        self.archived = observation["source"] == "archive"
        self.rows: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
        for row in rows:
            self.rows.setdefault((row["ident"], row["stage"]), {})[row["config"]] = row
        self.nodes: dict[tuple[str, str], Node] = {}
        self.listing: list[tuple[str, int, int]] = []
        self.deleted = False
        self._stages = self._own_stages()
        self.calibration = request.calibrations.get(mission.name, request.calibration)
        self._start()

    # ------------------------------------------------------------ building
    def _own_stages(self) -> dict[str, Stage]:
        """Return the stages of this mission, and the commands that need nothing of another."""
        found: dict[str, Stage] = {}
        for stage in self.request.stages:
            if stage.argv and not stage.needs:
                stage = replace(stage, needs=(self.mission.prepare,))
            if stage.name in self.mission.stage_names or (stage.argv and all(n in found for n in stage.needs)):
                found[stage.name] = stage
        return found

    def _start(self) -> None:
        """Make the jobs of the whole observation; those of its idents where they are known."""
        self._begin()
        if self.deleted and any(n.state == "due" and self._reads_raw(n) for n in self.nodes.values()):
            self.nodes.clear()
            self._begin(again=True)

    def _begin(self, again: bool = False) -> None:
        """Make the first jobs; `again` where raw data that were deleted are needed once more."""
        whole = Facts(self.obs_id, self.obs_id)
        fetched: Node | None = None
        if self.archived and self.mission.download:
            fetched = self._node(self._stages[self.mission.download], whole, [], lambda: [self.obs_id])
            if again and fetched.state == "done":
                fetched.state = "due" if fetched.stage.name in self.request.wanted else "unmet"
                fetched.reason = "raw data were deleted, and are needed"
        stage = self._stages[self.mission.prepare]
        self.prepared = self._node(stage, whole, [fetched] if fetched else [], lambda: self._listing())
        if again:
            self.prepared.state = "due"
            self.settle(self.prepared)
        elif self.prepared.state == "done":
            self.expand(self.prepared.extra)

    def _reads_raw(self, node: Node) -> bool:
        """Return True for a job that reads the observation's folder."""
        own = node.stage.name == self.mission.prepare or self._first(node.stage)
        return own or any("{raw}" in word for word in node.stage.argv)

    def arrived(self) -> None:
        """Look at the observation that has been fetched: the preparation is of what there is now."""
        self._identify(self.prepared, self._listing())
        self._decide(self.prepared)
        if self.prepared.state == "done":
            self.expand(self.prepared.extra)

    def _listing(self) -> list[tuple[str, int, int]]:
        kept = deleted_listing(self.folder) if self.archived else None
        self.deleted = kept is not None
        files = kept if kept is not None else self.mission.listing(self.folder) if self.folder.is_dir() else []
        self.listing = files
        return files

    def expand(self, extra: Mapping[str, Any]) -> None:
        """Make the jobs of the idents that the preparation found."""
        for values in extra["values"].get("idents", []):
            facts = Facts.from_json(values)
            if not self.request.concerns(self.obs_id, facts.name):
                continue
            for stage in self._stages.values():
                if not stage.per_observation:
                    self._ident_node(stage, facts)

    def _ident_node(self, stage: Stage, facts: Facts) -> None:
        needs = [self._find(name, facts.name) for name in stage.needs]
        if stage.name in facts.skip and stage.name in self.request.wanted:
            self._add(Node(stage, facts.name, facts, "skipped", message=facts.skip[stage.name]))
            return
        node = self._node(stage, facts, needs, lambda: dict(facts.inputs) if self._first(stage) else {})
        node.after = [n for a in stage.after if (n := self.nodes.get((facts.name, a))) is not None]

    def _first(self, stage: Stage) -> bool:
        return stage.needs == (self.mission.prepare,)

    def _find(self, stage: str, ident: str) -> Node:
        own = self._stages[stage]
        return self.nodes[(self.obs_id if own.per_observation else ident, stage)]

    def _node(self, stage: Stage, facts: Facts, needs: list[Node], inputs: Callable[[], Any]) -> Node:
        """Make one job and decide what becomes of it."""
        node = Node(stage, facts.name, facts, needs=needs)
        node.parameters = self.parameters_of(stage, facts.name)
        self._identify(node, inputs())
        self._add(node)
        self._decide(node)
        return node

    def _identify(self, node: Node, found: Any) -> None:
        """Set what a job is made from, and its identity."""
        stage = node.stage
        alone = not isinstance(found, dict) or self._first(stage)  # known by its files, whoever has listed them
        if isinstance(found, dict):
            link: dict[str, Any] = {"binding": False} if alone else {}
            node.inputs = found | {f"job:{n.stage.name}": {"config": n.config, **link} for n in node.needs}
        own = found if alone else [n.config for n in node.needs]
        calibration = self.calibration if self._first(stage) and not stage.argv else ""
        node.config = config_of(stage.name, stage.version, node.parameters, own, calibration)

    def parameters_of(self, stage: Stage, ident: str) -> dict[str, Any]:
        """Return the parameters of a job."""
        if stage.argv:
            return {"argv": list(stage.argv), "products": list(stage.products)}
        return dict(self.request.parameters.get(stage.name, stage.defaults))

    def _add(self, node: Node) -> None:
        self.nodes[node.ident, node.stage.name] = node

    def _decide(self, node: Node) -> None:
        """Set state and reason of a job from what the ledger says of it, and of what it needs."""
        rows = self.rows.get((node.ident, node.stage.name), {})
        row = rows.get(node.config)
        node.state, node.reason = self._own_state(node, row, rows)
        known = node.stage.name == self.mission.prepare and any(r["state"] == "done" for r in rows.values())
        if node.state == "due" and node.stage.name not in self.request.wanted and not known:
            node.state = "unmet"  # what is known of an observation is kept up to date without being asked
        self.settle(node)

    def settle(self, node: Node) -> bool:
        """Give up a job that is due and whose needs will not be met; True where that changed it."""
        if node.state != "due":
            return False
        stopped = next((n for n in node.needs if n.settled and n.state != "done"), None)
        if stopped is None:
            return False
        node.state = {"skipped": "skipped", "unmet": "unmet", "cancelled": "cancelled"}.get(stopped.state, "blocked")
        what = f"{stopped.stage.name} of {stopped.ident}"
        why = f": {stopped.message}" if stopped.message else ""
        node.message = {
            "skipped": stopped.message or f"{what} was skipped",
            "unmet": f"needs {what}, which is not done and was not asked for",
        }.get(
            node.state, f"needs {what}, which {'failed' if stopped.state == 'failed' else 'is ' + stopped.state}{why}"
        )
        return True

    def _own_state(
        self, node: Node, row: Mapping[str, Any] | None, rows: Mapping[str, Mapping[str, Any]]
    ) -> tuple[str, str]:
        """Return (state, reason) of a job without regard to what it needs."""
        forced = node.stage.name in self.request.force
        if row is None or row["state"] in ("superseded", "waiting", "running", "cancelled", "blocked"):
            return "due", self._why_new(node, row, rows)
        node.extra, node.message = row["extra"] or {}, row["message"] or ""
        if row["state"] == "done":
            if forced:
                return "due", "forced"
            changed = changed_product(self.survey, row["products"] or {})
            return ("due", f"missing or changed product {changed}") if changed else ("done", "")
        if forced or row["cause"] in self.request.retry:
            return "due", f"{row['state']} ({row['cause']}), tried again"
        if row["state"] == "skipped" and row["cause"] == "not yet":
            older = (row["versions"] or {}).get("ciaopy") != self.request.release
            return ("due", "skipped by another version of ciaopy") if older else ("skipped", "")
        if (row["limits"] or {}).get("offline") and not self.request.offline:
            return "due", "failed without a network, now with it"
        if row["cause"] in ("timeout", "memory") and self._larger(node, row):
            return "due", f"failed ({row['cause']}), now with a larger limit"
        return str(row["state"]), ""

    def _larger(self, node: Node, row: Mapping[str, Any]) -> bool:
        cause = row["cause"]
        old, new = (row["limits"] or {}).get(cause), self.request.limits(node.stage)[cause]
        return old is not None and (new is None or new > old)

    def _why_new(self, node: Node, row: Mapping[str, Any] | None, rows: Mapping[str, Mapping[str, Any]]) -> str:
        if row is not None and row["state"] != "superseded":
            return {"blocked": "was blocked"}.get(row["state"], "was interrupted")
        others = [r for r in rows.values() if r["state"] == "done"]
        if not others:
            return "new"
        last = max(others, key=lambda r: r["ended"] or 0.0)
        if last["parameters"] != node.parameters:
            old = last["parameters"] or {}
            return "parameters: " + ", ".join(k for k, v in node.parameters.items() if old.get(k) != v)
        if node.needs and last["inputs"] == node.inputs:
            return "calibration, or a new version of the stage"
        return "input"

    # ------------------------------------------------------------ running
    def absolute(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return extra information with absolute paths."""
        return absolute(self.survey, dict(extra))

    def upstream(self, node: Node) -> dict[str, Any]:
        """Return stage -> extra information of what a job needs."""
        return {n.stage.name: self.absolute(n.extra) for n in (*node.all_needs(), *node.after)}

    @property
    def all_done(self) -> bool:
        """Return True where every stage and command of a downloaded observation is done, or does not apply."""
        return self.archived and all(n.state in ("done", "skipped") for n in self.nodes.values())

    @property
    def finished(self) -> bool:
        """Return True where no job of the observation can run any more."""
        return all(n.settled for n in self.nodes.values())

    def ready(self) -> list[Node]:
        """Return the jobs that can run now, in order of the stages."""
        return [n for n in self.nodes.values() if n.ready]

    def follow(self) -> list[Node]:
        """Give up what cannot run any more; returns the jobs given up."""
        changed: list[Node] = []
        while found := [n for n in self.nodes.values() if self.settle(n)]:
            changed += found
        return changed
