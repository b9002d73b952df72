"""The baseline of `operator_vs_bare`: kopf with one event handler, which logs when it saw each report."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import kopf

from ecg_contract.videojob.resource import GROUP, PLURAL, VERSION
from ecg_operator.observe import watches


async def main(namespace: str, log: Path) -> None:
    registry = kopf.OperatorRegistry()
    watches.quieten()
    with log.open("a") as file:

        async def handle(event: Any, **_: object) -> None:
            pipeline = (event["object"].get("status") or {}).get("pipeline")
            if pipeline:
                name = event["object"]["metadata"]["name"]
                file.write(f"{name} {int(pipeline['progress'])} {time.monotonic()}\n")
                file.flush()

        kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(handle)
        kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)
        settings = watches.settings()
        settings.persistence = kopf.OperatorSettings().persistence
        await kopf.operator(registry=registry, settings=settings, namespaces=[namespace], standalone=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
