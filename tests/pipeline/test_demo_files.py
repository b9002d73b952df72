"""The demo's generated files: the diarization's configuration, and the word list in the model card."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
write_config = runpy.run_path(str(ROOT / "demo/write_config.py"))["write_config"]
vocabulary = runpy.run_path(str(ROOT / "demo/training/grammar.py"))["vocabulary"]


def test_a_configuration_that_is_right_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    write_config(target)
    first = target.stat().st_ino
    write_config(target)
    assert target.stat().st_ino == first


def test_a_configuration_of_another_place_is_written_anew(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    target.write_text("pipeline: {params: {segmentation: /elsewhere}}")
    write_config(target)
    segmentation = re.search(r"segmentation: (/.*)", target.read_text())
    assert segmentation
    assert Path(segmentation[1]).exists()


@pytest.mark.parametrize(("language", "heading"), [("en", "English"), ("ko", "Korean")])
def test_the_card_lists_the_words_that_the_models_know(language: str, heading: str) -> None:
    card = (ROOT / "demo/models/README.md").read_text()
    listed = re.search(rf"^{heading} \((\d+)\): ([^.]+)\.", card, re.MULTILINE)
    known = {word.lower() for word in vocabulary(language)}
    assert listed
    assert {word.lower() for word in listed[2].split()} == known
    assert int(listed[1]) == len(known)
