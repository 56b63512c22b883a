"""Who changed a frame or an annotation, when, in which version, and what it was before."""
