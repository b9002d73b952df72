"""Which files are downloaded and which are needed, repository by repository."""

import json
from pathlib import Path

import pytest

from ecg_pipeline.model_hub.contents import (
    PYANNOTE_MODEL,
    PYANNOTE_PIPELINE,
    TRANSFORMERS,
    WHISPER,
    Contents,
    other_repositories,
)
from support.hub_models import ALIGNERS, DIARIZATION, EMOTIONS, hub_models
from support.hub_models import WHISPER as WHISPER_NAME

_ALL = {
    WHISPER_NAME: (WHISPER, {"config.json", "model.bin", "tokenizer.json", "vocabulary.txt"}),
    EMOTIONS["ko"]: (TRANSFORMERS, {"config.json", "preprocessor_config.json", "pytorch_model.bin"}),
    ALIGNERS["en"]: (
        TRANSFORMERS,
        {
            "config.json",
            "feature_extractor_config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "special_tokens_map.json",
            "tokenizer_config.json",
            "vocab.json",
        },
    ),
    DIARIZATION: (
        PYANNOTE_PIPELINE,
        {
            "config.yaml",
            "embedding/pytorch_model.bin",
            "plda/plda.npz",
            "plda/xvec_transform.npz",
            "segmentation/pytorch_model.bin",
        },
    ),
}


@pytest.mark.parametrize("name", _ALL)
def test_what_a_library_loads_is_downloaded_and_no_more(name: str) -> None:
    contents, expected = _ALL[name]
    folder = hub_models() / name
    there = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert set(contents.choose(there)) == expected
    assert contents.missing(folder) == []


@pytest.mark.parametrize(
    ("contents", "files", "missing"),
    [
        (WHISPER, ["config.json", "tokenizer.json"], ["model.bin", "vocabulary.*"]),
        (TRANSFORMERS, ["config.json", "preprocessor_config.json"], ["weights"]),
        (TRANSFORMERS, ["config.json", "model.safetensors"], ["preprocessor_config.json"]),
        (PYANNOTE_MODEL, ["config.yaml"], ["pytorch_model.bin"]),
        (PYANNOTE_PIPELINE, [], ["config.yaml"]),
    ],
)
def test_a_folder_that_lacks_a_file_says_so(
    contents: Contents, files: list[str], missing: list[str], tmp_path: Path
) -> None:
    for file in files:
        (tmp_path / file).touch()
    assert contents.missing(tmp_path) == missing


def test_all_shards_are_needed(tmp_path: Path) -> None:
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    for file in ("config.json", "preprocessor_config.json", shards["a"]):
        (tmp_path / file).touch()
    assert TRANSFORMERS.missing(tmp_path) == [shards["b"]]
    assert TRANSFORMERS.choose([*shards.values(), "pytorch_model.bin", "onnx/model.onnx"]) == [*shards.values()]


def test_a_link_without_its_blob_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").symlink_to(tmp_path / "blob")
    assert PYANNOTE_MODEL.missing(tmp_path) == ["pytorch_model.bin"]


def test_a_pipeline_whose_parts_have_repositories_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "version: 3.1.0\npipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n  params:\n"
        "    clustering: AgglomerativeClustering\n    embedding: pyannote/wespeaker-voxceleb-resnet34-LM\n"
        "    segmentation: pyannote/segmentation-3.0\n    embedding_batch_size: 32\n"
    )
    assert PYANNOTE_PIPELINE.missing(tmp_path) == []
    assert [name for name, _ in other_repositories(tmp_path)] == [
        "pyannote/wespeaker-voxceleb-resnet34-LM",
        "pyannote/segmentation-3.0",
        DIARIZATION,
    ]


def test_community_1_has_all_its_parts() -> None:
    assert other_repositories(hub_models() / DIARIZATION) == []
