"""Networks that others designed and trained, and the functions around them."""

from ckeras.applications import (
    convnext,
    densenet,
    efficientnet,
    efficientnet_v2,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from ckeras.applications.convnext import ConvNeXtBase, ConvNeXtLarge, ConvNeXtSmall, ConvNeXtTiny, ConvNeXtXLarge
from ckeras.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from ckeras.applications.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)
from ckeras.applications.efficientnet_v2 import (
    EfficientNetV2B0,
    EfficientNetV2B1,
    EfficientNetV2B2,
    EfficientNetV2B3,
    EfficientNetV2L,
    EfficientNetV2M,
    EfficientNetV2S,
)
from ckeras.applications.inception_resnet_v2 import InceptionResNetV2
from ckeras.applications.inception_v3 import InceptionV3
from ckeras.applications.mobilenet import MobileNet
from ckeras.applications.mobilenet_v2 import MobileNetV2
from ckeras.applications.mobilenet_v3 import MobileNetV3Large, MobileNetV3Small
from ckeras.applications.nasnet import NASNetLarge, NASNetMobile
from ckeras.applications.resnet import ResNet50, ResNet101, ResNet152
from ckeras.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from ckeras.applications.vgg16 import VGG16
from ckeras.applications.vgg19 import VGG19
from ckeras.applications.xception import Xception
