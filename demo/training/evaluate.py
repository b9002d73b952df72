"""Accuracy of the demo models with stock whisperX on the held-out dialogues, without the pipeline's code."""

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "demo/models"
os.environ |= {"HF_HUB_OFFLINE": "1", "PYANNOTE_METRICS_ENABLED": "0", "NLTK_DATA": str(MODELS / "nltk_data")}
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "demo"), str(MODELS / "diarization")]

import av  # noqa: E402 - the environment is read at import
import numpy as np  # noqa: E402
import whisperx  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from whisperx.diarize import DiarizationPipeline  # noqa: E402

from support.scoring import Score, ScoredWord, score  # noqa: E402
from write_config import write_config  # noqa: E402

CHUNK_S = 4


class Stock:
    """Transcribes as the `whisperx` command does."""

    def __init__(self, models: Path) -> None:
        self._asr = whisperx.load_model(str(models / "whisper"), "cpu", compute_type="int8", vad_method="pyannote")
        self._aligner = whisperx.load_align_model("en", "cpu", model_name=str(models / "aligner"))
        self._diarizer = DiarizationPipeline(model_name=str(models / "diarization"), device="cpu")

    def transcript(self, samples: NDArray[np.float32]) -> tuple[str, list[ScoredWord]]:
        found = self._asr.transcribe(samples, batch_size=8, chunk_size=CHUNK_S)
        model, metadata = self._aligner
        metadata = {**metadata, "language": found["language"]}
        aligned = whisperx.align(found["segments"], model, metadata, samples, "cpu")
        spoken = whisperx.assign_word_speakers(self._diarizer(samples), aligned)
        return found["language"], [_word(w) for segment in spoken["segments"] for w in segment["words"]]


def main() -> None:
    write_config()
    stock = Stock(Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] != "-v" else MODELS)
    totals: dict[str, Score] = {}
    for path in sorted((ROOT / "tests/data/heldout").glob("*.flac")):
        truth = json.loads(path.with_suffix(".json").read_text())
        language, heard = stock.transcript(_samples(path))
        found = score([ScoredWord(w["word"], w["start"], w["speaker"]) for w in truth["words"]], heard)
        totals[truth["language"]] = totals.get(truth["language"], Score()) + found
        speakers = f"{len({w.speaker for w in heard})} of {len({w['speaker'] for w in truth['words']})} speakers"
        print(f"{path.stem:14} {language} {speakers:16} {_figures(found)}")
        if "-v" in sys.argv:
            print("  ", " ".join(w.text for w in heard))
    for language, total in totals.items():
        print(f"{language:14} {'':19} {_figures(total)}  ({total.words} words)")


def _figures(found: Score) -> str:
    return (
        f"WER {found.word_error_rate:6.1%}  right speaker {found.right_speaker_rate:6.1%}"
        f"  start error {found.median_start_error * 1000:4.0f} ms"
    )


def _word(word: dict[str, Any]) -> ScoredWord:
    return ScoredWord(word["word"], float(word.get("start", float("nan"))), word.get("speaker", ""))


def _samples(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as source:
        blocks = [frame.to_ndarray()[0] for frame in source.decode(audio=0)]
    return np.concatenate(blocks).astype(np.float32) / np.float32(32768)


if __name__ == "__main__":
    main()
