"""The API of a release in a cluster, asked through the Kubernetes API server's proxy of Services.

The user's role needs, in the namespace, `list` of services and `get`, `create` and `delete` of services/proxy.
"""

import argparse
import ssl
from collections.abc import Generator
from typing import Any

import httpx
from kubernetes.client import ApiClient, Configuration, CoreV1Api
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config
from urllib3.exceptions import HTTPError

from ecg_client import EcgClient

_SELECTOR = "app.kubernetes.io/name=ecg-audio-analyzer,app.kubernetes.io/component=api"


def connect(arguments: argparse.Namespace, key: str | None) -> EcgClient:
    """A client of the API in the namespace of `arguments`. Raises ValueError that says what is missing."""
    configuration = Configuration()
    try:
        load_kube_config(arguments.kubeconfig, arguments.context, configuration)
        namespace = arguments.namespace or _namespace_of(arguments)
    except ConfigException as error:
        raise ValueError(f"{arguments.kubeconfig or 'kubectl'} is not configured: {error}") from error
    service = arguments.service or _service_in(namespace, configuration)
    path = f"api/v1/namespaces/{namespace}/services/{service}/proxy"
    return EcgClient(f"{configuration.host}/{path}", key, verify=_tls(configuration), auth=_Token(configuration))


def _namespace_of(arguments: argparse.Namespace) -> str:
    contexts, active = list_kube_config_contexts(arguments.kubeconfig)
    named = (context for context in contexts if context["name"] == arguments.context)
    return str(next(named, active)["context"].get("namespace", "default"))


def _service_in(namespace: str, configuration: Configuration) -> str:
    """Name and port of the API's Service, as the proxy has them."""
    try:
        with ApiClient(configuration) as client:
            found = CoreV1Api(client).list_namespaced_service(namespace, label_selector=_SELECTOR).items
    except ApiException as error:
        raise ValueError(f"services in the namespace {namespace}: {error.status} {error.reason}") from error
    except HTTPError as error:
        raise ValueError(f"{configuration.host} does not answer: {error}") from error
    if len(found) != 1:
        what = f"has {len(found)} releases, name one's API with --service" if found else "has no release"
        raise ValueError(f"the namespace {namespace} {what} (-n names another namespace)")
    return f"{found[0].metadata.name}:http"


def _tls(configuration: Configuration) -> Any:
    if not configuration.host.startswith("https:"):
        return True
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


class _Token(httpx.Auth):
    """The user's token, renewed by the configuration's own plugin, such as that of `aws eks`."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        for setting in self._configuration.auth_settings().values():
            request.headers[setting["key"]] = setting["value"]
        yield request
