"""Word times by forced alignment with a wav2vec2 model, equal to those of `whisperx.alignment.align` 3.8.

It differs in how it computes them: each utterance's lattice in one compiled pass, utterances beside one another on the
CPU, and in batches on a GPU (decision 0081).
"""

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Self

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC

from ecg_contract.spelling import WITHOUT_SPACES
from ecg_pipeline.engines.aligned_words import CharacterTime, aligned_sentences
from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.ctc import best_path
from ecg_pipeline.engines.emissions import Emissions, TorchaudioEmissions, TransformersEmissions
from ecg_pipeline.engines.punkt import sentence_splitter
from ecg_pipeline.ports import SAMPLE_RATE, OnProgress, Samples, Sentence, Utterance, cut

TORCHAUDIO_MODELS = frozenset(torchaudio.pipelines.__all__)
_SILENCE_S = 30.0
"""Longest time without a byte of a model of torchaudio, whose download has no limit of its own."""
_GPU_BATCH = 8
"""Utterances of at most 30 s in one pass on a GPU."""
_WILDCARD = -1
_log = logging.getLogger(__name__)


class Sought(NamedTuple):
    """The characters of a text that are looked for in the sound."""

    places: Sequence[int]
    """Their indices in the text."""
    tokens: NDArray[np.int64]
    """The model's tokens; _WILDCARD for a character that it does not know. More than `places` where a character's
    lower case has several, which whisperX counts apart, too."""


class Task(NamedTuple):
    """An utterance to be aligned."""

    number: int
    """Its place among all utterances."""
    utterance: Utterance
    sought: Sought
    clip: Samples
    emissions: NDArray[np.float32] | None = None
    """Computed ahead, on a GPU."""


class CtcAligner:
    """Aligns with the emissions of a model whose `vocabulary` gives the token of each lower-case character."""

    def __init__(
        self,
        emissions: Emissions,
        vocabulary: Mapping[str, int],
        language: str,
        cores: Cores,
        nltk_data: str | None = None,
    ) -> None:
        self._emissions, self._vocabulary, self._cores = emissions, vocabulary, cores
        self._blank = vocabulary.get("<pad>", vocabulary.get("[pad]", 0))
        self._spaced = language not in WITHOUT_SPACES
        self._sentence_spans = sentence_splitter(language, nltk_data).span_tokenize

    @classmethod
    def load(cls, language: str, name: str, device: str, cores: Cores, nltk_data: str | None) -> Self:
        """`name` is torchaudio's or a folder. Raises what the library raises."""
        if name in TORCHAUDIO_MODELS:
            bundle = getattr(torchaudio.pipelines, name)
            with _limited_silence():
                emissions: Emissions = TorchaudioEmissions(bundle.get_model(), device)
            vocabulary = {char: token for token, char in enumerate(bundle.get_labels())}
        else:
            emissions = TransformersEmissions(Wav2Vec2ForCTC.from_pretrained(name), device)
            vocabulary = Wav2Vec2CTCTokenizer.from_pretrained(name).get_vocab()
        return cls(emissions, {char.lower(): token for char, token in vocabulary.items()}, language, cores, nltk_data)

    def align(self, samples: Samples, utterances: Sequence[Utterance], on_progress: OnProgress) -> Sequence[Sentence]:
        """In the order of `utterances`; one that cannot be aligned becomes a sentence without words."""
        found: list[Sequence[Sentence]] = [[Sentence(u.start, u.end, u.text)] for u in utterances]
        tasks = list(self._tasks(samples, utterances))
        ready = tasks if self._emissions.device == "cpu" else self._with_emissions(tasks)
        for done, (number, sentences) in enumerate(self._cores.map(self._aligned, ready), 1):
            found[number] = sentences
            on_progress(done / len(tasks))
        return [sentence for sentences in found for sentence in sentences]

    def _tasks(self, samples: Samples, utterances: Sequence[Utterance]) -> Iterator[Task]:
        for number, utterance in enumerate(utterances):
            sought = self._sought(utterance.text)
            if sought.places and utterance.start < len(samples) / SAMPLE_RATE:
                yield Task(number, utterance, sought, cut(samples, utterance))
            else:
                _log.warning("utterance_not_aligned", extra={"start": utterance.start, "end": utterance.end})

    def _sought(self, text: str) -> Sought:
        """All characters but spaces at the ends, and those between words where the model has no token for them."""
        stripped = range(len(text) - len(text.lstrip()), len(text.rstrip()))
        chars = [(place, self._as_spelled(text[place])) for place in stripped]
        sought = [(place, char) for place, char in chars if char in self._vocabulary or char not in {" ", "|"}]
        spelled = "".join(char for _, char in sought)
        tokens = np.array([self._vocabulary.get(char, _WILDCARD) for char in spelled], np.int64)
        return Sought([place for place, _ in sought], tokens)

    def _as_spelled(self, char: str) -> str:
        return char.lower().replace(" ", "|") if self._spaced else char.lower()

    def _with_emissions(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """On a GPU, in batches of similar length."""
        by_length = sorted(tasks, key=lambda task: len(task.clip))
        for first in range(0, len(tasks), _GPU_BATCH):
            batch = by_length[first : first + _GPU_BATCH]
            clips = [task.clip for task in batch]
            try:
                found = self._emissions.of_all(clips)
            except torch.cuda.OutOfMemoryError:
                found = [self._emissions.of(clip) for clip in clips]
            for task, emissions in zip(batch, found, strict=True):
                yield task._replace(emissions=emissions)

    def _aligned(self, task: Task) -> tuple[int, Sequence[Sentence]]:
        utterance, sought = task.utterance, task.sought
        emissions = self._emissions.of(task.clip) if task.emissions is None else task.emissions
        is_unknown = sought.tokens == _WILDCARD
        tokens = np.where(is_unknown, emissions.shape[1], sought.tokens)
        if is_unknown.any():
            emissions = self._with_wildcard(emissions)
        path = best_path(emissions, tokens, self._blank)
        if path is None:
            _log.warning("utterance_not_aligned", extra={"start": utterance.start, "end": utterance.end})
            return task.number, [Sentence(utterance.start, utterance.end, utterance.text)]
        frame_s = (utterance.end - utterance.start) / len(emissions)
        times: list[CharacterTime | None] = [None] * len(utterance.text)
        for place, start, end, score in zip(sought.places, *(values.tolist() for values in path), strict=False):
            times[place] = CharacterTime(
                round(start * frame_s + utterance.start, 3), round(end * frame_s + utterance.start, 3), round(score, 3)
            )
        spans = list(self._sentence_spans(utterance.text))
        return task.number, aligned_sentences(utterance.text, times, spans, spaced=self._spaced)

    def _with_wildcard(self, emissions: NDArray[np.float32]) -> NDArray[np.float32]:
        """One more column, with the highest score of a character in each frame."""
        characters = np.delete(emissions, self._blank, axis=1)
        return np.concatenate([emissions, characters.max(axis=1, keepdims=True)], axis=1)


@contextmanager
def _limited_silence() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
