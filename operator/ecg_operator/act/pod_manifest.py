"""Builds the pod of a Job, as plain JSON: pure."""

from dataclasses import dataclass

from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import SOURCE_KEY, TASK_ANNOTATION
from ecg_contract.videojob.resource import Profile
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.observe.snapshot import CONTAINER
from ecg_operator.settings import OperatorSettings

TASK_FILE = "/etc/ecg/task/task.json"
SOURCE_FOLDER = "/etc/ecg/source"
RESULT_FOLDER = "/etc/ecg/result"
WORK_FOLDER = "/work"
STANDBY_READY_FILE = f"{WORK_FOLDER}/standby-ready"
USER = 10001
_GRACE_S = 30
_PROBE_S = 2
_LOADING_LIMIT_S = 1800
"""How long a standby pod may load its models."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A Secret's URL that the pod finds in a folder."""

    volume: str
    folder: str
    secret: str
    optional: bool = False
    """False: the pod waits until the Secret exists. True: the file appears when it does."""


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What distinguishes one pod from another."""

    profile: Profile
    labels: dict[str, str]
    task: str
    """JSON of its `PodTask`; empty for a standby pod, of which that annotation is changed once."""
    interactive: bool = False
    secrets: tuple[SecretFile, ...] = ()


def pod_template(plan: PodPlan, settings: OperatorSettings, config: PodConfig) -> Manifest:
    annotations = config.annotations | {TASK_ANNOTATION: plan.task}
    return {
        "metadata": {"labels": {**config.labels, **plan.labels}, "annotations": annotations},
        "spec": _spec(plan, settings, config),
    }


def _spec(plan: PodPlan, settings: OperatorSettings, config: PodConfig) -> Manifest:
    profile = config.profile(plan.profile)
    interactive = config.interactive_priority_class_name if plan.interactive else None
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
        "containers": [_container(plan, settings, config)],
        "volumes": [*(volume for volume, _ in _volumes(plan, config)), *config.volumes],
        "nodeSelector": profile.node_selector,
        "tolerations": profile.tolerations,
        "affinity": profile.affinity,
        "runtimeClassName": profile.runtime_class_name,
        "priorityClassName": interactive or profile.priority_class_name,
        "imagePullSecrets": [{"name": s} if isinstance(s, str) else s for s in config.image_pull_secrets],
    }
    return {name: value for name, value in spec.items() if value not in (None, {}, [])}


def _container(plan: PodPlan, settings: OperatorSettings, config: PodConfig) -> Manifest:
    container: Manifest = {
        "name": CONTAINER,
        "image": settings.pipeline_image,
        "imagePullPolicy": settings.pipeline_image_pull_policy,
        "command": ["python", "-m", "ecg_pipeline", "--pod-task", TASK_FILE],
        "env": _merged(_environment(plan, settings), config.env),
        "envFrom": config.env_from,
        "resources": config.profile(plan.profile).resources,
        "volumeMounts": [*(mount for _, mount in _volumes(plan, config)), *config.volume_mounts],
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return container if plan.task else container | {"startupProbe": _ready_probe()}


def _ready_probe() -> Manifest:
    """A standby pod is ready once its models are loaded; a startup probe is not repeated after that."""
    command, failures = ["test", "-e", STANDBY_READY_FILE], _LOADING_LIMIT_S // _PROBE_S
    return {
        "exec": {"command": command},
        "periodSeconds": _PROBE_S,
        "failureThreshold": failures,
    }


def _environment(plan: PodPlan, settings: OperatorSettings) -> list[Manifest]:
    fields = {"POD_NAME": "metadata.name", "POD_UID": "metadata.uid", "POD_NAMESPACE": "metadata.namespace"}
    own: list[Manifest] = [{"name": n, "valueFrom": {"fieldRef": {"fieldPath": path}}} for n, path in fields.items()]
    values = {"WORK_DIR": WORK_FOLDER}
    if settings.results_bucket is not None:
        values["RESULT_URL_FILE"] = f"{RESULT_FOLDER}/{SOURCE_KEY}"
    if not plan.task:
        values["STANDBY_READY_FILE"] = STANDBY_READY_FILE
    return own + [{"name": name, "value": value} for name, value in values.items()]


def _merged(own: list[Manifest], extra: list[Manifest]) -> list[Manifest]:
    """`own` variables, and those of `extra` with other names: nobody may change what identifies the pod."""
    fixed = {variable["name"] for variable in own}
    return own + [variable for variable in extra if variable["name"] not in fixed]


def _volumes(plan: PodPlan, config: PodConfig) -> list[tuple[Manifest, Manifest]]:
    """The pod's volumes, each with its mount."""
    folder, _, file = TASK_FILE.rpartition("/")
    task = {"path": file, "fieldRef": {"fieldPath": f"metadata.annotations['{TASK_ANNOTATION}']"}}
    return [
        _volume("task", folder, {"downwardAPI": {"items": [task]}}, read_only=True),
        _volume("work", WORK_FOLDER, {"emptyDir": {"sizeLimit": config.work_size_limit}}),
        _volume("tmp", "/tmp", {"emptyDir": {"sizeLimit": config.tmp_size_limit}}),  # noqa: S108 - a mount
        *map(_secret_volume, plan.secrets),
    ]


def _secret_volume(given: SecretFile) -> tuple[Manifest, Manifest]:
    """Readable by the container's user alone."""
    secret: Manifest = {"secretName": given.secret, "defaultMode": 0o400}
    if given.optional:
        secret["optional"] = True
    return _volume(given.volume, given.folder, {"secret": secret}, read_only=True)


def _volume(name: str, path: str, source: Manifest, *, read_only: bool = False) -> tuple[Manifest, Manifest]:
    mount = {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})
    return {"name": name, **source}, mount
