"""The error codes of the wire, the exit codes of the pipeline process, and the exceptions that carry them.

AnalysisError            carries an `ErrorCode`, an `ExitCode` and a message without credentials
├── UsageError           the input is wrong: the same input fails again
├── TransientError       a network or a machine failed: the same input may succeed later
└── FatalError           the installation is wrong: somebody who runs it has to act
"""

from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    """The specification's error codes."""

    DOWNLOAD_ERROR = "DOWNLOAD_ERROR"
    AUDIO_EXTRACTION_ERROR = "AUDIO_EXTRACTION_ERROR"
    PROCESSING_ERROR = "PROCESSING_ERROR"
    MODEL_LOADING_ERROR = "MODEL_LOADING_ERROR"
    GPU_MEMORY_ERROR = "GPU_MEMORY_ERROR"


class ExitCode(IntEnum):
    """Exit status of the pipeline process."""

    OK = 0
    DOWNLOAD = 10
    AUDIO_EXTRACTION = 11
    PROCESSING = 12
    MODEL_LOADING = 13
    GPU_MEMORY = 14
    FENCED = 15
    """The API server refused the pod because another attempt is current; the job has not failed."""


_EXIT_CODES = {
    ErrorCode.DOWNLOAD_ERROR: ExitCode.DOWNLOAD,
    ErrorCode.AUDIO_EXTRACTION_ERROR: ExitCode.AUDIO_EXTRACTION,
    ErrorCode.PROCESSING_ERROR: ExitCode.PROCESSING,
    ErrorCode.MODEL_LOADING_ERROR: ExitCode.MODEL_LOADING,
    ErrorCode.GPU_MEMORY_ERROR: ExitCode.GPU_MEMORY,
}

MESSAGE_LENGTH = 600
"""Longest error message on the wire, in characters."""


class AnalysisError(Exception):
    """An analysis ended without a result; `str(error)` is the wire's message."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message[:MESSAGE_LENGTH])
        self.code = code

    @property
    def message(self) -> str:
        return str(self)

    @property
    def exit_code(self) -> ExitCode:
        return exit_code_of(self.code)


class UsageError(AnalysisError):
    """The input is wrong."""


class TransientError(AnalysisError):
    """The network or a machine failed."""


class FatalError(AnalysisError):
    """The installation is wrong: a model or a permission is missing."""


def exit_code_of(code: ErrorCode) -> ExitCode:
    return _EXIT_CODES[code]


def error_code_of(exit_code: int) -> ErrorCode | None:
    """The error code of an exit status; None where it has none."""
    return next((code for code, status in _EXIT_CODES.items() if status == exit_code), None)


def download_failed(reason: str) -> str:
    """The wire message of DOWNLOAD_ERROR; `reason` is for example `404 Not Found`."""
    return f"비디오 파일을 다운로드할 수 없습니다: {reason}"


def audio_extraction_failed(reason: str) -> str:
    """The wire message of AUDIO_EXTRACTION_ERROR."""
    return f"오디오 추출 실패: {reason}"
