#!/usr/bin/env python3
"""vocabulary.py FOLDER OUT: packs the vocabularies in FOLDER into OUT/NAME.vocabulary.

FOLDER holds NAME.tiktoken.gz (a line: base64 of the token's bytes, its rank) and encodings.json (special tokens).
The layout of the packed file is described in Sources/Tokens/VocabularyFile.swift.
"""
import base64, gzip, hashlib, json, pathlib, struct, sys

MAGIC, VERSION = b"weirvoc\n", 1
# How text is split before merging, and the sha256 of the unpacked source.
SOURCES = {
    "cl100k_base": (1, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    "o200k_base": (2, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    "qwen": (3, "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"),
}


def special_tokens(encodings, name):
    special = dict(encodings[name]["special"])
    if name == "o200k_base":  # gpt-oss has the same ranks and more special tokens
        special |= encodings["o200k_harmony"]["special"]
    if name == "qwen":  # the source names only the ends of this range
        special |= {f"<|extra_{i}|>": special["<|extra_0|>"] + i for i in range(205)}
    return sorted((number, text.encode()) for text, number in special.items())


def main(folder, out):
    encodings = json.loads((folder / "encodings.json").read_text())["encodings"]
    for name, (split, digest) in SOURCES.items():
        source = gzip.decompress((folder / f"{name}.tiktoken.gz").read_bytes())
        if hashlib.sha256(source).hexdigest() != digest:
            sys.exit(f"{name}.tiktoken.gz is not the file that is known: its sha256 differs")
        tokens = []
        for line in source.split(b"\n"):
            if line:
                token, rank = line.split()
                assert int(rank) == len(tokens), "ranks have a gap"
                tokens.append(base64.b64decode(token))
        special = special_tokens(encodings, name)
        body = b"".join(bytes([len(token)]) + token for token in tokens)
        body += b"".join(struct.pack("<IB", number, len(text)) + text for number, text in special)
        head = MAGIC + struct.pack("<BBHII", VERSION, split, len(special), len(tokens), len(body))
        path = out / f"{name}.vocabulary"
        path.write_bytes(head + body)
        print(path.name, len(tokens), hashlib.sha256(head + body).hexdigest())


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
