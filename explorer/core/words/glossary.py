"""What the words on screen mean: the one place that explains a term.

What something that is counted means stands with it, in `quantities.py`; the entry takes it from
there.
"""

import re
from functools import cache, cached_property
from typing import Literal

import attrs

from explorer.core.analysis.quantities import MACS, MEMORY, PARAMETERS, TIME, Quantity
from explorer.core.words.sources import CHEN, HE, RONNEBERGER

#: What there is a small picture of: drawn in `panels/glossary/pictures.js`.
Picture = Literal[
    "",
    "add",
    "channels",
    "concatenate",
    "dilation",
    "encoder and decoder",
    "field",
    "interpolation",
    "padding",
    "pooling",
    "residual",
    "skip",
    "stride",
    "transposed",
    "window",
]


@attrs.frozen(slots=False)
class Entry:
    """A term, explained.

    Attributes:
        term: What it is called.
        meaning: What that is, in a sentence or two, without a term that is explained by this one.
        also: Other spellings and forms. What begins with a capital is only meant with one.
        picture: What shows it; empty: nothing.
        lesson: Number of the lesson that is about it; None: none is.
        source: Where a convention comes from that is followed here.
    """

    term: str
    meaning: str
    also: tuple[str, ...] = ()
    picture: Picture = ""
    lesson: int | None = None
    source: str = ""

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """All that stands for it in a text."""
        return self.term, *self.also


def _of(quantity: Quantity, *also: str, lesson: int, source: str = "") -> Entry:
    """Return the entry of something that is counted."""
    return Entry(quantity.name, quantity.meaning, also, lesson=lesson, source=source)


GLOSSARY: tuple[Entry, ...] = (
    Entry(
        "activation",
        "A function that is applied to each value by itself, such as relu: negative values become "
        "0. Without one, convolutions in a row would do no more than a single one can.",
        ("activations", "activation function", "Activation", "relu", "leaky relu", "LeakyReLU"),
    ),
    Entry(
        "Add",
        "Features of the same shape are summed, value by value, so the number of channels stays. "
        "What comes after sees the sum alone.",
        ("added",),
        picture="add",
        lesson=9,
    ),
    Entry(
        "batch",
        "The images that go through the network together.",
        ("batches", "batch size"),
    ),
    Entry(
        "batch normalisation",
        "Shifts and scales each channel to a common range, which makes deep networks easier to "
        "train. While it trains, mean and variance are those of the batch; later, those gathered "
        "meanwhile.",
        ("batch norm", "BatchNormalization", "Normalise the batch"),
        source="Ioffe and Szegedy, 2015",
    ),
    Entry(
        "bias",
        "A number that training sets, put on top of each value of a channel.",
        ("biases",),
    ),
    Entry(
        "block",
        "Layers that belong together, such as those of one resolution.",
        ("blocks",),
    ),
    Entry(
        "channel",
        "One of the numbers that stand at every position: an image has red, green and blue; a "
        "layer inside has many, one for each pattern that it looks for.",
        ("channels",),
        picture="channels",
        lesson=1,
    ),
    Entry(
        "concatenate",
        "The channels of several features are put side by side, so what comes after can read all "
        "of them. Heights and widths have to agree, channels not.",
        ("concatenated", "concatenation", "concatenations", "Concatenate"),
        picture="concatenate",
        lesson=9,
    ),
    Entry(
        "convolution",
        "A window slides over the input. What lies under it is multiplied by weights and summed "
        "up, with the same weights at every position.",
        ("convolutions", "conv", "Conv2D"),
        picture="window",
        lesson=4,
    ),
    Entry(
        "decoder",
        "The second half of the network: it raises the resolution again, so that the output says "
        "where things are.",
        picture="encoder and decoder",
    ),
    Entry(
        "dense layer",
        "Each value of its output is a sum over all values of its input, weighted by weights "
        "(fully connected). In a DenseNet the word means something else: a convolution that reads "
        "what all before it in its block have found.",
        ("dense layers", "Dense"),
        lesson=11,
    ),
    Entry(
        "dilation",
        "The positions that a window reads lie apart, not side by side: it spans more, with as "
        "many weights.",
        ("dilated", "dilation rate"),
        picture="dilation",
        lesson=7,
        source=CHEN.cited,
    ),
    Entry(
        "dropout",
        "While the network trains, values drawn at random are set to 0, so that it cannot rely on "
        "single ones. In use it does nothing.",
        ("Dropout",),
    ),
    Entry(
        "effective field",
        "The part of the receptive field that matters in fact: where a change of the picture "
        "changes the value most, by the gradient. It is mostly much smaller.",
        ("Effective", "effective receptive field"),
        picture="field",
        lesson=6,
        source="Luo et al., 2016",
    ),
    Entry(
        "encoder",
        "The first half of the network: step by step it lowers the resolution, and each position "
        "sees more of the image.",
        picture="encoder and decoder",
    ),
    Entry(
        "feature",
        "What a layer puts out: a grid of positions, with the same channels at each.",
        ("features", "feature map", "feature maps"),
        picture="channels",
        lesson=1,
    ),
    Entry(
        "filter",
        "What computes one channel of a convolution’s output.",
        ("filters",),
        lesson=4,
    ),
    Entry(
        "float32",
        "The usual way to keep a number in a network: 32 bits, which are 4 bytes.",
    ),
    Entry(
        "forward pass",
        "One run through the network, from the images to the output.",
        ("forward passes",),
    ),
    Entry(
        "gradient",
        "By how much a result changes when a value before it changes a little. To train means to "
        "follow it.",
        ("gradients",),
        lesson=8,
    ),
    Entry(
        "head",
        "The last layers, which make the prediction: each channel is a map, such as of a body "
        "part.",
        ("heads",),
    ),
    Entry(
        "instance normalisation",
        "Shifts and scales each channel of each image by its own mean and variance, so that the "
        "rest of the batch doesn’t matter; group normalisation takes several channels together.",
        ("instance norm", "group norm", "group normalisation", "GroupNormalization"),
    ),
    Entry(
        "interpolation",
        "New positions are filled in from those nearby, without weights: bilinear takes a mean of "
        "four by their distance, nearest copies one.",
        ("bilinear", "bilinear interpolation", "nearest neighbour"),
        picture="interpolation",
        lesson=10,
    ),
    Entry(
        "kernel",
        "The weights of a convolution; its size is that of the window, such as 3×3.",
        ("kernels", "kernel size"),
        picture="window",
        lesson=4,
    ),
    Entry(
        "layer",
        "One step of what a network computes.",
        ("layers",),
    ),
    _of(
        MACS,
        "MAC",
        "FLOP",
        "FLOPs",
        "multiply-add",
        "multiply-adds",
        "multiply-accumulates",
        "compute",
        "computation",
        lesson=4,
    ),
    _of(MEMORY, lesson=3),
    Entry(
        "overfitting",
        "To learn the examples by heart, and to fail on others.",
    ),
    Entry(
        "padding",
        "Zeros around the input, so that a window fits at the border, too: “same” keeps the size "
        "that way, “valid” goes without.",
        ("zero padding", "ZeroPadding2D"),
        picture="padding",
        lesson=2,
    ),
    _of(PARAMETERS, lesson=3),
    Entry(
        "peak memory",
        "The most that has to be held at once: all weights, and the features that are still "
        "needed.",
        lesson=3,
    ),
    Entry(
        "pooling",
        "One value takes the place of those in a window, such as the largest (max pooling). This "
        "lowers the resolution, and needs no weights.",
        (
            "pool",
            "pools",
            "pooled",
            "max pool",
            "max pooling",
            "average pool",
            "average pooling",
            "MaxPooling2D",
            "AveragePooling2D",
        ),
        picture="pooling",
        lesson=2,
    ),
    Entry(
        "position",
        "One place of the grid that a layer puts out, as a pixel is one of an image.",
        ("positions",),
    ),
    Entry(
        "receptive field",
        "The input pixels that can have an influence on one position: whatever lies outside, it "
        "can’t see. It says what can be seen, not what is looked at.",
        ("receptive fields", "theoretical receptive field"),
        picture="field",
        lesson=5,
        source="Araujo et al., 2019",
    ),
    Entry(
        "residual connection",
        "A way past some layers: what they compute is added to what went in, so they only have to "
        "learn what to change.",
        ("residual connections", "residual", "shortcut", "shortcuts"),
        picture="residual",
        lesson=11,
        source=HE.cited,
    ),
    Entry(
        "resolution",
        "How many positions there are for the same image: at half the resolution, height and width "
        "are half as large.",
        ("resolutions",),
        picture="stride",
        lesson=1,
    ),
    Entry(
        "skip connection",
        "A way from the encoder straight to the decoder, past the lower resolutions. It brings the "
        "fine detail that those lose.",
        ("skip connections", "skip", "skips"),
        picture="skip",
        lesson=8,
        source=RONNEBERGER.cited,
    ),
    Entry(
        "stack",
        "An encoder with its decoder, where several of them follow each other.",
        ("stacks",),
        lesson=11,
    ),
    Entry(
        "stem",
        "Layers at the start, which every stack comes after.",
    ),
    Entry(
        "stride",
        "How many positions of its input a window moves on from one result to the next: at 2, "
        "every second one is left out. Said of a place in the network: how many input pixels lie "
        "between neighbours there.",
        ("strides",),
        picture="stride",
        lesson=2,
    ),
    _of(TIME, lesson=7),
    Entry(
        "trainable",
        "Whether training changes a number; means and variances, for example, are only gathered.",
        ("trainable parameters",),
    ),
    Entry(
        "training",
        "To show the network examples, and to change its numbers bit by bit so that its output "
        "comes near the wanted one.",
        ("train", "trained", "trains"),
    ),
    Entry(
        "training step",
        "One round of training: a forward pass, the gradient of every weight, and their change.",
        ("training steps",),
    ),
    Entry(
        "transposed convolution",
        "Raises the resolution: each position of the input lays down a window of weights, times "
        "its value. Where windows overlap, they are summed up; if unevenly, a checkerboard can "
        "show.",
        ("transposed convolutions", "transposed conv", "Conv2DTranspose"),
        picture="transposed",
        lesson=10,
        source="Dumoulin and Visin, 2016",
    ),
    Entry(
        "upsampling",
        "To raise the resolution: several positions take the place of one.",
        ("upsample", "UpSampling2D"),
        picture="interpolation",
        lesson=10,
    ),
    Entry(
        "weight",
        "A number that training sets, by which a value is multiplied.",
        ("weights",),
        lesson=4,
    ),
    Entry(
        "window",
        "The positions side by side that are read for one value of the output.",
        ("windows",),
        picture="window",
        lesson=4,
    ),
)


@cache
def spelled() -> dict[str, Entry]:
    """Return the entry of each spelling."""
    return {spelling: entry for entry in GLOSSARY for spelling in entry.spellings}


def meaning(term: str) -> str:
    """Return what a term means.

    Raises:
        KeyError: If it is not explained.
    """
    return spelled()[term].meaning


@cache
def pattern() -> str:
    """Return the regular expression of all spellings, as Python and JavaScript read it.

    A term stands alone, and is no part of a layer's name. The longest is found first.
    """
    longest_first = sorted(spelled(), key=lambda spelling: (-len(spelling), spelling))
    return rf"(?<![\w\-])(?:{'|'.join(map(_either_case, longest_first))})(?![\w\-])"


def _either_case(spelling: str) -> str:
    """Return the expression of a spelling, which may begin a sentence."""
    first, rest = spelling[0], re.escape(spelling[1:]).replace(r"\-", "-").replace(r"\ ", " ")
    return f"[{first}{first.upper()}]{rest}" if first.islower() else first + rest


def found(text: str) -> list[Entry]:
    """Return what is explained of the terms in a text, each once, in their order."""
    words = (match.group() for match in re.finditer(pattern(), text))
    return list(dict.fromkeys(entry_of(word) for word in words))


def entry_of(word: str) -> Entry:
    """Return the entry of a word that the pattern finds."""
    entries = spelled()
    return entries.get(word) or entries[word[0].lower() + word[1:]]
