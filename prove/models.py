"""The default models by their names, with weights of true shape, from a server that plays the model hub.

A dialogue in each language runs to its end; with a full cache a hub that hangs costs a job nothing.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from judged import BrokenError
from proof_progress import figure

from support.hub_models import TRUE, hub_models
from support.model_hub import CONSENTING, Fault, ModelHub
from support.pipeline_process import ROOT, Outcome, PipelineProcess, make_job
from support.program import environment_without

_LANGUAGES = ("en", "ko")
_PATIENCE_S = 1200.0
_MOST_LONGER_S = 1.0
"""By which a job with a full cache may take longer where the hub hangs than offline."""


def main(seed: int) -> None:
    """Nothing is random; `seed` is taken for the other parts' sake."""
    with tempfile.TemporaryDirectory() as folder, ModelHub(root=hub_models(TRUE)) as hub:
        home = Path(folder)
        for language in _LANGUAGES:
            with _process(hub, home) as process:
                _say(f"{language}, models from the hub", *_run(process, language, home))
        hub.break_down(Fault("hang"))
        walls = {}
        for name, more in {"offline": {"HF_HUB_OFFLINE": "1"}, "hub hangs": {}}.items():
            with _process(hub, home, more) as process:
                done, walls[name] = _run(process, "ko", home)
                _say(f"ko, full cache, {name}", done, walls[name])
        if hub.requests:
            raise BrokenError(f"with a full cache the hub was asked: {hub.requests}")
        if walls["hub hangs"] > walls["offline"] + _MOST_LONGER_S:
            raise BrokenError(f"a hub that hangs costs {walls['hub hangs'] - walls['offline']:.1f} s")


@contextmanager
def _process(hub: ModelHub, home: Path, more: Mapping[str, str] | None = None) -> Iterator[PipelineProcess]:
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hf"), "HF_TOKEN": CONSENTING, "EAGER_MODELS": "false"}
    left_out = ("HF_", "TRANSFORMERS_OFFLINE", "ASR_", "ALIGN_", "EMOTION_", "DIARIZATION_", "HUB_")
    process = PipelineProcess({**environment_without(*left_out), **own, **(more or {})})
    try:
        yield process
    finally:
        process.close()


def _run(process: PipelineProcess, language: str, home: Path) -> tuple[Outcome, float]:
    media = ROOT / f"demo/samples/meeting_{language}.mp4"
    began = time.monotonic()
    done = process.run(make_job(media, home / f"{language}.json", language=language), _PATIENCE_S)
    wall = time.monotonic() - began
    if done.exit_code != 0 or done.status.notes or done.result is None or not done.result["word_segments"]:
        raise BrokenError(
            f"{language}: exit code {done.exit_code}, notes {done.status.notes}: {process.log_text()[-2000:]}"
        )
    return done, wall


def _say(what: str, done: Outcome, wall: float) -> None:
    assert done.result is not None
    words, length = len(done.result["word_segments"]), done.result["duration"]
    figure(f"{what}: {length:.0f} s of media, {words} words, {wall:.0f} s")
