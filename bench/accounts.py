"""Which paragraph of docs/performance.md, "What falls short, and why", accounts for a case that falls short."""

import re

# What a case's name begins with: the bold words of the paragraph. The first that fits counts.
ACCOUNTS = {
    "matmul 128x6400x256 TN": "128x6400x256 TN",
    "matmul 1x1024x1024": "1x1024x1024",
    "matmul 32x64x256": "32x64x256",
    "matmul 482x982x1": "One column",
    "matmul 160 of": "Small products",
    "matmul 128 of": "128 of 128x32x128 and of 128x128x32",
    "matmul 127x131x509": "Odd sizes",
    "matmul": "Large products",
    "conv 3x3 1-32": "One channel to 32",
    "conv .* NCHW": "Channels first",
    "conv 1x1": "1x1",
    "conv 5x5": "5x5 37-41",
    "conv 7x7": "7x7/2",
    "conv 3x3 .* groups": "Groups of few channels",
    "conv 3x3x3": "Other convolutions",
    "depthwise": "Depthwise",
    "random gamma": "Random numbers by rejection",
    "LSTM": "LSTM",
    "attention": "Attention",
    "layer norm": "Layer norm",
    "relu 1 M": "relu of 1 M",
    "exp 1 M|tanh 1 M|sigmoid 1 M|gelu 1 M|log 1 M": "Functions of 1 M",
    "relu 16 M|add 16 M": "add and relu of 16 M",
    "softmax 16384x128": "Softmax of 16384x128",
    "softmax 2048x10000": "Softmax of 2048x10000",
    "dropout": "Dropout",
    "max pool": "Pooling",
    "sum over": "Row sums",
    "Adam": "Adam of 10 M parameters",
    "pad by reflection": "Padding by reflection",
    "sort rows": "Sorting rows",
    "CTC": "CTC loss",
    "segment sum": "Segment sums",
    "solve|Cholesky|singular values": "Linear algebra",
    "real FFT|STFT": "Fourier transforms",
    "tiny MLP": "A tiny MLP's step",
    "MLP|transformer|ResNet|MNIST": "Training steps",
    "eager": "Eager calls",
    "first step": "First steps",
}


def account(case):
    """The paragraph's bold words; "none" for a case that has no account yet."""
    return next((title for begins, title in ACCOUNTS.items() if re.match(begins, case)), "none")
