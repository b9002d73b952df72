"""Creates the FastAPI application from its settings and ports."""

import asyncio

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from ecg_api.context import Context
from ecg_api.http import openapi, problems
from ecg_api.http.api_keys import ApiKeys
from ecg_api.http.job_paths import RawJobPaths
from ecg_api.http.key_file import KeyFile
from ecg_api.http.measured import Measured, NotesRoute
from ecg_api.http.methods import HeadAsGet
from ecg_api.http.problems import CatchAll
from ecg_api.http.routes import files, health, jobs, openai, page, transcribe, videos
from ecg_api.metrics import Metrics
from ecg_api.ports import JobStore, Redelivery, Uploads
from ecg_api.settings import Settings
from ecg_api.shutdown import Shutdown
from ecg_common.clock import Clock, utc_now
from ecg_contract.version import SPECIFICATION_VERSION


def create_app(  # noqa: PLR0913 - the composition root takes every port
    settings: Settings,
    store: JobStore,
    lifespan: Lifespan[FastAPI] | None = None,
    *,
    uploads: Uploads | None = None,
    redelivery: Redelivery | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """The application. Without `uploads`, it answers multipart bodies with 501; without `redelivery`, the list of
    undelivered callbacks. Raises KeyFileError."""
    app = FastAPIOffline(  # its docs need no CDN
        title="ECG Audio Analyzer",
        version=SPECIFICATION_VERSION,
        description="Speech analysis of videos: who said what, when, how loud, how high.",
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,  # it asks a CDN for a logo
        generate_unique_id_function=lambda route: route.name,
    )
    shutdown = Shutdown()
    uploading = asyncio.Semaphore(settings.max_uploads)
    metrics = Metrics()
    app.state.context = Context(settings, store, uploads, redelivery, clock, uploading, shutdown, metrics)
    routers = [subject.router for subject in (videos, transcribe, openai, page, files, jobs, health)]
    problems.install(app, [route for router in routers for route in router.routes])
    openapi.install(app)
    for router in routers:
        app.include_router(router)
    page.install(app)
    app.add_middleware(NotesRoute)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RawJobPaths)
    app.add_middleware(CatchAll, shutdown=shutdown)
    if settings.api_keys_file is not None:
        app.add_middleware(ApiKeys, keys=KeyFile(settings.api_keys_file))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
    )
    app.add_middleware(Measured, metrics=metrics)
    return app
