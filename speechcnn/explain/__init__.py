"""Looking inside a net: what it found where, what a unit looks for, and whether the explanation is true.

    gradients      saliency, gradient times input, integrated gradients, SmoothGrad
    maps           Grad-CAM and occlusion
    maximisation   the input that sets a unit to 1
    listening      an explanation as sound: what was heard, what was ignored
    faithfulness   deletion and insertion, the two sounds' probabilities, the randomisation check
    pictures       explanations and filters drawn

Every explainer of `EXPLAINERS` maps (model, features [B, C, F, T], target) to [B, F, T]: how much each cell speaks for
the target class.
"""

from __future__ import annotations

from speechcnn.explain.faithfulness import (
    Faithfulness,
    Listened,
    faithfulness,
    listened,
    randomisation_check,
)
from speechcnn.explain.gradients import gradient_times_input, integrated_gradients, saliency, smooth_grad
from speechcnn.explain.listening import Heard, divide, soft_mask
from speechcnn.explain.maps import grad_cam, occlusion
from speechcnn.explain.maximisation import LearntInput, learn_input
from speechcnn.explain.targets import Explainer

EXPLAINERS: dict[str, Explainer] = {
    "grad_cam": grad_cam,
    "integrated_gradients": integrated_gradients,
    "gradient_times_input": gradient_times_input,
    "saliency": saliency,
    "smooth_grad": smooth_grad,
    "occlusion": occlusion,
}

__all__ = [
    "EXPLAINERS",
    "Faithfulness",
    "Heard",
    "LearntInput",
    "Listened",
    "divide",
    "faithfulness",
    "grad_cam",
    "gradient_times_input",
    "integrated_gradients",
    "learn_input",
    "listened",
    "occlusion",
    "randomisation_check",
    "saliency",
    "smooth_grad",
    "soft_mask",
]
