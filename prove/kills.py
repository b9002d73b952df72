"""Kills at random moments on both hosts; an independent judge looks at what the backends received."""

import tempfile
from collections import Counter
from pathlib import Path

from judged import BrokenError, Evidence, judge
from kills_cluster import KilledCluster
from kills_standalone import KilledServer
from proof_progress import figure

from ecg_dev.control_plane.server import running_control_plane
from support.control_plane import prepare


def main(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = KilledServer(Path(folder), seed)
        broken = _judged("standalone", server.run(), server.killed)
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        cluster = KilledCluster(plane, Path(folder), seed)
        broken += _judged("Kubernetes", cluster.run(), cluster.killed)
    if broken:
        raise BrokenError("\n".join(broken))


def _judged(host: str, evidence: Evidence, killed: dict[str, int]) -> list[str]:
    verdict, ends = judge(evidence), Counter(evidence.ends.values())
    kills = ", ".join(f"{number} of {what}" for what, number in killed.items())
    figure(
        f"{host}: {sum(killed.values())} kills ({kills}), {len(evidence.accepted)} jobs "
        f"({ends['completed']} completed, {ends['failed']} failed), {len(evidence.callbacks)} callbacks: {verdict}"
    )
    return [f"{host}: {line}" for line in verdict.broken]
