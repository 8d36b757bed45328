"""Limited weight sharing: filters are shared along frequency within a section of bands, and differ between sections.

Section s covers the bands [s shift, s shift + width). Source: Abdel-Hamid et al. (2014), "Convolutional neural networks
for speech recognition". Lecture: "Convolution over frequencies".
"""

from __future__ import annotations

import numpy as np

from speechcnn.layers.reference.scanning import Array, taps


def limited_sharing_forward(x: Array, w: Array, b: Array | None = None, *, width: int, shift: int) -> Array:
    """Scan each section by its own filters: z(s, j, f, t) += w(s, j, i, a, c) x(i, s shift + f + a, t + c).

    Shape: x [B, C, F, T], w [S, O, C, KF, KT], b [S, O] -> [B, S, O, width - KF + 1, T - KT + 1].
    """
    n_sections, n_filters, n_maps, *kernel = w.shape
    n_bands, n_frames = width - kernel[0] + 1, x.shape[3] - kernel[1] + 1
    z = np.zeros((len(x), n_sections, n_filters, n_bands, n_frames))
    if b is not None:
        for s, j in np.ndindex(n_sections, n_filters):
            z[:, s, j] = b[s, j]
    for (f, t), (a, c), _ in taps((width, x.shape[3]), tuple(kernel)):
        for n, s, j, i in np.ndindex(len(x), n_sections, n_filters, n_maps):
            z[n, s, j, f, t] += w[s, j, i, a, c] * x[n, i, s * shift + f + a, t + c]
    return z


def limited_sharing_backward(
    dz: Array, x: Array, w: Array, b: Array | None = None, *, width: int, shift: int
) -> tuple[Array, ...]:
    """Return the derivatives for x, w and b, if it is given.

    Bands that several sections cover collect from all of them.

    Shape: dz [B, S, O, width - KF + 1, T - KT + 1], x [B, C, F, T], w [S, O, C, KF, KT], b [S, O] -> as x, w, b.
    """
    n_sections, n_filters, n_maps, *kernel = w.shape
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros((n_sections, n_filters))
    for (f, t), (a, c), _ in taps((width, x.shape[3]), tuple(kernel)):
        for n, s, j, i in np.ndindex(len(x), n_sections, n_filters, n_maps):
            dx[n, i, s * shift + f + a, t + c] += w[s, j, i, a, c] * dz[n, s, j, f, t]
            dw[s, j, i, a, c] += dz[n, s, j, f, t] * x[n, i, s * shift + f + a, t + c]
    for n, s, j, f, t in np.ndindex(*dz.shape):
        db[s, j] += dz[n, s, j, f, t]
    return (dx, dw) if b is None else (dx, dw, db)
