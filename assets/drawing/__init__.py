"""A small renderer for the sample pictures: height fields seen from above, lit by one lamp."""
