"""Hashes of bytes, the same on every machine: farmhash's Fingerprint64, SipHash-2-4, and TensorFlow's way of joining
fingerprints. Files of models depend on them, so they never change."""

_ALL = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MURMUR = 0xC6A4A7935BD1E995
_CROSS_KEY = 0xDECAFCAFFE  # with which the crossing of features starts


def _right(x, n):
    return (x >> n | x << (64 - n)) & _ALL


def _left(x, n):
    return _right(x, 64 - n)


def _fold(x):
    return x ^ x >> 47


def _pair(u, v, mul):
    a = _fold((u ^ v) * mul & _ALL)
    return _fold((v ^ a) * mul & _ALL) * mul & _ALL


def _weak(words, a, b):
    w, x, y, z = words
    a = (a + w) & _ALL
    b = _right((b + a + z) & _ALL, 21)
    c = a
    a = (a + x + y) & _ALL
    return (a + z) & _ALL, (b + _right(a, 44) + c) & _ALL


def fingerprint(s):
    """farmhash's Fingerprint64 of bytes (G. Pike, 2014): the `na` variant, an integer below 2**64."""
    n = len(s)

    def at(i, size=8):
        i = i + n if i < 0 else i
        return int.from_bytes(s[i : i + size], "little")

    if n <= 16:
        return _short(s, n, at)
    mul = (_K2 + 2 * n) & _ALL
    if n <= 32:
        a, b, c, d = at(0) * _K1, at(8), at(-8) * mul, at(-16) * _K2
        first = _right((a + b) & _ALL, 43) + _right(c & _ALL, 30) + d
        return _pair(first & _ALL, (a + _right((b + _K2) & _ALL, 18) + c) & _ALL, mul)
    if n <= 64:
        a, b, c, d = at(0) * _K2 & _ALL, at(8), at(-8) * mul, at(-16) * _K2
        y = (_right((a + b) & _ALL, 43) + _right(c & _ALL, 30) + d) & _ALL
        z = _pair(y, (a + _right((b + _K2) & _ALL, 18) + c) & _ALL, mul)
        e, f = at(16) * mul & _ALL, at(24)
        g, h = (y + at(-32)) * mul & _ALL, (z + at(-24)) * mul & _ALL
        first = _right((e + f) & _ALL, 43) + _right(g, 30) + h
        return _pair(first & _ALL, (e + _right((f + a) & _ALL, 18) + g) & _ALL, mul)
    return _long(n, at)


def _short(s, n, at):
    mul = (_K2 + 2 * n) & _ALL
    if n >= 8:
        a, b = (at(0) + _K2) & _ALL, at(-8)
        return _pair((_right(b, 37) * mul + a) & _ALL, (_right(a, 25) + b) * mul & _ALL, mul)
    if n >= 4:
        return _pair((n + (at(0, 4) << 3)) & _ALL, at(-4, 4), mul)
    if n:
        y, z = s[0] + (s[n >> 1] << 8), n + (s[-1] << 2)
        return _fold((y * _K2 ^ z * _K0) & _ALL) * _K2 & _ALL
    return _K2


def _long(n, at):
    x = 81
    y = (81 * _K1 + 113) & _ALL
    z = _fold((y * _K2 + 113) & _ALL) * _K2 & _ALL
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + at(0)) & _ALL

    def words(i):
        return [at(i + 8 * j) for j in range(4)]

    whole = (n - 1) // 64
    for k in range(whole + 1):
        last = k == whole
        i = n - 64 if last else 64 * k
        # The last 64 bytes, which may overlap the block before, are mixed with multipliers of their own.
        mul, nine = (_K1 + ((z & 0xFF) << 1)) & _ALL if last else _K1, 9 if last else 1
        if last:
            w = ((w[0] + (n - 1 & 63)) & _ALL, w[1])
            v = ((v[0] + w[0]) & _ALL, v[1])
            w = ((w[0] + v[0]) & _ALL, w[1])
        x = _right((x + y + v[0] + at(i + 8)) & _ALL, 37) * mul & _ALL
        y = _right((y + v[1] + at(i + 48)) & _ALL, 42) * mul & _ALL
        x ^= w[1] * nine & _ALL
        y = (y + v[0] * nine + at(i + 40)) & _ALL
        z = _right((z + w[0]) & _ALL, 33) * mul & _ALL
        v = _weak(words(i), v[1] * mul & _ALL, (x + w[0]) & _ALL)
        w = _weak(words(i + 32), (z + w[1]) & _ALL, (y + at(i + 16)) & _ALL)
        z, x = x, z
    first = _pair(v[0], w[0], mul) + _fold(y) * _K0 + z
    return _pair(first & _ALL, (_pair(v[1], w[1], mul) + x) & _ALL, mul)


def siphash(s, key):
    """SipHash-2-4 (Aumasson, Bernstein, 2012) of bytes with a key of two integers."""
    a, b = (k & _ALL for k in key)
    v = [a ^ 0x736F6D6570736575, b ^ 0x646F72616E646F6D, a ^ 0x6C7967656E657261, b ^ 0x7465646279746573]

    def rounds(count):
        p, q, r, t = v
        for _ in range(count):
            p, r = (p + q) & _ALL, (r + t) & _ALL
            q, t = _left(q, 13) ^ p, _left(t, 16) ^ r
            p = _left(p, 32)
            r, p = (r + q) & _ALL, (p + t) & _ALL
            q, t = _left(q, 17) ^ r, _left(t, 21) ^ p
            r = _left(r, 32)
        v[:] = p, q, r, t

    whole = len(s) & ~7
    words = [int.from_bytes(s[i : i + 8], "little") for i in range(0, whole, 8)]
    for word in [*words, int.from_bytes(s[whole:], "little") | (len(s) & 0xFF) << 56]:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def join(prints):
    """One fingerprint of several, as TensorFlow's feature crosses make it."""
    result = _CROSS_KEY
    for other in prints:
        result ^= _MURMUR
        result ^= _fold(other * _MURMUR & _ALL) * _MURMUR & _ALL
        result = result * _MURMUR & _ALL
        result = _fold(_fold(result) * _MURMUR & _ALL)
    return result


def buckets(values, count, salt=None):
    """For each of the bytes or strings, a number below `count`: by the fingerprint, or with a salt by SipHash."""
    raw = [v if isinstance(v, bytes) else str(v).encode() for v in values]
    return [(fingerprint(s) if salt is None else siphash(s, salt)) % count for s in raw]
