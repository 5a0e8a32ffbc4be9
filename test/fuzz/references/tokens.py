"""The token ids that the tokenizers library gives, for a tokenizer.json and texts."""

import json
import struct

from tokenizers import Tokenizer


def verdict(question):
    (length,) = struct.unpack("<I", question[:4])
    try:
        tokenizer = Tokenizer.from_str(question[4 : 4 + length].decode())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        texts = question[4 + length :].decode().split("\n")
        return "ok " + json.dumps([tokenizer.encode(text).ids for text in texts], separators=(",", ":"))
    except BaseException as error:  # A panic of Rust is no Exception.
        return f"error {type(error).__name__} {error}"


def answer(question):
    return verdict(question).encode("utf-8", "surrogateescape")
