"""The errors that cross a border: five codes on the wire, exit codes of the pipeline process.

    AnalysisError            carries an `ErrorCode`, an `ExitCode` and a message without credentials
    ├── UsageError           the input is at fault: the same input fails again
    ├── TransientError       the surroundings are at fault: another try may succeed
    └── FatalError           this installation is at fault: an operator has to act

One class per decision of the caller.
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
    """What the pipeline process's exit status says to its host."""

    OK = 0
    DOWNLOAD = 10
    AUDIO_EXTRACTION = 11
    PROCESSING = 12
    MODEL_LOADING = 13
    GPU_MEMORY = 14
    FENCED = 15
    """Another attempt is the current one: stop, nothing failed."""


_EXIT_CODES = {
    ErrorCode.DOWNLOAD_ERROR: ExitCode.DOWNLOAD,
    ErrorCode.AUDIO_EXTRACTION_ERROR: ExitCode.AUDIO_EXTRACTION,
    ErrorCode.PROCESSING_ERROR: ExitCode.PROCESSING,
    ErrorCode.MODEL_LOADING_ERROR: ExitCode.MODEL_LOADING,
    ErrorCode.GPU_MEMORY_ERROR: ExitCode.GPU_MEMORY,
}

MESSAGE_LENGTH = 1000
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
    """The input is at fault."""


class TransientError(AnalysisError):
    """The network, or a machine, is at fault for now."""


class FatalError(AnalysisError):
    """The installation is at fault: a model is missing, a right is missing."""


def exit_code_of(code: ErrorCode) -> ExitCode:
    return _EXIT_CODES[code]


def error_code_of(exit_code: int) -> ErrorCode | None:
    """The wire's code for an exit status; None where the status names none."""
    return next((code for code, status in _EXIT_CODES.items() if status == exit_code), None)


def download_failed(reason: str) -> str:
    """The wire's message for a failed download, e.g. with `404 Not Found`."""
    return f"비디오 파일을 다운로드할 수 없습니다: {reason}"


def audio_extraction_failed(reason: str) -> str:
    """The wire's message for media without usable audio."""
    return f"오디오 추출 실패: {reason}"
