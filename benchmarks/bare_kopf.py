"""The baseline of `operator_vs_bare`: kopf with one event handler, which sends the callback of each report it sees.

The last one contains the result, as stored. It records nothing, checks nothing and tries nothing twice.
"""

import asyncio
import json
import sys
from typing import Any

import httpx
import kopf

from ecg_cluster.client import connect
from ecg_cluster.results import ClusterResults
from ecg_contract.host_protocol import ResultReference
from ecg_contract.videojob.resource import GROUP, PLURAL, VERSION
from ecg_operator.observe import watches


async def main(namespace: str, backend: str) -> None:
    registry = kopf.OperatorRegistry()
    watches.quieten()
    cluster, sent = await connect(), set[tuple[str, float]]()
    results = ClusterResults(cluster, namespace)
    async with httpx.AsyncClient(base_url=backend, limits=httpx.Limits(), trust_env=False, timeout=30) as client:

        async def handle(event: Any, **_: object) -> None:
            name, pipeline = event["object"]["metadata"]["name"], (event["object"].get("status") or {}).get("pipeline")
            if not pipeline or (name, pipeline["progress"]) in sent:
                return
            sent.add((name, pipeline["progress"]))
            body = {"job_id": name, "status": "processing", "progress": pipeline["progress"]}
            if "result" in pipeline:
                stored = results.chunks(ResultReference.model_validate(pipeline["result"]))
                result = json.loads(b"".join([piece async for piece in stored]))
                body |= {"status": "completed", "result": result}
            await client.post("/api/upload-video/result", json=body | {"message": pipeline["message"]})

        kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(handle)
        kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)
        settings = watches.settings()
        settings.persistence = kopf.OperatorSettings().persistence
        print("ready", flush=True)
        await kopf.operator(registry=registry, settings=settings, namespaces=[namespace], standalone=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
