"""Tasks: all that an attempt needs, as JSON values, and what the ledger keeps of a job before it has run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ciaopy.batch.engines import Task
from ciaopy.batch.graph import Node, Plan, Request
from ciaopy.batch.records import versions
from ciaopy.batch.settings import Settings
from ciaopy.batch.survey import Survey

__all__ = ["TaskMaker"]


class TaskMaker:
    """Makes the tasks of a run.

    Parameters
    ----------
    survey : Survey
    settings : Settings
    request : Request
    engine : str
        Name of the engine, as it stands in the ledger.
    keep_failed : bool
        Keep the private folder of a failed attempt.
    """

    def __init__(self, survey: Survey, settings: Settings, request: Request, engine: str, keep_failed: bool) -> None:
        self.survey, self.settings, self.request = survey, settings, request
        self.engine, self.keep_failed = engine, keep_failed
        self._versions = versions(request.calibration)

    def versions(self, plan: Plan) -> dict[str, str]:
        """Return the versions that a record names, the calibration that of the observation's mission."""
        return self._versions | {"caldb": plan.calibration}

    def row(self, plan: Plan, node: Node) -> dict[str, Any]:
        """Return what the ledger keeps of a job before it has run."""
        return {
            "ident": node.ident,
            "stage": node.stage.name,
            "config": node.config,
            "obs_id": plan.obs_id,
            "attempts": 0,
            "cause": "",
            "message": "",
            "parameters": node.parameters,
            "inputs": node.inputs,
            "products": {},
            "versions": self.versions(plan),
            "extra": {"paths": {}, "values": {}},
            "notes": [],
            "limits": self.request.limits(node.stage),
            "engine": self.engine,
        }

    def task(self, plan: Plan, node: Node, number: int, threads: int, observation: Mapping[str, Any]) -> Task:
        """Return the task of one attempt.

        Parameters
        ----------
        plan : Plan
        node : Node
        number : int
            Of the attempt.
        threads : int
        observation : dict
            Row of the ledger.
        """
        limits = self.request.limits(node.stage)
        memory = limits["memory"]
        upstream = plan.upstream(node)
        mission = plan.mission
        task: Task = {
            "mission": mission.name,
            "survey": str(self.survey.folder),
            "ident": node.ident,
            "obs_id": plan.obs_id,
            "stage": node.stage.name,
            "config": node.config,
            "attempt": number,
            "work": node.stage.work,
            "argv": list(node.stage.argv),
            "products": list(node.stage.products),
            "folder": str(plan.folder),
            "fields": node.facts.fields,
            "upstream": upstream,
            "threads": threads,
            "timeout": limits["timeout"],
            "memory": memory * node.memory_factor if memory is not None else None,
            "limits": limits,
            "log": f"processed_data/{mission.name}/{plan.obs_id}/logs/{node.ident}_{node.stage.name}.log",
            "keep_failed": self.keep_failed,
            "source": {"folder": observation["folder"], "source": observation["source"]},
            "environ": {name: os.environ.get(name) for name in mission.environment},
            "calibration": plan.calibration,
        }
        if node.stage.argv:
            task["placeholders"] = _placeholders(plan, node, upstream)
        if node.stage.name == mission.download:
            task["fields"] = {"download": self.settings.download}
        task["fields"] = task["fields"] | {"digest": self.settings.run.get("digest", "ends")}
        return task


def _placeholders(plan: Plan, node: Node, upstream: dict[str, Any]) -> dict[str, str]:
    words = {k: str(v) for extra in upstream.values() for k, v in extra.items() if isinstance(v, (str, int, float))}
    words |= {k: ",".join(v) for e in upstream.values() for k, v in e.items() if isinstance(v, list)
              and all(isinstance(x, str) for x in v)}  # fmt: skip
    fields = {k: str(v) for k, v in node.facts.fields.items() if isinstance(v, (str, int, float))}
    return words | fields | {"ident": node.ident, "obs_id": plan.obs_id, "raw": str(plan.folder)}
