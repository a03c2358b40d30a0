"""Reasoning: a language model with tools judges the lines that another method is in doubt about."""
