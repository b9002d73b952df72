"""Names of a VideoJob and of its objects, derived so that a repeated request finds the same objects."""

import hashlib
import re

from ecg_contract.videojob.resource import GROUP, Attempt, Profile
from ecg_contract.videojob.spec import NAME_LENGTH

_STANDBY_JOB = re.compile(r"standby-(gpu|cpu)-[a-z0-9]{8}")
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

TASK_ANNOTATION = f"{GROUP}/task"
"""Pod annotation with the `PodTask`; the downward API mounts it as a file. Both are empty in an idle standby pod."""
VIDEOJOB_LABEL = f"{GROUP}/videojob"
"""Label of Jobs and pods with the VideoJob's name, empty in idle standby ones; the operator watches by it."""
STANDBY_LABEL = f"{GROUP}/standby"
"""Label of standby Jobs and pods with the profile that they have."""
STANDBY_CONFIG_LABEL = f"{GROUP}/standby-config"
"""Label of standby Jobs with a digest of what they were built from; those of another configuration are replaced."""
VIDEOJOB_UID_LABEL = f"{GROUP}/videojob-uid"
ATTEMPT_LABEL = f"{GROUP}/attempt"
SUBMITTER_LABEL = f"{GROUP}/submitter"
"""Label of a VideoJob with the name of the API key that it came with."""
LANGUAGE_LABEL = f"{GROUP}/language"
"""Label of a VideoJob with the language that was asked for."""
METADATA_LABELS = f"metadata.{GROUP}"
"""Prefix of a VideoJob's labels with the caller's metadata."""
SOURCE_KEY = "url"
"""Key in the Secret of a source URL that contains a credential."""
SECRET_TYPE = f"{GROUP}/url"
"""Type of the Secrets that VideoJobs own; the admission policies let API and operator write no other."""


def videojob_name(job_id: str) -> str:
    """Name of the VideoJob of `job_id`: the id itself where it is a valid name, as a UUID is, else `vj-` and a hash."""
    if len(job_id) <= NAME_LENGTH and _DNS_LABEL.fullmatch(job_id) and not job_id.startswith("vj-"):
        return job_id
    return f"vj-{hashlib.sha256(job_id.encode()).hexdigest()[:32]}"


def source_secret_name(videojob: str, uid: str) -> str:
    """Name of the Secret with the source's URL; nobody who creates a VideoJob can choose its uid."""
    return f"{videojob}-{uid}-source"


def job_name(videojob: str, uid: str, attempt: int) -> str:
    """Name of an attempt's Job; the uid distinguishes a VideoJob that was deleted and created again."""
    return f"{videojob}-{uid[:6]}-a{attempt}"


def standby_job_name(profile: Profile, token: str) -> str:
    """Name of a Job that was created ahead of VideoJobs; `token` are eight letters and digits."""
    return f"standby-{profile}-{token}"


def is_standby_job(name: str) -> bool:
    """Whether it is a name of `standby_job_name`, which none of `job_name` is."""
    return _STANDBY_JOB.fullmatch(name) is not None


def is_on_standby_job(attempt: Attempt | None) -> bool:
    return attempt is not None and is_standby_job(attempt.job_name)


def result_secret_name(job: str) -> str:
    """Name of the Secret with an attempt's presigned upload URL under the key `url`."""
    return f"{job}-result"


def standby_source_secret_name(job: str) -> str:
    """Name of the copy of a source's Secret that a standby Job's pod reads."""
    return f"{job}-source"


def result_chunk_prefix(pod: str) -> str:
    """Prefix of the names of a pod's result ConfigMaps; 0, 1, ... follow."""
    return f"{pod}-result-"
