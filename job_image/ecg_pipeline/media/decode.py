"""Decodes a media file once to 16 kHz mono samples, with ffmpeg's libraries (PyAV).

The file is untrusted: it is opened by a local path with an allow list of formats and protocols, so that ffmpeg follows
no playlist or reference inside it, and the declared length is checked against the decoded one. Memory: 4 bytes a
sample, 230 MB an hour (921 MB for 4 h), in one buffer that grows in place and is not copied at the end.

Sample 0 is the moment at which a player starts the file (see `timeline`).
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.stream import Discard

from ecg_contract.errors import ErrorCode, UsageError, audio_extraction_failed
from ecg_pipeline.media.samples import Buffer, MediaError, Resampler, too_long
from ecg_pipeline.media.sniff import is_mp4, not_media_reason, wav_share_present
from ecg_pipeline.media.timeline import Timeline
from ecg_pipeline.ports import Samples
from ecg_pipeline.settings import MAX_MEDIA_S

FORMATS = "mov,matroska,webm,mp3,wav,ogg,flac,aac,mpegts,avi"
PROTOCOLS = "file,pipe"
_MAX_STREAMS = 100
_COUNTED = {"mov", "wav", "flac"}
"""Formats that declare the audio track's own length; others estimate it from the bit rate or declare the file's."""
_DECLARED = _COUNTED | {"matroska"}
_SHORT_S, _SHORT_PART = 1.0, 0.005
"""A file counts as truncated when it is shorter than declared by more than both of these seconds and this share."""
_LOST_PART = 0.1
"""Share of the audio packets that may be unreadable."""
_REPORT_S = 30.0

OnDecoded = Callable[[float, float | None], None]
"""Called with the seconds decoded so far and the declared length in seconds, if any."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    samples: Samples
    """Finite, in [-1, 1]."""
    notes: tuple[str, ...] = ()
    """What was repaired during decoding, in sentences for people."""


def decode(path: Path, max_seconds: float = MAX_MEDIA_S, on_progress: OnDecoded = lambda *_: None) -> Audio:
    """The file's default audio track. Raises UsageError (AUDIO_EXTRACTION_ERROR)."""
    try:
        return _Decoding(path, max_seconds, on_progress).run()
    except MediaError as error:
        _log.error("audio_extraction_failed", extra={"reason": str(error)})
        raise UsageError(ErrorCode.AUDIO_EXTRACTION_ERROR, audio_extraction_failed(str(error))) from None


class _Decoding:
    """The state of decoding one file. Methods raise MediaError."""

    def __init__(self, path: Path, max_seconds: float, on_progress: OnDecoded) -> None:
        self._path, self._max_seconds, self._on_progress = path, max_seconds, on_progress
        self._packets = self._lost = self._lost_before_frame = 0
        self._reported = 0.0
        self._reached = 0.0
        """Latest end of any track's packet so far, in seconds, by the file's timestamps."""

    def run(self) -> Audio:
        reason = not_media_reason(self._path)
        if reason:
            raise MediaError(reason)
        with _opened(self._path) as container:
            self._prepare(container)
            for packet in self._demuxed(container):
                self._decode_packet(packet)
            self._resampler.flush()
        return self._finished()

    def _prepare(self, container: Any) -> None:
        self._track = _audio_track(container)
        self._format = container.format.name.partition(",")[0]
        self._declared = _declared_seconds(container, self._track, self._format)
        if self._format in _DECLARED and (self._declared or 0.0) > self._max_seconds:
            raise too_long(self._declared or 0.0, self._max_seconds)
        length = container.duration / av.time_base if container.duration else self._declared
        self._timeline = Timeline((container.start_time or 0) / av.time_base, length)
        self._buffer = Buffer(self._max_seconds, min(self._declared or 60.0, 3600.0))
        self._resampler = Resampler(self._buffer.append)

    def _demuxed(self, container: Any) -> Iterator[Any]:
        """The audio packets, until the file ends or a read fails."""
        # A length declared for the file is compared with the end of all tracks, so video packets are read for it, too.
        others = [] if self._format in _COUNTED else [s for s in container.streams if s.type == "video"]
        for stream in container.streams:
            if stream is not self._track and stream not in others:
                stream.discard = Discard.all
        try:
            for packet in _packets(container, [self._track, *others]):
                if packet.pts is not None:
                    self._reached = max(self._reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is self._track:
                    yield packet
        except (av.error.FFmpegError, OSError):
            self._lost += 1

    def _decode_packet(self, packet: Any) -> None:
        self._packets += 1
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self._lost += 1
            return
        for frame in frames:
            self._append_frame(frame)
        if self._buffer.seconds >= self._reported + _REPORT_S:
            self._reported = self._buffer.seconds
            self._on_progress(self._reported, self._declared)

    def _append_frame(self, frame: Any) -> None:
        after_loss, self._lost_before_frame = self._lost > self._lost_before_frame, self._lost
        time = None if frame.pts is None else float(frame.pts * frame.time_base)
        place = self._timeline.place(time, frame.samples / (frame.sample_rate or 1), after_loss=after_loss)
        if place.silence_until is not None:
            self._resampler.flush()
            self._buffer.silence_until(place.silence_until)
        self._resampler.push(frame, skip=round(place.drop * frame.sample_rate))

    def _finished(self) -> Audio:
        if not self._buffer.length:
            raise MediaError("no audio could be decoded from the file's audio track")
        if self._lost > max(3, _LOST_PART * self._packets):
            raise MediaError(f"the file is damaged: {self._lost} of {self._packets} audio packets cannot be read")
        self._check_complete()
        self._on_progress(self._buffer.seconds, self._declared)
        return Audio(self._buffer.finish(), notes=tuple(self._notes()))

    def _check_complete(self) -> None:
        declared = self._declared or 0.0
        if self._format == "wav":  # ffmpeg shortens a WAV file's declared length to what is present
            declared = self._buffer.seconds / wav_share_present(self._path)
        present = self._buffer.seconds if self._format in _COUNTED else max(self._reached, self._buffer.seconds)
        if self._format in _DECLARED and declared - present > max(_SHORT_S, _SHORT_PART * declared):
            raise MediaError(f"the file is cut off: {present:.1f} s could be decoded of {declared:.1f} s declared")

    def _notes(self) -> Iterator[str]:
        if self._lost:
            yield f"{self._lost} of {self._packets} audio packets could not be read and are silence"
        if self._resampler.not_finite:
            yield f"{self._resampler.not_finite} audio samples were not numbers and are silence"
        if self._timeline.jumps:
            yield f"the audio's timestamps jump {self._timeline.jumps} times; times after that may be shifted"


def _opened(path: Path) -> Any:
    options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": FORMATS, "max_streams": str(_MAX_STREAMS)}
    try:
        return av.open(f"file:{path.resolve()}", container_options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError):
        reason = "an MP4 file without its index, as one that is cut off" if is_mp4(path) else "of no known format"
        raise MediaError(f"the file is {reason}; formats that are read: {FORMATS}") from None


def _packets(container: Any, tracks: list[Any]) -> Iterator[Any]:
    while True:
        try:
            yield from container.demux(*tracks)
        except IndexError:
            continue  # PyAV cannot map a track that first appears mid-file; its packet is skipped
        return


def _audio_track(container: Any) -> Any:
    track = container.streams.best("audio")
    if track is None:
        kinds = ", ".join(sorted({stream.type for stream in container.streams}))
        raise MediaError(f"the file has no audio track (only {kinds or 'no track at all'})")
    return track


def _declared_seconds(container: Any, track: Any, form: str) -> float | None:
    if form in _COUNTED:
        return float(track.duration * track.time_base) if track.duration else None
    return container.duration / av.time_base if container.duration else None
