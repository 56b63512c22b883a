"""Adapters from hdstore's values to what Qt's views ask for."""
