"""Fallbacks when GPU memory runs out or a model does not load, with fake engines."""

import logging
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ecg_contract.errors import ExitCode, FatalError
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.fallbacks import model_error
from ecg_pipeline.analysis.model_cache import ModelCache
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault
from ecg_pipeline.ports import SpeakerCounts, SpeechHints
from ecg_pipeline.settings import PipelineSettings
from support.fake_engines import FakeEngines
from support.fake_host import OUT_OF_MEMORY, host
from support.pipeline_process import make_job


def failing(error: Exception, *calls: tuple[object, ...]) -> Any:
    """Raises `error` at every call that begins like one of `calls`."""

    def script(*call: object) -> None:
        if any(call[: len(prefix)] == prefix for prefix in calls):
            raise error

    return script


def test_a_job_reports_all_stages_in_order_and_stores_its_result(tmp_path: Path) -> None:
    one = host(tmp_path, FakeEngines())
    code, status = one.run(language="en")
    assert code == 0
    assert list(dict.fromkeys(s.stage for s in one.reporter.statuses)) == list(Stage)
    progress = [s.progress for s in one.reporter.statuses]
    assert progress == sorted(progress)
    assert {10, 25, 40, 60, 75, 90, 100} <= set(progress)
    assert status.result is not None
    assert (status.result.words, status.result.speakers) == (2, 1)
    assert [w["speaker_id"] for w in one.result["word_segments"]] == ["SPEAKER_00", "SPEAKER_01"]


def test_a_result_that_no_host_would_read_is_a_failure_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecg_pipeline.process.job_runner.MAX_RESULT_BYTES", 100)
    code, status = host(tmp_path, FakeEngines()).run(language="en")
    assert code == ExitCode.PROCESSING
    assert status.error is not None
    assert status.error.code == "PROCESSING_ERROR"
    assert "(최대 100). 영상을 나누어" in status.error.message
    assert not (tmp_path / "result.json").exists()


def test_gpu_memory_is_tried_with_half_the_batch_then_int8_then_given_up(tmp_path: Path) -> None:
    engines = FakeEngines(failing(OUT_OF_MEMORY, ("transcribe",)), gpu=True)
    code, status = host(tmp_path, engines, asr_batch_size=16).run(language="en")
    tried = [call[2:] for call in engines.calls if call[0] == "transcribe"]
    assert tried == [("float16", 16), ("float16", 8), ("int8", 8)]
    assert code == 14
    assert status.error is not None
    assert status.error.code == "GPU_MEMORY_ERROR"
    assert [note.split(", ")[-1] for note in status.notes] == [
        "trying batches of 8 in float16",
        "trying batches of 8 in int8",
    ]


def test_half_the_batch_can_be_enough(tmp_path: Path) -> None:
    engines = FakeEngines(failing(OUT_OF_MEMORY, ("transcribe", "base", "float16", 8)), gpu=True)
    code, status = host(tmp_path, engines, asr_batch_size=8).run(language="en")
    assert code == 0
    assert len(status.notes) == 1


def test_diarization_out_of_memory_is_tried_with_smaller_batches(tmp_path: Path) -> None:
    engines = FakeEngines(failing(OUT_OF_MEMORY, ("turns", 1.0), ("turns", 0.5)), gpu=True)
    assert host(tmp_path, engines).run(language="en")[0] == 0
    assert [call for call in engines.calls if call[0] == "turns"] == [("turns", 1.0), ("turns", 0.5), ("turns", 0.25)]


def test_torchs_own_class_counts_as_gpu_memory(tmp_path: Path) -> None:
    error = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch.cuda"})("tried to allocate 2 GiB")
    engines = FakeEngines(failing(error, ("find",)), gpu=True)
    assert host(tmp_path, engines).run()[0] == 14


def test_the_next_smaller_model_is_loaded(tmp_path: Path) -> None:
    engines = FakeEngines(
        failing(OSError("no such model"), ("load", "transcriber", "large-v3"), ("load", "transcriber", "medium"))
    )
    one = host(tmp_path, engines, asr_model="large-v3")
    code, status = one.run(language="en")
    assert code == 0
    assert status.notes == ("Whisper large-v3 did not load (OSError), small is used",)
    assert one.result["metadata"]["model_version"] == "whisperx-small"


def test_no_model_that_loads_is_a_model_loading_error(tmp_path: Path) -> None:
    engines = FakeEngines(failing(OSError("no connection"), ("load", "transcriber")))
    code, status = host(tmp_path, engines, asr_model="small").run(language="en")
    assert [call[2] for call in engines.calls if call[:2] == ("load", "transcriber")] == ["small", "base", "tiny"]
    assert code == 13
    assert status.error is not None
    assert "ASR_MODEL" in status.error.message


def test_a_smaller_model_is_used_for_one_job_alone(tmp_path: Path) -> None:
    broken, diarizes = {"is": True}, Event()

    def script(*call: object) -> None:
        if call[:3] == ("load", "transcriber", "base"):
            if broken["is"]:
                raise ModelFault(FaultKind.AWAY, "base", "the model hub does not answer")
            assert diarizes.wait(30), "the load is in flight when the model is asked for"
        if call[0] == "turns":
            diarizes.set()

    one = host(tmp_path, FakeEngines(script))
    _, status = one.run(language="en")
    assert status.notes == ("Whisper base did not load (hub away), tiny is used",)
    assert one.result["metadata"]["model_version"] == "whisperx-tiny"
    assert one.result["metadata"]["notes"] == list(status.notes)
    broken["is"] = False
    diarizes.clear()
    _, status = one.run(language="en")
    assert status.notes == ()
    assert one.result["metadata"]["model_version"] == "whisperx-base"
    assert "notes" not in one.result["metadata"]


def test_without_fallback_the_configured_model_or_none(tmp_path: Path) -> None:
    engines = FakeEngines(failing(OSError("no such model"), ("load", "transcriber", "base")))
    code, status = host(tmp_path, engines, asr_fallback=False).run(language="en")
    assert code == 13
    assert "Whisper base: OSError: no such model" in str(status.error)
    assert [call[2] for call in engines.calls if call[:2] == ("load", "transcriber")] == ["base"]


def test_a_failed_whisper_ends_the_diarization_that_runs_meanwhile(tmp_path: Path) -> None:
    diarizes, ended = Event(), Event()

    def script(*call: object) -> None:
        if call[:2] == ("load", "transcriber"):
            assert diarizes.wait(30)
            raise OSError("broken")
        if call[0] == "turns":
            diarizes.set()
        if call[0] == "turns found":
            ended.set()

    engines = FakeEngines(script, diarization_steps=10**6)
    code, _ = host(tmp_path, engines, asr_fallback=False).run(language="en")
    assert code == 13
    assert not ended.is_set()
    assert not [call for call in engines.calls if call[0] == "transcribe"]


def test_a_whisper_known_to_fail_is_not_awaited_later(tmp_path: Path) -> None:
    engines, cache = FakeEngines(failing(OSError("broken"), ("load", "transcriber"))), ModelCache()
    job = make_job(tmp_path, tmp_path / "result.json")
    models = JobModels(engines, PipelineSettings(asr_fallback=False), cache, job, lambda _: None)
    models.prefetch()
    cache.submit("libraries", None, engines.warm_up).result(30)  # loaded after the transcriber
    with pytest.raises(FatalError, match="broken; check ASR_MODEL"):
        models.check_needed()


@pytest.mark.parametrize("emotion", [True, False])
def test_only_what_the_job_asks_for_is_loaded(tmp_path: Path, emotion: bool) -> None:
    engines = FakeEngines()
    host(tmp_path, engines).run(language="en", emotion_detection=emotion)
    assert bool([call for call in engines.calls if call[:2] == ("load", "emotion")]) is emotion


def test_hints_reach_the_models(tmp_path: Path) -> None:
    engines = FakeEngines()
    host(tmp_path, engines).run(language="auto", num_speakers=3, min_speakers=2, max_speakers=4, vocabulary="Ada")
    assert engines.speakers == SpeakerCounts(exactly=3, least=2, most=4)
    assert engines.hints == SpeechHints("fr", "Ada"), "the language that was detected"


def test_a_folder_has_no_smaller_model(tmp_path: Path) -> None:
    engines = FakeEngines(failing(OSError("broken"), ("load", "transcriber")))
    code, _ = host(tmp_path, engines, asr_model=str(tmp_path)).run(language="en")
    assert code == 13
    assert len([call for call in engines.calls if call[:2] == ("load", "transcriber")]) == 1


def test_a_diarization_model_that_does_not_load_says_what_to_do(tmp_path: Path) -> None:
    name = "pyannote/speaker-diarization-community-1"
    fault = ModelFault(FaultKind.NO_TOKEN, name, f"{name} needs a token, and HF_TOKEN is not set")
    code, status = host(tmp_path, FakeEngines(failing(fault, ("load", "diarizer")))).run(language="en")
    assert code == 13
    assert status.error is not None
    assert "HF_TOKEN" in status.error.message
    assert "https://huggingface.co/pyannote/speaker-diarization-community-1" in status.error.message


@pytest.mark.parametrize("call", [("load", "aligner"), ("align",)])
def test_without_alignment_words_share_their_segments_time(tmp_path: Path, call: tuple[object, ...]) -> None:
    one = host(tmp_path, FakeEngines(failing(ValueError("no path"), call)))
    code, status = one.run(language="en")
    assert code == 0
    assert status.notes == ("alignment failed (ValueError): word times are interpolated",)
    words = one.result["word_segments"]
    assert [(w["word"], w["start_time"], w["end_time"]) for w in words] == [("Hello", 0, 0.455), ("there.", 0.455, 1)]


@pytest.mark.parametrize(("kind", "what"), [("aligner", "alignment"), ("emotion", "emotion")])
def test_a_note_tells_why_a_model_is_done_without(tmp_path: Path, kind: str, what: str) -> None:
    fault = ModelFault(FaultKind.AWAY, "team/model", "the model hub does not answer")
    code, status = host(tmp_path, FakeEngines(failing(fault, ("load", kind)))).run(language="en")
    assert code == 0
    assert status.notes[0].startswith(f"{what} failed (hub away): ")


def test_a_long_reason_does_not_cut_the_advice_off() -> None:
    text = str(model_error("whisper", "first line\n" + "a long reason " * 100, "do this"))
    assert text.startswith("모델을 불러올 수 없습니다: whisper: first line a long reason")
    assert text.endswith("…; do this")
    assert len(text) == 600


def test_a_detected_language_without_models_is_transcribed_all_the_same(tmp_path: Path) -> None:
    one = host(tmp_path, FakeEngines())
    code, status = one.run(language="auto")
    assert code == 0
    assert one.result["language"] == "fr"
    assert "emotion" not in one.result["segments"][0]
    assert [note.split(":")[0] for note in status.notes] == ["no alignment model for fr", "no emotion model for fr"]


def test_emotion_that_fails_is_left_out(tmp_path: Path) -> None:
    one = host(tmp_path, FakeEngines(failing(OSError("no model"), ("load", "emotion"))))
    assert one.run(language="en")[0] == 0
    assert "emotion" not in one.result["segments"][0]


def test_no_emotion_is_asked_for_when_it_is_off(tmp_path: Path) -> None:
    engines = FakeEngines()
    host(tmp_path, engines).run(language="en", emotion_detection=False)
    assert not [call for call in engines.calls if call[0] == "classify"]


def test_no_speech_is_completed_with_an_empty_result(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = host(tmp_path, FakeEngines(speech=False))
    with caplog.at_level(logging.INFO):
        code, status = one.run(language="ko")
    assert code == 0
    assert (one.result["segments"], one.result["language"], status.progress) == ([], "ko", 100)
    assert "whisperx_pipeline_no_result" in caplog.messages


def test_an_unexpected_error_is_a_processing_error_without_credentials(tmp_path: Path) -> None:
    error = RuntimeError("GET https://user:secret@host/x?X-Amz-Signature=abc failed")
    code, status = host(tmp_path, FakeEngines(failing(error, ("find",)))).run()
    assert code == 12
    assert status.error is not None
    assert "secret" not in status.error.message
    assert "abc" not in status.error.message


def test_a_second_job_loads_nothing_again(tmp_path: Path) -> None:
    engines = FakeEngines()
    one = host(tmp_path, engines)
    one.run(language="en")
    loads = [call for call in engines.calls if call[0] in ("load", "warm_up")]
    one.run(language="en")
    assert [call for call in engines.calls if call[0] in ("load", "warm_up")] == loads


def test_a_model_that_did_not_load_is_tried_again_by_the_next_job(tmp_path: Path) -> None:
    broken = {"is": True}

    def script(*call: object) -> None:
        if broken["is"] and call[:2] == ("load", "diarizer"):
            raise RuntimeError("no connection")

    one = host(tmp_path, FakeEngines(script))
    assert one.run(language="en")[0] == 13
    broken["is"] = False
    assert one.run(language="en")[0] == 0


def test_max_workers_are_cut_to_the_cores(tmp_path: Path) -> None:
    engines = FakeEngines()
    assert host(tmp_path, engines).run(language="en", max_workers=10**9)[0] == 0


def test_a_model_error_without_a_reason_says_so() -> None:
    message = "모델을 불러올 수 없습니다: whisper: no reason given; try again"
    assert str(model_error("whisper", " ", "try again")) == message
