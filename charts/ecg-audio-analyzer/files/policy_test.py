"""`helm test`: with a pipeline pod's own token, try what the admission policies must refuse.

A binding whose policy is missing lets everything pass without a word, so the refusals are what is tested. Ends with
status 1 where something passed, or was refused for another reason. Standard library alone: it runs in any image.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = os.environ.get("ACCOUNT_DIR", "/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = os.environ.get("API_SERVER", "https://kubernetes.default.svc")
NAMESPACE, VIDEOJOB, POD = os.environ["NAMESPACE"], os.environ["VIDEOJOB"], os.environ["POD_NAME"]


def request(method, path, body, content_type):
    """Returns (status, message)."""
    with Path(f"{ACCOUNT}/token").open() as file:
        headers = {"authorization": f"Bearer {file.read()}", "content-type": content_type}
    sent = urllib.request.Request(SERVER + path, json.dumps(body).encode(), headers, method=method)
    tls = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    try:
        with urllib.request.urlopen(sent, timeout=30, context=tls) as answer:
            return answer.status, "accepted"
    except urllib.error.HTTPError as error:
        return error.code, json.load(error).get("message", "")


def refused(what, wanted, answer):
    status, message = answer
    is_right = status in (403, 422) and wanted in message
    print(f"{'ok' if is_right else 'FAILED'}: {what}: {status} {message}", flush=True)
    return is_right


def main():
    job = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{NAMESPACE}/videojobs/{VIDEOJOB}"
    report = {"status": {"pipeline": {"podUID": "forged", "attempt": 1, "progress": 100}}}
    chunk = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"not-{POD}-result-0"},
        "immutable": True,
        "binaryData": {"chunk": "Zm9yZ2Vk"},
    }
    merge = "application/merge-patch+json"
    claim = {"number": 1, "run": 1, "profile": "cpu", "pendingSince": "2026-01-01T00:00:00Z", "jobName": POD}
    taken = {"status": {"attempt": {**claim, "podUID": "forged"}}}
    own = f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}"
    task = {"metadata": {"annotations": {"ecg-analyzer.io/task": "forged"}}}
    results = [
        refused("a forged claim", "no pod is assigned", request("PATCH", job + "/status", taken, merge)),
        refused("a forged task", "cannot patch", request("PATCH", own, task, merge)),
        refused("a forged report", "no pod is assigned", request("PATCH", job + "/status", report, merge)),
        refused(
            "another pod's result",
            "named <pod>-result-<number>",
            request("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", chunk, "application/json"),
        ),
        refused("a changed specification", "cannot patch", request("PATCH", job, {"spec": {"suspend": False}}, merge)),
    ]
    sys.exit(0 if all(results) else 1)


main()
