"""The lecture's layers as loops in float64: to be read beside the slides, and to judge the fast layers by.

Source of every formula: Bhiksha Raj, "Deep Neural Networks: Convolutional Networks IV", CMU 11-785, Spring 2021; the
docstrings name the slide. Where a slide holds a slip or can be read in two ways, they say what was derived instead.

The map, in the order of the lecture:

=================  ======================================================================================
``scanning``       which input each tap of a scanned window meets; sizes
``flat``           the flat layer, and flattening maps for it
``activation``     component-wise activations and their derivatives
``divergence``     softmax, cross-entropy, squared distance
``convolution``    the scan in any number of axes; its derivatives, dY in two ways
``pooling``        max, mean and other operators over a scanned pool
``mixed_pooling``  pools of several sizes along frequency; max pooling without aliasing
``upsampling``     zeros, straight lines or cubic splines between the values
``expanding``      transposed convolution in two ways; its derivatives, left open by the lecture
``invariance``     filters that are also scanned transformed; their derivative, left open by the lecture
``separable``      depthwise-separable convolution
``sharing``        own filters for each section of the frequency axis
``normalisation``  batch normalisation
``network``        layers in a row: the complete forward and backward loop
=================  ======================================================================================

Conventions: indices count from 0, where the slides count from 1. Maps are [B, C, ...]: batch, channels, then any number
of axes (T, or F and T). ``<layer>_forward(x, ...)`` returns the output; ``<layer>_backward(dz, x, ...)`` takes the
derivative of the divergence with respect to that output, then the same arguments, and returns a tuple with the
derivative for each tensor that forward takes, in that order; for a bias, if it is given one.

Nothing here is fast, and no code that is may be used here: only verification, tests and tools import this package.
"""
