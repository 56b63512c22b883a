"""What ``hdstore.allegroai`` and ``hdstore.clearml`` share: finding things by name, media, the wire form of frames."""
