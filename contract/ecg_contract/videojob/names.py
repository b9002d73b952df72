"""Names of a VideoJob and of what belongs to it: derived, never stored, so that a repeated request finds its job."""

import hashlib
import re

from ecg_contract.videojob.resource import GROUP, NAME_LENGTH

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

JOB_ANNOTATION = f"{GROUP}/pipeline-job"
"""On a pod: its `PipelineJob`, which the pod reads from a file by the downward API."""
VIDEOJOB_LABEL = f"{GROUP}/videojob"
"""On Jobs and pods: the VideoJob's name. Also what the operator selects its Jobs and pods by."""
VIDEOJOB_UID_LABEL = f"{GROUP}/videojob-uid"
ATTEMPT_LABEL = f"{GROUP}/attempt"
SOURCE_KEY = "url"
"""Key of the Secret of a credential-carrying source URL."""


def videojob_name(job_id: str) -> str:
    """The VideoJob of a `job_id`: the id itself where it can be one, as a UUID can, else a hash of it."""
    if len(job_id) <= NAME_LENGTH and _DNS_LABEL.fullmatch(job_id) and not job_id.startswith("vj-"):
        return job_id
    return f"vj-{hashlib.sha256(job_id.encode()).hexdigest()[:32]}"


def source_secret_name(videojob: str) -> str:
    return f"{videojob}-source"


def job_name(videojob: str, uid: str, attempt: int) -> str:
    """The Job of an attempt; the uid keeps apart a VideoJob that was deleted and created anew."""
    return f"{videojob}-{uid[:6]}-a{attempt}"


def result_secret_name(job: str) -> str:
    """The Secret with an attempt's presigned upload URL, key `url`."""
    return f"{job}-result"


def result_chunk_prefix(pod: str) -> str:
    """A pod's result ConfigMaps are this with 0, 1, ... behind it."""
    return f"{pod}-result-"
