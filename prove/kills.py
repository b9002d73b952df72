"""Kills at random moments on both hosts; an independent judge looks at what the backends received."""

import tempfile
from collections import Counter
from pathlib import Path

from judged import BrokenError, judge
from kill_run import KillRun
from kills_cluster import killed_cluster
from kills_standalone import killed_server
from proof_progress import figure

from ecg_dev.control_plane.server import running_control_plane
from support.control_plane import prepare


def main(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        broken = _judged("standalone", killed_server(Path(folder), seed))
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        broken += _judged("Kubernetes", killed_cluster(plane, Path(folder), seed))
    if broken:
        raise BrokenError("\n".join(broken))


def _judged(host: str, run: KillRun) -> list[str]:
    evidence = run.run()
    verdict, ends = judge(evidence), Counter(evidence.ends.values())
    kills = ", ".join(f"{number} of {what}" for what, number in run.killed.items())
    figure(
        f"{host}: {sum(run.killed.values())} kills ({kills}), {len(evidence.accepted)} jobs "
        f"({ends['completed']} completed, {ends['failed']} failed), {len(evidence.callbacks)} callbacks: {verdict}"
    )
    return [f"{host}: {line}" for line in verdict.broken]
