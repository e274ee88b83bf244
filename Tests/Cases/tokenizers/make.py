#!/usr/bin/env python3
"""make.py FOLDER COUNT SEED: prints COUNT random texts with their tokens in three vocabularies, as JSON lines.

FOLDER holds NAME.tiktoken.gz and encodings.json. Needs the PyPI package tiktoken (measured with 0.14.0), no network.
vectors.jsonl beside this file: `make.py FOLDER 300 20261123`.
"""
import base64, gzip, json, pathlib, random, sys, unicodedata
import tiktoken

folder, count, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
described = json.loads((folder / "encodings.json").read_text())["encodings"]


def encoding(name):
    lines = gzip.open(folder / f"{name}.tiktoken.gz").read().split(b"\n")
    ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in lines if line)}
    return tiktoken.Encoding(name, pat_str=described[name]["pattern"], mergeable_ranks=ranks, special_tokens={})


encodings = {name: encoding(name) for name in ["cl100k_base", "o200k_base", "qwen"]}
pick = random.Random(seed)

WORDS = """the of and model It's we'll THEY'RE don't I'm you've he'd SHE'S CamelCase HTTPServer getURLFor snake_case naïve café
Straße ǅungla ǈ ﬁn İstanbul ſo it'ſ KELVIN Привет мир ВСЕ СлоЖно Ελληνικά κείμενο ΑΒγ שלום עולם مرحبا بالعالم नमस्ते दुनिया
สวัสดี ชาวโลก 안녕하세요 세계 你好 世界 字节跳动每年 人工智能 日本語のテキスト テスト ガギグ Việt Nam é ñ́ cafe\u0301 A\u030a \u1100\u1161\u11a8
が か\u3099 \u0958 \u212b \u2126 0 7 42 123 4567 1234567890 ½ ² Ⅷ ٣٤٥ ١٢ 3.14159 1,000,000 0xFF {"a":[1,2]} <|endoftext|> <b> && != -> :: // ///
https://example.com/a?b=c#d user@host.io /usr/bin ... !!! ??? —— “quoted” ‘it’s’ 😀 👩‍👩‍👧 🏳️‍🌈 🇨🇳 ﷽ 𝔘𝔫 𠀀 \u0300 \u20dd \ufeff \u200b
'S 'T 'LL 'Ve 're'd x'y 'ſ A'ſ 本A本 AaAA本B Ab́C ʰA aʰB ｆｕｌｌ ＡＢ fn main() {} SELECT * FROM t; return;""".split()
SPACES = [" "] * 12 + ["", "", "", "  ", "   ", "\n", "\n\n", "\r\n", " \n", "\n ", "\t", "\t\t", "\u00a0", "\u3000", "\u2003", "\u2028", "\x0b",
          "\x85", "\x1f", "        ", " \n  \n   "]
ASSIGNED = [c for c in map(chr, range(0x20000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
ASCII = [chr(c) for c in range(128)]


def text():
    kind = pick.random()
    if kind < 0.6:
        return "".join(pick.choice(SPACES) + pick.choice(WORDS) for _ in range(pick.randint(1, 10))) + pick.choice(SPACES)
    if kind < 0.75:
        return "".join(pick.choice(ASCII) for _ in range(pick.randint(1, 40)))
    if kind < 0.9:
        return "".join(pick.choice(ASSIGNED) for _ in range(pick.randint(1, 15)))
    if kind < 0.92:  # one piece, longer than plain merging takes
        return "".join(pick.choice("abcdefghijklmnopqrstuvwxyzé字的是") for _ in range(pick.randint(100, 600)))
    return pick.choice("aA 0!\n字é-") * pick.randint(1, 300) + pick.choice(WORDS)


for _ in range(count):
    line = {"text": text()}
    for name, tokenizer in encodings.items():
        # Qwen's own library puts text into normal form C first.
        given = unicodedata.normalize("NFC", line["text"]) if name == "qwen" else line["text"]
        line[name] = tokenizer.encode_ordinary(given)
    print(json.dumps(line))
