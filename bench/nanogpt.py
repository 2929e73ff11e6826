"""A small decoder in PyTorch, in the style of nanoGPT, as the yardstick of throughput.py.

Two architectures: "isoflop" (rotary positions, RMSNorm, QK-norm: what model/transformer.h describes, with the same
initialisation) and "nanogpt" (LayerNorm, learned positions, no QK-norm). Both have no biases in matrices, tanh-GELU, a tied
head and no dropout.

As a program it is a worker: it reads one JSON request a line from stdin and answers each with one line.
  {"threads", "cores", "corpus", "context" (default 128)}   first line
  {"do": "speed", "mode": "eager" | "compile", "arch", "width", "layers", "heads", "batch", "seconds"}  -> {"tokens_per_second"}
  {"do": "loss", "arch", "width", ..., "tokens", "seed", "recipe", "heldout_windows"}                   -> {"loss"}
  {"do": "trials", "device", "dtype", "mode", "arch", "width", ..., "steps", "seeds", "recipe"}         -> {"seconds", "losses"}
"""

import json
import math
import os
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

CONTEXT, VOCAB = 128, 256


class Norm(nn.Module):
    def __init__(self, width, layer_norm):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if layer_norm else None

    def forward(self, x):
        if self.bias is not None:
            return F.layer_norm(x, self.gain.shape, self.gain, self.bias, 1e-6)
        return F.rms_norm(x, self.gain.shape, self.gain, 1e-6)


def rotary_tables(size, base=100.0):
    frequency = base ** (-2 * torch.arange(size // 2, dtype=torch.float64) / size)
    angle = torch.outer(torch.arange(CONTEXT, dtype=torch.float64), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


class Block(nn.Module):
    def __init__(self, width, heads, arch):
        super().__init__()
        self.heads, self.ours = heads, arch == "isoflop"
        self.attention_norm = Norm(width, not self.ours)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.feed_forward_norm = Norm(width, not self.ours)
        self.feed_forward_in = nn.Linear(width, 4 * width, bias=False)
        self.feed_forward_out = nn.Linear(4 * width, width, bias=False)
        if self.ours:
            self.q_norm, self.k_norm = Norm(width // heads, False), Norm(width // heads, False)
            cos, sin = rotary_tables(width // heads)
            self.register_buffer("cos", cos)
            self.register_buffer("sin", sin)

    def forward(self, x):
        B, T, d = x.shape
        q, k, v = (
            part.view(B, T, self.heads, d // self.heads).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split(d, dim=2)
        )
        if self.ours:
            q, k = rotate(self.q_norm(q), self.cos, self.sin), rotate(self.k_norm(k), self.cos, self.sin)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(B, T, d))
        inner = F.gelu(self.feed_forward_in(self.feed_forward_norm(x)), approximate="tanh")
        return x + self.feed_forward_out(inner)


class Transformer(nn.Module):
    def __init__(self, width, layers, heads, arch):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, width)
        self.positions = nn.Embedding(CONTEXT, width) if arch == "nanogpt" else None
        self.blocks = nn.ModuleList(Block(width, heads, arch) for _ in range(layers))
        self.norm = Norm(width, arch == "nanogpt")
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = 1 / math.sqrt(2 * layers) if "_out" in name else 1.0
                nn.init.normal_(weight, 0.0, residual / math.sqrt(weight.shape[1]))

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        if self.positions is not None:
            x = x + self.positions.weight
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.view(-1, VOCAB), targets.reshape(-1))


class Corpus:
    """Windows of a prepared corpus (data/split.h and data/text_source.h), one byte a token."""

    def __init__(self, folder):
        with open(os.path.join(folder, "manifest.json")) as file:
            manifest = json.load(file)
        if manifest["token_bytes"] != 1:
            raise SystemExit(f"{folder}: {manifest['token_bytes']} bytes a token: give a corpus of bytes")
        with open(os.path.join(folder, "tokens.bin"), "rb") as file:
            self.tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
        self.block = manifest["block_tokens"]
        last = (manifest["tokens"] - 1) // self.block
        held_out = [self.hash(manifest["split_seed"], i) < manifest["heldout_fraction"] for i in range(last)]
        self.train_starts = self.starts([i for i in range(last) if not held_out[i]])
        self.heldout_starts = self.starts([i for i in range(last) if held_out[i]])

    @staticmethod
    def hash(seed, block):
        def splitmix64(x):
            mask = (1 << 64) - 1
            x = (x + 0x9E3779B97F4A7C15) & mask
            x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
            x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
            return x ^ (x >> 31)

        return (splitmix64((splitmix64(seed) + block) & ((1 << 64) - 1)) >> 11) * 2.0**-53

    def starts(self, blocks):
        return [b * self.block + w * CONTEXT for b in blocks for w in range((self.block - 1) // CONTEXT)]

    def batch(self, starts):
        rows = torch.stack([self.tokens[s : s + CONTEXT + 1] for s in starts]).long()
        return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


def adamw(model, recipe):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": matrices, "weight_decay": recipe["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe["rate"], betas=(recipe["beta1"], recipe["beta2"]), eps=1e-8, fused=True)


def step(model, parameters, optimizer, batch, clip):
    loss = model(*batch)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


def shuffled(starts, seed):
    order = torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed)).tolist()
    return [starts[i] for i in order]


models = {}


def speed(corpus, ask):
    """Tokens a second of training steps, data loading included, after warm-up. Models are kept between rounds."""
    key = (ask["mode"], ask["arch"], ask["width"])
    if key not in models:
        torch.manual_seed(1)
        model = Transformer(ask["width"], ask["layers"], ask["heads"], ask["arch"])
        run = torch.compile(model) if ask["mode"] == "compile" else model
        models[key] = run, list(model.parameters()), adamw(model, ask["recipe"])
    run, parameters, optimizer = models[key]
    starts, size = shuffled(corpus.train_starts, 1), ask["batch"]

    def one(number):
        first = number * size % (len(starts) - size)
        step(run, parameters, optimizer, corpus.batch(starts[first : first + size]), ask["recipe"]["clip"])

    for number in range(10):
        one(number)
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < ask["seconds"]:
        one(10 + done)
        done += 1
    return {"tokens_per_second": done * size * CONTEXT / (time.perf_counter() - begin)}


def rate_factor(recipe, number, steps):
    """core/schedule.h: linear warm-up, then a cosine to 0."""
    warm_up = min(max(10, round(recipe["warmup"] * steps)), steps // 2)
    if number < warm_up:
        return (number + 1) / (warm_up + 1)
    return 0.5 * (1 + math.cos(math.pi * (number - warm_up) / (steps - warm_up)))


def loss(corpus, ask):
    """Held-out loss after training on `tokens`, on the windows that isoflop evaluates."""
    recipe, size = ask["recipe"], ask["batch"]
    torch.manual_seed(ask["seed"])
    model = Transformer(ask["width"], ask["layers"], ask["heads"], ask["arch"])
    parameters, optimizer = list(model.parameters()), adamw(model, recipe)
    starts = shuffled(corpus.train_starts, ask["seed"])
    steps = round(ask["tokens"] / (size * CONTEXT))
    for number in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe["rate"] * rate_factor(recipe, number, steps)
        step(model, parameters, optimizer, corpus.batch(starts[number * size : (number + 1) * size]), recipe["clip"])
    wanted, there = ask["heldout_windows"], len(corpus.heldout_starts)
    chosen = [corpus.heldout_starts[(2 * i + 1) * there // (2 * wanted)] for i in range(wanted)]
    with torch.no_grad():
        parts = [model(*corpus.batch(chosen[i : i + 16])).item() * len(chosen[i : i + 16]) for i in range(0, wanted, 16)]
    return {"loss": sum(parts) / wanted, "params": sum(p.numel() for p in parameters)}


def trials(corpus, ask):
    """One trial after the other, as nanoGPT's train.py would: seconds of each one's steps, and its mean loss over the last tenth.

    torch.compile compiles in the first, whose seconds are therefore not comparable; the caller leaves them out.
    """
    device, recipe, size, steps = torch.device(ask["device"]), ask["recipe"], ask["batch"], ask["steps"]
    low = ask["dtype"] == "bfloat16"
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    seconds, losses = [], []
    model = Transformer(ask["width"], ask["layers"], ask["heads"], ask["arch"]).to(device)
    run = torch.compile(model) if ask["mode"] == "compile" else model
    for seed in ask["seeds"]:
        torch.manual_seed(seed)
        with torch.no_grad():  # the compiled model takes the weights of a new one
            for old, new in zip(model.parameters(), Transformer(ask["width"], ask["layers"], ask["heads"], ask["arch"]).parameters()):
                old.copy_(new)
        parameters, optimizer = list(model.parameters()), adamw(model, recipe)
        starts, tail = shuffled(corpus.train_starts, seed), []
        wait()
        begin = time.perf_counter()
        for number in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = recipe["rate"] * rate_factor(recipe, number, steps)
            first = number * size % (len(starts) - size + 1)
            inputs, targets = corpus.batch(starts[first : first + size])
            if device.type == "cuda":
                inputs, targets = (part.pin_memory().to(device, non_blocking=True) for part in (inputs, targets))
            with torch.autocast(device.type, torch.bfloat16, enabled=low):
                value = run(inputs, targets)
            value.backward()
            nn.utils.clip_grad_norm_(parameters, recipe["clip"])
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if number >= steps - max(1, steps // 10):
                tail.append(value.detach())
        wait()
        seconds.append(time.perf_counter() - begin)
        losses.append(torch.stack(tail).mean().item())
    return {"seconds": seconds, "losses": losses, "params": sum(p.numel() for p in model.parameters())}


def main():
    global CONTEXT
    first = json.loads(sys.stdin.readline())
    CONTEXT = first.get("context", CONTEXT)
    if first["cores"]:
        os.sched_setaffinity(0, first["cores"])
    torch.set_num_threads(first["threads"])
    corpus = Corpus(first["corpus"])
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = {"speed": speed, "loss": loss, "trials": trials}[ask["do"]](corpus, ask)
        except Exception as error:  # torch.compile needs a C++ compiler and Python's headers
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
