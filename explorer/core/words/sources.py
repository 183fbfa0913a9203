"""Where the families of architectures were published, as a paper cites them."""

from collections.abc import Mapping

import attrs

from explorer.core.families import (
    Architecture,
    FCDenseNet,
    Hourglass,
    LeapCNN,
    PlainConvUNet,
    ResidualEncoderUNet,
    ResidualHourglass,
    ResNet,
    UNet,
)
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.errors import Refusal


@attrs.frozen
class Source:
    """A publication.

    Attributes:
        key: What BibTeX calls it.
        cited: How a text cites it.
        kind: Of publication, in BibTeX's words.
        fields: Its fields in BibTeX.
    """

    key: str
    cited: str
    kind: str
    fields: Mapping[str, str]

    def bibtex(self) -> str:
        """Return its entry."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


RONNEBERGER = Source(
    "ronneberger2015unet",
    "Ronneberger et al., 2015",
    "inproceedings",
    {
        "author": "Ronneberger, Olaf and Fischer, Philipp and Brox, Thomas",
        "title": "{U-Net}: Convolutional Networks for Biomedical Image Segmentation",
        "booktitle": "Medical Image Computing and Computer-Assisted Intervention (MICCAI)",
        "year": "2015",
        "pages": "234--241",
        "doi": "10.1007/978-3-319-24574-4_28",
        "eprint": "1505.04597",
        "archiveprefix": "arXiv",
    },
)
PEREIRA = Source(
    "pereira2019leap",
    "Pereira et al., 2019",
    "article",
    {
        "author": "Pereira, Talmo D. and Aldarondo, Diego E. and Willmore, Lindsay and Kislin, "
        "Mikhail and Wang, Samuel S.-H. and Murthy, Mala and Shaevitz, Joshua W.",
        "title": "Fast animal pose estimation using deep neural networks",
        "journal": "Nature Methods",
        "year": "2019",
        "volume": "16",
        "number": "1",
        "pages": "117--125",
        "doi": "10.1038/s41592-018-0234-5",
    },
)
NEWELL = Source(
    "newell2016hourglass",
    "Newell et al., 2016",
    "inproceedings",
    {
        "author": "Newell, Alejandro and Yang, Kaiyu and Deng, Jia",
        "title": "Stacked Hourglass Networks for Human Pose Estimation",
        "booktitle": "European Conference on Computer Vision (ECCV)",
        "year": "2016",
        "pages": "483--499",
        "doi": "10.1007/978-3-319-46484-8_29",
        "eprint": "1603.06937",
        "archiveprefix": "arXiv",
    },
)
JEGOU = Source(
    "jegou2017tiramisu",
    "Jégou et al., 2017",
    "inproceedings",
    {
        "author": "J{\\'e}gou, Simon and Drozdzal, Michal and Vazquez, David and Romero, Adriana "
        "and Bengio, Yoshua",
        "title": "The One Hundred Layers Tiramisu: Fully Convolutional {DenseNets} for Semantic "
        "Segmentation",
        "booktitle": "IEEE Conference on Computer Vision and Pattern Recognition Workshops (CVPRW)",
        "year": "2017",
        "pages": "1175--1183",
        "doi": "10.1109/CVPRW.2017.156",
        "eprint": "1611.09326",
        "archiveprefix": "arXiv",
    },
)
HE = Source(
    "he2016resnet",
    "He et al., 2016",
    "inproceedings",
    {
        "author": "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
        "title": "Deep Residual Learning for Image Recognition",
        "booktitle": "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "year": "2016",
        "pages": "770--778",
        "doi": "10.1109/CVPR.2016.90",
        "eprint": "1512.03385",
        "archiveprefix": "arXiv",
    },
)
CHEN = Source(
    "chen2017rethinking",
    "Chen et al., 2017",
    "misc",
    {
        "author": "Chen, Liang-Chieh and Papandreou, George and Schroff, Florian and Adam, Hartwig",
        "title": "Rethinking Atrous Convolution for Semantic Image Segmentation",
        "year": "2017",
        "eprint": "1706.05587",
        "archiveprefix": "arXiv",
    },
)
ISENSEE = Source(
    "isensee2021nnunet",
    "Isensee et al., 2021",
    "article",
    {
        "author": "Isensee, Fabian and Jaeger, Paul F. and Kohl, Simon A. A. and Petersen, Jens "
        "and Maier-Hein, Klaus H.",
        "title": "{nnU-Net}: a self-configuring method for deep learning-based biomedical image "
        "segmentation",
        "journal": "Nature Methods",
        "year": "2021",
        "volume": "18",
        "number": "2",
        "pages": "203--211",
        "doi": "10.1038/s41592-020-01008-z",
    },
)
REVISITED = Source(
    "isensee2024revisited",
    "Isensee et al., 2024",
    "misc",
    {
        "author": "Isensee, Fabian and Wald, Tassilo and Ulrich, Constantin and Baumgartner, "
        "Michael and Roy, Saikat and Maier-Hein, Klaus and Jaeger, Paul F.",
        "title": "{nnU-Net} Revisited: A Call for Rigorous Validation in {3D} Medical Image "
        "Segmentation",
        "year": "2024",
        "eprint": "2404.09556",
        "archiveprefix": "arXiv",
    },
)


@attrs.frozen
class Origin:
    """What a family is called in a paper, and where it was published.

    Attributes:
        name: What a network of it is called, with its article.
        source: Where it was published.
        differs: What of the publication it does otherwise.
    """

    name: str
    source: Source
    differs: str = ""


ORIGINS: dict[type, Origin] = {
    UNet: Origin("a U-Net", RONNEBERGER),
    LeapCNN: Origin("a LEAP CNN", PEREIRA),
    Hourglass: Origin(
        "a stacked hourglass network", NEWELL, "with plain convolutions for residual modules"
    ),
    ResidualHourglass: Origin(
        "a stacked hourglass network", NEWELL, "without predictions between the stacks"
    ),
    FCDenseNet: Origin("a fully convolutional DenseNet", JEGOU),
    ResNet: Origin("an encoder-decoder network on a ResNet encoder", HE),
    PlainConvUNet: Origin("a two-dimensional nnU-Net", ISENSEE),
    ResidualEncoderUNet: Origin("a two-dimensional nnU-Net with a residual encoder", REVISITED),
}


def sources(architecture: Architecture) -> tuple[Source, ...]:
    """Return where an architecture was published; nothing for what the user made."""
    origin = ORIGINS.get(type(architecture))
    if origin is None:
        return ()
    return (origin.source, CHEN) if is_dilated(architecture) else (origin.source,)


def is_dilated(architecture: Architecture) -> bool:
    """Return whether it is a ResNet that has dilation in place of strides."""
    return isinstance(architecture, ResNet) and any(
        getattr(block, "dilation_rate", 1) > 1 for block in blocks_of(architecture).encoder
    )


def bibtex(architecture: Architecture) -> str:
    """Return the BibTeX entries of an architecture's sources.

    Raises:
        Refusal: If it has none.
    """
    found = sources(architecture)
    if not found:
        name = type(architecture).__name__
        raise Refusal(f"No publication of {name} is known here: cite your own.")
    return "".join(f"{source.bibtex()}\n" for source in found)
