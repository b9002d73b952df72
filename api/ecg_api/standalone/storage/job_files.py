"""The files of a data directory, and which job owns them."""

import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from ecg_api.standalone.storage.job_record import JobRecord


class JobFiles:
    """Results, uploads and temporary files below one folder that only its owner can read."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database = data_dir / "jobs.sqlite3"
        self._results = data_dir / "results"
        self._uploads = data_dir / "uploads"
        self._fetched = data_dir / "fetched"
        self._work = (data_dir / "work").absolute()
        for folder in (data_dir, self._results, self._uploads, self._fetched, self._work):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def result_of(self, job: JobRecord) -> Path:
        """One file per run, so that a run that is being removed cannot touch the file of the next."""
        return (self._results / f"{job.uid}-{job.run}.json").absolute()

    def fetched_of(self, job: JobRecord) -> Path:
        """The media of a job that was posted with a URL, while it is worked on."""
        return (self._fetched / f"{job.uid}-{job.run}").absolute()

    def work_of(self, process: str) -> Path:
        """Folder for the temporary files of a pipeline process."""
        return self._work / process

    def new_upload(self) -> Path:
        return (self._uploads / uuid.uuid4().hex).absolute()

    def forget(self, job: JobRecord) -> None:
        """Remove the files of a job."""
        self.result_of(job).unlink(missing_ok=True)
        self.forget_media(job)

    def forget_media(self, job: JobRecord) -> None:
        """Remove what only the work on a job needs."""
        self.forget_fetched(job)
        if job.source.path is not None:
            job.source.path.unlink(missing_ok=True)

    def forget_fetched(self, job: JobRecord) -> None:
        self.fetched_of(job).unlink(missing_ok=True)

    def sweep(self, jobs: Iterable[JobRecord]) -> None:
        """Remove files that no job owns, left by a crash between writing a file and its job, and all downloads."""
        owned = {path for job in jobs for path in (self.result_of(job), job.source.path)}
        for folder in (self._results, self._uploads, self._fetched):
            for path in folder.iterdir():
                if path.absolute() not in owned and path.is_file():
                    path.unlink(missing_ok=True)
        for work in self._work.iterdir():
            shutil.rmtree(work, ignore_errors=True)
