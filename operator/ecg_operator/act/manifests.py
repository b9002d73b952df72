"""Builds the objects that the operator creates, as plain JSON: pure."""

import hashlib
import json
from base64 import b64decode

from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import Device, PipelineJob, Source
from ecg_contract.options import options_of
from ecg_contract.videojob.manifests import Manifest, labels, owned_metadata, url_secret
from ecg_contract.videojob.names import (
    SOURCE_KEY,
    STANDBY_CONFIG_LABEL,
    STANDBY_LABEL,
    VIDEOJOB_LABEL,
    result_secret_name,
    source_secret_name,
    standby_source_secret_name,
)
from ecg_contract.videojob.pod_task import PodTask
from ecg_contract.videojob.resource import Attempt, Profile, VideoJob
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.act.pod_manifest import (
    RESULT_FOLDER,
    SOURCE_FOLDER,
    WORK_FOLDER,
    PodPlan,
    SecretFile,
    pod_template,
)
from ecg_operator.decide.attempt_end import deadline
from ecg_operator.observe.snapshot import CONTAINER
from ecg_operator.observe.standby import IDLE
from ecg_operator.settings import OperatorSettings

_BACKSTOP_S = 600
"""How much later than the operator the Job's own deadline ends an attempt: the operator gives the better reason."""
_SIGNAL_EXIT_CODES = (134, 137, 139, 143)
"""Exit codes, beside the pipeline's own, that the Job's condition names: abort, kill, crash, terminate."""
_DIGEST_LENGTH = 12


def job_manifest(
    videojob: VideoJob, settings: OperatorSettings, config: PodConfig, result_location: str | None
) -> Manifest:
    """The Job of the current attempt."""
    attempt, metadata = _attempt(videojob), videojob.metadata
    secrets = []
    if videojob.spec.source.from_secret:
        secrets.append(SecretFile("source", SOURCE_FOLDER, source_secret_name(metadata.name, metadata.uid)))
    if result_location is not None:
        secrets.append(SecretFile("result", RESULT_FOLDER, result_secret_name(attempt.job_name)))
    plan = PodPlan(
        profile=attempt.profile,
        labels=labels(metadata.name, metadata.uid, attempt.number),
        task=pod_task(videojob, result_location).to_json(),
        interactive=videojob.spec.interactive,
        secrets=tuple(secrets),
    )
    limit = {"activeDeadlineSeconds": deadline_s(videojob, settings)}
    return _job(job_metadata(videojob, config), pod_template(plan, settings, config), limit)


def job_metadata(videojob: VideoJob, config: PodConfig) -> Manifest:
    """Metadata of a VideoJob's Job."""
    attempt = _attempt(videojob)
    metadata = owned_metadata(attempt.job_name, videojob.metadata.name, videojob.metadata.uid, attempt.number)
    owner = metadata["ownerReferences"][0] | {"controller": True}
    return metadata | _chosen(config, metadata["labels"]) | {"ownerReferences": [owner]}


def deadline_s(videojob: VideoJob, settings: OperatorSettings) -> int:
    """When Kubernetes itself ends the Job of an attempt that begins, in seconds."""
    return int(deadline(videojob, settings).total_seconds()) + _BACKSTOP_S


def standby_job_manifest(
    name: str, profile: Profile, settings: OperatorSettings, config: PodConfig, owner: Manifest | None
) -> Manifest:
    """A Job whose pod loads its models and waits for a task.

    `owner` refers to an object with which idle standby Jobs are removed.
    """
    own = _standby_labels(profile) | {STANDBY_CONFIG_LABEL: standby_config(profile, settings, config)}
    metadata = {"name": name, "ownerReferences": [owner] if owner else [], **_chosen(config, own)}
    return _job(metadata, _standby_template(name, profile, settings, config), {})


def standby_config(profile: Profile, settings: OperatorSettings, config: PodConfig) -> str:
    """Digest of all that a standby Job is built from but its name."""
    parts = [_chosen(config, {}), _standby_template("", profile, settings, config)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]


def _standby_template(name: str, profile: Profile, settings: OperatorSettings, config: PodConfig) -> Manifest:
    secrets = [SecretFile("source", SOURCE_FOLDER, standby_source_secret_name(name), optional=True)]
    if settings.results_bucket:
        secrets.append(SecretFile("result", RESULT_FOLDER, result_secret_name(name), optional=True))
    plan = PodPlan(profile=profile, labels=_standby_labels(profile), task="", secrets=tuple(secrets))
    return pod_template(plan, settings, config)


def _standby_labels(profile: Profile) -> dict[str, str]:
    return {VIDEOJOB_LABEL: IDLE, STANDBY_LABEL: profile.value}


def result_secret_manifest(videojob: VideoJob, url: str) -> Manifest:
    """The Secret with an attempt's presigned upload URL."""
    attempt, metadata = _attempt(videojob), videojob.metadata
    return url_secret(result_secret_name(attempt.job_name), metadata.name, metadata.uid, url, attempt.number)


def standby_source_manifest(videojob: VideoJob, secret: Manifest) -> Manifest:
    """The copy of the source's Secret for the standby pod of the current attempt."""
    attempt, metadata = _attempt(videojob), videojob.metadata
    name, url = standby_source_secret_name(attempt.job_name), b64decode(secret["data"][SOURCE_KEY]).decode()
    return url_secret(name, metadata.name, metadata.uid, url, attempt.number)


def pod_task(videojob: VideoJob, result_location: str | None) -> PodTask:
    """The pod's task, in an annotation that the downward API mounts as a file."""
    spec, attempt, metadata = videojob.spec, _attempt(videojob), videojob.metadata
    url_file = f"{SOURCE_FOLDER}/{SOURCE_KEY}"
    source = Source(url_file=url_file) if spec.source.from_secret else Source(url=spec.source.url)
    job = PipelineJob(
        job_id=spec.job_id,
        attempt=attempt.number,
        source=source,
        device=Device.AUTO if attempt.profile is Profile.GPU else Device.CPU,
        result_path=f"{WORK_FOLDER}/result.json",
        **options_of(spec),
    )
    return PodTask(videojob_name=metadata.name, videojob_uid=metadata.uid, result_location=result_location, job=job)


def _job(metadata: Manifest, template: Manifest, limit: Manifest) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            **limit,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": template,
        },
    }


def _chosen(config: PodConfig, own: dict[str, str]) -> Manifest:
    """Labels and annotations of a Job: the installation's, and its own."""
    return {"labels": {**config.job_labels, **own}, "annotations": config.job_annotations}


def _attempt(videojob: VideoJob) -> Attempt:
    assert videojob.status.attempt is not None
    return videojob.status.attempt


def _failure_rules() -> list[Manifest]:
    """One rule per exit code, so that the Job's condition names the code when the pod is deleted. No `Ignore`: it would
    start further pods inside the Job, without limit."""
    codes = [int(code) for code in ExitCode if code is not ExitCode.OK] + list(_SIGNAL_EXIT_CODES)
    return [
        {"action": "FailJob", "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [code]}}
        for code in codes
    ]
