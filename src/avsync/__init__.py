"""Audio-visual synchronization: train it, measure it, use it."""
