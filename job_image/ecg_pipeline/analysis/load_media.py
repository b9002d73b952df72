"""Loads a job's media: downloads it unless it is a local file, and decodes it once for all stages."""

from pathlib import Path

from ecg_contract.errors import ErrorCode, FatalError, download_failed
from ecg_contract.host_protocol import Source
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.ports import Samples
from ecg_pipeline.settings import PipelineSettings

_FETCH_PART = 0.7
"""Share of the download stage's progress that is the transfer; the rest is decoding."""
_URL_WAIT_S = 150.0
"""Longest wait for the file with a URL: where the kubelet misses a change, it looks again every minute or so."""


def load_media(source: Source, settings: PipelineSettings, progress: ProgressReporter, work: Path) -> Samples:
    """The media's samples. `work` is the folder to download to. Raises AnalysisError."""
    from ecg_pipeline.media.decode import decode  # noqa: PLC0415 - imported while the models load, not before

    decoding_from = 0.0 if source.path else _FETCH_PART

    def decoded(done: float, declared: float | None) -> None:
        if declared:
            progress.advance(Stage.DOWNLOAD, decoding_from + (1 - decoding_from) * done / declared)

    path = source.path or fetch_media(source, settings, progress, work)
    audio = decode(path, settings.media_max_seconds, decoded)
    if not source.path:
        path.unlink(missing_ok=True)
    for note in audio.notes:
        progress.note(note)
    return audio.samples


def fetch_media(source: Source, settings: PipelineSettings, progress: ProgressReporter, work: Path) -> Path:
    """Download the media of a URL to a file in the folder `work`. Raises AnalysisError."""
    from ecg_pipeline.fetch import fetch  # noqa: PLC0415 - as above

    def fetched(done: int, total: int | None) -> None:
        if total:
            progress.advance(Stage.DOWNLOAD, _FETCH_PART * done / total)

    return fetch(_url(source), work / "media", settings, fetched).path


def _url(source: Source) -> str:
    from ecg_pipeline.awaited_file import content_of  # noqa: PLC0415 - only pods have such a file

    if source.url_file is None:
        return str(source.url)
    try:
        if content := content_of(source.url_file, _URL_WAIT_S):
            return content.decode("utf-8")
        fault = f"is not there after {_URL_WAIT_S:.0f} s"
    except (OSError, UnicodeError) as error:
        fault = f"cannot be read ({type(error).__name__})"
    reason = f"the file with the video's URL {fault}: see the job's Secret"
    raise FatalError(ErrorCode.DOWNLOAD_ERROR, download_failed(reason))
