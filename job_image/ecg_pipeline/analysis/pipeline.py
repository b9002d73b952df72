"""One analysis from media to result, in the order in which its stages are reported.

The models load in the background while the media is fetched.
"""

import time
from pathlib import Path

from ecg_contract.host_protocol import Part, PipelineJob
from ecg_contract.result import AnalysisResult
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.assemble import assemble
from ecg_pipeline.analysis.load_media import load_media
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.analysis.part_usage import measured
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.analysis.stages import Stages
from ecg_pipeline.ports import SAMPLE_RATE
from ecg_pipeline.settings import PipelineSettings
from ecg_pipeline.waveform import peaks


def analyze(
    job: PipelineJob, settings: PipelineSettings, models: JobModels, progress: ProgressReporter, work: Path
) -> AnalysisResult:
    """The result of `job`; `work` is a folder for temporary files. Raises AnalysisError or what libraries raise."""
    began = time.monotonic()
    progress.enter(Stage.DOWNLOAD)
    models.prefetch()
    samples = load_media(job.source, settings, progress, work)  # (n,) float32 at 16 kHz, shared by all stages
    progress.complete_download(len(samples) / SAMPLE_RATE)
    stages = Stages(job, models, progress, samples)

    progress.enter(Stage.VAD)
    chunks = stages.find_speech()  # stretches of speech of at most ASR_CHUNK_SIZE seconds

    progress.enter(Stage.DIARIZATION)
    await_transcript = stages.begin_transcription(chunks)  # where there is room, beside the diarization
    turns = stages.diarize(chunks)

    progress.enter(Stage.TRANSCRIPTION)
    transcript = await_transcript()  # sentences with word times, as far as the aligner found them

    models.only_emotion_is_left()
    progress.enter(Stage.EMOTION)
    emotions = stages.classify_emotions(transcript)  # one per sentence, or None

    progress.enter(Stage.FINALIZE)
    with measured(Part.FEATURES, samples, progress.part_completed):
        segments = assemble(samples, transcript.sentences, transcript.language, turns, emotions)
        waveform = peaks(samples)
    return AnalysisResult(
        segments=segments,
        duration=len(samples) / SAMPLE_RATE,
        language_requested=job.language.value,
        language_detected=transcript.language,
        model_version=f"whisperx-{Path(transcript.model).name}",
        device=models.device,
        processing_time=job.fetch_seconds + time.monotonic() - began,
        notes=progress.status.notes,
        request_metadata=job.metadata,
        waveform=waveform,
    )
