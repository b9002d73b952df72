"""A job on the cluster of this machine, with the times of its steps."""

import time
from typing import Any

from support.installed import Installed
from support.receiver import ALL_SEVEN, Receiver
from support.timeline import Timeline

PATIENCE_S = 180.0


def timed_job(release: Installed, backend: Receiver, job_id: str, video_url: str, **fields: Any) -> Timeline:
    """Post a video and wait for its seven callbacks; the timeline begins with the POST."""
    with Timeline(release.node, release.name, job_id) as timeline:
        release.post(job_id, video_url, fastapi_base_url=backend.url, **fields)
        timeline.seconds["POST answered"] = timeline.since(time.time())
        offset = time.time() - time.monotonic()
        backend.wait_for(lambda got: [r.mark for r in got if r.json["job_id"] == job_id] == ALL_SEVEN, PATIENCE_S)
    received = backend.of(job_id)
    timeline.seconds["first callback"] = timeline.since(received[0].time + offset)
    timeline.seconds["last callback"] = timeline.since(received[-1].time + offset)
    return timeline
