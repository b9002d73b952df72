"""A plain video for a dialogue: a panel per speaker, bright while that speaker talks, and bars of the sound level."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from dialogue import Dialogue
from espeak import SAMPLE_RATE
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 320, 180, 10
BACKGROUND = (24, 26, 32)
PANELS = ((86, 156, 214), (214, 132, 86), (120, 190, 120))
BARS = 32


def write_video(dialogue: Dialogue, path: Path) -> None:
    """Write an MP4 file with H.264 and AAC."""
    speakers = list(dict.fromkeys(turn.speaker for turn in dialogue.turns))
    with av.open(str(path), "w", options={"movflags": "faststart"}) as sink:
        picture = sink.add_stream("libx264", rate=FPS, options={"crf": "30", "preset": "slow"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = sink.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = 64_000
        for index in range(int(dialogue.duration * FPS)):
            frame = av.VideoFrame.from_ndarray(_draw(dialogue, speakers, index / FPS), format="rgb24")
            sink.mux(picture.encode(frame))
        sink.mux(picture.encode(None))
        _mux_sound(sink, sound, dialogue.samples)


def _mux_sound(sink: av.container.OutputContainer, sound: av.AudioStream, samples: NDArray[np.float32]) -> None:
    for start in range(0, len(samples), 1024):
        block = np.ascontiguousarray(samples[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        sink.mux(sound.encode(frame))
    sink.mux(sound.encode(None))


def _draw(dialogue: Dialogue, speakers: list[str], second: float) -> NDArray[np.uint8]:
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = BACKGROUND
    speaking = next((t.speaker for t in dialogue.turns if t.start <= second < t.end), None)
    width = WIDTH // len(speakers)
    for i, speaker in enumerate(speakers):
        strength = 1.0 if speaker == speaking else 0.3
        image[20:110, i * width + 12 : (i + 1) * width - 12] = np.multiply(PANELS[i], strength).astype(np.uint8)
    for i, height in enumerate(_levels(dialogue.samples, second)):
        image[165 - height : 166, 12 + i * 9 : 18 + i * 9] = (200, 204, 210)
    return image


def _levels(samples: NDArray[np.float32], second: float) -> list[int]:
    """Heights in pixels of the bars: the level over the last second or so."""
    step = SAMPLE_RATE // 25
    starts = [int(second * SAMPLE_RATE) - (BARS - i) * step for i in range(BARS)]
    blocks = [samples[max(start, 0) : max(start + step, 0)] for start in starts]
    return [int(40 * min(1.0, 3 * float(np.sqrt(np.mean(b**2))))) if len(b) else 0 for b in blocks]
