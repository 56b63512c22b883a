"""DataViews at work: what their queries find, in which order frames come, and what comes of them."""
