"""The jobs of an XMM-Newton observation: which are due, what each waits for.

    prepare_xmm_info -> cif_build -> odf_ingest -> {epchain, emchain} -> espfilt -> cleaned_evt_lists
                                                -> rgs_events -> rgs_angles -> cleaned_rgs_event_lists
    all cleaned_evt_lists of a camera -> merge_subexposures -> generate_images_expmaps

Event lists that came with an observation stand for epchain and emchain, where our own are neither made nor asked for.
Sub-exposures are known when odf_ingest has ended, or will not run. A merge waits for all sub-exposures of its camera
that can still come, and goes on without those that failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ciaopy.batch.graph import Node, Plan
from ciaopy.batch.mission import Facts, Stage
from ciaopy.batch.records import config_of
from ciaopy.batch.xmm.mission import GROUP_STAGES

__all__ = ["XmmPlan"]

_CHAINS = ("epchain", "emchain")


def _without_backend(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in parameters.items() if k not in ("backend", "sas_version")}


class XmmPlan(Plan):
    """The jobs of one observation; see `ciaopy.batch.graph.Plan`."""

    def _start(self) -> None:
        whole = Facts(self.obs_id, self.obs_id)
        self._late: set[int] = set()
        self._expanded = False
        self._given: dict[str, Facts] = {}
        stages = self._stages
        self.prepared = self._node(stages[self.mission.prepare], whole, [], lambda: self._listing())
        self.index = self._later(stages["cif_build"], whole, [self.prepared])
        self.ingest = self._later(stages["odf_ingest"], whole, [self.index])
        if self.prepared.state == "done":
            self.expand(self.prepared.extra)

    # ------------------------------------------------------------ nodes
    def _first(self, stage: Stage) -> bool:
        return False

    def _later(self, stage: Stage, facts: Facts, needs: list[Node]) -> Node:
        """Make a job whose identity is known only when what it needs has ended."""
        node = Node(stage, facts.name, facts, needs=needs)
        node.parameters = self.parameters_of(stage, facts.name)
        node.state = "due" if stage.name in self.request.wanted else "unmet"
        self._late.add(id(node))
        self._add(node)
        self._resolve(node)
        return node

    def parameters_of(self, stage: Stage, ident: str) -> dict[str, Any]:
        """Return the parameters of a job; of one that is not asked for, with the backend that has done it."""
        found = super().parameters_of(stage, ident)
        if stage.name in self.request.wanted or stage.argv:
            return found
        rows = [r for r in self.rows.get((ident, stage.name), {}).values() if r["state"] == "done"]
        for row in sorted(rows, key=lambda r: r["ended"] or 0.0, reverse=True):
            if _without_backend(row["parameters"] or {}) == _without_backend(found):
                return dict(row["parameters"])
        return found

    def _resolve(self, node: Node) -> bool:
        """Give a late job its identity once all it needs has ended; True where its state has changed."""
        if id(node) not in self._late or not all(n.settled for n in node.needs):
            return False
        self._late.discard(id(node))
        before = node.state
        if node.stage.name == "merge_subexposures":
            node.facts.fields["left_out"] = {
                n.ident: n.message or n.state for n in node.needs if n.state not in ("done", "skipped")
            }
            if any(n.state == "done" for n in node.needs):
                node.needs = [n for n in node.needs if n.state == "done"]
        own = [n.config for n in node.needs]
        digest = (
            self.index.extra.get("values", {}).get("ccf_digest", "") if node is getattr(self, "ingest", None) else ""
        )
        node.inputs = {f"job:{n.stage.name}:{n.ident}": {"config": n.config} for n in node.needs}
        node.config = config_of(node.stage.name, node.stage.version, node.parameters, own, digest)
        self._decide(node)
        return node.state != before

    def _decide(self, node: Node) -> None:
        """Set state and reason of a job; what an observation brings is looked at without being asked."""
        super()._decide(node)
        if node.stage.name == self.mission.prepare and node.state == "unmet":
            node.state = "due"

    def settle(self, node: Node) -> bool:
        """Give up a job whose needs will not be met, or give a late one its identity; True where that changed it."""
        if id(node) in self._late:
            return self._resolve(node)
        return super().settle(node)

    # ------------------------------------------------------------ sub-exposures
    def expand(self, extra: Mapping[str, Any]) -> None:
        """Take in what the preparation found."""
        values = extra["values"]
        for node in (self.index, self.ingest):
            reason = values.get("skip", {}).get(node.stage.name)
            if reason and node.state == "due":
                node.state, node.message = "skipped", reason
            if node.stage.name in values.get("given", {}):
                self._take_over(node, values["given"][node.stage.name], {})
        self._given = {f.name: f for f in (Facts.from_json(v) for v in values.get("idents", []))}
        self.follow()

    def follow(self) -> list[Node]:
        """Give up what cannot run any more, and make the jobs of sub-exposures once they are known."""
        changed = super().follow()
        if not self._expanded and self.prepared.settled and self.ingest.settled:
            self._expanded = True
            self._make_idents()
            changed += super().follow()
        return changed

    def _make_idents(self) -> None:
        told = self.ingest.extra.get("values", {}).get("idents", []) if self.ingest.state == "done" else []
        known = {f.name: f for f in (Facts.from_json(v) for v in told)}
        groups: dict[str, list[Node]] = {}
        for name in sorted(known | self._given):
            if not self.request.concerns(self.obs_id, name):
                continue
            facts = known.get(name) or self._given[name]
            self._make_chain(facts, self._given.get(name))
            if facts.group and (name, "cleaned_evt_lists") in self.nodes:
                groups.setdefault(facts.group, []).append(self.nodes[name, "cleaned_evt_lists"])
        for name, members in sorted(groups.items()):
            if self.request.concerns(self.obs_id, name) or any(
                self.request.concerns(self.obs_id, n.ident) for n in members
            ):
                self._make_group(name, members)

    def _make_chain(self, facts: Facts, given: Facts | None) -> None:
        """Make the jobs of one sub-exposure, in the order of the stages."""
        for name in facts.stages or ():
            stage = self._stages[name]
            if name in _CHAINS and given is not None and name in given.given and self._takes_given(stage, facts):
                node = Node(stage, facts.name, given, needs=[])
                self._add(node)
                self._take_over(node, given.given[name], given.inputs)
            elif name in facts.skip:
                if name in self.request.wanted:
                    self._add(Node(stage, facts.name, facts, "skipped", message=facts.skip[name]))
            else:
                self._node(stage, facts, self._needs_of(stage, facts), dict)
        for stage in self.request.stages:
            if stage.argv and not any(n in GROUP_STAGES for n in self._stages_needed(stage)):
                self._command(stage, facts)

    def _takes_given(self, stage: Stage, facts: Facts) -> bool:
        """Return True where the list that came with the observation is used: our own is neither made nor coming."""
        if self.ingest.state != "done" or (
            facts.name in self._given and not self.ingest.extra.get("values", {}).get("idents")
        ):
            return True
        trial = self._node(stage, facts, [self.ingest], dict)
        return trial.state not in ("done", "due")

    def _needs_of(self, stage: Stage, facts: Facts) -> list[Node]:
        names = list(stage.needs)
        parameters = self.parameters_of(stage, facts.name)
        if (
            stage.name == "cleaned_evt_lists"
            and parameters.get("filt_mos_anom_state")
            and "emanom" in (facts.stages or ())
        ):
            names.append("emanom")
        found = []
        for name in names:
            own = self.nodes.get((self.obs_id if self._stages[name].per_observation else facts.name, name))
            if own is not None:
                found.append(own)
        return found

    def _take_over(self, node: Node, extra: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
        """Let a result that came with the observation stand for a job's."""
        self._late.discard(id(node))
        node.state, node.reason, node.given = "done", "", True
        node.extra, node.inputs = dict(extra), dict(inputs)
        node.parameters = {"backend": "archive"}
        node.config = config_of(node.stage.name, "archive", node.inputs, extra)

    def _make_group(self, name: str, members: list[Node]) -> None:
        fields = {"instrument": name[len(self.obs_id) :], "exposure": "ALL"}
        facts = Facts(name, self.obs_id, fields=fields, size=max(n.facts.size for n in members))
        merge = self._later(self._stages["merge_subexposures"], facts, members)
        self._later(self._stages["generate_images_expmaps"], facts, [merge])
        for stage in self.request.stages:
            if stage.argv and any(n in GROUP_STAGES for n in self._stages_needed(stage)):
                self._command(stage, facts)

    # ------------------------------------------------------------ commands
    def _stages_needed(self, stage: Stage) -> list[str]:
        """Return what a command needs, and what the commands that it needs need."""
        found: list[str] = []
        for name in stage.needs:
            found.append(name)
            if self._stages[name].argv:
                found += self._stages_needed(self._stages[name])
        return found

    def _command(self, stage: Stage, facts: Facts) -> None:
        needs = [self._node_of(name, facts) for name in stage.needs]
        present = [n for n in needs if n is not None]
        if len(present) == len(needs):
            self._later(stage, facts, present or [self.prepared])

    def _node_of(self, name: str, facts: Facts) -> Node | None:
        return self.nodes.get((facts.name, name)) or self.nodes.get((self.obs_id, name))

    # ------------------------------------------------------------ upstream
    def upstream(self, node: Node) -> dict[str, Any]:
        """Return stage -> extra information; of other idents under `by_ident`."""
        found: dict[str, Any] = {}
        for one in (*node.all_needs(), *node.after):
            entry = found.setdefault(one.stage.name, {})
            extra = self.absolute(one.extra)
            if one.ident in (node.ident, self.obs_id):
                entry.update(extra)
            else:
                entry.setdefault("by_ident", {})[one.ident] = extra
        return found
