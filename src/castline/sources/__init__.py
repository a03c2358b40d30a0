"""What others measured already, read into tables."""
