from typing import Any

import attrs
import pytest

import explorer
from explorer import (
    BlockEdit,
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
    kinds_of,
    links_its_own_blocks,
    listed,
    with_blocks,
)
from tests.said import said

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)


class Screen:
    """An editor, and the architecture that it edits."""

    def __init__(self, architecture: EncoderDecoder = SMALL) -> None:
        self.architecture = architecture
        self.alerts: list[str] = []
        self.refused: dict[Any, str] = {}
        self.chosen: list[str | None] = []
        self.editor = BlockEditor(
            self.apply,
            self.refuse,
            self.alerts.append,
            lambda node: self.chosen.append(node and node.block.name),
        )
        self.done: list[str] = []
        self.show()

    def show(self) -> None:
        self.editor.show(self.architecture, trace(self.architecture, (64, 64, 1)))

    def apply(self, architecture: EncoderDecoder, done: str) -> None:
        trace(architecture, (32, 32, 1))
        self.architecture = architecture
        self.refused = {}
        self.done.append(done)
        self.show()

    def refuse(self, error, control, label, retry, moved) -> None:
        self.refused = {control: error.beside(label) if label else str(error)}

    @property
    def places(self) -> list[tuple[str, int]]:
        return [value for _, value in self.editor._list.options]

    @property
    def labels(self) -> list[str]:
        return [label for label, _ in self.editor._list.options]

    @property
    def problem(self) -> str:
        return self.refused.get(self.editor._list, "")

    def select(self, section: str, index: int) -> None:
        self.editor._list.value = (section, index)

    def click(self, name: str) -> None:
        self.editor._buttons[name].click()

    def type(self, name: str, value) -> None:
        self.editor._form.controls[name].holder.value = value

    def note(self, name: str) -> str:
        return self.refused.get(self.editor._form.controls[name].widget, "")


@pytest.fixture
def screen():
    made = Screen()
    yield made
    assert made.alerts == []


def test_all_blocks_are_listed_in_order(screen):
    assert screen.labels == [
        "stem: none",
        "encoder 0 · 2 conv 3×3, 2",
        "encoder 1 · 2 conv 3×3, 4, max pool",
        "last pooling · max pool",
        "middle 0 · conv 3×3, 8",
        "middle 1 · conv 3×3, 8",
        "decoder 0 · 2 conv 3×3, 4, transposed conv, skip",
        "decoder 1 · 2 conv 3×3, 2, transposed conv, skip",
        "heads: none",
    ]


def test_heads_are_listed_by_name():
    screen = Screen(attrs.evolve(SMALL, heads=[Head("map", channels=7)], stacks=2))

    assert screen.labels[-1] == "head map · conv 1×1, 7"


def test_what_the_user_selects_in_the_list_is_told_and_nothing_else(screen):
    screen.select("encoder", 1)
    screen.editor.go_to(("decoder", 0))
    assert screen.chosen == ["stack0_enc1"]

    screen.select("encoder", 3)
    screen.click("duplicate")
    assert screen.chosen[1:] == ["stack0_enc3", "stack0_enc4"]
    screen.select("encoder", 5)
    screen.click("remove")
    assert screen.chosen[3:] == ["stack0_enc5", "stack0_enc4"]
    screen.select("stem", 0)
    assert screen.chosen[5:] == [None]


def test_each_change_says_what_was_done(screen):
    screen.select("encoder", 4)
    screen.click("duplicate")
    screen.click("remove")
    screen.click("up")
    screen.click("down")
    screen.select("decoder", 0)
    screen.click("down")
    screen.select("encoder", 2)
    screen.click("add")
    screen.select("heads", 0)
    screen.click("add")
    screen.click("remove")
    screen.select("stem", 0)
    screen.click("add")
    screen.type("filters", 5)

    assert screen.done == [
        "duplicated middle 1",
        "removed middle 2",
        "moved middle 1 up",
        "moved middle 0 down",
        "moved decoder 0 down",
        "added encoder 3",
        "added head",
        "removed head",
        "added stem 0",
        "",
    ]


def test_an_edited_block_is_an_exception_on_its_family(screen):
    screen.select("encoder", 1)
    screen.type("filters", 9)

    block = attrs.evolve(SMALL.encoder_stack[1], filters=9)
    edit = BlockEdit(section="encoder", index=1, block=block, own="filters")
    assert screen.architecture == attrs.evolve(SMALL, edits=[edit])
    assert screen.editor._list.value == ("encoder", 1)
    assert screen.editor._block == block

    screen.type("filters", SMALL.encoder_stack[1].filters)
    assert screen.architecture == SMALL, "the family's own settings are no exception"


def test_blocks_of_the_middle_are_counted_apart(screen):
    screen.select("encoder", 4)
    screen.type("filters", 9)

    assert [edit.place for edit in screen.architecture.edits] == [("middle", 1)]
    deeper = attrs.evolve(screen.architecture, down_blocks=3)
    assert [block.filters for block in listed(deeper, "encoder")][-1] == 9


@pytest.mark.parametrize("name", ["duplicate", "remove", "up", "down", "add"])
def test_more_fewer_or_moved_blocks_are_written_out(name):
    screen = Screen(attrs.evolve(SMALL, up_blocks=0))
    screen.select("encoder", 1)
    screen.type("filters", 9)
    assert isinstance(screen.architecture, UNet)

    screen.click(name)

    assert isinstance(screen.architecture, Custom)
    assert screen.architecture.edits == ()
    filters = [block.filters for block in screen.architecture.encoder]
    assert filters.count(9) == {"duplicate": 2, "remove": 0}.get(name, 1)
    assert screen.alerts == []


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

    assert "filters 0 is too small" in screen.note("filters")
    assert screen.architecture == SMALL
    screen.type("filters", 3)
    assert screen.note("filters") == ""
    assert listed(screen.architecture, "encoder")[0].filters == 3


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


def test_a_skip_that_no_feature_can_give_is_flagged():
    blocks = (SimpleUpsamplingBlock(skip_connection=True), SimpleUpsamplingBlock())
    screen = Screen(
        Custom(
            encoder=(SimpleConvBlock(filters=1, pooling_stride=4),),
            decoder=(*blocks,),
        )
    )

    assert screen.labels[2].startswith("decoder 0 ⚠ skip without source · ")
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

    changed = listed(screen.architecture, "encoder")[1]
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
    assert "a way of its own" in said(screen.editor._note)


def test_merged_stacks_stay_merged():
    net = ResidualHourglass(filters=4, stem_filters=2, down_blocks=1)

    changed = with_blocks(net, "encoder", (*listed(net, "encoder"), SimpleConvBlock(pool=False)))

    assert isinstance(changed, Custom)
    assert changed.merge_stacks
    assert any(node.block and node.block.role == "merge" for node in trace(changed, (16, 16, 1)))


@pytest.mark.parametrize("section", SECTIONS)
def test_listed_another_kind_are_refused(section):
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

    assert listed(screen.architecture, "encoder")[1] == UsersBlock(width=5)
