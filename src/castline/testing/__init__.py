"""Tools for tests, ours and other people's: synthetic series whose truth is known."""
