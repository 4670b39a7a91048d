"""What keeps the store in shape while mail flows: checkpoints, sweeps, the watchdog."""
