"""What Python's zipfile finds in a zip file: the name and content of every member, each checksum compared."""

import hashlib
import io
import struct
import warnings
import zipfile

warnings.simplefilter("ignore")


def name_of(info):
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437").hex()


def answer(question):
    # Looks for the last of several, also inside the comment of the file.
    if question.count(b"PK\x05\x06") > 1:
        return b"unknown"
    try:
        with zipfile.ZipFile(io.BytesIO(question)) as archive:
            members = []
            for info in archive.infolist():
                with archive.open(info) as member:
                    content = member.read()
                if len(content) != info.file_size:
                    return b"error short"
                members.append(f"{name_of(info)} {hashlib.sha256(content).hexdigest()}")
        return "\n".join(["ok", *members]).encode()
    except MemoryError:
        return b"unknown"
    except Exception as error:
        return f"error {type(error).__name__} {error}".encode("utf-8", "surrogateescape")


class Unseekable(io.RawIOBase):
    """Sizes and checksums then follow the members."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def archive(members, compression=zipfile.ZIP_STORED, comment=b"", zip64=False):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as target:
        for name, content in members:
            with target.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) as member:
                member.write(content)
        for info in target.infolist():
            info.compress_type = compression
        target.comment = comment
    return stream.getvalue()


def deflated(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members:
            target.writestr(name, content)
    return stream.getvalue()


def streamed(members):
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members:
            target.writestr(name, content)
    return stream.bytes


def with_zip64_end(data):
    """The end records that torch always writes, which zipfile writes for large files alone."""
    at = data.rindex(b"PK\x05\x06")
    entries, size, offset = struct.unpack("<HII", data[at + 10 : at + 20])
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, entries, entries, size, offset)
    return data[:at] + record + struct.pack("<IIQI", 0x07064B50, 0, at, 1) + data[at:]


def overlapping():
    """Two members of which one lies inside the other."""
    inner = archive([("b", b"inner")])
    inner = inner[: inner.index(b"PK\x01\x02")]
    data = archive([("a", inner)])
    at, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    local = data.index(b"PK\x03\x04", 1)
    entry = bytearray(archive([("b", b"inner")]))
    entry = entry[entry.index(b"PK\x01\x02") : entry.rindex(b"PK\x05\x06")]
    entry[42:46] = struct.pack("<I", local)
    tail = bytearray(data[end:])
    tail[8:12] = struct.pack("<HH", 2, 2)
    tail[12:16] = struct.pack("<I", end - at + len(entry))
    return data[:end] + bytes(entry) + bytes(tail)


def seeds():
    members = [("x/data.pkl", b"\x80\x02N."), ("x/data/0", bytes(range(64))), ("x/empty", b""), ("x/version", b"3\n")]
    plain = archive(members)
    yield plain
    yield deflated(members)
    yield streamed(members)
    yield archive(members, comment=b"a comment")
    yield archive(members, zip64=True)
    yield with_zip64_end(plain)
    yield archive([("../outside", b"x"), ("/etc/x", b"y"), ("a\\b", b"z"), ("Größe", b"")])
    yield archive([("twice", b"1"), ("twice", b"2")])
    yield overlapping()
    yield deflated([("bomb", bytes(200_000))])
    yield archive([])
