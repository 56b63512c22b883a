"""Readers turn the files of a format into values, writers turn values into files; they know no repository."""
