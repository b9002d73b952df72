"""Recognition with the demo's model: nothing is encoded twice, and the words do not depend on what was before."""

from pathlib import Path
from typing import Any

import pytest

from ecg_pipeline.engines.asr import Encoded, Model, WhisperXTranscriber, spread
from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.vad import PyannoteVoiceActivity
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import Chunk, Samples, SpeechHints
from support.pipeline_process import ROOT

CORES, ENGLISH = Cores(2), SpeechHints("en")


@pytest.fixture(scope="module")
def samples() -> Samples:
    return decode(ROOT / "demo/samples/meeting_en.mp4", 60.0).samples


@pytest.fixture(scope="module")
def chunks(samples: Samples) -> list[Chunk]:
    return list(PyannoteVoiceActivity("cpu", 2.0, CORES).find(samples))


def _transcriber() -> WhisperXTranscriber:
    return WhisperXTranscriber(str(ROOT / Path("demo/models/whisper")), "cpu", "int8", CORES)


def test_its_work_takes_memory_by_the_model_and_the_batch() -> None:
    weights = (ROOT / "demo/models/whisper/model.bin").stat().st_size
    assert _transcriber().working_bytes(16) == 2 * weights


def test_what_the_language_was_detected_in_is_not_encoded_again(
    samples: Samples, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = Model.encode

    def counted(model: Model, features: Any) -> Any:
        if not isinstance(features, Encoded):
            encoded.append(len(features))
        return encode(model, features)

    monkeypatch.setattr(Model, "encode", counted)
    transcriber = _transcriber()
    assert transcriber.detect_language(samples, chunks) == "en"
    detected_in = sum(encoded)
    assert detected_in == 5 < len(chunks)
    progress: list[float] = []
    after = transcriber.transcribe(samples, chunks, ENGLISH, 4, progress.append)
    assert sum(encoded) == len(chunks)
    assert progress[-1] == 1.0
    again = transcriber.transcribe(samples, chunks, ENGLISH, 4, lambda _: None)
    assert sum(encoded) == 2 * len(chunks), "another file may have equal chunks"
    assert after == again
    assert sum(len(utterance.text.split()) for utterance in after) > 40


def test_the_vocabulary_is_given_as_hotwords(
    samples: Samples, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    generate = Model.generate_segment_batched

    def watched(model: Model, features: Any, tokenizer: Any, options: Any) -> Any:
        seen.append((tokenizer.language_code, options.hotwords))
        return generate(model, features, tokenizer, options)

    monkeypatch.setattr(Model, "generate_segment_batched", watched)
    transcriber = _transcriber()
    transcriber.transcribe(samples, chunks[:1], SpeechHints("ko", "Peter, the report"), 1, lambda _: None)
    transcriber.transcribe(samples, chunks[:1], ENGLISH, 1, lambda _: None)
    assert seen == [("ko", "Peter, the report"), ("en", None)]


def test_the_language_is_looked_for_in_the_whole_file() -> None:
    chunks = [Chunk(float(n), n + 1.0 + (n % 4 == 2)) for n in range(20)]
    assert [chunk.start for chunk in spread(chunks, 5)] == [2.0, 6.0, 10.0, 14.0, 18.0]
    assert spread(chunks[:2], 5) == chunks[:2]
