"""Every parameter is declared in full, refuses what it can't be, and does what it says."""

import contextlib
import linecache
import math
import pickle
from pathlib import Path
from random import Random

import attrs
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import explorer
from explorer import (
    Custom,
    DenseDownBlock,
    EncoderBlock,
    EncoderDecoder,
    FCDenseNet,
    Head,
    Hourglass,
    LeapCNN,
    ParameterError,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    parameter,
    to_json,
    trace,
)
from explorer.core.network.errors import NotDefined, Refusal, problem_text
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.parameters import AtLeast, active_when, inactive_reason, parameters_of
from explorer.core.pictures.images import ImageError
from explorer.keras_side.config import CannotMake
from explorer.keras_side.rebuild import WeightsError
from tests.strategies import (
    FAMILIES,
    BlockCall,
    block_classes,
    blocks,
    make_block,
    raised,
    values_of,
)

CLASSES = sorted(block_classes() | set(FAMILIES), key=lambda cls: cls.__name__)
EVERY = [(cls, found) for cls in CLASSES for found in parameters_of(cls)]


def each(parameters):
    """Run a test for each of these parameters, given as `(class, parameter)`."""
    ids = [f"{cls.__name__}.{found.name}" for cls, found in parameters]
    return pytest.mark.parametrize(("cls", "found"), parameters, ids=ids)


def instances(cls):
    return FAMILIES[cls]() if cls in FAMILIES else blocks(cls)


def meaning(instance):
    """Return all that can be seen of the layers that a block or architecture makes."""
    if isinstance(instance, EncoderDecoder):
        size = 12 * instance.maximum_stride
        graph = trace(instance, (size, size, 2))
    else:
        # A size that all drawn strides divide, and other channels than the skip source's.
        skip = None
        if not isinstance(instance, EncoderBlock):
            skip = (*raised(instance, (12, 12, 2)), 3)
        call = BlockCall(instance, (12, 12, 2), skip, {})
        graph = Graph([make_block(call, input_feature)[1]])
    return [(node.layer, node.shape, [source.name for source in node.inputs]) for node in graph]


def example(strategy, condition):
    """Return an example that meets the condition, the same in every run."""
    quick = settings(max_examples=500, phases=[Phase.generate], database=None)
    try:
        return find(strategy, condition, settings=quick, random=Random(0))
    except NoSuchExample:
        return None


@each(EVERY)
def test_a_parameter_says_what_it_does(cls, found):
    assert found.doc.endswith(".")
    assert found.doc[0].isupper()
    assert found.label
    assert "_" not in found.label
    assert [other.label for other in parameters_of(cls)].count(found.label) == 1
    if found.words:
        assert set(found.words) == set(found.choices or (False, True))
        assert len({*found.words.values()}) == len(found.words)
    assert any(f"    {found.name}: " in base.__doc__ for base in cls.__mro__)


@each(EVERY)
def test_default_slider_and_bounds_lie_within_each_other(cls, found):
    found.check(cls.__name__, found.default)
    assert getattr(cls(), found.name) == found.default
    if found.choices is not None:
        assert found.default in found.choices
        assert found.slider is None
        return
    if found.value_type is tuple:
        assert found.minimum == 1
        return
    if found.value_type not in (int, float):
        assert (found.slider, found.minimum, found.maximum) == (None, None, None)
        return
    low, high = found.slider
    assert low < high
    if found.default is not None:
        assert low <= found.default <= high
    for end in found.slider:
        found.check(cls.__name__, found.value_type(end))


@each(EVERY)
def test_an_active_parameter_changes_the_graph(cls, found):
    def changes(drawn):
        instance, value = drawn
        try:
            changed = attrs.evolve(instance, **{found.name: value})
        except ParameterError:
            return False
        return inactive_reason(instance, found) is None and meaning(changed) != meaning(instance)

    assert example(st.tuples(instances(cls), values_of(found)), changes)


#: With a rate between these, different levels can have the same whole number of filters.
RATES = {cls: {"filters_rate": st.sampled_from([1, 1.5, 2])} for cls in (UNet, LeapCNN)}


def other_values(found, value):
    """Return other values of a parameter, some of which may be none that it can have here."""
    if found.choices is not None or found.value_type is bool:
        values = list(found.choices or (False, True))
    elif found.value_type is tuple:
        values = [(1,), (2,), (1, 2), (3,)]
    elif found.value_type is str:
        values = ["", "_x"]
    else:
        near = () if value is None else (value - 1, value + 1, 2 * value)
        values = [found.value_type(number) for number in (*near, *found.slider)]
    return [other for other in (*values, *[None] * found.optional) if other != value]


def idle(instance):
    """Return the names of the parameters that are said to have no effect."""
    return {found.name for found in parameters_of(type(instance)) if found.unmet(instance)}


@pytest.mark.parametrize("cls", CLASSES)
@given(st.data())
@settings(max_examples=40)
def test_what_is_said_to_have_an_effect_has_one_and_the_rest_has_none(cls, data):
    instance = data.draw(FAMILIES[cls](**RATES.get(cls, {})) if cls in FAMILIES else blocks(cls))
    now = meaning(instance)
    has_empty_stacks = not any(layer.name.startswith("stack0") for layer, *_ in now)
    for found in parameters_of(cls):
        accepted = []
        for value in other_values(found, getattr(instance, found.name)):
            with contextlib.suppress(ParameterError):
                other = attrs.evolve(instance, **{found.name: value})
                accepted.append((other, meaning(other)))
            if found.name not in idle(instance) and accepted and accepted[-1][1] != now:
                break
        if found.name in idle(instance):
            assert all(then == now for _, then in accepted), found.name
        elif accepted and not (cls is Custom and has_empty_stacks):
            # A switch has no more effect at times than that others then have one.
            changes = (then != now or idle(other) != idle(instance) for other, then in accepted)
            assert any(changes), found.name


def test_what_keeps_each_of_several_conditions_from_being_met_is_said():
    net = ResNet(up_blocks=1, up_interpolate=True, up_convs_per_block=0)
    reasons = {found.name: found.unmet(net) for found in parameters_of(ResNet)}
    assert reasons["up_batch_norm"] == reasons["up_filters"]
    assert reasons["up_filters"] == "upsample by is bilinear and convs per up block is 0"
    assert reasons["up_filters_rate"] == "up blocks is 1"
    assert not idle(attrs.evolve(net, up_interpolate=False)) & {"up_filters", "up_batch_norm"}
    met = ResNet(encoder_stride=8, up_blocks=1, up_stride=8)
    assert "skips" in idle(met)
    assert "skips" not in idle(attrs.evolve(met, encoder_stride=16))
    assert "block_contraction" in idle(UNet(filters_rate=1))


@each([(cls, found) for cls, found in EVERY if found.active])
def test_an_inactive_parameter_says_which_other_is_the_reason(cls, found):
    instance = example(instances(cls), lambda drawn: inactive_reason(drawn, found))
    labels = {other.label for other in parameters_of(cls)} - {found.label}
    assert instance, "its condition always holds"
    reason = inactive_reason(instance, found)
    assert any(reason.startswith(f"no effect while {label} is ") for label in labels)


@each([(cls, found) for cls, found in EVERY if found.active])
def test_a_parameter_depends_on_others_of_its_class(cls, found):
    others = {other.name for other in parameters_of(cls)} - {found.name}
    assert others.issuperset(found.active.fields)


NUMBERS_THAT_ARE_NONE = [math.nan, math.inf, -math.inf, True, "3", "nan", [3], 1j]
REFUSED = {
    int: NUMBERS_THAT_ARE_NONE,
    float: NUMBERS_THAT_ARE_NONE,
    bool: [1, 0, "yes", 1.0, []],
    str: [3, True, ["relu"], b"relu"],
    tuple: [3, "3", (), (1.5,), (3, "3"), (True,), (2, 0)],
}


def refused(found):
    """Return values that a parameter must refuse."""
    values = list(REFUSED[found.value_type])
    if not found.optional:
        values.append(None)
    if found.choices is not None:
        values.append(7 if found.value_type is int else "unheard_of")
    if found.minimum is not None and found.value_type is not tuple:
        values.append(type(found.minimum)(found.minimum - 1))
    if found.maximum is not None:
        values.append(found.maximum + 1)
    return values


@each(EVERY)
def test_bad_values_are_refused_by_name(cls, found):
    for value in refused(found):
        with pytest.raises(ParameterError) as caught:
            cls(**{found.name: value})
        error = caught.value
        assert (error.owner, error.field) == (cls.__name__, found.name)
        # Not a number isn't equal to itself, but its text is.
        assert repr(error.value) == repr(value)
        start = f"{cls.__name__}.{found.name}={value!r} "
        assert str(error) == f"{start}{error.problem}: {error.remedy}."
        assert error.problem
        assert error.remedy


def test_an_error_names_what_would_be_valid():
    def message(cls, **fields):
        with pytest.raises(ParameterError) as caught:
            cls(**fields)
        return str(caught.value)

    assert message(UNet, stacks=0) == (
        "UNet.stacks=0 is too small: give a whole number of at least 1."
    )
    assert message(UNet, down_blocks=11) == (
        "UNet.down_blocks=11 is too large: give a whole number from 1 to 10."
    )
    assert message(UNet, middle_block="no") == (
        "UNet.middle_block='no' is not True or False: give True or False."
    )
    assert message(SimpleConvBlock, block_prefix=1) == (
        "SimpleConvBlock.block_prefix=1 is not text: give letters from A to Z, digits and _ . > -."
    )
    assert message(SimpleUpsamplingBlock, interp_method="cubic") == (
        "SimpleUpsamplingBlock.interp_method='cubic' is unknown: "
        "choose one of 'bilinear', 'nearest'."
    )
    assert message(SimpleUpsamplingBlock, refine_convs_first_filters=0) == (
        "SimpleUpsamplingBlock.refine_convs_first_filters=0 is too small: "
        "give a whole number from 1 to 1,000,000 or None."
    )


def test_a_part_is_no_parameter_and_must_be_of_its_kind():
    assert "heads" not in [found.name for found in parameters_of(UNet)]
    with pytest.raises(TypeError, match="Head"):
        UNet(heads=("not a head",))


def test_an_error_can_be_pickled():
    error = ParameterError("UNet", "stacks", 0, "is too small", "give 1")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert (copy.field, copy.value) == ("stacks", 0)


@pytest.mark.parametrize("family", [UNet, LeapCNN, Hourglass, SimpleConvBlock])
def test_more_filters_than_there_are_numbers_are_refused(family):
    with pytest.raises(ParameterError, match=r"filters=1000.* is too large"):
        family(filters=10**400)


def test_a_hint_that_cannot_be_resolved_costs_only_its_own_field():
    @attrs.frozen
    class Hinted:
        width: "int" = 3
        other: "OnlyATypeCheckerKnows | None" = None  # noqa: F821
        deep: "bool | None" = None

    found = {found.name: found for found in parameters_of(Hinted)}
    assert [found[name].value_type for name in found] == [int, object, bool]
    assert found["deep"].optional


def test_an_infinite_rate_is_refused_also_where_it_has_no_effect():
    with pytest.raises(ParameterError, match="filters_rate=inf"):
        UNet(filters_rate=math.inf, down_blocks=1, up_blocks=1, middle_block=False)


@pytest.mark.parametrize("family", [UNet, LeapCNN])
def test_a_rate_that_gives_more_filters_than_there_are_numbers_is_refused(family):
    with pytest.raises(ParameterError) as caught:
        family(filters_rate=1e300)
    assert caught.value.field == "filters_rate"
    assert "raise" not in caught.value.remedy


class TestDeclaredParameters:
    """What `parameter` and plain type hints declare."""

    @attrs.frozen
    class Toy:
        hinted: int = 3
        bounded: float = parameter(0.5, doc="A share.", minimum=0, maximum=1, unit="%")
        optional: int | None = parameter(None, minimum=1)
        whole: int = parameter(2, whole=True)
        dependent: bool = parameter(False, active=active_when(hinted=AtLeast(2), bounded=0.5))
        anything: list = attrs.Factory(list)
        hidden: int = attrs.field(default=0, init=False)

    def test_parameters_stand_in_the_order_of_the_fields(self):
        names = [found.name for found in parameters_of(self.Toy)]
        assert names == ["hinted", "bounded", "optional", "whole", "dependent", "anything"]

    def test_types_and_defaults_come_from_the_field(self):
        found = {found.name: found for found in parameters_of(self.Toy)}
        assert [found[name].value_type for name in found] == [int, float, int, int, bool, object]
        assert [found[name].optional for name in ("hinted", "optional")] == [False, True]
        assert (found["bounded"].unit, found["bounded"].doc) == ("%", "A share.")
        assert found["hinted"].default == 3

    def test_a_fraction_is_truncated_only_where_declared(self):
        assert self.Toy(whole=2.9).whole == 2
        with pytest.raises(ParameterError, match=r"optional=2\.9"):
            self.Toy(optional=2.9)

    def test_a_parameter_is_active_when_all_conditions_hold(self):
        dependent = next(found for found in parameters_of(self.Toy) if found.active)

        def reason(**fields):
            return inactive_reason(self.Toy(**fields), dependent)

        assert reason() is None
        assert reason(hinted=9) is None
        assert reason(hinted=1) == "no effect while hinted is 1"
        assert reason(bounded=0.25) == "no effect while bounded is 0.25"

    def test_a_field_and_its_values_can_have_words_of_their_own(self):
        @attrs.frozen
        class Worded:
            up_interpolate: bool = parameter(
                False, label="upsample by", words={False: "transposed conv", True: "bilinear"}
            )
            method: str = parameter("fast", active=active_when(up_interpolate=True))

        worded, method = parameters_of(Worded)
        assert (worded.name, worded.label) == ("up_interpolate", "upsample by")
        assert [worded.told(value) for value in (False, True)] == ["transposed conv", "bilinear"]
        assert method.label == "method"
        reason = "no effect while upsample by is transposed conv"
        assert inactive_reason(Worded(), method) == reason


CELL = """
import attrs
from explorer import Custom, EncoderBlock, EncoderDecoder, SimpleConvBlock, trace
from explorer.core.network.graph import input_feature
from explorer.core.network.layers import Add, Conv2D

class Bug(EncoderDecoder):
    @property
    def encoder_stack(self):
        return [SimpleConvBlock(filters=None + 1) for _ in range(2)]
    decoder_stack = ()

class Own(SimpleConvBlock):
    def make_block(self, x_in, prefix="own"):
        narrow = Conv2D(name=f"{prefix}_a", filters=2)(x_in)
        return Add(name=f"{prefix}_sum")([x_in, narrow])

class WrongName(SimpleConvBlock):
    def make_block(self, x_in, prefix="own"):
        return SimpleConvBlock(fitlers=3).make_block(x_in)

class Net(EncoderDecoder):
    decoder_stack = ()

def own():
    Own().make_block(input_feature((4, 4, 1)))

def wrong_name():
    class Misspelt(Net):
        encoder_stack = (WrongName(),)
    trace(Misspelt(), (4, 4, 1))

def refused():
    SimpleConvBlock(filters=0)

def library():
    attrs.evolve(3)

def silent():
    raise KeyError

@attrs.frozen
class Checked(Net):
    width: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    encoder_stack = (SimpleConvBlock(),)

    @width.validator
    def _even(self, _, value):
        if value % 2:
            raise ValueError(
                f"A width of {value} can't be halved: use an even one."
            )
        if value > 64: raise ValueError("A width above 64 is not what this is for.")
        if value == 32:
            first, second = 1, 2, 3
        if value == 16:
            raise TypeError("as by accident")

def odd():
    Checked(width=7)

def wide():
    attrs.evolve(Checked(), width=128)

def unpacked():
    Checked(width=32)

def other_kind():
    Checked(width=16)

def too_small():
    Checked(width=0)

def undefined():
    trace(Custom(encoder=(EncoderBlock(),)), (4, 4, 1))
"""


def told(name, file):
    """Return what is said of the error that a call in a cell ends with."""
    cell = {"__name__": "__main__"}
    # As IPython does it for its cells, and any traceback for files.
    linecache.cache[file] = (len(CELL), None, CELL.splitlines(keepends=True), file)
    exec(compile(CELL, file, "exec"), cell)
    with pytest.raises(Exception) as caught:  # noqa: PT011 — of any kind
        cell[name]()
    try:
        return problem_text(caught.value)
    finally:
        del linecache.cache[file]


def line_of(code):
    return 1 + next(i for i, line in enumerate(CELL.split("\n")) if code in line)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("ipykernel_77/1234.py", "the notebook’s cell"),
        ("<ipython-input-3-abc>", "the notebook’s cell"),
        ("nets/mine.py", "mine.py"),
    ],
)
def test_a_bug_of_the_users_is_told_with_its_kind_and_its_place(file, place):
    at = f"line {line_of('None + 1')} of {place}"
    assert told("Bug", file) == (
        "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int' "
        f"(in Bug.encoder_stack, {at})"
    )


def test_a_bug_is_placed_in_the_users_code_and_not_in_what_it_called():
    file = "ipykernel_77/1234.py"
    misspelt = told("wrong_name", file)
    assert "TypeError: " in misspelt
    assert misspelt.endswith(
        f"(in WrongName.make_block, line {line_of('fitlers')} of the notebook’s cell)"
    )
    assert told("library", file).endswith(
        f"(in library, line {line_of('evolve(3)')} of the notebook’s cell)"
    )
    assert told("silent", file) == (
        f"KeyError (in silent, line {line_of('raise KeyError')} of the notebook’s cell)"
    )


def test_what_explorer_refuses_says_all_itself():
    file = "ipykernel_77/1234.py"
    assert told("refused", file).startswith("SimpleConvBlock.filters=0 is too small: give")
    assert told("own", file).startswith("Add layer 'own_sum' cannot add features of")
    assert told("own", file).endswith("with the same number of channels.")


def test_an_error_that_was_raised_nowhere_is_told_by_its_kind():
    assert problem_text(ValueError()) == "ValueError"
    assert problem_text(ValueError("my bug")) == "ValueError: my bug"
    assert problem_text(ParameterError("A", "b", 1, "is", "do")) == "A.b=1 is: do."


@pytest.mark.parametrize("file", ["ipykernel_77/1234.py", "<ipython-input-3-abc>", "nets/mine.py"])
def test_a_value_that_a_class_of_the_users_refuses_is_told_in_its_words(file):
    assert told("odd", file) == "A width of 7 can't be halved: use an even one."
    assert told("wide", file) == "A width above 64 is not what this is for."


def test_an_error_of_the_same_kind_by_accident_is_told_with_its_place():
    file = "ipykernel_77/1234.py"
    assert told("unpacked", file) == (
        "ValueError: too many values to unpack (expected 2) "
        f"(in Checked._even, line {line_of('first, second')} of the notebook’s cell)"
    )
    assert told("other_kind", file).startswith("TypeError: as by accident (in Checked._even")
    assert told("too_small", file).startswith("ValueError: 'width' must be >= 1: 0 (in too_small")


def test_what_a_class_of_the_users_does_not_define_is_named():
    assert told("undefined", "nets/mine.py") == "EncoderBlock does not define make_block."


def test_all_errors_that_tell_what_to_do_are_refusals():
    for kind in (ParameterError, CannotMake, ImageError, WeightsError, NotDefined):
        assert issubclass(kind, Refusal)


PACKAGE = Path(explorer.__file__).parent


def test_no_module_raises_a_plain_error_of_values():
    plain = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "raise ValueError" in path.read_text(encoding="utf-8")
    }
    assert plain == {"keras_side/layers.py"}, (
        "raise a Refusal"
    )  # that one is caught, and told otherwise


class Five:
    """What is no number, and stands for one."""

    def __index__(self) -> int:
        return 5

    def __repr__(self) -> str:
        return "Five()"


@pytest.mark.parametrize("five", [np.int32(5), np.uint8(5), np.array(5), Five()], ids=repr)
def test_whatever_stands_for_an_index_is_an_int(five):
    net = UNet(filters=five, kernel_size=five)
    same = UNet(filters=5, kernel_size=5)

    assert net == same
    assert hash(net) == hash(same)
    assert type(net.kernel_size) is type(net.filters) is int
    assert to_json(net) == to_json(same)
    assert Head(stride=five).stride == 5
    dense = FCDenseNet(layers_per_block=[five] * 5)
    assert dense == FCDenseNet(layers_per_block=(5,) * 5)
    assert to_json(dense) == to_json(FCDenseNet(layers_per_block=np.full(5, 5)))


@pytest.mark.parametrize("number", [np.float32(1.5), np.float64(1.5), np.array(1.5)], ids=repr)
def test_a_float_of_numpy_is_one_of_pythons(number):
    net = UNet(filters_rate=number)

    assert type(net.filters_rate) is float
    assert net == UNet(filters_rate=1.5)
    assert to_json(net) == to_json(UNet(filters_rate=1.5))
    with pytest.raises(ParameterError, match="kernel_size"):
        UNet(kernel_size=number)
    assert SimpleConvBlock(filters=number * 10).filters == 15


@attrs.frozen
class OfAUser(EncoderDecoder):
    width: int = 16
    rate: float = 2.0


def test_plain_type_hints_get_pythons_numbers_too():
    net = OfAUser(width=np.int64(3), rate=np.float32(1.5), stacks=np.int8(1))

    assert net == OfAUser(width=3, rate=1.5)
    assert [type(value) for value in (net.width, net.rate, net.stacks)] == [int, float, int]


def test_a_truth_value_is_no_number_and_no_number_is_one():
    for value in (True, np.True_, np.array(True)):
        with pytest.raises(ParameterError, match="kernel_size"):
            UNet(kernel_size=value)
        assert UNet(middle_block=value) == UNet(middle_block=True)
    for value in (1, np.int64(1)):
        with pytest.raises(ParameterError, match="middle_block"):
            UNet(middle_block=value)


def test_minus_zero_is_zero():
    assert to_json(DenseDownBlock(dropout=-0.0)) == to_json(DenseDownBlock(dropout=0.0))


def test_an_error_leaves_out_the_middle_of_a_long_value():
    for value in ("x " * 16_000, 10**400, 10**10_000):
        with pytest.raises(ParameterError) as caught:
            Head(value)
        assert len(str(caught.value)) < 400
