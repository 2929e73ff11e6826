"""given_files.py DOCUMENT: what its readers have of their own, made here: small, always the same.

Only what the document mentions is made. `isoflop` is on the path."""
import json
import os
import random
import struct
import subprocess
import sys

document = open(sys.argv[1], encoding="utf-8").read()
SYLLABLES = [a + b for a in "bcdfglmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "ou")]


def text(seed, words):
    draw = random.Random(seed)
    lexicon = ["".join(draw.choices(SYLLABLES, k=1 + i % 4)) for i in range(8000)]
    chosen = draw.choices(lexicon, [1 / (i + 3) for i in range(len(lexicon))], k=words)
    lines = (" ".join(chosen[i:i + 12]) + "." for i in range(0, words, 12))
    return "\n".join(lines) + "\n"


def write(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def ids(seed, count, vocab):
    draw = random.Random(seed)
    return struct.pack(f"<{count}H", *(int(draw.random() ** 3 * vocab) for _ in range(count)))


def shard(seed, count, vocab):  # llm.c
    return struct.pack("<256i", 20240520, 1, count, *[0] * 253) + ids(seed, count, vocab)


def megatron_index(count):  # one document of 16-bit ids
    return b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, 1, 2) + struct.pack("<iqqq", count, 0, 0, 1)


def numpy_array(data, count):
    head = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({count},), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + data


def make(word, *files):
    if word in document:
        for path, content in files:
            write(path, content())


make("book.txt", ("book.txt", lambda: text(1, 50000)))
make("my-texts", ("my-texts/one.txt", lambda: text(2, 200000)),
     ("my-texts/two.txt", lambda: text(3, 200000)))
make("docs.jsonl", ("docs.jsonl", lambda: "".join(
    json.dumps({"text": part, "content": part}) + "\n" for part in text(4, 100000).split(".\n"))))
make("train.bin", ("train.bin", lambda: ids(5, 60000, 50257)))
make("shards", ("shards/fineweb_train_0.bin", lambda: shard(6, 60000, 50257)),
     ("shards/fineweb_train_1.bin", lambda: shard(7, 60000, 50257)))
make("pile_text", ("pile_text_document.bin", lambda: ids(8, 60000, 50304)),
     ("pile_text_document.idx", lambda: megatron_index(60000)))
make("ids.npy", ("ids.npy", lambda: numpy_array(ids(9, 60000, 32000), 60000)))
if any(word in document for word in ("classics", "demo.toml", "cooldown.toml")):
    write(".given/classics.txt", text(10, 1200000))
    subprocess.run(["isoflop", "data", "prepare", ".given/classics.txt", "--out",
                    "corpora/classics"], check=True, capture_output=True)


def my_runs():  # twenty runs of somebody's, under his own names
    draw = random.Random(11)
    lines = ["name,N,D,val_loss"]
    for c in (1e18, 3e18, 1e19, 3e19):
        for i in range(5):
            n = 0.1 * c**0.5 * 1.8**(i - 2)
            d = c / 6 / n
            loss = (1.8172 + 482.01 / n**0.3478 + 2085.43 / d**0.3658) * (1 + draw.gauss(0, 0.002))
            lines.append(f"run-{len(lines)},{n:.6g},{d:.6g},{loss:.5f}")
    return "\n".join(lines) + "\n"


make("my-runs.csv", ("my-runs.csv", my_runs))
