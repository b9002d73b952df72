"""No demo model was trained on a sentence of the held-out dialogues or the sample videos."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRUTHS = sorted([*(ROOT / "tests/data/heldout").glob("*.json"), *(ROOT / "demo/samples").glob("*.json")])
GRAMMAR = runpy.run_path(str(ROOT / "demo/training/grammar.py"))


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_no_sentence_of_it_was_trained_on(path: Path) -> None:
    truth = json.loads(path.read_text())
    said = {turn["text"] for turn in truth["turns"]}
    assert said
    assert not said & set(GRAMMAR["sentences"](truth["language"], held_out=False))
    assert said <= set(GRAMMAR["sentences"](truth["language"], held_out=True))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_held_out_dialogues_are_long_enough_to_tell_a_rate(language: str) -> None:
    paths = (ROOT / "tests/data/heldout").glob(f"{language}_*.json")
    assert sum(len(json.loads(path.read_text())["words"]) for path in paths) >= 120
