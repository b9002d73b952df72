"""The stages' own work, with what is done when a model or its memory is missing."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ecg_common.redact import redact_text
from ecg_contract.host_protocol import PipelineJob
from ecg_contract.options import Language
from ecg_contract.result import Emotion, SpeakerTurn
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.fallbacks import SHARES, AsrPlan, BatchShare, is_gpu_memory_error, with_less_memory
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.analysis.progress import StatusBoard
from ecg_pipeline.analysis.word_times import unaligned
from ecg_pipeline.ports import SAMPLE_RATE, Aligner, Chunk, OnProgress, Samples, Sentence, Utterance
from ecg_pipeline.settings import PipelineSettings

Transcript = tuple[str, Sequence[Sentence]]
"""The language, and what was said."""

_log = logging.getLogger(__name__)
UNDETERMINED = "und"
"""ISO 639's code, for audio without speech whose language was to be detected."""
_INAUDIBLE = 1e-4
"""Three steps of 16 bit sound, -80 dB: hours of less are not worth the minutes that a VAD takes for them."""
_SHORTEST_EMOTION_S = 0.3
_EMOTION_BATCH = 8
_ASR_PART = 0.7
"""Part of the transcription's progress that is recognition; the rest is alignment."""


class Stages:
    """One job's stages over its samples."""

    def __init__(
        self, job: PipelineJob, settings: PipelineSettings, models: JobModels, board: StatusBoard, samples: Samples
    ) -> None:
        self._job, self._models, self._board, self._samples = job, models, board, samples
        self.model_version = f"whisperx-{Path(settings.asr_model).name}"

    def find_speech(self) -> Sequence[Chunk]:
        if max(self._samples.max(initial=0.0), -self._samples.min(initial=0.0)) < _INAUDIBLE:
            self._no_result("the audio is silent")
            return []
        chunks = self._models.voice_activity().find(self._samples)
        if not chunks:
            self._no_result("no speech was found")
        return chunks

    def diarize(self, chunks: Sequence[Chunk]) -> Sequence[SpeakerTurn]:
        """Raises AnalysisError."""
        if not chunks:
            return []
        diarizer, progress = self._models.diarizer(), self._progress(Stage.DIARIZATION)

        def turns(plan: BatchShare) -> Sequence[SpeakerTurn]:
            return diarizer.turns(self._samples, plan.share, progress)

        return with_less_memory("diarization", SHARES, turns, self._board.note)

    def begin_transcription(self, chunks: Sequence[Chunk]) -> Callable[[], Transcript]:
        """What waits for the transcript. On a GPU the work starts only then: together the two may not fit into it."""
        if self._models.device != "cpu" or not chunks:
            return partial(self.transcribe, chunks)
        self._models.diarizer()  # when it does not load, the job fails at once
        worker = ThreadPoolExecutor(1, thread_name_prefix="transcription")
        transcript = worker.submit(self.transcribe, chunks)
        worker.shutdown(wait=False)
        return transcript.result

    def transcribe(self, chunks: Sequence[Chunk]) -> Transcript:
        """The language and what was said, aligned. Raises AnalysisError."""
        requested = self._job.language
        if not chunks:
            return (UNDETERMINED if requested is Language.AUTO else requested.value), []

        def work(plan: AsrPlan) -> tuple[str, Sequence[Utterance]]:
            return self._recognize(chunks, plan)

        plans = self._models.asr_plans
        language, utterances = with_less_memory("transcription", plans, work, self._board.note)
        if not any(u.text.strip() for u in utterances):
            self._no_result("no words were recognized")
        return language, self._align([u for u in utterances if u.text.strip()], language)

    def classify_emotions(self, sentences: Sequence[Sentence], language: str) -> Sequence[Emotion | None]:
        """One for each sentence; None where it is switched off, too short, or without a model for the language."""
        nothing = [None] * len(sentences)
        lengths = [s.end - s.start for s in sentences]
        chosen = [i for i, length in enumerate(lengths) if length >= _SHORTEST_EMOTION_S]
        if not self._job.emotion_detection or not chosen:
            return nothing
        try:
            found = self._emotions([_cut(self._samples, sentences[i]) for i in chosen], language)
        except Exception as error:
            self._degraded("emotion", error, "emotion is left out")
            return nothing
        by_sentence = dict(zip(chosen, found, strict=True)) if found else {}
        return [by_sentence.get(i) for i in range(len(sentences))]

    def _recognize(self, chunks: Sequence[Chunk], plan: AsrPlan) -> tuple[str, Sequence[Utterance]]:
        loaded, requested = self._models.transcriber(plan.compute_type), self._job.language
        self.model_version = f"whisperx-{Path(loaded.model).name}"
        transcriber, progress = loaded.transcriber, self._progress(Stage.TRANSCRIPTION, 0.0, _ASR_PART)
        detected = transcriber.detect_language(self._samples, chunks) if requested is Language.AUTO else requested.value
        _log.info("language_chosen", extra={"language": detected, "requested": requested.value})
        return detected, transcriber.transcribe(self._samples, chunks, detected, plan.batch_size, progress)

    def _align(self, utterances: Sequence[Utterance], language: str) -> Sequence[Sentence]:
        """Word times by the language's model; without them the words share their sentence's time."""
        if not utterances:
            return []
        try:
            aligner: Aligner | None = self._models.aligner(language)
            if aligner is not None:
                return aligner.align(self._samples, utterances, self._progress(Stage.TRANSCRIPTION, _ASR_PART, 1.0))
            self._board.note(f"no alignment model for {language}: word times are interpolated")
        except Exception as error:
            self._degraded("alignment", error, "word times are interpolated")
        return unaligned(utterances)

    def _emotions(self, clips: Sequence[Samples], language: str) -> Sequence[Emotion]:
        classifier = self._models.emotion_classifier(language)
        if classifier is None:
            self._board.note(f"no emotion model for {language}: emotion is left out")
            return []
        progress = self._progress(Stage.EMOTION)

        def classify(plan: BatchShare) -> Sequence[Emotion]:
            return classifier.classify(clips, int(_EMOTION_BATCH * plan.share), progress)

        return with_less_memory("emotion", SHARES, classify, self._board.note)

    def _degraded(self, what: str, error: Exception, consequence: str) -> None:
        reason = "GPU memory did not suffice" if is_gpu_memory_error(error) else f"{type(error).__name__}: {error}"
        _log.error(f"{what}_failed", extra={"reason": redact_text(reason)}, exc_info=error)
        self._board.note(f"{what} failed ({type(error).__name__}): {consequence}")

    def _no_result(self, reason: str) -> None:
        _log.warning("whisperx_pipeline_no_result", extra={"reason": reason})
        self._board.note(reason)

    def _progress(self, stage: Stage, first: float = 0.0, last: float = 1.0) -> OnProgress:
        return lambda fraction: self._board.advance(stage, first + (last - first) * fraction)


def _cut(samples: Samples, sentence: Sentence) -> Samples:
    return samples[int(sentence.start * SAMPLE_RATE) : int(sentence.end * SAMPLE_RATE)]
