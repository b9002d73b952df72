"""The page for people: the list of jobs, and one job with its transcript. Its files are served as they are."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

FILES = Path(__file__).parent.parent / "page"
_HEADERS = {
    # Nothing from elsewhere runs; media may come from anywhere, because the server keeps none.
    "content-security-policy": "default-src 'self'; media-src * blob:; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/jobs/{job_id:path}/view")
async def page() -> FileResponse:
    """The same file for both: its script looks at the address."""
    return FileResponse(FILES / "index.html", headers=_HEADERS)


def install(app: FastAPI) -> None:
    app.mount("/page", StaticFiles(directory=FILES), name="page")
