"""`python -m ecg_dev.images` builds the three images: with Docker, for kind, when an engine answers and the cluster of
this machine is not up; else with buildah, for that cluster.
"""

import argparse
import sys
import time

from ecg_dev.control_plane.binaries import cache
from ecg_dev.images import docker
from ecg_dev.images.buildah import Buildah
from ecg_dev.images.demo_models import stage_demo_models
from ecg_dev.images.node import load_into_node
from ecg_dev.images.recipes import BASE_IMAGE, Recipe, recipes
from ecg_dev.node.cluster import NodeCluster
from ecg_dev.node.requirements import too_little_disk, why_not

_BUILT_GB, _LOADED_GB = 10, 18
"""Disk space of the images in the builder's storage, and in the node's, which keeps each layer packed and unpacked."""
_CHANGED_GB = 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ecg_dev.images")
    parser.add_argument(
        "--models", help="folder copied to /models: job_image/models or below it; default: the demo models"
    )
    parser.add_argument("--check", action="store_true", help="only check whether this machine can build them")
    arguments = parser.parse_args()
    try:
        wanted = recipes(arguments.models or stage_demo_models())
        if arguments.check:
            _check(Buildah(_say), wanted)
        elif docker.is_there() and not NodeCluster().is_up():
            _with_docker(wanted)
        else:
            _with_buildah(wanted)
    except RuntimeError as error:
        sys.exit(f"images: {error}")


def _check(engine: Buildah, wanted: list[Recipe]) -> None:
    """Raises RuntimeError when packages, root rights or disk space are missing."""
    reason = why_not()
    if reason is None:
        folder = cache()
        folder.mkdir(parents=True, exist_ok=True)
        reason = too_little_disk(folder, _needed_gb(engine, wanted))
    if reason is not None:
        raise RuntimeError(reason)


def _needed_gb(engine: Buildah, wanted: list[Recipe]) -> int:
    building = 0 if all(map(engine.is_built, wanted)) else _BUILT_GB
    loading = 0 if NodeCluster().images.exists() else _LOADED_GB
    return building + loading + _CHANGED_GB


def _with_docker(wanted: list[Recipe]) -> None:
    for recipe in wanted:
        docker.build(recipe)
        print(f"  {recipe.name:14}{docker.size(recipe) / 1e6:8,.0f} MB unpacked", flush=True)
    docker.load_into_kind(wanted, _say)


def _with_buildah(wanted: list[Recipe]) -> None:
    engine = Buildah(_say)
    _check(engine, wanted)
    engine.provide_base()
    cluster = NodeCluster()
    into_cluster = cluster.is_up()
    for recipe in wanted:
        if not engine.is_built(recipe):
            _say(f"building {recipe.name} for the first time, which may take minutes; log: {engine.log(recipe)}")
        began = time.monotonic()
        engine.build(recipe)
        built = time.monotonic()
        if into_cluster:
            load_into_node(engine, recipe.tag, cluster)
        _show(recipe, engine, built - began, time.monotonic() - built)
    engine.prune()
    if not into_cluster:
        _say("no cluster is up: the images are built; `make cluster-up images` loads them")


def _show(recipe: Recipe, engine: Buildah, building: float, loading: float) -> None:
    """Raises RuntimeError for an image above its size limit."""
    whole = engine.size_mb(recipe.tag)
    own = whole - engine.size_mb(BASE_IMAGE)
    _say(
        f"{recipe.name:14}{whole:8,.0f} MB unpacked, {own:,.0f} MB of it on top of the base; "
        f"built in {building:.0f} s, loaded in {loading:.0f} s"
    )
    if own > recipe.limit_mb:
        raise RuntimeError(f"{recipe.name} is larger than {recipe.limit_mb} MB on top of the base")


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
