"""The work of each stage, with its fallbacks for a missing model or exhausted GPU memory."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from ecg_contract.host_protocol import Part, PipelineJob
from ecg_contract.languages import Language
from ecg_contract.result import Emotion, SpeakerTurn
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.fallbacks import (
    BATCH_SHARES,
    AsrPlan,
    is_gpu_memory_error,
    reason_of,
    short_reason_of,
    with_less_memory,
)
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.analysis.part_usage import measured
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.analysis.word_times import unaligned
from ecg_pipeline.memory import return_freed_memory
from ecg_pipeline.ports import Chunk, OnProgress, Samples, Sentence, SpeakerCounts, SpeechHints, Utterance, cut

_log = logging.getLogger(__name__)
UNDETERMINED = "und"
"""ISO 639 code for audio without speech whose language was to be detected."""
_INAUDIBLE = 1e-4
"""Peak below which audio counts as silent (-80 dB, three steps of 16 bit sound), so that the VAD need not run."""
_SHORTEST_EMOTION_S = 0.3
_EMOTION_BATCH = 8
_ASR_PART = 0.7
"""Share of the transcription's progress that is recognition; the rest is alignment."""


class Transcript(NamedTuple):
    """Sentences in `language`, transcribed by the Whisper model `model`."""

    language: str
    sentences: Sequence[Sentence]
    model: str


class Stages:
    """The stages of one job over its samples."""

    def __init__(self, job: PipelineJob, models: JobModels, progress: ProgressReporter, samples: Samples) -> None:
        self._job, self._models, self._progress, self._samples = job, models, progress, samples

    def find_speech(self) -> Sequence[Chunk]:
        if max(self._samples.max(initial=0.0), -self._samples.min(initial=0.0)) < _INAUDIBLE:
            self._no_result("the audio is silent")
            return []
        self._models.check_needed()
        with self._measured(Part.VAD):
            chunks = self._models.voice_activity().find(self._samples)
        if not chunks:
            self._no_result("no speech was found")
        return chunks

    def diarize(self, chunks: Sequence[Chunk]) -> Sequence[SpeakerTurn]:
        """Raises AnalysisError, also when the Whisper model, awaited elsewhere, turns out not to load."""
        if not chunks:
            return []
        diarizer, advance = self._models.diarizer(), self._on_progress(Stage.DIARIZATION)

        def on_progress(fraction: float) -> None:
            self._models.check_needed()
            advance(fraction)

        self._models.check_needed()
        job = self._job
        speakers = SpeakerCounts(job.num_speakers, job.min_speakers, job.max_speakers)
        turns = partial(diarizer.turns, self._samples, speakers, on_progress=on_progress)
        with self._measured(Part.DIARIZATION):
            return with_less_memory("diarization", BATCH_SHARES, turns, self._progress.note)

    def begin_transcription(self, chunks: Sequence[Chunk]) -> Callable[[], Transcript]:
        """Returns a function that waits for the transcript."""
        if self._models.device != "cpu" or not chunks:  # both at once may not fit into a GPU's memory
            return partial(self._transcribe, chunks)
        self._models.diarizer()  # fails the job now, not after the transcription, when it does not load
        worker = ThreadPoolExecutor(1, thread_name_prefix="transcription")
        transcript = worker.submit(self._transcribe, chunks)
        worker.shutdown(wait=False)
        return transcript.result

    def _transcribe(self, chunks: Sequence[Chunk]) -> Transcript:
        """Recognize and align the speech. Raises AnalysisError."""
        requested = self._job.language
        if not chunks:
            language = UNDETERMINED if requested is Language.AUTO else requested.value
            return Transcript(language, [], self._models.asr_model)
        recognize = partial(self._recognize, chunks)
        plans, note = self._models.asr_plans, self._progress.note
        with self._measured(Part.RECOGNITION):
            language, found, model = with_less_memory("transcription", plans, recognize, note)
        utterances = [u for u in found if u.text.strip()]
        if not utterances:
            self._no_result("no words were recognized")
        with self._measured(Part.ALIGNMENT):
            return Transcript(language, self._align(utterances, language), model)

    def classify_emotions(self, transcript: Transcript) -> Sequence[Emotion | None]:
        """One per sentence; None where detection is off, the sentence too short, or no model fits the language."""
        sentences = transcript.sentences
        nothing = [None] * len(sentences)
        lengths = [s.end - s.start for s in sentences]
        chosen = [i for i, length in enumerate(lengths) if length >= _SHORTEST_EMOTION_S]
        if not self._job.emotion_detection or not chosen:
            return nothing
        try:
            with self._measured(Part.EMOTION):
                found = self._emotions([cut(self._samples, sentences[i]) for i in chosen], transcript.language)
        except Exception as error:
            self._degraded("emotion", error, "emotion is left out")
            return nothing
        by_sentence = dict(zip(chosen, found, strict=True)) if found else {}
        return [by_sentence.get(i) for i in range(len(sentences))]

    def _recognize(self, chunks: Sequence[Chunk], plan: AsrPlan) -> tuple[str, Sequence[Utterance], str]:
        """The language, what was said, and the name of the model."""
        batch_size, compute_type = plan
        model, transcriber = self._models.transcriber(compute_type)
        requested, on_progress = self._job.language, self._on_progress(Stage.TRANSCRIPTION, 0.0, _ASR_PART)
        detected = transcriber.detect_language(self._samples, chunks) if requested is Language.AUTO else requested.value
        _log.info("language_chosen", extra={"language": detected, "requested": requested.value})
        hints = SpeechHints(detected, self._job.vocabulary)
        utterances = transcriber.transcribe(self._samples, chunks, hints, batch_size, on_progress)
        return detected, utterances, model

    def _align(self, utterances: Sequence[Utterance], language: str) -> Sequence[Sentence]:
        """Sentences with word times from the aligner; without one the words' times are interpolated later."""
        if not utterances:
            return []
        try:
            aligner = self._models.aligner(language)
            if aligner is not None:
                return aligner.align(self._samples, utterances, self._on_progress(Stage.TRANSCRIPTION, _ASR_PART, 1.0))
            self._progress.note(f"no alignment model for {language}: word times are interpolated")
        except Exception as error:
            self._degraded("alignment", error, "word times are interpolated")
        return unaligned(utterances)

    def _emotions(self, clips: Sequence[Samples], language: str) -> Sequence[Emotion]:
        classifier = self._models.emotion_classifier(language)
        if classifier is None:
            self._progress.note(f"no emotion model for {language}: emotion is left out")
            return []
        sizes = {description: int(_EMOTION_BATCH * share) for description, share in BATCH_SHARES.items()}
        classify = partial(classifier.classify, clips, on_progress=self._on_progress(Stage.EMOTION))
        return with_less_memory("emotion", sizes, classify, self._progress.note)

    def _degraded(self, what: str, error: Exception, consequence: str) -> None:
        reason = "GPU memory did not suffice" if is_gpu_memory_error(error) else reason_of(error)
        _log.error(f"{what}_failed", extra={"reason": reason}, exc_info=error)
        self._progress.note(f"{what} failed ({short_reason_of(error)}): {consequence}")

    def _no_result(self, reason: str) -> None:
        _log.warning("whisperx_pipeline_no_result", extra={"reason": reason})
        self._progress.note(reason)

    @contextmanager
    def _measured(self, part: Part) -> Iterator[None]:
        """Afterwards the memory that the part freed is given back: the next one allocates blocks of other sizes."""
        with measured(part, self._samples, self._progress.part_completed):
            yield
        return_freed_memory()

    def _on_progress(self, stage: Stage, first: float = 0.0, last: float = 1.0) -> OnProgress:
        return lambda fraction: self._progress.advance(stage, first + (last - first) * fraction)
