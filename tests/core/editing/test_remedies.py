import pickle

import attrs
import pytest

from explorer import (
    BlockEdit,
    Custom,
    EncoderDecoder,
    FCDenseNet,
    LeapCNN,
    ParameterError,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    presets,
)
from explorer.core.analysis.design import Design, Input
from explorer.core.editing.remedies import working
from explorer.core.network.errors import Remedy
from explorer.core.network.parameters import parameters_of

SMALL = UNet(filters=16, down_blocks=3, up_blocks=3)


UP_BY_4 = SimpleUpsamplingBlock(upsampling_stride=4)


def offered(
    net: EncoderDecoder, size: tuple[int, int] = (256, 256), **edits: object
) -> dict[str, Design]:
    """What an edit of a network is offered when it is refused, by its words."""

    def attempt(owner: str, remedy: Remedy) -> Design:
        given = Input(*size)
        if owner == "Input":
            return Design(attrs.evolve(net, **edits), attrs.evolve(given, **remedy.changes))
        assert owner == type(net).__name__
        return Design(attrs.evolve(net, **edits | dict(remedy.changes)), given)

    with pytest.raises(ParameterError) as refused:
        attempt("Input", Remedy({})).report  # noqa: B018 — raises
    found = working(refused.value, attempt)
    assert all(design.report.total_params for _, design in found)
    return {remedy.words: design for remedy, design in found}


@pytest.mark.parametrize(
    ("net", "edits", "words"),
    [
        (
            attrs.evolve(SMALL, up_blocks=2),
            {"stacks": 3},
            ["Set up blocks to 3", "Set down blocks to 2", "Use 1 stack"],
        ),
        (
            attrs.evolve(SMALL, stem_blocks=1, up_blocks=4),
            {"stacks": 2},
            ["Set up blocks to 3", "Set down blocks to 4", "Use 1 stack"],
        ),
        (SMALL, {"down_blocks": 1}, ["Set up blocks to 1", "Set down blocks to 3"]),
        (SMALL, {"down_blocks": 99}, []),  # of 10, the image has too few pixels
        (SMALL, {"filters": -3}, ["Set filters to 1"]),
        (SMALL, {"filters": 2.6}, ["Set filters to 3"]),
        (SMALL, {"filters_rate": float("inf")}, ["Set filters × per level to 39.6"]),
        (LeapCNN(), {"filters_rate": 1e300}, ["Set filters × per level to 24.9"]),
        (FCDenseNet(), {"growth_rate": 0}, ["Set growth rate to 1"]),
        (  # the first of three up blocks raises the resolution by 4
            SMALL,
            {"edits": (BlockEdit(section="decoder", index=0, block=UP_BY_4),)},
            ["Set up blocks to 2", "Set down blocks to 4"],
        ),
        (ResNet(), {"depth": 51}, []),  # a choice has no nearest
        (
            ResNet(filters=2, up_blocks=2),
            {"up_stride": 8},
            ["Set up blocks to 1", "Set up stride to 4"],
        ),
        (ResNet(filters=2, up_stride=4), {"up_blocks": 3}, ["Set up blocks to 2"]),
        (
            ResNet(filters=2, up_blocks=4),
            {"stacks": 2},
            ["Set up blocks to 5", "Set encoder stride to 16", "Use 1 stack"],
        ),
        (  # no power of 4 is 32
            ResNet(filters=2, up_stride=4, up_blocks=2),
            {"stacks": 2},
            ["Set encoder stride to 16", "Set up stride to 2 and up blocks to 5", "Use 1 stack"],
        ),
        (
            SMALL,
            {"up_blocks": 5},
            ["Set up blocks to 3", "Set down blocks to 5", "Set stem blocks to 2"],
        ),
    ],
)
def test_what_is_offered_was_tried(net, edits, words):
    assert list(offered(net, **edits))[: max(1, len(words))] == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((250, 256), ["Set height to 248", "Set height to 256"]),
        ((254, 256), ["Set height to 256", "Set height to 248"]),
        ((256, 3), ["Set width to 8"]),
        (
            (250, 100),
            ["Set height to 248 and width to 96", "Set height to 256 and width to 104"],
        ),
        ((0, 256), ["Set height to 8"]),
    ],
)
def test_a_size_is_offered_the_nearest_multiples(size, words):
    def attempt(_: str, remedy: Remedy) -> Design:
        given = dict(zip(("height", "width"), size, strict=True)) | dict(remedy.changes)
        return Design(SMALL, Input(**given))

    with pytest.raises(ParameterError) as refused:
        attempt("", Remedy({})).report  # noqa: B018 — raises

    assert [remedy.words for remedy, _ in working(refused.value, attempt)] == words


@pytest.mark.parametrize("name", presets)
def test_below_its_bound_every_number_is_offered_the_bound(name):
    net = presets[name]
    for found in parameters_of(type(net)):
        if found.minimum is not None and found.value_type in (int, float):
            changed = offered(net, **{found.name: found.minimum - 1})
            first = next(iter(changed.values()), None)
            if first is not None:  # the bound alone may fit nothing else
                assert getattr(first.architecture, found.name) >= found.minimum


def test_strides_of_any_size_are_refused_at_once():
    huge = SimpleConvBlock(pooling_stride=2**30 + 1, filters=1)
    up = SimpleUpsamplingBlock(upsampling_stride=2**30)
    with pytest.raises(ParameterError, match="does not divide the stride") as refused:
        Custom(encoder=(huge,), decoder=(up,))
    assert refused.value.remedies[-1] == Remedy({"upsampling_stride": 1})

    class Tall(UNet):
        @property
        def decoder_stack(self):
            return [SimpleUpsamplingBlock()] * 5000

    with pytest.raises(ParameterError, match="but the encoder only downsamples by 16"):
        Tall()


def test_errors_of_other_kinds_offer_nothing():
    assert working(ValueError("no"), lambda owner, remedy: Design(SMALL)) == ()


def test_a_remedy_that_raises_anything_is_not_offered():
    def attempt(owner: str, remedy: Remedy) -> Design:
        raise RuntimeError("a bug of the user's")

    error = ParameterError("Mine", "count", 3, "is odd", "use 4", (Remedy({"count": 4}),))
    assert working(error, attempt) == ()


def test_an_error_with_remedies_survives_another_process():
    with pytest.raises(ParameterError) as refused:
        attrs.evolve(SMALL, up_blocks=2, stacks=3)

    again = pickle.loads(pickle.dumps(refused.value))

    assert str(again) == str(refused.value)
    assert again.remedies == refused.value.remedies
    assert again.beside("stacks", True) == "3 stacks need as much up as down."
    assert again.beside("stacks") == (
        "3 stacks need as much up as down: use as much upsampling as downsampling, with a stem for "
        "lasting downsampling, or one stack."
    )


def test_a_rate_of_a_users_class_that_gives_no_filters_is_refused():
    @attrs.frozen(slots=False)
    class Mine(EncoderDecoder):
        width: int = 4
        rate: float = 2.0

        @property
        def encoder_stack(self):
            widths = [self.widened("width", "rate", i, f"block {i}") for i in range(2)]
            return [SimpleConvBlock(filters=width) for width in widths]

        @property
        def decoder_stack(self):
            return []

    assert "Set rate to 0.3" in offered(Mine(), rate=0.0)
    for edit in ({"rate": -2.0}, {"width": 0}, {"rate": float("1e300")}):
        offered(Mine(), **edit)
