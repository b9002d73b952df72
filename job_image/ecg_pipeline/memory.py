"""What the C library does with memory that the model libraries free.

glibc gives large blocks back to the system at once, so every operation on a large array has the system map its memory
anew, page by page: four million page faults and ten seconds for five minutes of audio (decision 0082).
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""glibc's numbers for these parameters, from malloc.h."""
_LARGEST_KEPT = 2**30
_LIBC = ctypes.CDLL(None)


def keep_freed_memory() -> None:
    """Have freed memory used again instead of being given back. Call it before there are threads."""
    if hasattr(_LIBC, "mallopt"):
        _LIBC.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        _LIBC.mallopt(_M_TRIM_THRESHOLD, _LARGEST_KEPT)
        # the memory of other arenas, which belong to threads, is given back whatever the thresholds
        _LIBC.mallopt(_M_ARENA_MAX, 1)


def return_freed_memory() -> None:
    """Give all freed memory back to the system."""
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
