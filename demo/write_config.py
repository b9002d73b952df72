"""Writes demo/models/diarization/config.yaml, which names the segmentation model in the whisperX package by its path.

The demo uses the pyannote segmentation model that whisperX contains for its voice activity detection. The path of the
package differs between machines, so this script runs during set-up. It imports no model library.
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
    """Write `target` unless it is up to date. Raises SystemExit where whisperX or its model is missing."""
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
