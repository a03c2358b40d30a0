"""Fusion: a trained ranker weighs voices, faces, words and the lines around."""
