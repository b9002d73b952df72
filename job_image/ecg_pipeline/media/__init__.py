"""From a media file to 16 kHz mono samples."""
