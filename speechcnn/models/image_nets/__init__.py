"""The lecture's architectures for pictures, which a spectrogram is: channels and size are free.

    stacks       LeNet-5, AlexNet, ZFNet, VGG A to E, as tables of layers
    googlenet    filters of several sizes side by side
    resnet       blocks that add to what they are given, at any depth
    densenet     layers that see the maps of all layers before them
    mobilenet    depthwise-separable convolutions
    attentive    a convolutional front with self-attention
    small        the net for small data on a processor
    broadcast    the keyword network that is 2-D along frequency and 1-D along time
    parts        what all share

Every net maps [B, C, F, T] to scores [B, K] and offers `feature_maps`, `embed`, `training_scores` and `minimum_size`.
Those whose paper has full layers over a fixed size average their last maps onto the paper's grid; the others pool over
all that is left. `docs/architectures.md` lists parameters, multiplications and receptive fields.
"""

from __future__ import annotations

from speechcnn.models.image_nets.attentive import AttentiveNet
from speechcnn.models.image_nets.broadcast import BcResNet
from speechcnn.models.image_nets.densenet import DenseNet
from speechcnn.models.image_nets.googlenet import GoogLeNet
from speechcnn.models.image_nets.mobilenet import MobileNet
from speechcnn.models.image_nets.parts import ClassifyingNet
from speechcnn.models.image_nets.resnet import ResNet
from speechcnn.models.image_nets.small import Cnn8
from speechcnn.models.image_nets.stacks import AlexNet, LeNet5, Vgg, ZFNet

IMAGE_NETS: dict[str, type[ClassifyingNet]] = {
    "lenet5": LeNet5,
    "alexnet": AlexNet,
    "zfnet": ZFNet,
    "vgg": Vgg,
    "googlenet": GoogLeNet,
    "resnet": ResNet,
    "densenet": DenseNet,
    "mobilenet": MobileNet,
    "attentive": AttentiveNet,
    "cnn8": Cnn8,
    "bc_resnet": BcResNet,
}
