"""What the app does in the background: the repository, threads, pictures, questions, settings."""
