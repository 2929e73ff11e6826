#!/usr/bin/env python3
"""rdata_text.py RDATA.rdb OUT: the character vectors of an R lazy-load database as text.

Each record is a big-endian u32 (size when unpacked) and a zlib stream that holds one object in R's
XDR serialisation, version 2 or 3. Only vectors of strings (type 16) are written: one line a string,
three empty lines between vectors, sorted by how they begin. Standard library only.
"""
import struct
import sys
import zlib

STRING_VECTOR = 16


def records(data):
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        stream = zlib.decompressobj()
        record = stream.decompress(data[at + 4:])
        if len(record) != size:
            sys.exit(f"{sys.argv[1]}: record at byte {at} unpacks to {len(record)} bytes, not {size}")
        yield record
        at = len(data) - len(stream.unused_data)


def strings(record):
    if record[:2] != b"X\n":
        sys.exit(f"{sys.argv[1]}: a record is not in XDR form")
    at = 14  # format, version, writer, oldest reader
    if struct.unpack_from(">i", record, 2)[0] == 3:  # version 3 names its encoding
        at += 4 + struct.unpack_from(">i", record, 14)[0]
    if record[at + 3] != STRING_VECTOR:
        return None
    (count,) = struct.unpack_from(">i", record, at + 4)
    at += 8
    lines = []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", record, at + 4)
        at += 8
        lines.append(record[at:at + max(length, 0)])
        at += max(length, 0)
    return b"\n".join(lines).strip() + b"\n"


def main():
    with open(sys.argv[1], "rb") as file:
        texts = [text for text in map(strings, records(file.read())) if text is not None]
    texts.sort(key=lambda text: text[:12].upper())
    with open(sys.argv[2], "wb") as file:
        file.write(b"\n\n\n".join(texts))


main()
