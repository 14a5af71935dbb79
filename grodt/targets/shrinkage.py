"""Covariance shrunk towards a multiple of the identity, by Ledoit and Wolf."""

from dataclasses import dataclass

import numpy as np

from grodt.signals.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """How far the sample covariance S of p symbols is drawn towards its target: Σ = (1 − δ) S + δ μ I.

    Attributes:
        intensity: δ, from 0 to 1.
        mean_variance: μ, the mean of the diagonal of S.
    """

    intensity: float
    mean_variance: float


def ledoit_wolf(returns: FloatArray) -> Shrinkage:
    """The δ with the least expected distance of Σ from the truth.

    Source: O. Ledoit and M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices, Journal of Multivariate
    Analysis 88, 2004, pages 365 to 411. With S = Σ_t x_t x'_t / T, the mean taken as zero, and ‖A‖² = Σ_ij a²_ij / p:

        d² = ‖S − μ I‖², b² = min(Σ_t ‖x_t x'_t − S‖² / T², d²), δ = b² / d²

    as `sklearn.covariance.LedoitWolf(assume_centered=True)`. S is never built: Σ_ij s²_ij is Σ_tu (x'_t x_u)² / T², which costs T² · p
    and not p² · T, and whose sums have one fixed order. One symbol is not shrunk, nor is what is a multiple of the identity already.

    Args:
        returns: (p, T), finite, contiguous; a row per symbol.
    """
    width, count = returns.shape
    lengths = (returns * returns).sum(axis=0)  # x'_t x_t
    mean_variance = float(lengths.sum() / count / width)
    if width == 1:
        return Shrinkage(0.0, mean_variance)
    fourth = float((lengths * lengths).sum())
    squares = 0.0
    for first in range(count):
        one = (returns[:, first : first + 1] * returns[:, first:]).sum(axis=0)
        squares += float((one * one).sum()) * 2.0 - float(one[0] * one[0])
    squares /= count * count
    distance = (squares - width * mean_variance * mean_variance) / width
    noise = min((fourth / count - squares) / count / width, distance)
    return Shrinkage(noise / distance if noise > 0.0 else 0.0, mean_variance)


def shrunk_correlation(returns: FloatArray) -> FloatArray:
    """Correlations of p symbols by their shrunk covariance, (p, p), positive definite where some shrinkage was called for.

    Returns are divided by their root mean square first, since the target of `ledoit_wolf` has one variance for all. A missing return
    counts as zero, so what was seldom seen together is held to be nearly uncorrelated; what has no return is uncorrelated. Every sum
    runs over the sessions in their order.

    Args:
        returns: (p, T), NaN where there is none.
    """
    known = ~np.isnan(returns)
    plain = np.where(known, returns, 0.0)
    width, count = plain.shape
    scale = np.sqrt((plain * plain).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    standard = np.divide(plain, scale[:, None], out=np.zeros_like(plain), where=scale[:, None] > 0.0)
    products = np.zeros((width, width))
    for session in standard.T:
        products += np.multiply.outer(session, session)
    shrinkage = ledoit_wolf(standard) if count else Shrinkage(0.0, 0.0)
    covariance = (1.0 - shrinkage.intensity) * products / max(count, 1)
    diagonal = np.diagonal(covariance) + shrinkage.intensity * shrinkage.mean_variance
    deviation = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    correlation: FloatArray = covariance / np.multiply.outer(deviation, deviation)
    np.fill_diagonal(correlation, 1.0)
    return correlation
