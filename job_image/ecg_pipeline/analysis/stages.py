"""The work of each stage, with its fallbacks for a missing model or exhausted GPU memory."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, TypeVar

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
from ecg_pipeline.analysis.gpu_turns import GpuTurns
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.analysis.part_usage import measured
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.analysis.word_times import unaligned
from ecg_pipeline.memory import return_freed_memory
from ecg_pipeline.ports import Chunk, OnProgress, Samples, Sentence, SpeakerCounts, SpeechHints, Utterance, cut

_log = logging.getLogger(__name__)
T = TypeVar("T")
Plan = TypeVar("Plan")
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
        self._gpu = GpuTurns(progress.note)
        self._diarized: Future[None] = Future()
        """Its result is there when the diarization is over, its exception when it failed, and with it the job."""
        self._transcription: Future[Transcript] | None = None
        """Where it runs beside the diarization."""
        self._recognizes = False
        """The transcription has got its model."""

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
        try:
            turns = self._diarize(chunks)
        except BaseException as error:
            self._diarized.set_exception(error)
            if self._recognizes and self._transcription is not None and isinstance(error, Exception):
                wait([self._transcription])  # ends at its next batch; nothing of this job runs beside the next one
            raise
        self._diarized.set_result(None)
        return turns

    def _diarize(self, chunks: Sequence[Chunk]) -> Sequence[SpeakerTurn]:
        if not chunks:
            return []
        diarizer = self._models.diarizer()
        on_progress = self._on_progress(Stage.DIARIZATION, check=self._models.check_needed)
        self._models.check_needed()
        job = self._job
        speakers = SpeakerCounts(job.num_speakers, job.min_speakers, job.max_speakers)
        turns = partial(diarizer.turns, self._samples, speakers, on_progress=on_progress)
        with self._measured(Part.DIARIZATION):
            return self._within_memory("diarization", BATCH_SHARES, turns)

    def begin_transcription(self, chunks: Sequence[Chunk]) -> Callable[[], Transcript]:
        """Returns a function that waits for the transcript, which is made beside the diarization where it can be."""
        if not chunks:
            return partial(self._transcribe, chunks)
        self._models.diarizer()  # fails the job now, not after the transcription, when it does not load
        worker = ThreadPoolExecutor(1, thread_name_prefix="transcription")
        self._transcription = worker.submit(self._transcribe_beside, chunks)
        worker.shutdown(wait=False)
        return self._transcription.result

    def _transcribe_beside(self, chunks: Sequence[Chunk]) -> Transcript:
        if not self._models.fit_side_by_side():
            self._diarized.result()
        return self._transcribe(chunks)

    def _transcribe(self, chunks: Sequence[Chunk]) -> Transcript:
        """Recognize and align the speech. Raises AnalysisError."""
        requested = self._job.language
        if not chunks:
            language = UNDETERMINED if requested is Language.AUTO else requested.value
            return Transcript(language, [], self._models.asr_model)
        recognize = partial(self._recognize, chunks)
        with self._measured(Part.RECOGNITION):
            language, found, model = self._within_memory("transcription", self._models.asr_plans, recognize)
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
        self._recognizes = True  # set before the check, so that a diarization that fails after it waits
        self._check_diarization()
        requested = self._job.language
        on_progress = self._on_progress(Stage.TRANSCRIPTION, 0.0, _ASR_PART, check=self._check_diarization)
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
                on_progress = self._on_progress(Stage.TRANSCRIPTION, _ASR_PART, 1.0, check=self._check_diarization)
                return self._gpu.run("alignment", partial(aligner.align, self._samples, utterances, on_progress))
            self._progress.note(f"no alignment model for {language}: word times are interpolated")
        except Exception as error:
            self._check_diarization()
            self._degraded("alignment", error, "word times are interpolated")
        return unaligned(utterances)

    def _within_memory(self, what: str, plans: Mapping[str, Plan], work: Callable[[Plan], T]) -> T:
        """The result of `work` with the first plan, or with the first that fits into a GPU's memory."""

        def in_turn(plan: Plan) -> T:
            return self._gpu.run(what, partial(work, plan))

        return with_less_memory(what, plans, in_turn, self._progress.note)

    def _emotions(self, clips: Sequence[Samples], language: str) -> Sequence[Emotion]:
        classifier = self._models.emotion_classifier(language)
        if classifier is None:
            self._progress.note(f"no emotion model for {language}: emotion is left out")
            return []
        sizes = {description: int(_EMOTION_BATCH * share) for description, share in BATCH_SHARES.items()}
        classify = partial(classifier.classify, clips, on_progress=self._on_progress(Stage.EMOTION))
        return self._within_memory("emotion", sizes, classify)

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

    def _check_diarization(self) -> None:
        """Raises what made the diarization fail, where it did."""
        if self._diarized.done():
            self._diarized.result()

    def _on_progress(
        self, stage: Stage, first: float = 0.0, last: float = 1.0, check: Callable[[], None] = lambda: None
    ) -> OnProgress:
        """What `check` raises ends the work that reports its progress."""

        def on_progress(fraction: float) -> None:
            check()
            self._progress.advance(stage, first + (last - first) * fraction)

        return on_progress
