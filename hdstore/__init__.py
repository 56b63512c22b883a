"""hdstore: git for dataset metadata."""
