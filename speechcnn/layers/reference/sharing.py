"""Limited weight sharing: filters are shared along frequency within a section of bands, and differ between sections.

Section s covers the bands [s shift, s shift + width). Source: Abdel-Hamid et al. (2014), "Convolutional neural networks
for speech recognition". Lecture: "Convolution over frequencies".
"""

from __future__ import annotations

import numpy as np

from speechcnn.layers.reference.scanning import Array, scan_size, taps


def limited_sharing_forward(
    x: Array, w: Array, b: Array | None = None, *, width: int, shift: int, padding: int = 0
) -> Array:
    """Scan each section by its own filters: z(s, j, p) += w(s, j, i, k) x(i, q), q in section s.

    Padding is of frames alone: a section ends where it ends.

    Shape: x [B, C, F, T], w [S, O, C, KF, KT], b [S, O] -> [B, S, O, width - KF + 1, T + 2 padding - KT + 1].
    """
    section, kernel = (width, x.shape[3]), w.shape[3:]
    z = np.zeros((len(x), *w.shape[:2], *scan_size(section, kernel, padding=(0, padding))))
    if b is not None:
        for s, j in np.ndindex(*b.shape):
            z[:, s, j] = b[s, j]
    for p, k, (band, t) in taps(section, kernel, padding=(0, padding)):
        for n, s, j, i in np.ndindex(len(x), *w.shape[:3]):
            z[n, s, j, *p] += w[s, j, i, *k] * x[n, i, s * shift + band, t]
    return z


def limited_sharing_backward(
    dz: Array, x: Array, w: Array, b: Array | None = None, *, width: int, shift: int, padding: int = 0
) -> tuple[Array, ...]:
    """Return the derivatives for x, w and b, if it is given.

    Bands that several sections cover collect from all of them.

    Shape: dz as forward's result, x [B, C, F, T], w [S, O, C, KF, KT], b [S, O] -> as x, w, b.
    """
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros(w.shape[:2])
    for p, k, (band, t) in taps((width, x.shape[3]), w.shape[3:], padding=(0, padding)):
        for n, s, j, i in np.ndindex(len(x), *w.shape[:3]):
            dx[n, i, s * shift + band, t] += w[s, j, i, *k] * dz[n, s, j, *p]
            dw[s, j, i, *k] += dz[n, s, j, *p] * x[n, i, s * shift + band, t]
    for n, s, j in np.ndindex(*dz.shape[:3]):
        for p in np.ndindex(*dz.shape[3:]):
            db[s, j] += dz[n, s, j, *p]
    return (dx, dw) if b is None else (dx, dw, db)
