"""One store, whole decisions: the port that everything else uses, and its adapters."""
