"""The outline of the whole signal, for a picture of it."""

import numpy as np

from ecg_pipeline.ports import SAMPLE_RATE, Samples

PEAKS = 1000
_SHORTEST = SAMPLE_RATE // 50


def peaks(samples: Samples) -> list[int]:
    """The largest sample of each of up to `PEAKS` equal stretches of at least 20 ms, in percent of full scale.

    Makes no copy of the samples: four hours of them are 900 MB.
    """
    if len(samples) == 0:
        return []
    count = min(PEAKS, max(1, len(samples) // _SHORTEST))
    starts = np.linspace(0, len(samples), count, endpoint=False).astype(np.intp)
    largest = np.maximum(np.maximum.reduceat(samples, starts), -np.minimum.reduceat(samples, starts))
    percents: list[int] = np.rint(np.clip(np.nan_to_num(largest), 0, 1) * 100).astype(int).tolist()
    return percents
