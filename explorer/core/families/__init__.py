"""The families of architectures, and ready-made examples of them."""

from types import MappingProxyType

from explorer.core.families.custom import Custom
from explorer.core.families.fc_densenet import DenseDownBlock, DenseUpBlock, FCDenseNet
from explorer.core.families.hourglass import (
    Hourglass,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
)
from explorer.core.families.leap_cnn import LeapCNN
from explorer.core.families.nnunet import (
    ConvUpBlock,
    PlainConvUNet,
    ResidualEncoderUNet,
    StridedConvBlock,
    StridedResidualBlock,
)
from explorer.core.families.read_model import ReadModel
from explorer.core.families.residual_hourglass import (
    ResidualDownBlock,
    ResidualHourglass,
    ResidualStem,
    ResidualUpBlock,
)
from explorer.core.families.resnet import ResNet, ResNetStage, ResNetStem
from explorer.core.families.unet import UNet
from explorer.core.network.encoder_decoder import EncoderDecoder

__all__ = [
    "Architecture",
    "ConvUpBlock",
    "Custom",
    "DenseDownBlock",
    "DenseUpBlock",
    "FCDenseNet",
    "Hourglass",
    "HourglassDownBlock",
    "HourglassStem",
    "HourglassUpBlock",
    "LeapCNN",
    "PlainConvUNet",
    "ReadModel",
    "ResNet",
    "ResNetStage",
    "ResNetStem",
    "ResidualDownBlock",
    "ResidualEncoderUNet",
    "ResidualHourglass",
    "ResidualStem",
    "ResidualUpBlock",
    "StridedConvBlock",
    "StridedResidualBlock",
    "UNet",
    "presets",
]

#: What can be traced, built and shown.
Architecture = EncoderDecoder | ReadModel

#: Ready architectures by display name.
presets = MappingProxyType(
    {
        "U-Net": UNet(),
        "U-Net (small)": UNet(filters=16, down_blocks=3, up_blocks=3),
        "LEAP CNN": LeapCNN(),
        "Stacked hourglass": Hourglass(),
        "Residual hourglass": ResidualHourglass(),
        "FC-DenseNet56": FCDenseNet(),
        "FC-DenseNet67": FCDenseNet(
            growth_rate=16, layers_per_block=(5, 5, 5, 5, 5), bottleneck_layers=5
        ),
        "FC-DenseNet103": FCDenseNet(
            growth_rate=16, layers_per_block=(4, 5, 7, 10, 12), bottleneck_layers=15
        ),
        "ResNet50": ResNet(),
        "ResNet101": ResNet(depth=101),
        "ResNet152": ResNet(depth=152),
        "nnU-Net": PlainConvUNet(),
        "nnU-Net (residual)": ResidualEncoderUNet(),
    }
)
