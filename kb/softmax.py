"""A linear softmax classifier in its dual form: few examples, many features, no library.

The model is W = Xᵀ·A: only the examples' kernel K = X·Xᵀ is needed to train, and a query's score is its
kernel row times A. Deterministic; numpy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_STEPS = 16
_COST = 20.0  # of one example against the norm of the weights; flat between 10 and 50


def fit(kernel: Matrix, owners: NDArray[np.intp], classes: int, weights: Matrix) -> Matrix:
    """The dual weights A [examples, classes] of the classifier.

    `kernel` [n, n] of the examples, `owners` [n] the class of each, `weights` [n] how much each counts.
    Newton steps with Böhning's fixed bound of the Hessian (½K), so one inverse serves all steps,
    with momentum that restarts when it overshoots.
    """
    count = len(owners)
    cost = (_COST * weights).astype(np.float32)
    target = np.zeros((count, classes), np.float32)
    target[np.arange(count), owners] = 1.0
    bend = 0.5 * cost[:, None] * kernel + np.eye(count, dtype=np.float32)
    bound: Matrix = np.linalg.inv(bend).astype(np.float32)
    dual = np.zeros_like(target)
    ahead = dual
    momentum = 1.0
    for _ in range(_STEPS):
        gradient = cost[:, None] * (target - shares(kernel @ ahead)) - ahead
        stepped = ahead + bound @ gradient
        if float(np.sum((ahead - stepped) * (stepped - dual))) > 0:
            momentum = 1.0
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = stepped + (momentum - 1) / following * (stepped - dual)
        dual, momentum = stepped, following
    return dual


def shares(scores: Matrix) -> Matrix:
    """Softmax over the last axis."""
    lifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Matrix = lifted / lifted.sum(axis=-1, keepdims=True)
    return result
