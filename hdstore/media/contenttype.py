"""Content types by a file's first bytes, else by its name, from tables of our own.

Python's mimetypes reads files of the system, so two machines would import one folder as different frames.
"""

from __future__ import annotations

import os
import re

__all__ = ["HEAD", "UNKNOWN", "content_type_of"]

HEAD = 512
"""How many bytes of a file are looked at."""

UNKNOWN = "application/octet-stream"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\x76\x2f\x31\x01", "image/x-exr"),
    (b"#?RADIANCE", "image/vnd.radiance"),
    (b"DDS ", "image/vnd-ms.dds"),
    (b"qoif", "image/qoi"),
    (b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"MThd", "audio/midi"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF-", "application/pdf"),
)

_MAGIC_BY_BYTE: dict[int, list[tuple[bytes, str]]] = {}
for _entry in _MAGIC:
    _MAGIC_BY_BYTE.setdefault(_entry[0][0], []).append(_entry)

_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
_AIFF = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}

_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
}
"""Major brands of the ISO media format; all others are MPEG-4 video."""

_PNM = {
    b"1": "image/x-portable-bitmap",
    b"2": "image/x-portable-graymap",
    b"3": "image/x-portable-pixmap",
    b"4": "image/x-portable-bitmap",
    b"5": "image/x-portable-graymap",
    b"6": "image/x-portable-pixmap",
}

_PNM_HEAD = re.compile(rb"P[1-6]\s+[0-9#]")

_EXTENSIONS = {
    "3gp": "video/3gpp",
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "avi": "video/x-msvideo",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "csv": "text/csv",
    "dcm": "application/dicom",
    "dds": "image/vnd-ms.dds",
    "exr": "image/x-exr",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "gif": "image/gif",
    "glb": "model/gltf-binary",
    "gz": "application/gzip",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "hdr": "image/vnd.radiance",
    "heic": "image/heic",
    "heif": "image/heif",
    "html": "text/html",
    "ico": "image/vnd.microsoft.icon",
    "j2k": "image/jp2",
    "jfif": "image/jpeg",
    "jp2": "image/jp2",
    "jpe": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "jxl": "image/jxl",
    "las": "application/vnd.las",
    "laz": "application/vnd.laszip",
    "m2ts": "video/mp2t",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "md": "text/markdown",
    "mid": "audio/midi",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "mts": "video/mp2t",
    "nii": "application/x-nifti",
    "npy": "application/x-npy",
    "npz": "application/x-npz",
    "obj": "model/obj",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "parquet": "application/vnd.apache.parquet",
    "pbm": "image/x-portable-bitmap",
    "pcd": "application/x-pcd",
    "pdf": "application/pdf",
    "pgm": "image/x-portable-graymap",
    "ply": "application/x-ply",
    "png": "image/png",
    "ppm": "image/x-portable-pixmap",
    "psd": "image/vnd.adobe.photoshop",
    "qoi": "image/qoi",
    "stl": "model/stl",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tga": "image/x-tga",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "ts": "video/mp2t",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "wma": "audio/x-ms-wma",
    "wmv": "video/x-ms-wmv",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}

_CONTAINERS = {
    "video/x-matroska": {"video/webm"},
    "video/x-ms-asf": {"video/x-ms-wmv", "audio/x-ms-wma"},
    "video/mp4": {"video/quicktime", "video/3gpp", "audio/mp4"},
    "image/heif": {"image/heic", "image/avif"},
}
"""Formats whose first bytes only name the family: there the name may say which member it is."""


def content_type_of(head: bytes, name: str) -> str:
    """Returns the content type of a file that begins with ``head`` and is called ``name``."""
    named = _by_name(name)
    found = _by_magic(head)
    if not found or named in _CONTAINERS.get(found, ()):
        return named
    return found


def _by_name(name: str) -> str:
    return _EXTENSIONS.get(os.path.splitext(name)[1][1:].lower(), UNKNOWN)


def _by_magic(head: bytes) -> str:
    for magic, content_type in _MAGIC_BY_BYTE.get(head[0], ()) if head else ():
        if head.startswith(magic):
            return content_type
    kind = head[8:12]
    if head.startswith(b"RIFF"):
        return _RIFF.get(kind, "")
    if head.startswith(b"FORM"):
        return _AIFF.get(kind, "")
    if head[4:8] == b"ftyp" and len(kind) == 4:
        return _BRANDS.get(kind, "video/mp4")
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        # The oldest QuickTime files begin without a brand.
        return "video/quicktime"
    if head.startswith(b"OggS"):
        return "video/ogg" if b"theora" in head[:64] else "audio/ogg"
    # Two letters are no proof: what follows must agree.
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    if head[1:2] in _PNM and _PNM_HEAD.match(head):
        return _PNM[head[1:2]]
    if head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return "video/mp2t"
    return ""
