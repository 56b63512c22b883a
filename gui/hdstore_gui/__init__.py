"""The desktop app of hdstore: browses, filters and annotates datasets."""
