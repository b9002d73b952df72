"""Modules that whisperX, pyannote and transformers import and that an analysis does not use.

They took almost half of the time that all imports took (decision 0099).
"""

import sys

from ecg_pipeline.engines.late_imports import LateImports

UNUSED = {
    "librosa.core.audio": "files and zero crossings",
    "librosa.core.constantq": "spectra by musical notes",
    "librosa.core.pitch": "the pitch of a whole signal",
    "lightning.pytorch.trainer.connectors.logger_connector.result": "sums of metrics while training",
    "networkx": "graphs, for the training data of speech separation",
    "onnxruntime": "models in ONNX",
    "pandas": "tables, for sklearn and torchmetrics",
    "pyannote.audio.core.calibration": "calibrated scores",
    "pyannote.audio.pipelines.speech_separation": "each speaker's voice as a sound of its own",
    "pyannote.audio.utils.metric": "error rates while training",
    "pyannote.core.notebook": "pictures",
    "pyannote.metrics": "error rates",
    "pyannote.pipeline.optimizer": "the search for a pipeline's parameters",
    "scipy.optimize": "optimal assignment, for pipelines with constrained clustering",
    "scipy.signal": "filters",
    "scipy.stats": "tests of hypotheses",
    "sklearn": "clustering by k-means, for pipelines that do so",
    "torch._dynamo": "torch's compiler",
    "torch.ao.quantization.pt2e._numeric_debugger": "a debugger of quantized models",
    "torchcodec": "media files, which PyAV decodes here; it fails with long warnings where it finds no ffmpeg",
    "torchmetrics": "error rates while training",
    "torchvision": "images",
    "transformers.integrations.flex_attention": "compiled attention",
    "transformers.loss.loss_d_fine": "the loss of a model for images",
    "transformers.pipelines.text_to_audio": "speech synthesis",
}
"""The module, and what it is for. What an analysis does use, because of its models, is imported then."""
PACKAGES = {
    "nltk": "imports all of its parts; two of them split sentences here",
    "transformers.models": "reads the names in the files of all models, as `transformers` has just done",
}
"""Packages of which only parts are used, and what their own code does."""
COMPILER_MARKS = ("torch._dynamo:allow_in_graph", "torch._dynamo:disable")


def import_late() -> None:
    """Have them imported when they are used. Must run before the libraries are imported; once a process is enough."""
    if not any(isinstance(finder, LateImports) for finder in sys.meta_path):
        sys.meta_path.insert(0, LateImports(UNUSED, PACKAGES, COMPILER_MARKS))
