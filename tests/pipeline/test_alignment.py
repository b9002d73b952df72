"""Sentences, words, times and scores of the aligner are those of `whisperx.alignment.align`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC
from whisperx.alignment import align, backtrack, get_trellis, load_align_model, merge_repeats

from ecg_pipeline.engines.aligned_words import nearest
from ecg_pipeline.engines.alignment import CtcAligner
from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.ctc import best_path
from ecg_pipeline.engines.emissions import TransformersEmissions
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE, Samples, Sentence, Utterance
from support.pipeline_process import ROOT

CORES = Cores(2)
NLTK_DATA = str(ROOT / "demo/models/nltk_data")
SCORE = 0.0011
"""Scores are rounded to three digits, and may be rounded apart."""
LETTERS = "abcdefgh'가나다"
VOCABULARY = {"<pad>": 0, "|": 1, **{char: number for number, char in enumerate(LETTERS, 2)}}


class RandomModel:
    """Plays a model of either library: emissions of 20 ms frames that depend on the clip's length alone."""

    device = "cpu"

    def __init__(self, seed: int, sharpness: float, tokens: int) -> None:
        self._seed, self._sharpness, self._tokens = seed, sharpness, tokens

    def _logits(self, samples: int) -> NDArray[np.float32]:
        frames = max(1, (samples - 80) // 320)
        made = np.random.default_rng([self._seed, samples]).normal(0, self._sharpness, (frames, self._tokens))
        return made.astype(np.float32)

    def of(self, clip: Samples) -> NDArray[np.float32]:
        return torch.log_softmax(torch.from_numpy(self._logits(max(400, len(clip)))), -1).numpy()

    def __call__(self, waveform: torch.Tensor) -> Any:
        class Output:
            logits = torch.from_numpy(self._logits(waveform.shape[1]))[None]

        return Output


Words = list[tuple[str, float | None, float | None]]


def _theirs(
    utterances: Sequence[Utterance], model: Any, vocabulary: Mapping[str, int], samples: Samples, language: str
) -> list[dict[str, Any]]:
    segments = [{"start": u.start, "end": u.end, "text": u.text} for u in utterances]
    metadata = {"language": language, "dictionary": dict(vocabulary), "type": "huggingface"}
    found: list[dict[str, Any]] = align(segments, model, metadata, samples, "cpu")["segments"]
    return found


def _assert_equal(ours: Sequence[Sentence], theirs: Sequence[Mapping[str, Any]]) -> int:
    """Returns how many words have times."""
    assert [(s.start, s.end, s.text) for s in ours] == [(s["start"], s["end"], s["text"]) for s in theirs]
    timed = 0
    for mine, their in zip(ours, theirs, strict=True):
        found: Words = [(w.text, w.start, w.end) for w in mine.words]
        assert found == [(w["word"], w.get("start"), w.get("end")) for w in their["words"]]
        for a, b in zip(mine.words, their["words"], strict=True):
            assert (a.score is None) == ("score" not in b)
            assert a.score is None or abs(a.score - b["score"]) < SCORE
            timed += a.start is not None
    return timed


WORDS = st.text(alphabet=LETTERS + "ABC가xyz09?,-İé", min_size=0, max_size=9)
TEXTS = st.lists(WORDS | st.sampled_from(["end.", "A.", "Mr.", "Well!", "so?", "|", ""]), max_size=14).map(" ".join)


@settings(max_examples=600, deadline=None)
@given(
    texts=st.lists(st.tuples(TEXTS, st.floats(0.02, 9.0), st.floats(0.0, 1.0)), min_size=1, max_size=3),
    language=st.sampled_from(["en", "ko", "hi", "ja", "zh"]),
    seed=st.integers(0, 2**16),
    sharpness=st.sampled_from([0.1, 1.0, 4.0, 12.0]),
)
def test_random_texts_and_emissions(
    texts: list[tuple[str, float, float]], language: str, seed: int, sharpness: float
) -> None:
    samples = np.zeros(20 * SAMPLE_RATE, np.float32)
    utterances, start = [], 0.0
    for text, length, gap in texts:
        utterances.append(Utterance(round(start, 3), round(start + length, 3), text))
        start += length + gap
    model = RandomModel(seed, sharpness, len(VOCABULARY))
    ours = CtcAligner(model, VOCABULARY, language, CORES, NLTK_DATA).align(samples, utterances, lambda _: None)  # type: ignore[arg-type]
    _assert_equal(ours, _theirs(utterances, model, VOCABULARY, samples, language))


@settings(max_examples=3000, deadline=None)
@given(
    frames=st.integers(1, 60),
    characters=st.integers(1, 40),
    seed=st.integers(0, 2**16),
    sharpness=st.sampled_from([0.0, 0.1, 1.0, 8.0]),
    blank=st.integers(0, 3),
)
def test_random_paths(frames: int, characters: int, seed: int, sharpness: float, blank: int) -> None:
    made = np.random.default_rng(seed)
    logits = torch.from_numpy(made.normal(0, sharpness, (frames, 4)).astype(np.float32))
    emissions, tokens = torch.log_softmax(logits, -1), made.integers(0, 4, characters)
    theirs = backtrack(get_trellis(emissions, tokens.tolist(), blank), emissions, tokens.tolist(), blank)
    ours = best_path(emissions.numpy(), tokens, blank)
    assert (ours is None) == (theirs is None)
    if ours is None or theirs is None:
        return
    segments = merge_repeats(theirs, "x" * characters)
    assert ours.starts.tolist() == [s.start for s in segments]
    assert ours.ends.tolist() == [s.end for s in segments]
    np.testing.assert_allclose(ours.scores, [s.score for s in segments], atol=1e-5)


def test_the_random_cases_find_words_and_fail_to() -> None:
    """What the property tests would not notice: that nothing is ever aligned, or everything."""
    samples = np.zeros(12 * SAMPLE_RATE, np.float32)
    said = "abc fed. Gab 99 가나 xyz. Had? " * 2
    utterances = [
        Utterance(0.0, 8.0, said),
        Utterance(8.0, 8.04, said),
        Utterance(9.0, 11.0, " ?! "),
        Utterance(12.5, 13.0, "abc"),
    ]
    model = RandomModel(3, 3.0, len(VOCABULARY))
    ours = CtcAligner(model, VOCABULARY, "en", CORES, NLTK_DATA).align(samples, utterances, lambda _: None)  # type: ignore[arg-type]
    expected = _theirs(utterances, model, VOCABULARY, samples, "en")
    assert _assert_equal(ours, expected) >= 14
    assert [s.words for s in ours if s.start in {8.0, 12.5}] == [(), ()], "too short for its text, and after the end"
    assert len([s for s in ours if s.end <= 8.0]) == 6, "sentences"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_demo_s_model_and_speech(language: str) -> None:
    samples = decode(ROOT / f"demo/samples/meeting_{language}.mp4", 60.0).samples
    folder = str(ROOT / "demo/models/aligner")
    model, metadata = load_align_model(language, "cpu", folder)
    text = (
        "Can you record the plan on Monday? Peter will check 12 reports."
        if language == "en"
        else "오늘 회의 를 시작 합니다"
    )
    utterances = [Utterance(first, first + 4.0, text) for first in (0.5, 5.25, 11.0)]
    segments = [{"start": u.start, "end": u.end, "text": u.text} for u in utterances]
    expected = align(segments, model, metadata, samples, "cpu")["segments"]
    shares: list[float] = []
    ours = CtcAligner.load(language, folder, "cpu", CORES, NLTK_DATA).align(samples, utterances, shares.append)
    assert _assert_equal(ours, expected) >= 15
    assert shares == [1 / 3, 2 / 3, 1.0]


@pytest.mark.parametrize(
    "order", [["[pad]", "a", "b", "|"], ["a", "b", "|", "[pad]"], ["a", "<pad>", "b", "|"], ["|", "a", "b", "c"]]
)
def test_the_blank_is_the_padding_token_wherever_it_stands(order: list[str]) -> None:
    samples = np.zeros(4 * SAMPLE_RATE, np.float32)
    for vocabulary in ({c: n for n, c in enumerate(order)}, {c: n for n, c in reversed(list(enumerate(order)))}):
        model, said = RandomModel(7, 3.0, 4), [Utterance(0.0, 3.0, "ab ba bab")]
        ours = CtcAligner(model, vocabulary, "en", CORES, NLTK_DATA).align(samples, said, lambda _: None)  # type: ignore[arg-type]
        assert _assert_equal(ours, _theirs(said, model, vocabulary, samples, "en")) == 3


def test_no_utterances_give_no_sentences() -> None:
    model = RandomModel(0, 1.0, len(VOCABULARY))
    nothing = np.zeros(0, np.float32)
    assert CtcAligner(model, VOCABULARY, "en", CORES).align(nothing, [], lambda _: None) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(("norm", "stable"), [("group", False), ("layer", True)])
def test_a_batch_has_the_emissions_of_each_clip_alone(norm: str, stable: bool) -> None:
    """Base models normalize over time, large ones over channels: padding must reach neither."""
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=12,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        feat_extract_norm=norm,
        do_stable_layer_norm=stable,
    )
    emissions = TransformersEmissions(Wav2Vec2ForCTC(config), "cpu")
    clips = [
        np.random.default_rng(size).normal(0, 0.1, size).astype(np.float32) for size in (16_000, 5_000, 300, 9_999)
    ]
    for alone, together in zip(map(emissions.of, clips), emissions.of_all(clips), strict=True):
        assert together.shape == alone.shape
        np.testing.assert_allclose(together, alone, atol=1e-4)
        assert np.ptp(alone) > 0.01


def test_emissions_computed_ahead_are_given_back_to_their_utterances() -> None:
    """As on a GPU, where batches are of similar length, not in the order of the text."""
    samples = np.zeros(12 * SAMPLE_RATE, np.float32)
    utterances = [Utterance(s, e, "abc fed gab") for s, e in ((0.0, 3.0), (3.0, 4.0), (4.0, 9.0), (9.0, 9.9))]

    class Ahead(RandomModel):
        device = "cuda"

        def of_all(self, clips: Sequence[Samples]) -> Sequence[NDArray[np.float32]]:
            assert [len(clip) for clip in clips] == sorted(len(clip) for clip in clips)
            return [self.of(clip) for clip in clips]

    aligners = [CtcAligner(kind(5, 3.0, len(VOCABULARY)), VOCABULARY, "en", CORES) for kind in (RandomModel, Ahead)]  # type: ignore[arg-type]
    one, other = (aligner.align(samples, utterances, lambda _: None) for aligner in aligners)
    assert one == other
    assert len({word.start for sentence in one for word in sentence.words}) == 12


def test_nearest() -> None:
    nan = float("nan")
    assert nearest([nan, 1.0, nan, nan, nan, 5.0, nan]) == [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0]
    assert nearest([]) == []
