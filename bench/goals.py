"""The goals set before the first kernel was written, by counting, and which of them a run reaches."""

import harness
from accounts import account


def share(result, groups, limits):
    """Per cent of the measured peak."""
    return 100 * result.floor(limits) / result.ours


def lead(result, groups, limits):
    """Times as fast as the best peer, or `None` where no peer ran."""
    return result.ratio


def bandwidth(result, groups, limits):
    """GB/s."""
    return result.bytes / result.ours / 1e9


def channels_first(result, groups, limits):
    """A case's time over that of the same case in NHWC, or `None` without that."""
    same = next((r for rs in groups.values() for r in rs if r.name == result.name.replace(" NCHW", "")), None)
    return result.ours / same.ours if same and same.ours else None


# measure: how to write it, whether more is better, {case: goal}
GOALS = {
    share: (
        "{:.0f} % of the peak",
        True,
        {
            "matmul 128x128x128": 60,
            "matmul 256x256x256": 80,
            "matmul 1024x1024x1024": 93,
            "matmul 4096x4096x4096": 93,
            "matmul 128x784x512": 88,
            "matmul 2048x256x1024": 93,
            "matmul 32x512x512": 70,
            "matmul 32x64x256": 60,
            "matmul 128x6400x256 TN": 85,
            "matmul 2048x10000x256 NT": 92,
            "matmul 128 of 128x32x128": 80,
            "matmul 128 of 128x128x32": 80,
            "conv 1x1 1024-256 @14 n8": 93,
            "conv 1x1 1024-256 @14 n8 to data": 93,
            "conv 1x1 1024-256 @14 n8 to filters": 85,
            "LSTM b32 t200 in128 h64": 75,
            "LSTM b32 t200 in128 h64 and gradients": 65,
            "LSTM b256 t120 in14 h64": 65,
            "LSTM b256 t120 in14 h64 and gradients": 50,
            "LSTM b32 t128 in128 h256": 88,
            "LSTM b32 t128 in128 h256 and gradients": 80,
            "add 16 M": 100,
            "relu 16 M": 100,
        },
    ),
    lead: (
        "{:.2f} times the best peer",
        True,
        {
            "conv 3x3 128-128 @28 n8": 1,
            "conv 3x3 128-128 @28 n8 to data": 1,
            "conv 3x3 128-128 @28 n8 to filters": 1,
            "conv 3x3 1-32 @28 n128": 1.5,
            "conv 3x3 1-32 @28 n128 to data": 1.5,
            "conv 3x3 1-32 @28 n128 to filters": 1.5,
            "conv 7x7/2 3-64 @224 n2 to data": 1.5,
            "depthwise 3x3 144 @56 n8": 1.5,
            "depthwise 3x3 144 @56 n8 to data": 1.5,
            "depthwise 3x3 144 @56 n8 to filters": 1.5,
            "max pool 2x2/2 32 @32 n64": 1.5,
            "max pool 2x2/2 32 @32 n64 backward": 1.5,
            "max pool 3x3/2 32 @32 n64": 1.5,
            "max pool 3x3/2 32 @32 n64 backward": 1.5,
            "layer norm 2048x1024": 1.3,
            "layer norm 2048x1024 backward": 1.3,
            "batch norm 64x32x32x16, given moments": 1.3,
            "moments 64x32x32x16": 1.3,
            "batch norm 64x32x32x16, its own moments": 1.3,
            "batch norm 64x32x32x16, its own moments, and gradients": 1.3,
            "exp 1 M": 1.4,
            "tanh 1 M": 1.4,
            "sigmoid 1 M": 1.4,
            "gelu 1 M": 1.4,
            "Adam 670 k parameters": 1.1,
            "Adam 10 M parameters": 1.1,
            "sum over rows 4096x4096": 1,
            "sum over columns 4096x4096": 1,
            "gather 6400 of 20000x128": 1,
            "gather 6400 of 20000x128 backward": 1,
            "MLP 784-512-512-10, batch 128": 1.33,
            "tiny MLP 20-32-1, batch 32": 6,
            "MNIST convnet 32-64, batch 128": 1.81,
            "ResNet-20 on 32x32, batch 64": 1.67,
            "Embedding, two Bidirectional(LSTM(64)), 200 steps, batch 32": 2,
            "transformer encoder, 2 blocks, 128 steps, batch 32": 1.95,
            "tabular 30-256-256-256-2, BatchNorm, Dropout, batch 2048": 1.94,
            "ResNet-50 predict, batch 8": 1.55,
        },
    ),
    bandwidth: (
        "{:.0f} GB/s",
        True,
        {"softmax 16384x128": 100, "softmax 2048x10000": 40, "dropout 1 M": 40},
    ),
    channels_first: (
        "{:.2f} of NHWC's time",
        False,
        {
            f"conv {name} NCHW{way}": 1.1
            for name in ("3x3 128-128 @28 n8", "1x1 1024-256 @14 n8", "3x3 1-32 @28 n128")
            for way in ("", " to data", " to filters")
        },
    ),
}

# Of startup.py's rows for ckeras: at most so many seconds or MiB.
STARTS = {
    "import": 0.2,
    "resident memory after import": 45,
    "first step after import": 0.05,
    "load a model and predict, from process start": 0.4,
    "first step of ResNet-20, batch 64": 0.2,
    "first step of ResNet-50, batch 2": 0.6,
}


def starts(rows, steps):
    """What STARTS names, of the rows of `startup.measure` and `startup.first_steps`."""
    ours = next((values for name, *values in rows if name == harness.OURS), ())
    found = dict(zip(STARTS, (ours[i] for i in (0, 1, 2, 4)) if ours else ()))
    return {**found, **{f"first step of {name}": seconds for name, seconds, *_ in steps}}


def check(groups, limits, begun):
    """(how many goals this run could check, the rows of those that it misses)."""
    results = {r.name: r for rs in groups.values() for r in rs if r.ours}
    checked, missed = 0, []
    for measure, (written, more, goals) in GOALS.items():
        if measure is share and not limits:
            continue
        for name, goal in goals.items():
            reached = measure(results[name], groups, limits) if name in results else None
            if reached is None:
                continue
            checked += 1
            if reached < goal if more else reached > goal:
                missed.append([name, written.format(goal), written.format(reached)])
    for name, reached in begun.items():
        checked += 1
        if reached > STARTS[name]:
            unit = (lambda v: f"{v:.0f} MiB") if "memory" in name else harness.duration
            missed.append([name, unit(STARTS[name]), unit(reached)])
    return checked, missed


def table(groups, limits, begun):
    """What of the goals is reached, as Markdown; `begun` is what `starts` gives."""
    checked, missed = check(groups, limits, begun)
    words = f"{checked - len(missed)} of {checked} goals are reached. Those that are not:"
    rows = [[*row, account(row[0])] for row in missed]
    return harness.markdown("Goals", ["case", "goal", "reached", "account below"], rows, [words])
