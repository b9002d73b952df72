"""One analysis from media to result, in the order in which it reports its stages.

Everything it needs is passed in; the models load in the background while the media is fetched.
"""

import time
from pathlib import Path

from ecg_contract.host_protocol import PipelineJob
from ecg_contract.result import AnalysisResult
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.assemble import assemble
from ecg_pipeline.analysis.load_media import obtain
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.analysis.progress import StatusBoard
from ecg_pipeline.analysis.stages import Stages
from ecg_pipeline.ports import SAMPLE_RATE
from ecg_pipeline.settings import PipelineSettings


def analyze(
    job: PipelineJob, settings: PipelineSettings, models: JobModels, board: StatusBoard, work: Path
) -> AnalysisResult:
    """The result of `job`. Raises AnalysisError; what libraries raise otherwise comes through as it is."""
    began = time.monotonic()
    board.enter(Stage.DOWNLOAD)
    models.prefetch()
    samples = obtain(job.source, settings, board, work)  # (n,) float32 at 16 kHz, shared by all stages
    board.complete_download()
    stages = Stages(job, settings, models, board, samples)

    board.enter(Stage.VAD)
    chunks = stages.find_speech()  # stretches of speech that fit Whisper's window

    board.enter(Stage.DIARIZATION)
    transcript = stages.begin_transcription(chunks)  # on the CPU beside the diarization
    turns = stages.diarize(chunks)

    board.enter(Stage.TRANSCRIPTION)
    language, sentences = transcript()  # with word times, as far as the aligner found them

    board.enter(Stage.EMOTION)
    emotions = stages.classify_emotions(sentences, language)  # one a sentence, or None

    board.enter(Stage.FINALIZE)
    return AnalysisResult(
        segments=assemble(samples, sentences, language, turns, emotions),
        duration=len(samples) / SAMPLE_RATE,
        language_requested=job.language.value,
        language_detected=language,
        model_version=stages.model_version,
        device=models.device,
        processing_time=time.monotonic() - began,
    )
