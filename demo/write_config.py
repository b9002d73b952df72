"""Write demo/models/diarization/config.yaml, which names the segmentation model in the whisperX wheel by its path.

whisperX ships a whole pyannote segmentation model as its voice activity detector; the demo borrows it. Where the wheel
lies differs from machine to machine, so this runs at set-up. Nothing heavy is imported. A file that says so already is
left alone.
"""

from importlib.util import find_spec
from pathlib import Path

TARGET = Path(__file__).parent / "models/diarization/config.yaml"

CONFIG = """\
dependencies: {{pyannote.audio: 4.0.0}}
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    segmentation: {segmentation}
    segmentation_batch_size: 8
    embedding: $model/embedding
    embedding_batch_size: 8
    embedding_exclude_overlap: true
    plda: $model/plda
    clustering: AgglomerativeClustering
params:
  segmentation: {{threshold: 0.5, min_duration_off: 0.0}}
  clustering: {{method: centroid, threshold: 0.8, min_cluster_size: 4}}
"""


def write_config(target: Path = TARGET) -> None:
    """Write `target` unless it says so already. Raises SystemExit where whisperX is not whole."""
    whisperx = find_spec("whisperx")
    if whisperx is None or whisperx.origin is None:
        raise SystemExit("whisperx is not installed: make setup")
    segmentation = Path(whisperx.origin).parent / "assets/pytorch_model.bin"
    if not segmentation.exists():
        raise SystemExit(f"{segmentation} is missing from the whisperx package")
    text = CONFIG.format(segmentation=segmentation)
    if target.exists() and target.read_text() == text:
        return
    written = target.with_suffix(".tmp")
    written.write_text(text)
    written.replace(target)


if __name__ == "__main__":
    write_config()
