"""Three-way merge of frames, versions and catalogs: field by field, annotation by annotation."""
