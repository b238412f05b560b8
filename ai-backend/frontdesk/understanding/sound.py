"""Sound in a format that every provider hears."""

import io

import av
from av.audio.resampler import AudioResampler

RATE = 16_000
LONGEST_S = 30 * 60


class SoundError(ValueError):
    """The file cannot be decoded, or lasts too long."""


def as_wav(sound: bytes) -> bytes:
    """Any sound that FFmpeg knows as WAV, mono, 16 kHz, 16 bit. Takes about a hundredth of its duration.

    Raises:
        SoundError: it cannot be decoded, or lasts longer than half an hour.
    """
    target = io.BytesIO()
    try:
        with av.open(io.BytesIO(sound), "r") as source, av.open(target, "w", format="wav") as sink:
            stream = sink.add_stream("pcm_s16le", rate=RATE, layout="mono")
            resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
            samples = 0
            for frame in source.decode(audio=0):
                for part in resampler.resample(frame):
                    samples = _checked(samples + part.samples)
                    sink.mux(stream.encode(part))
            for part in resampler.resample(None):
                sink.mux(stream.encode(part))
            sink.mux(stream.encode(None))
    except SoundError:
        raise
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise SoundError("cannot be decoded") from error
    return target.getvalue()


def _checked(samples: int) -> int:
    if samples > LONGEST_S * RATE:
        raise SoundError(f"lasts longer than {LONGEST_S // 60} minutes")
    return samples
