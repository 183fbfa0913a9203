import attrs
import pytest

import explorer
from explorer import (
    Custom,
    EncoderDecoder,
    Head,
    ParameterError,
    ResidualHourglass,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    presets,
    trace,
)
from explorer.core.network.graph import Block
from explorer.widget.controls.block_editor import (
    SECTIONS,
    BlockEditor,
    blocks_of,
    kinds_of,
    links_its_own_blocks,
    with_blocks,
)
from tests.said import note_of, said

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)


class Screen:
    """An editor, and the architecture that it edits."""

    def __init__(self, architecture: EncoderDecoder = SMALL) -> None:
        self.architecture = architecture
        self.alerts: list[str] = []
        self.editor = BlockEditor(self.apply, self.alerts.append)
        self.editor.show(architecture)

    def apply(self, architecture: EncoderDecoder) -> None:
        trace(architecture, (32, 32, 1))
        self.architecture = architecture
        self.editor.show(architecture)

    @property
    def places(self) -> list[tuple[str, int]]:
        return [value for _, value in self.editor._list.options]

    @property
    def labels(self) -> list[str]:
        return [label for label, _ in self.editor._list.options]

    @property
    def problem(self) -> str:
        return said(self.editor._note)

    def select(self, section: str, index: int) -> None:
        self.editor._list.value = (section, index)

    def click(self, name: str) -> None:
        self.editor._buttons[name].click()

    def type(self, name: str, value) -> None:
        self.editor._form.controls[name].holder.value = value

    def note(self, name: str) -> str:
        return note_of(self.editor._form.controls[name])


@pytest.fixture
def screen():
    made = Screen()
    yield made
    assert made.alerts == []


def test_all_blocks_are_listed_in_order(screen):
    assert screen.labels == [
        "stem: none",
        *(f"encoder {i} · SimpleConvBlock" for i in range(3)),
        *(f"middle {i} · SimpleConvBlock" for i in range(2)),
        *(f"decoder {i} · SimpleUpsamplingBlock" for i in range(2)),
        "heads: none",
    ]


def test_the_first_edit_writes_the_blocks_out_and_keeps_the_rest(screen):
    screen.select("encoder", 1)
    screen.type("filters", 9)

    changed = screen.architecture
    assert isinstance(changed, Custom)
    assert changed.encoder[1].filters == 9
    expected = Custom.of(SMALL)
    assert changed == attrs.evolve(
        expected,
        encoder=(
            expected.encoder[0],
            attrs.evolve(expected.encoder[1], filters=9),
            *expected.encoder[2:],
        ),
    )
    assert screen.editor._list.value == ("encoder", 1)


@pytest.mark.parametrize("name", presets)
def test_written_out_every_preset_is_the_same_network(name):
    net = presets[name]
    before = trace(net, (256, 256, 1))
    after = trace(Custom.of(net), (256, 256, 1))

    assert [(n.layer, n.shape, [s.name for s in n.inputs]) for n in before] == [
        (n.layer, n.shape, [s.name for s in n.inputs]) for n in after
    ]


def test_a_wrong_value_shows_at_its_control_and_changes_nothing(screen):
    screen.select("encoder", 0)
    screen.type("filters", 0)

    assert "SimpleConvBlock.filters=0" in screen.note("filters")
    assert screen.architecture == SMALL
    screen.type("filters", 3)
    assert screen.note("filters") == ""
    assert screen.architecture.encoder[0].filters == 3


def test_blocks_are_added_duplicated_removed_and_moved(screen):
    screen.select("encoder", 0)
    screen.click("duplicate")
    assert len(screen.architecture.encoder) == 6
    assert screen.architecture.encoder[0] == screen.architecture.encoder[1]
    assert screen.editor._list.value == ("encoder", 1)

    screen.type("filters", 7)
    screen.click("up")
    assert screen.architecture.encoder[0].filters == 7
    assert screen.editor._list.value == ("encoder", 0)
    screen.click("down")
    assert screen.architecture.encoder[1].filters == 7

    screen.click("remove")
    assert screen.architecture == Custom.of(SMALL)

    screen.select("encoder", 4)
    screen.click("add")
    assert screen.architecture.encoder[5] == SimpleConvBlock()
    assert screen.editor._list.value == ("encoder", 5)


def test_a_stem_can_be_begun(screen):
    screen.select("stem", 0)
    assert screen.editor._buttons["remove"].disabled
    screen.click("add")

    assert screen.architecture.stem == (SimpleConvBlock(),)
    assert screen.architecture.maximum_stride == 8


def test_buttons_work_only_where_they_can(screen):
    buttons = screen.editor._buttons
    screen.select("encoder", 0)
    assert (buttons["up"].disabled, buttons["down"].disabled) == (True, False)
    screen.select("encoder", 4)
    assert (buttons["up"].disabled, buttons["down"].disabled) == (False, True)


def test_more_upsampling_than_there_is_resolution_is_refused_with_the_reason(screen):
    screen.select("decoder", 0)
    screen.click("duplicate")

    assert "only downsamples by 4" in screen.problem
    assert screen.architecture == SMALL
    screen.select("decoder", 1)
    assert screen.problem == ""


def test_a_skip_that_no_feature_can_give_is_flagged():
    blocks = (SimpleUpsamplingBlock(skip_connection=True), SimpleUpsamplingBlock())
    screen = Screen(
        Custom(
            encoder=(SimpleConvBlock(filters=1, pooling_stride=4),),
            decoder=(*blocks,),
        )
    )

    assert screen.labels[2] == "decoder 0 · SimpleUpsamplingBlock ⚠ skip without source"
    assert "⚠" not in screen.labels[3]


@pytest.mark.parametrize("name", presets)
def test_the_presets_have_no_skips_without_source(name):
    assert presets[name].skips_without_source() == []


def test_skips_without_source_are_exactly_those_that_make_no_link():
    net = Custom(
        stem=(SimpleConvBlock(filters=1),),
        encoder=(SimpleConvBlock(filters=1), SimpleConvBlock(filters=1, pooling_stride=4)),
        decoder=tuple(
            SimpleUpsamplingBlock(skip_connection=True, refine_convs_filters=1) for _ in range(4)
        ),
    )

    graph = trace(net, (16, 16, 1))

    joined = {node.block.index for node in graph if node.kind == "Concatenate"}
    assert set(net.skips_without_source()) == {0, 1, 2, 3} - joined == {0, 3}


def test_the_kind_of_a_block_can_be_changed_and_keeps_what_both_have(screen):
    screen.select("encoder", 1)
    screen.editor._kind.value = "HourglassDownBlock"

    changed = screen.architecture.encoder[1]
    assert type(changed).__name__ == "HourglassDownBlock"
    assert changed.filters == SMALL.encoder_stack[1].filters
    assert set(screen.editor._form.controls) == {"pool", "pooling_stride", "filters"}


def test_a_kind_that_cannot_be_is_refused_and_the_old_one_stays():
    screen = Screen(Custom.of(explorer.Hourglass(stem_stride=1, filters=4, stacks=1)))
    screen.select("stem", 0)

    screen.editor._kind.value = "ResidualStem"

    assert "pooling_stride=1" in screen.problem
    assert screen.editor._kind.value == "HourglassStem"


def test_every_kind_of_block_can_be_chosen_in_its_sections():
    assert {"SimpleConvBlock", "ResNetStage", "DenseDownBlock"} <= set(kinds_of("encoder"))
    assert {"SimpleUpsamplingBlock", "DenseUpBlock"} <= set(kinds_of("decoder"))
    assert "EncoderBlock" not in kinds_of("encoder")
    assert "SimpleConvBlock" not in kinds_of("decoder")


def test_heads_are_added_to_any_family_without_writing_it_out(screen):
    screen.select("heads", 0)
    screen.click("add")
    screen.click("duplicate")
    screen.type("channels", 5)

    assert isinstance(screen.architecture, UNet)
    assert screen.architecture.heads == (Head(), Head("head1", channels=5))
    screen.type("stride", "2")
    assert screen.architecture.heads[1].stride == 2
    screen.type("stride", "3")
    assert "use 1, 2, 4" in screen.note("stride")
    assert screen.architecture.heads[1].stride == 2


def test_a_block_of_the_diagram_is_selected(screen):
    screen.editor.select(Block("stack0_enc4", "middle", 0, 4, "SimpleConvBlock"))
    assert screen.editor._list.value == ("encoder", 4)
    screen.editor.select(Block("stack0_dec1", "decoder", 0, 1, "SimpleUpsamplingBlock"))
    assert screen.editor._list.value == ("decoder", 1)
    screen.editor.select(Block("x", "merge", 0, 0, "merge"))
    assert screen.editor._list.value == ("decoder", 1)


def test_a_class_that_links_its_own_blocks_is_not_taken_apart():
    class Own(UNet):
        def make_decoder(self, *args, **kwargs):
            return super().make_decoder(*args, **kwargs)

    screen = Screen(Own(filters=2, down_blocks=2, up_blocks=2))

    assert links_its_own_blocks(Own())
    assert not links_its_own_blocks(ResidualHourglass())
    screen.select("encoder", 0)
    assert all(button.disabled for button in screen.editor._buttons.values())
    assert "a way of its own" in screen.problem


def test_merged_stacks_stay_merged():
    net = ResidualHourglass(filters=4, stem_filters=2, down_blocks=1)

    changed = with_blocks(net, "encoder", blocks_of(net, "encoder"))

    assert isinstance(changed, Custom)
    assert changed.merge_stacks
    assert any(node.block and node.block.role == "merge" for node in trace(changed, (16, 16, 1)))


@pytest.mark.parametrize("section", SECTIONS)
def test_blocks_of_another_kind_are_refused(section):
    with pytest.raises((TypeError, AttributeError, ParameterError)):
        with_blocks(SMALL, section, ("not a block",))


@attrs.frozen(slots=False)
class UsersBlock(explorer.EncoderBlock):
    """A block from a notebook cell, with a field that has no default."""

    width: int = 2

    def make_block(self, x_in, prefix="mine"):
        return SimpleConvBlock(pool=self.pool, filters=self.width).make_block(x_in, prefix)


def test_a_users_block_can_be_chosen_and_edited(screen):
    screen.select("encoder", 1)
    screen.editor._kind.value = "UsersBlock"
    screen.type("width", 5)

    assert screen.architecture.encoder[1] == UsersBlock(width=5)
