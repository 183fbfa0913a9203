"""A link holds the whole design, and opening one does nothing but to show it."""

import base64
import json
import zlib
from contextlib import suppress

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import (
    BlockEdit,
    Custom,
    Head,
    ReadModel,
    SimpleConvBlock,
    UNet,
    export,
    from_json,
    load,
    presets,
    to_json,
    trace,
)
from explorer.core.analysis.budgets import MEASURES, Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange import links
from explorer.core.exchange.links import SharedDesign, from_link, is_link, to_link
from explorer.core.exchange.loaded import Answers
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.errors import ParameterError, Refusal
from tests.core.exchange.test_own_json import UserNetWithFields
from tests.strategies import FAMILIES, block_classes, round_trip, with_heads

SMALL = presets["U-Net (small)"]


def packed(fields, version="&v=1"):
    """A link to what may be no design."""
    text = fields if isinstance(fields, str) else json.dumps(fields)
    data = base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")
    return f"#design={data}{version}"


inputs = st.builds(Input, *[st.integers(1, 4096)] * 2, st.integers(1, 4), st.integers(1, 64))
edits = st.builds(
    BlockEdit,
    section=st.sampled_from(["stem", "encoder", "middle"]),
    index=st.integers(0, 9),
    block=st.builds(SimpleConvBlock, pool=st.booleans(), filters=st.integers(1, 9)),
)


amounts = st.none() | st.integers(0, 10**12) | st.floats(0, 1e300)
budgets = st.builds(Budget, of=st.sampled_from(sorted(MEASURES)), at_most=amounts, at_least=amounts)


@st.composite
def shared_designs(draw):
    net = draw(st.one_of([draw_family() for draw_family in FAMILIES.values()]))
    if draw(st.booleans()):
        net = draw(with_heads(net))
    with suppress(ParameterError):  # where such a block fits this network nowhere
        net = attrs.evolve(net, edits=draw(st.lists(edits, max_size=2)))
    pinned = st.builds(Design, FAMILIES[UNet](), inputs)
    limits = st.lists(budgets, max_size=3).map(tuple)
    return SharedDesign(
        net, draw(inputs), draw(st.text(max_size=9)), draw(st.none() | pinned), draw(limits)
    )


@round_trip()
@given(shared_designs(), st.sampled_from(["", "https://example.org/explorer/?v=7&x=1#top"]))
def test_a_link_holds_the_whole_design(shared, base):
    link = to_link(shared, base)
    copy = from_link(link)
    assert copy == shared
    assert type(copy.architecture) is type(shared.architecture)
    assert hash(copy.design) == hash(shared.design)
    assert is_link(link)


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ([{"of": "memory", "at_most": float("nan")}], r"Budget\.at_most=nan is no amount"),
        ([{"of": "memory", "at_most": -1}], r"Budget\.at_most=-1 is no amount"),
        ([{"of": "memory", "at_least": True}], r"Budget\.at_least=True is no amount"),
        ([{"of": "memory", "at_least": "9"}], r"Budget\.at_least='9' is no amount"),
        ([{"of": "beauty", "at_least": 9}], r"Budget\.of='beauty' is no measure"),
        ([{"of": "memory", "by": 9}], "Budget has no field by"),
        ([{"of": "memory"}] * 101, "101 budgets are too many: give 100 at most"),
        ("memory", "Budgets are a list of objects"),
        ({}, "Budgets are a list of objects"),
        ([["memory", 9]], "Budgets are a list of objects"),
        ([{"at_most": 9}], "there is no 'of'"),
    ],
)
def test_budgets_that_are_none_are_refused_in_a_sentence(budgets, told):
    with pytest.raises(Refusal, match=told):
        from_link(packed({"architecture": {"class": "UNet"}, "budgets": budgets}))
    with pytest.raises(Refusal, match=told):
        from_json(json.dumps({"architecture": {"class": "UNet"}, "budgets": budgets}))


def test_more_budgets_than_are_read_are_not_written():
    with pytest.raises(Refusal, match="101 budgets are too many: give 100 at most"):
        SharedDesign(SMALL, budgets=(Budget("memory", at_most=1),) * 101)
    with pytest.raises(Refusal, match="101 budgets"):
        to_json(SMALL, [Budget("memory", at_most=1)] * 101)


def test_a_link_is_short():
    heads = (Head("parts", channels=13, stride=2),)
    shared = SharedDesign(
        UNet(filters=32, filters_rate=1.5, down_blocks=3, up_blocks=2, heads=heads),
        Input(512, 384, 1, 8),
        selected="block:stack0_enc1",
    )
    assert len(to_link(shared)) < 300
    assert max(len(to_link(SharedDesign(net))) for net in presets.values()) < 200


#: Links that were given away, and what they meant: another `VERSION` may read others.
GIVEN_AWAY = [
    ("#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUgr1Sy1Rqq0FAM29C8Y&v=1", 34_512_128),  # U-Net
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUvJJTSxw9vNTqq0FAPJEDKs&v=1",
        10_768_896,
    ),  # LEAP CNN
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUvLILy1KB7NrawEQ-A4C&v=1",
        66_002_944,
    ),  # Stacked hourglass
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUgpKLc5MKU3M8cgvLUoHi9XWAgCPQxE7&v=1",
        6_085_120,
    ),  # Residual hourglass
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUnJzdknNK071Sy1Rqq0FABpWDek&v=1",
        1_394_976,
    ),  # FC-DenseNet56
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUgpKLfZLLVGqrQUA5vUMmw&v=1",
        23_581_440,
    ),  # ResNet50
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUgrISczMc87PKwv1Sy1Rqq0FAEpOD1A&v=1",
        33_468_800,
    ),  # nnU-Net
    (
        "#design=eNqrVkosSs7ILElNLiktSlWyqlZKzkksLlayUgpKLc5MKU3Mcc1Lzk9JLQr1Sy1Rqq0FALCVEb8&v=1",
        105_913_792,
    ),  # nnU-Net with residual encoder
]


@pytest.mark.parametrize(("link", "parameters"), GIVEN_AWAY)
def test_a_link_that_was_given_away_means_the_same_network_for_ever(link, parameters):
    assert from_link(link).design.report.total_params == parameters


#: The same, of blocks: one of each kind, at 1024 × 1024, with parameters and multiply-adds.
BLOCKS = [
    (
        "#design=eNp9j7EOgyAQht_lZp7AsTp06lDj1DgQuCgpguGgHQzvXrCpTSN24vJ_3J_vFuBOjMqj8MEhVAsIzYmggjqQtxMwG"
        "JHLFNyW2DMgj1Oet29XpAv6NseRfeOzDW7I846kBSUD12-QKtEIK9H9tLZqmjXW1jxO2op7ubqxT7PHn_4ybdAQHi6ul_ABVy"
        "-JR17dTDy9ygx_7Lr52K3EVrMN9DG-AATykRA&v=1",
        (5_383_825, 60_126_688_640),
    ),
    (
        "#design=eNplzDEOwjAMRuG7_HNOkJHeAMqEOkS2pUaEuLITlip3Z6Hq0Pl9ejuS0ZqbUOsmiDuoJHdETN2bfhAglZTFEF9n"
        "fDTLLDxp_d6K0hsjXOJdPHNP5Q-WAJbrabZUfVMXfm6HHOMH2ZU18Q&v=1",
        (78_912, 12_423_528_448),
    ),
]


def test_a_link_to_blocks_means_the_same_ones_for_ever():
    met = set()
    for link, counts in BLOCKS:
        net = from_link(link).architecture
        report = Design(net, Input(1024, 1024)).report
        assert (report.total_params, report.macs) == counts
        stacks = attrs.astuple(blocks_of(net), recurse=False)
        met |= {type(block) for stack in stacks for block in stack}
    assert met == block_classes()


@pytest.mark.parametrize(
    "around",
    ["{}", "{}.", "https://example.org/{}", "https://example.org/?v=9{}", " {}\n", "<{}>"],
)
def test_a_link_is_found_in_what_is_around_it(around):
    link = to_link(SharedDesign(SMALL))
    assert from_link(around.format(link)).architecture == SMALL


def test_query_and_fragment_alone_are_links_too():
    fragment = to_link(SharedDesign(SMALL))[1:]
    assert from_link(fragment).architecture == SMALL
    assert from_link(f"https://example.org/?x=1&{fragment}").architecture == SMALL
    old = to_link(SharedDesign(UNet()))
    assert from_link(f"https://example.org/?{old[1:]}#{fragment}").architecture == SMALL


def test_missing_fields_take_their_defaults():
    shared = from_link(packed({"architecture": {"class": "UNet", "filters": 8}}, ""))
    assert shared == SharedDesign(UNet(filters=8))


def test_classes_of_the_user_are_written_in_full():
    net = UserNetWithFields()
    link = to_link(SharedDesign(net))
    text = zlib.decompress(base64.urlsafe_b64decode(link[8:-4] + "=="))
    assert json.loads(text)["architecture"]["depth"] == 2
    assert from_link(link).architecture == net


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("https://example.org/", "no link to a design"),
        ("#design=&v=1", "damaged or cut off"),
        ("#design=eJw&v=1", "damaged or cut off"),
        (to_link(SharedDesign(SMALL))[:-12], "damaged or cut off"),
        (packed("{"), "link can't be read"),
        (packed("[]"), "describes no architecture"),
        (packed("3"), "describes no architecture"),
        (packed({}), "there is no 'architecture'"),
        (packed({"architecture": {}}), "class"),
        (packed({"architecture": {"class": "os.system"}}), "'os.system' is unknown"),
        (packed({"architecture": {"class": "ReadModel"}}), "'ReadModel' is unknown"),
        (packed({"architecture": {"class": "UNet", "norm": 1}}), "UNet has no field norm.*newer"),
        (packed({"architecture": {"class": "UNet"}, "theme": 1}), "no field theme.*newer"),
        (packed({"architecture": {"class": "UNet"}}, "&v=2"), "version 2.*version 1.*newer"),
        (packed({"architecture": {"class": "UNet", "filters": 0}}), r"UNet\.filters=0 is too"),
        (packed({"architecture": {"class": "UNet"}, "input": {"height": -1}}), r"height=-1 is"),
        (packed({"architecture": {"class": "UNet"}, "input": 3}), "describes no architecture"),
        (packed({"architecture": {"class": "UNet"}, "selected": 3}), "describes no architecture"),
        (packed({"architecture": {"class": "UNet"}, "pinned": {}}), "no 'architecture'"),
        (packed("[" * 100_000), "100,000 deep"),
        (packed("9" * 5_000), "can't be read"),
        (packed('"' + "a" * 20_000_000 + '"'), "more than 2,000,000 characters"),
        ("#design=" + "A" * 100_000, "at most 64,000"),
    ],
)
def test_what_is_no_design_is_refused_in_a_sentence(link, told):
    with pytest.raises(Refusal, match=told) as caught:
        from_link(link)
    assert len(str(caught.value)) < 400


@given(st.one_of(st.binary(max_size=99), st.text(max_size=99)))
def test_no_bytes_raise_anything_but_a_refusal(drawn):
    texts = (
        [drawn, f"#design={drawn}"]
        if isinstance(drawn, str)
        else [
            f"#design={base64.urlsafe_b64encode(data).decode()}"
            for data in (drawn, zlib.compress(drawn))
        ]
    )
    for text in texts:
        with pytest.raises(Refusal):
            from_link(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
_FIELDS = ["stacks", "filters", "heads", "edits", "filters_rate", "middle_block", "skips"]


@given(
    st.fixed_dictionaries(
        {
            "architecture": json_values
            | st.dictionaries(st.sampled_from(_FIELDS), json_values, max_size=3).map(
                lambda fields: {"class": "UNet", **fields}
            )
        },
        optional=dict.fromkeys(("input", "selected", "pinned", "budgets"), json_values),
    )
)
def test_no_json_raises_anything_but_a_refusal(fields):
    with suppress(Refusal):
        from_link(packed(fields))


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_sign_is_noticed_or_changes_nothing(place, sign):
    link = to_link(SharedDesign(SMALL, Input(512, 512)))
    place %= len(link)
    try:
        changed = from_link(link[:place] + sign + link[place + 1 :])
    except Refusal:
        return
    assert changed.design == Design(SMALL, Input(512, 512))


def test_what_no_link_can_hold_is_refused():
    model = ReadModel.of(trace(SMALL, (64, 64, 1)))
    with pytest.raises(Refusal, match="Keras model"):
        to_link(SharedDesign(model))
    with pytest.raises(Refusal, match="Keras model"):
        to_link(SharedDesign(SMALL, pinned=Design(model)))
    blocks = (SimpleConvBlock(pool=False),) * 11_000
    with pytest.raises(Refusal, match="11,00"):
        to_link(SharedDesign(Custom(encoder=blocks)))


def test_a_link_is_told_from_other_texts():
    assert is_link(to_link(SharedDesign(SMALL)))
    assert not is_link('{"class": "UNet"}')
    assert not is_link("design: 3")
    assert not is_link("what I meant: ?design=abc")
    assert not is_link("")


def test_reading_a_link_says_what_load_leaves_out():
    shared = SharedDesign(SMALL, Input(64, 96, 3, 4), "layer:x", Design(UNet()))
    loaded = links.read(to_link(shared), Answers())
    assert (loaded.architecture, loaded.input_shape) == (SMALL, (64, 96, 3))
    assert [entry.name for entry in loaded.not_read] == ["input.batch_size", "selected", "pinned"]
    assert links.read(to_link(SharedDesign(SMALL)), Answers()).not_read == ()


def test_load_returns_the_budgets_of_a_link():
    limits = Budget("memory", at_most=2 * 10**9), Budget("receptive field", at_least=180)
    loaded = load(to_link(SharedDesign(SMALL, budgets=limits)))
    assert loaded.budgets == limits
    assert loaded.read[-1].name == "budgets"
    told = ["at most 1.86 GiB of memory", "at least a receptive field of 180 px"]
    assert loaded.read[-1].value == told


def test_load_reads_links_and_files_that_hold_one(tmp_path):
    link = export(SMALL, "link", (64, 96, 3))
    assert load(link).architecture == SMALL
    assert load(f"https://example.org/{link}").input_shape == (64, 96, 3)
    file = tmp_path / "mail.txt"
    file.write_text(f"{link}\n")
    assert load(file).architecture == SMALL
    file.write_text(link[:-20])
    with pytest.raises(Refusal, match=r"mail\.txt.*cut off"):
        load(file)
