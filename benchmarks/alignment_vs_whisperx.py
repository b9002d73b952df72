"""Alignment without its network, compared with `whisperx.alignment.align` on the same emissions: ten minutes of words.

Both get the emissions of the demo's model from memory; what is left is the lattice, the way back and the words.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from whisperx.alignment import align, load_align_model

from ecg_pipeline.engines.alignment import CtcAligner
from ecg_pipeline.engines.cores import Cores, available_cores
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE, Samples, Utterance

REPEATS = 29
RUNS = 5
MODEL, SAMPLE, NLTK_DATA = "demo/models/aligner", "demo/samples/meeting_en.mp4", "demo/models/nltk_data"
TEXT = " Thomas will start the video tomorrow. Peter will check the report this morning. Can you finish it on Friday?"
UTTERANCE_S = 8.0


class Remembered:
    """A model that computes the emissions of a clip once; both commands call it as they call the real one."""

    device = "cpu"

    def __init__(self, model: Any) -> None:
        self._model = model
        self._known: dict[bytes, torch.Tensor] = {}

    def of(self, clip: Samples) -> NDArray[np.float32]:
        return torch.log_softmax(self._logits(torch.from_numpy(clip)[None])[0], -1).numpy()

    def __call__(self, waveform: torch.Tensor) -> Any:
        class Output:
            logits = self._logits(waveform)

        return Output

    def _logits(self, waveform: torch.Tensor) -> torch.Tensor:
        key = waveform[0, :: waveform.shape[1] // 50].numpy().tobytes()
        if key not in self._known:
            with torch.inference_mode():
                self._known[key] = self._model(waveform).logits
        return self._known[key]


def main() -> None:
    samples = np.tile(decode(Path(SAMPLE)).samples, REPEATS)
    starts = np.arange(0.0, len(samples) / SAMPLE_RATE - UTTERANCE_S, UTTERANCE_S)
    utterances = [Utterance(float(start), float(start) + UTTERANCE_S, TEXT) for start in starts]
    segments = [{"start": u.start, "end": u.end, "text": u.text} for u in utterances]
    model, metadata = load_align_model("en", "cpu", MODEL)
    heard = Remembered(model)
    aligner = CtcAligner(heard, metadata["dictionary"], "en", Cores(available_cores()), NLTK_DATA)  # type: ignore[arg-type]

    def ours() -> list[tuple[Any, ...]]:
        found = aligner.align(samples, utterances, lambda _: None)
        return [(w.text, w.start, w.end) for sentence in found for w in sentence.words]

    def theirs() -> list[tuple[Any, ...]]:
        found = align(segments, heard, metadata, samples, "cpu")["word_segments"]
        return [(w["word"], w.get("start"), w.get("end")) for w in found]

    words = ours()
    assert words == theirs(), "the words or their times differ"
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(RUNS)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{len(starts) * UTTERANCE_S:.0f} s of speech, {len(words)} words, words and times equal; median of {RUNS}")
    print(f"alignment without the network: {mine:.2f} s, whisperx {other:.2f} s")
    print(f"{ratio:.0f} times faster (before: 1; goal: 20)")


def _seconds(arm: Any) -> float:
    began = time.perf_counter()
    arm()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
