"""Measures commands side by side, and says what came out."""
