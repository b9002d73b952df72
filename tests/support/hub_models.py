"""The repositories of the default models with the files that they have on the hub, with tiny weights or of true shape.

Weights are random, but for the tiny Whisper, which is the demo's, so that words are recognized. `python -m
support.hub_models FOLDER [true | large-v3-turbo]` builds them, in half a minute (true shapes: 4 GB, two minutes), or a
Whisper of that shape alone (1.6 GB, a minute); `hub_models()` and `large_v3_turbo()` do so once and keep them in the
cache folder.
"""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# ruff: noqa: PLC0415 - the libraries are imported by the process that builds, not by the tests

ROOT = Path(__file__).parents[2]
WHISPER = "Systran/faster-whisper-base"
SMALLER_WHISPER = "Systran/faster-whisper-tiny"
DIARIZATION = "pyannote/speaker-diarization-community-1"
ALIGNERS = {"en": "facebook/wav2vec2-base-960h", "ko": "kresnik/wav2vec2-large-xlsr-korean"}
EMOTIONS = {
    "en": "superb/wav2vec2-base-superb-er",
    "ko": "jungjongho/wav2vec2-xlsr-korean-speech-emotion-recognition",
}
_EMOTION_LABELS = {"en": ["neu", "hap", "ang", "sad"], "ko": ["angry", "disgust", "fear", "happiness", "neutral"]}
_CONFIG = """dependencies:
  pyannote.audio: 4.0.0

pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda

params:
  clustering:
    threshold: 0.6
    Fa: 0.07
    Fb: 0.8
  segmentation:
    min_duration_off: 0.0
"""


@dataclass(frozen=True)
class Shapes:
    """Settings of the models' classes."""

    base: dict[str, Any]
    """wav2vec2, as in base-960h."""
    large: dict[str, Any]
    """wav2vec2, as in xlsr-53-large."""
    segmentation: dict[str, Any] = field(default_factory=dict)
    """PyanNet."""
    is_true: bool = False


_TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (32,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
TINY = Shapes(_TINY, _TINY, {"lstm": {"hidden_size": 8, "num_layers": 1}, "linear": {"num_layers": 0}})
TRUE = Shapes(
    base={},  # the class's defaults are base-960h's
    large={
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "feat_extract_norm": "layer",
        "conv_bias": True,
        "do_stable_layer_norm": True,
    },
    segmentation={"lstm": {"hidden_size": 128, "num_layers": 4}, "linear": {"hidden_size": 128, "num_layers": 2}},
    is_true=True,
)


def hub_models(shapes: Shapes = TINY) -> Path:
    """The folder `OWNER/NAME/FILES...`."""
    return _kept("hub-models", repr(shapes), ["true"] if shapes.is_true else [])


def large_v3_turbo() -> Path:
    """The folder of a Whisper of that shape."""
    return _kept("whisper-large-v3-turbo", "", ["large-v3-turbo"])


def _kept(name: str, of: str, arguments: list[str]) -> Path:
    """What this module builds with `arguments`, once for each version of the sources and libraries."""
    versions = [importlib.metadata.version(name) for name in ("transformers", "pyannote-audio", "torch")]
    sources = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("hub_models.py", "true_whisper.py"))
    key = hashlib.sha256(sources + repr((versions, of)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecg-audio-analyzer"
    folder = cache / f"{name}-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "hub-models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _build_in_a_process(folder, arguments)
    return folder


def _build_in_a_process(folder: Path, arguments: list[str]) -> None:
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYANNOTE_METRICS_ENABLED": "0"}
    command = [sys.executable, "-m", "support.hub_models", str(temporary), *arguments]
    subprocess.run(command, env=environment, check=True, timeout=600, stdout=subprocess.DEVNULL)
    temporary.rename(folder)


def build(root: Path, shapes: Shapes) -> None:
    import torch

    torch.manual_seed(0)
    _whisper(root / WHISPER, shapes)
    _whisper(root / SMALLER_WHISPER, TINY)
    _aligners(root, shapes)
    _emotions(root, shapes)
    _diarization(root / DIARIZATION, shapes)
    for repository in root.glob("*/*"):
        (repository / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
        (repository / "README.md").write_text("# Tiny weights for tests\n")


def _whisper(folder: Path, shapes: Shapes) -> None:
    folder.mkdir(parents=True)
    if shapes.is_true:
        from support.true_whisper import build

        build(folder)
        return
    demo = ROOT / "demo/models/whisper"
    for name in ("config.json", "model.bin", "tokenizer.json"):
        shutil.copy(demo / name, folder)
    words = json.loads((demo / "vocabulary.json").read_text(encoding="utf-8"))
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")


def _aligners(root: Path, shapes: Shapes) -> None:
    latin = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
    english = root / ALIGNERS["en"]
    _aligner(english, latin, shapes.base, safetensors=True)
    shutil.copy(english / "preprocessor_config.json", english / "feature_extractor_config.json")
    (english / "tf_model.h5").write_bytes(b"weights for another framework")
    vowels, finals = (0, 4, 8, 13, 20), (0, 4, 8, 21)
    syllables = [chr(0xAC00 + 28 * (21 * i + v) + f) for i in range(19) for v in vowels for f in finals]
    _aligner(root / ALIGNERS["ko"], [*syllables, "|", "<unk>", "<pad>"], shapes.large, safetensors=False)


def _aligner(folder: Path, tokens: list[str], shape: dict[str, Any], *, safetensors: bool) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder.mkdir(parents=True)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), unk_token="<unk>", pad_token="<pad>").save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=not safetensors).save_pretrained(folder)
    config = Wav2Vec2Config(vocab_size=len(tokens), pad_token_id=vocabulary["<pad>"], **shape)
    model = Wav2Vec2ForCTC(config)
    model.save_pretrained(folder, safe_serialization=False)
    if safetensors:
        model.save_pretrained(folder, safe_serialization=True)
    (folder / "added_tokens.json").unlink(missing_ok=True)


def _emotions(root: Path, shapes: Shapes) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

    for language, name in EMOTIONS.items():
        labels = dict(enumerate(_EMOTION_LABELS[language]))
        shape = {"en": shapes.base, "ko": shapes.large}[language]
        config = Wav2Vec2Config(id2label=labels, classifier_proj_size=256 if shapes.is_true else 16, **shape)
        Wav2Vec2ForSequenceClassification(config).save_pretrained(root / name, safe_serialization=False)
        Wav2Vec2FeatureExtractor().save_pretrained(root / name)


def _diarization(folder: Path, shapes: Shapes) -> None:
    import numpy as np
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

    for part in ("segmentation", "embedding", "plda"):
        (folder / part).mkdir(parents=True)
    (folder / "config.yaml").write_text(_CONFIG)
    segmentation = PyanNet(sincnet={"stride": 10}, **shapes.segmentation)
    segmentation.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        warm_up=(0.0, 0.0),
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    embedding = WeSpeakerResNet34()
    embedding.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0, classes=[""]
    )
    _checkpoint(segmentation, folder / "segmentation/pytorch_model.bin")
    _checkpoint(embedding, folder / "embedding/pytorch_model.bin")
    random = np.random.default_rng(0)
    wide, narrow = (np.linalg.qr(random.normal(size=(size, size)))[0] for size in (256, 128))
    spread = np.sort(random.gamma(1, 2, 128))[::-1] + 1e-3
    np.savez(folder / "plda/xvec_transform.npz", mean1=np.zeros(256), mean2=np.zeros(128), lda=wide[:, :128])
    np.savez(folder / "plda/plda.npz", mu=np.zeros(128), tr=narrow, psi=spread)


def _checkpoint(model: Any, path: Path) -> None:
    import torch

    model.build()
    model.eval()
    content = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": "2.5.0",
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
    }
    model.on_save_checkpoint(content)
    torch.save(content, path)


def _large_v3_turbo(folder: Path) -> None:
    from support.true_whisper import LARGE_V3_TURBO
    from support.true_whisper import build as build_whisper

    folder.mkdir(parents=True)
    build_whisper(folder, LARGE_V3_TURBO)


if __name__ == "__main__":
    target, kind = Path(sys.argv[1]), "".join(sys.argv[2:])
    if kind == "large-v3-turbo":
        _large_v3_turbo(target)
    else:
        build(target, TRUE if kind == "true" else TINY)
