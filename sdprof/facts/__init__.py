"""Facts: pure functions of artifacts. No torch, no process, no knowledge of who collected what."""
