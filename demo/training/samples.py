"""Write the sample videos (`demo/samples`) and the held-out dialogues (`tests/data/heldout`) with their reference."""

from pathlib import Path

from dialogue import cast_of, compose, write_flac
from espeak import Synthesizer
from video import write_video

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "demo/samples"
HELD_OUT = ROOT / "tests/data/heldout"
HELD_OUT_S = {"en": 20.0, "ko": 30.0}
"""Korean sentences have fewer words."""

Recipe = tuple[str, tuple[str, ...], int]
VIDEOS: dict[str, Recipe] = {"meeting_en": ("en", ("m3", "f4"), 101), "meeting_ko": ("ko", ("m7", "Annie"), 102)}
DIALOGUES: dict[str, Recipe] = {
    "en_m3_f4": ("en", ("m3", "f4"), 201),
    "en_Andy_f2": ("en", ("Andy", "f2"), 202),
    "en_m7_Annie": ("en", ("m7", "Annie"), 203),
    "ko_m7_Annie": ("ko", ("m7", "Annie"), 204),
    "ko_m3_f2": ("ko", ("m3", "f2"), 205),
    "ko_Andy_f4": ("ko", ("Andy", "f4"), 206),
    "ko_m3_f4": ("ko", ("m3", "f4"), 207),
    "en_m3_alone": ("en", ("m3",), 208),
}


def main() -> None:
    synthesizer = Synthesizer()
    for folder in (SAMPLES, HELD_OUT):
        folder.mkdir(parents=True, exist_ok=True)
    for name, (language, voices, seed) in VIDEOS.items():
        dialogue = compose(synthesizer, language, cast_of(voices), seed, seconds=21.0)
        write_video(dialogue, SAMPLES / f"{name}.mp4")
        dialogue.write_truth(SAMPLES / f"{name}.json")
    for name, (language, voices, seed) in DIALOGUES.items():
        dialogue = compose(synthesizer, language, cast_of(voices), seed, seconds=HELD_OUT_S[language])
        write_flac(dialogue.samples, HELD_OUT / f"{name}.flac")
        dialogue.write_truth(HELD_OUT / f"{name}.json")
        print(f"{name}: {dialogue.duration:.1f} s, {len(dialogue.words)} words, {len(dialogue.turns)} turns")


if __name__ == "__main__":
    main()
