"""What can be wrong with a model, told apart for jobs and for `ecg doctor` alike."""

from enum import StrEnum
from pathlib import Path

import httpx

from ecg_common.redact import redact_text

_TOKENS = "https://huggingface.co/settings/tokens"


class FaultKind(StrEnum):
    """Why a model cannot be had."""

    NO_TOKEN = "no token"  # noqa: S105 - a kind of fault
    WRONG_TOKEN = "wrong token"  # noqa: S105 - a kind of fault
    NO_CONSENT = "no consent"
    UNKNOWN = "unknown name"
    NO_FOLDER = "no folder"
    AWAY = "hub away"
    OFFLINE = "offline"
    DAMAGED = "damaged"
    DAMAGED_CACHE = "damaged cache"
    DISK = "disk"


SAME_FOR_ALL_MODELS = frozenset({FaultKind.WRONG_TOKEN, FaultKind.AWAY, FaultKind.OFFLINE, FaultKind.DISK})
"""Faults that the download of another model would meet, too."""


class ModelFault(Exception):  # noqa: N818 - the name says what it is
    """A model cannot be had; the message says what was found and holds no credential."""

    def __init__(self, kind: FaultKind, model: str, found: str) -> None:
        super().__init__(redact_text(found))
        self.kind, self.model = kind, model

    def advice(self, setting: str) -> str:
        """What to do about it; `setting` is the variable that names the model."""
        page = f"https://huggingface.co/{self.model}"
        return _ADVICE[self.kind].format(page=page, setting=setting, here=Path.cwd())


_ADVICE = {
    FaultKind.NO_TOKEN: f"accept the conditions on {{page}}, make a token at {_TOKENS} and set HF_TOKEN to it",
    FaultKind.WRONG_TOKEN: f"set HF_TOKEN to a valid token of {_TOKENS}",
    FaultKind.NO_CONSENT: "accept the conditions on {page} as the token's owner",
    FaultKind.UNKNOWN: "check {setting}, where a relative folder counts from {here}; for a private model, set HF_TOKEN",
    FaultKind.NO_FOLDER: "set {setting} to an absolute path",
    FaultKind.AWAY: "check the network, the proxy and HF_ENDPOINT, or set {setting} to a local folder",
    FaultKind.OFFLINE: "have the cache filled once by `ecg models pull`, or set {setting} to a local folder",
    FaultKind.DAMAGED: "check what stands between this machine and the model hub, and try again",
    FaultKind.DAMAGED_CACHE: "have `ecg models pull` repair it where it can be written",
    FaultKind.DISK: "free some space, or set HF_HOME to a folder on another disk",
}
_LACKING = {"RevisionNotFound": "the revision that MODEL_REVISIONS names of ", "EntryNotFound": "a file of "}
_MAY_PASS = (408, 429)


def fault_of_answer(answer: httpx.Response, model: str, *, has_token: bool) -> ModelFault | None:
    """The fault of the hub's refusal to give (a file of) `model`; None for an answer that is no refusal."""
    status, code = answer.status_code, answer.headers.get("x-error-code", "")
    if not 400 <= status < 500 or status in _MAY_PASS:
        return None
    kind, found = FaultKind.UNKNOWN, f"the model hub has no {_LACKING.get(code, '')}{model}"
    if status == 403:
        kind, found = FaultKind.NO_CONSENT, f"the owner of HF_TOKEN has no access to {model}"
    elif status == 401 and has_token:
        kind, found = FaultKind.WRONG_TOKEN, "the model hub refuses HF_TOKEN"
    elif status == 401 and code != "RepoNotFound":
        kind, found = FaultKind.NO_TOKEN, f"{model} needs a token, and HF_TOKEN is not set"
    return ModelFault(kind, model, f"{found} (it answers {status})" if kind is FaultKind.UNKNOWN else found)


def reason_of(error: httpx.HTTPError) -> str:
    """A network error in words."""
    match error:
        case httpx.ConnectTimeout():
            return "no connection is made"
        case httpx.TimeoutException():
            return "it does not answer"
        case httpx.ConnectError():
            return f"no connection: {error}"
        case httpx.HTTPStatusError():
            return f"it answers {error.response.status_code}"
        case _:
            return f"the connection broke: {error or type(error).__name__}"
