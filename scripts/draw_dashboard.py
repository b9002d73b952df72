"""Draws docs/pictures/dashboard.png: what the chart's dashboard shows of two minutes of played jobs.

A real Prometheus scrapes a real API and operator on a real control plane, and answers the dashboard's own queries; the
panels are laid out as the dashboard has them, and drawn here, not by Grafana. `make pictures` runs it.
"""

import json
import random
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ecg_contract.stages import Stage
from ecg_dev.control_plane.processes import free_port
from ecg_dev.control_plane.server import ControlPlane, running_control_plane
from ecg_dev.waiting import wait_until
from support import chart
from support.control_plane import make_namespace, prepare
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import RESULT, PlayedPipeline
from support.played_standby import standing_by
from support.prometheus import Prometheus, prometheus
from support.receiver import Receiver
from support.server_process import ServerProcess, environment_in_cluster

PICTURE = Path(__file__).parents[1] / "docs/pictures/dashboard.png"
NAMESPACE, SECONDS, RATE_INTERVAL = "pictured", 120, "20s"
_WIDTH, _ROW = 24, 8
"""Grafana's columns, and the rows of a panel."""
_UNITS = {"s": "{:g} s", "short": "{:g}", "bytes": "{:.0f} GB"}
_LEGEND = re.compile(r"\{\{(\w+)\}\}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        _draw(_after_load(plane, Path(folder)))


Series = tuple[str, Sequence[float], Sequence[float]]
"""Name, seconds from the beginning, values."""


def _after_load(plane: ControlPlane, folder: Path) -> list[tuple[Mapping[str, Any], list[Series]]]:
    """The dashboard's panels with their series, after jobs of SECONDS seconds."""
    make_namespace(plane, NAMESPACE)
    port, dice = free_port(), random.Random(1)  # noqa: S311 - played work
    settings = {"STANDBY_GPU": "1", "MAX_ACTIVE_JOBS": "4"}
    server = ServerProcess(folder, environment_in_cluster(plane, NAMESPACE, METRICS_PORT=str(port)))
    with (
        Receiver() as backend,
        OperatorProcess(plane, NAMESPACE, folder, **settings) as operator,
        played_kubelet(plane, NAMESPACE, standing_by(_worked(dice), _cold(dice))),
        server,
        prometheus(folder, {"api": port, "operator": operator.metrics_port}, {"groups": []}) as found,
    ):
        server.start()
        operator.wait_for_log("in_sync")
        wait_until(lambda: found.query('ecg_standby_pods{profile="gpu"} == 1'), 60)
        began = time.time()
        number = 0
        while time.time() < began + SECONDS:
            number += 1
            answer = server.post(f"job-{number}", "https://media.example/v.mp4", fastapi_base_url=backend.url)
            assert answer.status_code == 200, answer.text
            server.client.get("/jobs")
            time.sleep(dice.expovariate(1 / (1.2 if number % 40 < 25 else 0.15)))  # the load itself: sometimes a burst
        return [(panel, _series(found, panel, began)) for panel in _dashboard()["panels"]]


def _dashboard() -> Mapping[str, Any]:
    rendered = chart.render("--set", "metrics.dashboard.enabled=true")
    return dict(json.loads(chart.one(rendered, "ConfigMap", "ecg-dashboard")["data"]["ecg-audio-analyzer.json"]))


def _worked(dice: random.Random) -> Any:
    def work(pipeline: PlayedPipeline) -> None:
        pipeline.wait_until_assigned()
        for stage in (Stage.DOWNLOAD, Stage.VAD, Stage.DIARIZATION, Stage.TRANSCRIPTION):
            pipeline.reach(stage)
            time.sleep(dice.uniform(0.2, 0.6))  # a stage's work
        if dice.random() < 0.08:
            return pipeline.fail()
        used = {"cpuSeconds": 2.5, "memoryBytes": 2**31, "gpuMemoryBytes": int(dice.uniform(5, 8) * 2**30)}
        parts = {"recognition": 2.0, "diarization": 5.0, "alignment": 1.0}
        costs = {part: {**used, "seconds": seconds * dice.uniform(0.5, 1.8)} for part, seconds in parts.items()}
        result = pipeline.store(json.dumps(RESULT).encode())
        pipeline.reach(Stage.COMPLETED, result=result, parts=costs)
        return pipeline.pod.finish(0)

    return work


def _cold(dice: random.Random) -> Any:
    def play(pod: PlayedPod) -> None:
        time.sleep(dice.uniform(1.5, 3.0))  # a node's work before the container starts
        pod.run()
        _worked(dice)(PlayedPipeline(pod))

    return play


def _series(found: Prometheus, panel: Mapping[str, Any], began: float) -> list[Series]:
    series: list[Series] = []
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", RATE_INTERVAL).replace("$namespace", ".*")
        for one in found.query_range(query, began, began + SECONDS):
            name = _named(target["legendFormat"], one["metric"])
            points = [(float(at) - began, float(value)) for at, value in one["values"] if value != "NaN"]
            series.append((name, [at for at, _ in points], [value for _, value in points]))
    return series


def _named(template: str, labels: Mapping[str, str]) -> str:
    return _LEGEND.sub(lambda match: labels.get(match[1], ""), template)


def _draw(panels: Sequence[tuple[Mapping[str, Any], list[Series]]]) -> None:
    mpl.use("agg")
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in panels)
    figure = Figure(figsize=(15, 3.0 * rows / _ROW), layout="constrained")
    grid = figure.add_gridspec(rows // _ROW, _WIDTH)
    for panel, series in panels:
        at = panel["gridPos"]
        axes = figure.add_subplot(grid[at["y"] // _ROW, at["x"] : at["x"] + at["w"]])
        _draw_panel(axes, panel, series)
    figure.savefig(PICTURE, dpi=80, metadata={"Software": ""})


def _draw_panel(axes: Axes, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    for name, at, values in series:
        shown = [value / 1e9 for value in values] if unit == "bytes" else values
        axes.plot(at, shown, label=name, linewidth=1.4)
    axes.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _UNITS[unit].format(value)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    axes.set_xlim(0, SECONDS)
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)


if __name__ == "__main__":
    main()
