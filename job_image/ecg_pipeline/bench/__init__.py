"""`ecg bench`: what the configured models cost on this machine, compared with `whisperx` or between GPU and CPU."""
