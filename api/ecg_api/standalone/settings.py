"""The standalone host's settings: where jobs are kept and how long they may take."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ecg_common.setting_types import Seconds
from ecg_common.settings import AttemptSettings, VideoSizeSettings


class StandaloneSettings(AttemptSettings, VideoSizeSettings):
    """The standalone host."""

    data_dir: Path = Path("data")
    """Folder of the job database, results and uploads; one server at a time uses it."""
    fetch_slots: Annotated[int, Field(gt=0)] = 4
    """Videos that are downloaded at once, or lie downloaded and wait for a worker; a slow source occupies one."""
    workers: Annotated[int, Field(gt=0)] = 1
    """Pipeline processes that analyze, one job each at a time; each loads the models once more."""
    queue_limit: Annotated[int, Field(gt=0)] = 100
    """Jobs that may wait; more are answered 429."""
    job_ttl_s: Seconds = 24 * 3600
    """How long a finished job is kept after its last callback is settled."""
