"""The composition root: puts the parts together, starts the processes, watches them. The only one that knows everyone."""
