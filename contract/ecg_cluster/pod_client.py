"""The API server as a pipeline's pod may use it: two writes, by the `kubernetes` package.

Each call is one request; the caller decides whether to repeat it. The pod's token is reread when it is renewed, and
at once when the server does not know it.
"""

import logging
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import urllib3
from kubernetes.client import ApiClient, ApiException, Configuration
from kubernetes.config import load_incluster_config, load_kube_config

from ecg_common.clock import utc_now
from ecg_contract.retry_after import parse_retry_after
from ecg_contract.videojob.resource import API_VERSION, PLURAL

UNKNOWN_S = 30.0
"""Seconds of 401 before it counts as final: a server that is starting answers 401 to every token."""
_TIMEOUT_S = (5.0, 20.0)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `status` is None where there was none."""

    status: int | None
    text: str = ""
    retry_after: timedelta | None = None


class ApiServer:
    """A connection by KUBECONFIG where it is set, else with the pod's service account."""

    def __init__(self, namespace: str) -> None:
        """Raises kubernetes.config.ConfigException where there is neither."""
        self._namespace = namespace
        self._client = _connected()
        self._unknown_since: float | None = None
        """Monotonic time of the first 401 in a row."""

    def replace_pipeline_status(self, videojob: str, pipeline: dict[str, Any]) -> Answer:
        """Replace `status.pipeline` by a JSON Patch; a merge patch would keep fields of an earlier attempt."""
        path = f"/apis/{API_VERSION}/namespaces/{self._namespace}/{PLURAL}/{videojob}/status"
        patch = [{"op": "add", "path": "/status/pipeline", "value": pipeline}]
        return self._ask("PATCH", path, patch, "application/json-patch+json")

    def create_config_map(self, manifest: dict[str, Any]) -> Answer:
        return self._ask("POST", f"/api/v1/namespaces/{self._namespace}/configmaps", manifest, "application/json")

    def _ask(self, method: str, path: str, body: object, content_type: str) -> Answer:
        answer = self._once(method, path, body, content_type)
        if answer.status != 401:
            self._unknown_since = None
            return answer
        now = time.monotonic()
        self._unknown_since = self._unknown_since or now
        self._client = _connected()
        _log.info("token_reread")
        is_certain = now - self._unknown_since >= UNKNOWN_S
        return answer if is_certain else Answer(None, "the token is not known, yet or any more")

    def _once(self, method: str, path: str, body: object, content_type: str) -> Answer:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        try:
            request = self._client.param_serialize(
                method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self._client.call_api(*request, _request_timeout=_TIMEOUT_S)
            text = (response.read() or b"").decode(errors="replace")
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            return Answer(None, type(error).__name__)
        return Answer(response.status, text, parse_retry_after(response.headers.get("Retry-After"), utc_now()))


def _connected() -> ApiClient:
    configuration = Configuration()
    if file := os.environ.get("KUBECONFIG"):
        load_kube_config(config_file=file, client_configuration=configuration)
    else:
        load_incluster_config(client_configuration=configuration)
    configuration.retries = False
    return ApiClient(configuration)
