"""What running a model needs of memory.

The estimate is for the first run in a process. Its factors bound the memory that some hundred
drawn models took with TensorFlow on a CPU, and JAX takes less; `tests/keras_side` holds it against
new measurements.
"""

import attrs

from explorer.core.analysis.report import Report
from explorer.core.network.graph import BYTES_PER_VALUE

#: Layers that compute moments of what they are given; classes of the user's are not known.
NORMALISING = {
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
}
#: Layers of which training keeps both what they are given and, of most, what they put out.
KEEPING = {"ELU", "GroupNormalization", "LayerNormalization", "LeakyReLU", "PReLU"}
#: What the weights take, relative to their own size: initial values need room to be made.
WEIGHTS_FACTOR = 1.4


@attrs.frozen
class Need:
    """What running a model takes at most, by what it is made of; found by measuring drawn models.

    Attributes:
        fixed: Bytes for what the first run in a process makes: code, threads, the compiler's data.
        weights: Relative to the weights: themselves, values to begin with, and rearranged copies.
        alive: Relative to the features alive at the forward pass' peak.
        every: Relative to all features.
        largest: Relative to the largest feature, for which a pool of memory grows in large steps.
        normalised: Relative to the largest feature that was normalised: of each batch, Keras
            computes its moments with several copies.
        patches: Relative to the largest convolution's input with each kernel's patch written out.
        image: Relative to the input: four that differ, and what they are made from.
        layer: Bytes for a layer's part of the compiled function.
        least: What such runs took at least, relative to what this says, which is an upper bound:
            memory is taken in steps, and layers that wait for no other run in any order.
        normalisation: Bytes that a layer which normalises has on top of `layer`: with Keras it is
            of many small parts, and what compiling them takes differs much from run to run.
        kept: Relative to the features of the layers of which training keeps most.
    """

    fixed: float
    weights: float
    alive: float
    every: float
    largest: float
    normalised: float
    patches: float
    image: float
    layer: float
    least: float
    normalisation: float = 0.0
    kept: float = 0.0

    def of(self, report: Report, images: int, scale: float = 1.0) -> float:
        """Return the bytes that a run takes.

        Args:
            report: The model's analysis.
            images: In the run.
            scale: Size of the features' values relative to float32, with what is cast.
        """
        sizes = [row.memory_bytes for row in report.layers]
        features = (
            self.alive * report.peak_activation_bytes
            + self.every * sum(sizes)
            + self.largest * max(sizes)
            + self.normalised * _normalised_bytes(report)
            + self.patches * _patches_bytes(report)
            + self.kept * sum(row.memory_bytes for row in report.layers if row.kind in KEEPING)
        )
        return (
            self.fixed
            + self.weights * report.weights_bytes
            + (scale * features + self.image * sizes[0]) * images
            + self.layer * len(sizes)
            + self.normalisation * sum(row.kind in NORMALISING for row in report.layers)
        )


def _normalised_bytes(report: Report) -> int:
    """Return the size of the largest feature that a layer of normalisation puts out."""
    rows = (row for row in report.layers if row.kind in NORMALISING)
    return max((row.memory_bytes for row in rows), default=0)


def _patches_bytes(report: Report) -> int:
    """Return the size of the largest convolution's input, with each kernel's patch written out."""
    sizes = (BYTES_PER_VALUE * row.macs // row.shape[-1] for row in report.layers if row.macs)
    return max(sizes, default=0)


#: By what is run and its compiler. TensorFlow's XLA writes out patches on CPUs; where both
#: compilers are tried, some of what the graph took stays while XLA runs.
NEEDS = {
    ("forward pass", "graph"): Need(80e6, 1.4, 0.4, 0.02, 1.8, 0.0, 0.23, 6.0, 0.5e6, 0.5),
    ("forward pass", "XLA"): Need(80e6, 3.4, 0.4, 0.0, 0.0, 0.0, 1.02, 12.0, 0.8e6, 0.36),
    ("training step", "graph"): Need(
        80e6, 6.1, 1.4, 0.75, 0.0, 5.5, 0.0, 9.7, 1.35e6, 0.4, normalisation=1.5e6, kept=0.3
    ),
    ("training step", "XLA"): Need(80e6, 13.4, 0.4, 2.4, 0.0, 5.5, 0.0, 6.0, 3.5e6, 0.33),
    ("training step", "both"): Need(80e6, 15.8, 0.96, 2.67, 0.0, 7.7, 0.0, 9.9, 4.0e6, 0.25),
    ("gradient", "graph"): Need(80e6, 1.4, 1.6, 0.45, 0.0, 0.0, 0.0, 4.5, 1.0e6, 0.19),
}


#: What features take in 16 bits, relative to float32. Casts stay beside what they are made from:
#: in training that is more than in float32, where the processor does not compute in that type.
SIXTEEN_BITS = {
    ("forward pass", "graph", "mixed_bfloat16"): 0.6,
    ("training step", "graph", "mixed_float16"): 1.6,
    ("training step", "XLA", "mixed_float16"): 1.6,
}


#: What a layer takes of a training step that casts to 16 bits and back, relative to float32's.
CASTS = 1.8


def needed_bytes(
    report: Report,
    batch_size: int,
    *,
    precision: str = "float32",
    step: str = "forward pass",
    compiler: str = "graph",
) -> int:
    """Return an estimate of the memory that running a model takes at its peak, weights included.

    It is an upper bound of what was measured; `least_bytes` is what was taken at the least. A
    training step is one of those that the explorer runs: Keras' own `train_on_batch` and `fit` make
    the optimiser's variables in their first step, so TensorFlow traces it twice, and take more.

    Args:
        report: The model's analysis.
        batch_size: Images in a run.
        precision: Keras' dtype policy.
        step: "forward pass", "training step", or "gradient" for that of the input.
        compiler: "graph", "XLA", or "both" where both are tried.
    """
    needs = _needs(step, compiler)
    scale = max(SIXTEEN_BITS.get((step, each, precision), 1.0) for each in _tried(compiler))
    if step == "training step" and precision != "float32":
        needs = [attrs.evolve(need, layer=CASTS * need.layer) for need in needs]
    return int(max(need.of(report, batch_size, scale) for need in needs))


def least_bytes(
    report: Report, needed: int, *, step: str = "forward pass", compiler: str = "graph"
) -> float:
    """Return the memory that running a model takes at the least, weights included.

    Args:
        report: The model's analysis.
        needed: What `needed_bytes` says.
        step: "forward pass", "training step", or "gradient" for that of the input.
        compiler: "graph", "XLA", or "both" where both are tried.
    """
    # In training each weight has a gradient and two moments.
    copies = 4 if step == "training step" else 1
    least = min(need.least for need in _needs(step, compiler))
    return max(least * needed, report.weights_bytes * copies)


def _needs(step: str, compiler: str) -> list[Need]:
    """Return the needs of which the largest counts."""
    if (step, compiler) in NEEDS:
        return [NEEDS[step, compiler]]
    tried = [NEEDS[step, each] for each in _tried(compiler) if (step, each) in NEEDS]
    return tried or [NEEDS[step, "graph"]]


def _tried(compiler: str) -> tuple[str, ...]:
    """Return the compilers that are tried."""
    return ("XLA", "graph") if compiler == "both" else (compiler,)
