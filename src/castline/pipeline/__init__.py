"""Running stages: what is stale and why, resumable and atomic."""
