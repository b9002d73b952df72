"""Builds the objects that the operator creates, as plain JSON: pure."""

from dataclasses import dataclass

from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import Device, PipelineJob, Source
from ecg_contract.options import options_of
from ecg_contract.videojob.manifests import Manifest, labels, owned_metadata, url_secret
from ecg_contract.videojob.names import JOB_ANNOTATION, SOURCE_KEY, result_secret_name, source_secret_name
from ecg_contract.videojob.resource import Attempt, Profile, VideoJob
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.decide.attempt_end import deadline
from ecg_operator.observe.snapshot import CONTAINER
from ecg_operator.settings import OperatorSettings

JOB_FILE = "/etc/ecg/job/job.json"
SOURCE_FOLDER = "/etc/ecg/source"
RESULT_FOLDER = "/etc/ecg/result"
WORK_FOLDER = "/work"
USER = 10001
_BACKSTOP_S = 600
"""How much later than the operator the Job's own deadline ends an attempt: the operator gives the better reason."""
_GRACE_S = 30
_SIGNAL_EXIT_CODES = (134, 137, 139, 143)
"""Exit codes, beside the pipeline's own, that the Job's condition names: abort, kill, crash, terminate."""


@dataclass(frozen=True, slots=True)
class JobParts:
    """What a Job is built from beside its VideoJob."""

    settings: OperatorSettings
    config: PodConfig
    result_location: str | None = None
    """S3 URL that the result goes to; ConfigMaps without it."""


def job_manifest(videojob: VideoJob, parts: JobParts) -> Manifest:
    """The Job of the current attempt."""
    attempt = _attempt(videojob)
    metadata = owned_metadata(attempt.job_name, videojob.metadata.name, videojob.metadata.uid, attempt.number)
    owner, config = metadata["ownerReferences"][0], parts.config
    chosen = {"labels": {**config.job_labels, **metadata["labels"]}, "annotations": config.job_annotations}
    limit = int(deadline(videojob, parts.settings).total_seconds()) + _BACKSTOP_S
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata | chosen | {"ownerReferences": [owner | {"controller": True}]},
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": limit,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": _pod_template(videojob, parts),
        },
    }


def result_secret_manifest(videojob: VideoJob, url: str) -> Manifest:
    """The Secret with an attempt's presigned upload URL."""
    attempt, metadata = _attempt(videojob), videojob.metadata
    return url_secret(result_secret_name(attempt.job_name), metadata.name, metadata.uid, url, attempt.number)


def pipeline_job(videojob: VideoJob) -> PipelineJob:
    """The pod's task, in an annotation that the downward API mounts as a file."""
    spec, attempt = videojob.spec, _attempt(videojob)
    url_file = f"{SOURCE_FOLDER}/{SOURCE_KEY}"
    source = Source(url_file=url_file) if spec.source.from_secret else Source(url=spec.source.url)
    return PipelineJob(
        job_id=spec.job_id,
        attempt=attempt.number,
        source=source,
        device=Device.AUTO if attempt.profile is Profile.GPU else Device.CPU,
        result_path=f"{WORK_FOLDER}/result.json",
        **options_of(spec),
    )


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


def _pod_template(videojob: VideoJob, parts: JobParts) -> Manifest:
    config, metadata, attempt = parts.config, videojob.metadata, _attempt(videojob)
    fixed = labels(metadata.name, metadata.uid, attempt.number)
    annotations = {**config.annotations, JOB_ANNOTATION: pipeline_job(videojob).to_json()}
    return {
        "metadata": {"labels": {**config.labels, **fixed}, "annotations": annotations},
        "spec": _pod_spec(videojob, parts),
    }


def _pod_spec(videojob: VideoJob, parts: JobParts) -> Manifest:
    settings, config = parts.settings, parts.config
    profile = config.profile(_attempt(videojob).profile)
    interactive = config.interactive_priority_class_name if videojob.spec.interactive else None
    spec: Manifest = {
        "restartPolicy": "Never",
        "serviceAccountName": settings.pipeline_service_account,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(videojob, parts)],
        "volumes": [*(volume for volume, _ in _volumes(videojob, parts)), *config.volumes],
        "nodeSelector": profile.node_selector,
        "tolerations": profile.tolerations,
        "affinity": profile.affinity,
        "runtimeClassName": profile.runtime_class_name,
        "priorityClassName": interactive or profile.priority_class_name,
        "imagePullSecrets": [{"name": s} if isinstance(s, str) else s for s in config.image_pull_secrets],
    }
    return {name: value for name, value in spec.items() if value not in (None, {}, [])}


def _container(videojob: VideoJob, parts: JobParts) -> Manifest:
    settings, config = parts.settings, parts.config
    return {
        "name": CONTAINER,
        "image": settings.pipeline_image,
        "imagePullPolicy": settings.pipeline_image_pull_policy,
        "command": ["python", "-m", "ecg_pipeline", "--job", JOB_FILE],
        "env": _merged(_environment(videojob, parts), config.env),
        "envFrom": config.env_from,
        "resources": config.profile(_attempt(videojob).profile).resources,
        "volumeMounts": [*(mount for _, mount in _volumes(videojob, parts)), *config.volume_mounts],
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _environment(videojob: VideoJob, parts: JobParts) -> list[Manifest]:
    fields = {"POD_NAME": "metadata.name", "POD_UID": "metadata.uid", "POD_NAMESPACE": "metadata.namespace"}
    own: list[Manifest] = [{"name": n, "valueFrom": {"fieldRef": {"fieldPath": path}}} for n, path in fields.items()]
    values = {"VIDEOJOB_NAME": videojob.metadata.name, "VIDEOJOB_UID": videojob.metadata.uid, "WORK_DIR": WORK_FOLDER}
    if parts.result_location is not None:
        values |= {"RESULT_LOCATION": parts.result_location, "RESULT_URL_FILE": f"{RESULT_FOLDER}/{SOURCE_KEY}"}
    return own + [{"name": name, "value": value} for name, value in values.items()]


def _merged(own: list[Manifest], extra: list[Manifest]) -> list[Manifest]:
    """`own` variables, and those of `extra` with other names: nobody may change what identifies the pod."""
    fixed = {variable["name"] for variable in own}
    return own + [variable for variable in extra if variable["name"] not in fixed]


def _volumes(videojob: VideoJob, parts: JobParts) -> list[tuple[Manifest, Manifest]]:
    """The pod's volumes, each with its mount."""
    job_file = {"path": "job.json", "fieldRef": {"fieldPath": f"metadata.annotations['{JOB_ANNOTATION}']"}}
    volumes = [
        _volume("job", "/etc/ecg/job", {"downwardAPI": {"items": [job_file]}}, read_only=True),
        _volume("work", WORK_FOLDER, {"emptyDir": {"sizeLimit": parts.config.work_size_limit}}),
        _volume("tmp", "/tmp", {"emptyDir": {"sizeLimit": parts.config.tmp_size_limit}}),  # noqa: S108 - a mount
    ]
    if videojob.spec.source.from_secret:
        secret = source_secret_name(videojob.metadata.name, videojob.metadata.uid)
        volumes.append(_secret_volume("source", SOURCE_FOLDER, secret))
    if parts.result_location is not None:
        secret = result_secret_name(_attempt(videojob).job_name)
        volumes.append(_secret_volume("result", RESULT_FOLDER, secret))
    return volumes


def _secret_volume(name: str, path: str, secret: str) -> tuple[Manifest, Manifest]:
    """Readable by the container's user alone; the pod waits until the Secret exists."""
    return _volume(name, path, {"secret": {"secretName": secret, "defaultMode": 0o400}}, read_only=True)


def _volume(name: str, path: str, source: Manifest, *, read_only: bool = False) -> tuple[Manifest, Manifest]:
    mount = {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})
    return {"name": name, **source}, mount
