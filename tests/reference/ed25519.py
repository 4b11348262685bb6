"""Ed25519 (RFC 8032) in plain integers: slow, not constant-time, for test vectors only.

Verification is strict: it also refuses keys and nonces of small order, and accepts only the one reduced form of S.
"""

from __future__ import annotations

import hashlib

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, FIELD) % FIELD
SQRT_OF_MINUS_ONE = pow(2, (FIELD - 1) // 4, FIELD)

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(p: Point, q: Point) -> Point:
    (x1, y1), (x2, y2) = p, q
    t = D * x1 * x2 * y1 * y2 % FIELD
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, FIELD) % FIELD
    y = (y1 * y2 + x1 * x2) * pow(1 - t, -1, FIELD) % FIELD
    return x, y


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def recover_x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if (x * x - square) % FIELD:
        x = x * SQRT_OF_MINUS_ONE % FIELD
    if (x * x - square) % FIELD or (x == 0 and sign):
        return None
    return x if x & 1 == sign else FIELD - x


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= FIELD:
        return None
    x = recover_x(y, sign)
    return None if x is None else (x, y)


def has_small_order(point: Point) -> bool:
    return multiply(8, point) == NEUTRAL


BASE_Y = 4 * pow(5, -1, FIELD) % FIELD
BASE_X = recover_x(BASE_Y, 0)
assert BASE_X is not None
BASE: Point = (BASE_X, BASE_Y)


def hash_to_scalar(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def expand(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    scalar = scalar & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def public_key(seed: bytes) -> bytes:
    return encode(multiply(expand(seed)[0], BASE))


def is_usable_public_key(key: bytes) -> bool:
    point = decode(key) if len(key) == 32 else None
    return point is not None and not has_small_order(point)


def sign(seed: bytes, message: bytes) -> bytes:
    scalar, prefix = expand(seed)
    nonce = hash_to_scalar(prefix, message)
    r = encode(multiply(nonce, BASE))
    challenge = hash_to_scalar(r, public_key(seed), message)
    return r + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64 or not is_usable_public_key(key):
        return False
    a, r = decode(key), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or has_small_order(r) or s >= ORDER:
        return False
    challenge = hash_to_scalar(signature[:32], key, message)
    return multiply(s, BASE) == add(r, multiply(challenge, a))
