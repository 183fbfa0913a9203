"""What goes to the browser's half and comes from it, as JSON; what texts are made of is in `parts`.

These classes, and the traits of the widgets that have them, are also what `front/messages.d.ts`
tells the JavaScript: `make messages` writes it.
"""

from typing import Literal

import attrs

from explorer.core.asking.program import Program
from explorer.core.words.glossary import Picture

# Of several panels.


@attrs.frozen
class Select:
    """The user selected something; nothing if it is empty."""

    select: str


@attrs.frozen
class SavedFile:
    """A file to be saved, whose content is the one buffer."""

    file: str
    type: str


@attrs.frozen
class FilePart:
    """A part of a file that the user chose, which is the one buffer; of no parts: none."""

    name: str
    part: int
    parts: int


@attrs.frozen
class WantsCode:
    """The page lacks the code that draws charts, lays drawings out, or runs networks."""

    wants: Literal["plotly", "graphviz", "runner"]


@attrs.frozen
class Code:
    """That code: a buffer for each file."""

    code: Literal["plotly", "graphviz", "runner"]


# The controls.


@attrs.frozen
class StepsOf:
    """What the next steps of a parameter would do is wanted; of none if it is empty."""

    steps_of: str


@attrs.frozen
class Steps:
    """What the next steps of a parameter would do.

    Attributes:
        of: Its name; empty: nothing is told.
        words: A sentence for each.
    """

    of: str
    words: tuple[str, ...]


# The blocks.


@attrs.frozen
class OwnSettings:
    """A block that is an exception on its family.

    Attributes:
        name: What it is called.
        text: How it differs.
        rests: Whether there is no such block now.
    """

    name: str
    text: str
    rests: bool = False


@attrs.frozen
class OpenOwn:
    """The controls of a block with own settings are wanted."""

    open: str


@attrs.frozen
class RemoveOwn:
    """A block's own settings are to be given up."""

    remove: str


# The charts' frame.


@attrs.frozen
class Missed:
    """An update did not reach the plot."""

    missed: int


@attrs.frozen
class ChartStep:
    """A layer or a block in its place along the horizontal axis.

    Attributes:
        id: What selects it.
        block: What selects its block, or itself if it is one.
    """

    id: str
    block: str


# The diagram.


@attrs.frozen
class Toggle:
    """A card is to be shown in more or less detail."""

    toggle: str


@attrs.frozen
class Nearer:
    """More or less is to be written of each block, as the user comes nearer to the drawing."""

    detail: Literal["outline", "blocks", "layers"]


@attrs.frozen
class Find:
    """The layer so many steps further is sought that has a text."""

    find: str
    step: int


@attrs.frozen
class Save:
    """The drawing is wanted as a file."""

    save: Literal["svg", "pdf", "png", "dot"]


@attrs.frozen
class ToLayOut:
    """The page is to lay out the drawing in the one buffer, which is to be saved."""

    lay_out_for: Literal["svg", "pdf", "png"]


@attrs.frozen
class LaidOutDrawing:
    """The page laid out such a drawing: as SVG; empty if it could not."""

    laid_out: str
    ending: Literal["svg", "pdf", "png"]


@attrs.frozen
class SavedPicture:
    """An SVG, the one buffer, to be saved as a picture of so many dots per inch."""

    picture: str
    dpi: int


@attrs.frozen
class LaysOut:
    """Whether the page lays drawings out by itself."""

    lays_out: bool


# The code.


@attrs.frozen
class CodeText:
    """The design as text.

    Attributes:
        kind: What it is written as: see `FileKind`.
        text: The text.
        problem: Why there is none.
        note: What the last edit did to it, in words.
        changed: Places of the lines that the last edit changed, or brought.
        cut: Places of the lines behind which it took some away.
        first: Place of the line to be seen.
        blocks: Places of the lines that tell of a block, by what selects it; those that are about
            it alone come first.
    """

    kind: str
    text: str = ""
    problem: str = ""
    note: str = ""
    changed: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    first: int | None = None
    blocks: dict[str, tuple[int, ...]] = attrs.field(factory=dict)


@attrs.frozen
class WriteAs:
    """The design is to be shown as text of another kind."""

    write_as: str


# Budgets, and the search for what keeps to them.


@attrs.frozen
class BudgetRow:
    """A budget, or a place for one.

    Attributes:
        row: Its number, which no other row gets.
        of: Name of its measure.
        limit: Which side of the amount is allowed.
        amount: The amount, as it was typed; empty: there is none.
        verdict: How the design on screen keeps to it; empty without an amount.
        is_kept: Whether it does.
        problem: Why the amount can't be used, if it can't.
        hint: An amount such as it may have.
    """

    row: int
    of: str
    limit: Literal["at least", "at most"]
    amount: str
    verdict: str = ""
    is_kept: bool = False
    problem: str = ""
    hint: str = ""


@attrs.frozen
class ObjectsRow:
    """Objects that a receptive field is to hold.

    Attributes:
        percent: How many of a hundred, as it is typed.
        sizes: Their sizes, as they were typed.
        told: How many there are, and how large; empty: there are none.
        problem: Why what was typed or chosen can't be used, if it can't.
    """

    percent: str
    sizes: str
    told: str
    problem: str = ""


@attrs.frozen
class VariableRow:
    """A parameter that a search may vary.

    Attributes:
        name: Its name.
        label: What it is called.
        doc: What it does.
        values: What is tried of it, as it is typed.
        is_on: Whether it is varied.
        is_free: Whether the values can be typed.
        comes_first: Whether it is in view at once.
        problem: Why the values can't be used, if they can't.
    """

    name: str
    label: str
    doc: str
    values: str
    is_on: bool
    is_free: bool
    comes_first: bool
    problem: str = ""


@attrs.frozen
class FoundRow:
    """A network that was found: its number in the space, a cell for each head, and more of it.

    Attributes:
        number: Its number.
        cells: What it has.
        is_shown: Whether it is the design on screen.
    """

    number: int
    cells: tuple[str, ...]
    is_shown: bool


@attrs.frozen
class SetImage:
    """Images of this size are to be searched for, and shown; None where a field is empty."""

    image_height: float | None
    image_width: float | None


@attrs.frozen
class AddBudget:
    """A row for a budget of this measure is wanted."""

    add_budget: str


@attrs.frozen
class SetBudget:
    """A row is to have this limit and this amount."""

    budget: int
    limit: Literal["at least", "at most"]
    amount: str


@attrs.frozen
class RemoveBudget:
    """A row is to be taken away."""

    remove_budget: int


@attrs.frozen
class HoldShare:
    """So many of a hundred objects are to be held; None where the field is empty."""

    hold_percent: float | None


@attrs.frozen
class SetSizes:
    """Objects have these sizes."""

    object_sizes: str


@attrs.frozen
class Vary:
    """A parameter is to be varied or not, over these values."""

    vary: str
    on: bool
    values: str


@attrs.frozen
class Minimise:
    """These measures are to be small."""

    minimise: str
    and_then: str


@attrs.frozen
class StartSearch:
    """The search is to begin."""

    start_search: Literal[True]


@attrs.frozen
class MeasureDevice:
    """What kinds of work take on this machine's device is to be measured, so that times are known.

    False: no longer.
    """

    measure_device: bool


@attrs.frozen
class StopSearch:
    """It is to stop, and what it found is kept."""

    stop_search: Literal[True]


@attrs.frozen
class TakeFound:
    """A network that was found is to be shown."""

    take: int


@attrs.frozen
class SaveFound:
    """What was found is wanted as a file."""

    save_found: Literal["csv", "json"]


# What is shared, saved and opened.


@attrs.frozen
class FileKind:
    """A kind of file that a design can be saved as.

    Attributes:
        kind: The kind.
        label: What it is called.
        has_weights: Whether the Keras process writes it, with the weights that it has.
    """

    kind: str
    label: str
    has_weights: bool = False


@attrs.frozen
class Question:
    """A number that an opened file leaves open, and what it is called."""

    name: str
    label: str


@attrs.frozen
class Choice:
    """A configuration of an opened file, and why it can't be shown, if it can't."""

    name: str
    because: str


@attrs.frozen
class Share:
    """The link to what is on screen is wanted, and the kinds of files that it can be saved as."""

    share: Literal[True]


@attrs.frozen
class SaveAs:
    """The design is wanted as a file of this kind."""

    save_as: str


@attrs.frozen
class OpenText:
    """A link, or what a file says, is to be opened."""

    open_text: str


@attrs.frozen
class Answer:
    """What the user says where the opened file leaves something open."""

    answers: dict[str, int]


@attrs.frozen
class Configure:
    """Another configuration of the opened file is to be shown."""

    configure: str


@attrs.frozen
class CloseAccount:
    """What was opened need not be told any more."""

    close: Literal[True]


# The feature maps.


@attrs.frozen
class FilmFrame:
    """A block's output.

    Attributes:
        id: What it selects.
        title: Of the block.
        name: The block's own.
        tag: What there is to say of its place.
        lines: Its figures.
        png: The picture.
        side: Longest side of the picture on screen, in pixels.
    """

    id: str
    title: str
    name: str
    tag: str
    lines: tuple[str, ...]
    png: bytes
    side: int


@attrs.frozen
class FilmGroup:
    """Blocks of one role that follow each other."""

    title: str
    role: str
    frames: tuple[FilmFrame, ...]


@attrs.frozen
class ChannelPicture:
    """What one channel puts out, and how strong it is."""

    title: str
    strength: str
    png: bytes


@attrs.frozen
class Channels:
    """A layer's channels, and the longest side of their pictures on screen, in pixels."""

    title: str
    side: int
    pictures: tuple[ChannelPicture, ...]


# The forward pass in the browser.


@attrs.frozen
class RunHere:
    """A network that the browser is to run.

    Attributes:
        number: Of the question; the answer has it, too.
        program: The network.
        batch: Images in a run.
        limit: Seconds after which no further run is started.
    """

    number: int
    program: Program
    batch: int
    limit: float


@attrs.frozen
class RanHere:
    """A network was run; the buffers are its input and the channels, as PNGs.

    Attributes:
        number: Of the question.
        times: Seconds of each measured run.
        first: Seconds of the first run.
        warmups: Runs before those that are measured, the first among them.
        backend: What ran it, such as "WebGPU".
        device: On what.
        version: Of TensorFlow.js.
        channels: The output's strongest, the strongest first.
    """

    number: int
    times: tuple[float, ...]
    first: float
    warmups: int
    backend: str
    device: str
    version: str
    channels: tuple[int, ...]


@attrs.frozen
class LookHere:
    """The browser is to show what layers make of a picture.

    Attributes:
        number: Of the question; the answer has it, too.
        program: The network, as far as is needed; its weights come as float16, or are drawn.
        seed: What weights are drawn with that do not come.
        strip: Places of the steps that are shown in one picture each.
        selected: Place of the step whose channels are shown.
        most: How many of them, the strongest.
        side: Most pixels along a side of a picture.
    """

    number: int
    program: Program
    seed: int
    strip: tuple[int, ...]
    selected: int
    most: int
    side: int


@attrs.frozen
class ValueRange:
    """Values of a layer's output; None: it is not finite."""

    lowest: float | None
    highest: float | None
    mean: float | None


@attrs.frozen
class ChannelStrength:
    """A channel, and its mean absolute value."""

    channel: int
    strength: float | None


@attrs.frozen
class LookedHere:
    """What layers made of it; the buffers are PNGs, of the strip and then of the channels.

    Attributes:
        number: Of the question.
        strip: Of each step that was asked for, in turn.
        channels: The strongest first.
    """

    number: int
    strip: tuple[ValueRange, ...]
    channels: tuple[ChannelStrength, ...]


@attrs.frozen
class FieldHere:
    """The browser is to say what a position of a layer's output looks at, by the gradient.

    Attributes:
        number: Of the question; the answer has it, too.
        program: The network, as far as is needed; its weights come as float16, or are drawn.
        seed: What weights are drawn with that do not come.
        place: Of the layer's step.
        position: Row and column in its output.
        signs: What each channel of the output is multiplied by.
        center: The row and column of the position's centre in the picture, in pixels.
        ramp: Colours of a gradient's strength, the weakest first.
        decades: Powers of ten between the strongest and the weakest that is drawn.
        opacity: Of the weakest and the strongest, from 0 to 255.
    """

    number: int
    program: Program
    seed: int
    place: int
    position: tuple[int, ...]
    signs: tuple[int, ...]
    center: tuple[float, ...]
    ramp: tuple[str, ...]
    decades: int
    opacity: tuple[int, ...]


@attrs.frozen
class FoundHere:
    """What it looks at; the buffer is the picture of it, if there is a gradient.

    Attributes:
        number: Of the question.
        half: Side of the smallest square that holds half of the gradient, in pixels; 0: there is
            none; None: it is not finite.
        most: That which holds 95 % of it.
    """

    number: int
    half: int | None
    most: int


@attrs.frozen
class NotRunHere:
    """A network could not be run."""

    number: int
    problem: str


# The history.


@attrs.frozen
class GoTo:
    """A step is to be shown."""

    to: int


@attrs.frozen
class GoBy:
    """The step so many further is to be shown."""

    by: int


# The glossary.


@attrs.frozen
class Term:
    """A term, explained: see `explorer.core.words.glossary.Entry`."""

    term: str
    meaning: str
    spellings: tuple[str, ...]
    picture: Picture
    lesson: int | None
    source: str


@attrs.frozen
class OpenLesson:
    """A lesson is wanted, from what explains a term."""

    open_lesson: int


# The inspector.


@attrs.frozen
class Edit:
    """A block is to be edited."""

    edit: str


@attrs.frozen
class TimeLayers:
    """Every layer is to be timed."""

    time: Literal[True]


@attrs.frozen
class TakeMove:
    """The user chose one of the changes that are offered to be tried, by its words."""

    move: str


# The table of layers.


@attrs.frozen
class LayerQuantity:
    """A quantity that has a column.

    Attributes:
        name: Heading of the column, and what it is called in the rows.
        title: What it is.
        unit: How it is written.
        in_full: Whether its counts are written with all digits.
        prefix: What precedes the total.
        is_measured: Whether it is there only once it was measured.
    """

    name: str
    title: str
    unit: Literal["count", "bytes", "seconds"]
    in_full: bool
    prefix: str
    is_measured: bool


@attrs.frozen
class LayerRow:
    """A layer's figures; None is unknown.

    Attributes:
        id: What selects it.
        block: What selects its block.
        name: Its name.
        kind: Class of the Keras layer.
        shape: Of its output, without the batch.
        stride: Step of its output in input pixels; two where rows and columns differ.
        receptive_field: Height and width in input pixels.
        figures: What it has of each quantity.
    """

    id: str
    block: str
    name: str
    kind: str
    shape: tuple[int, ...]
    stride: float | tuple[float, ...] | None
    receptive_field: tuple[int, ...] | None
    figures: dict[str, float | None]


@attrs.frozen
class LayerTotal:
    """The sum of what is known, and whether that is all."""

    sum: float | None
    is_all: bool


# The receptive field; places and sizes are in pixels of the input.


@attrs.frozen
class Size:
    """A height and a width."""

    height: int
    width: int


@attrs.frozen
class Position:
    """A pixel of a layer's output."""

    row: int
    column: int


@attrs.frozen
class Rectangle:
    """A part of the picture, and what surrounds it."""

    top: float
    left: float
    height: float
    width: float


@attrs.frozen
class Offer:
    """A change of the design that a button makes, and what it leads to and costs."""

    words: str
    cost: str


@attrs.frozen
class FieldLine:
    """A line of text beneath the controls, and the changes that it offers."""

    text: str
    mark: Literal["good", "bad", "busy", ""] = ""
    offers: tuple[Offer, ...] = ()


@attrs.frozen
class Point:
    """A place in the picture, as parts of its height and width."""

    y: float
    x: float


@attrs.frozen
class At:
    """A place in the picture was clicked."""

    at: Point


@attrs.frozen
class Move:
    """The position is to move by so many rows and columns of the layer's output."""

    rows: int
    columns: int


@attrs.frozen
class Row:
    """The position is to be in this row; None where the field is empty."""

    row: float | None


@attrs.frozen
class Column:
    """The position is to be in this column; None where the field is empty."""

    column: float | None


@attrs.frozen
class ObjectBox:
    """What the user gave as an object's box; None where a field is empty."""

    top: float | None
    left: float | None
    height: float | None
    width: float | None


@attrs.frozen
class SetObject:
    """An object's box was drawn, or is to be taken away."""

    object: ObjectBox | None


# The strip along the depth.


@attrs.frozen
class StripStep:
    """A layer or a block.

    Attributes:
        id: What selects it.
        block: What selects its block, or itself if it is one.
        text: Its facts, a line each.
        colour: Of its role.
        height: Of its output in pixels.
        channels: Of its output.
        total: Bytes of all features in memory while it runs.
        held: Those of them that later layers need.
    """

    id: str
    block: str
    text: str
    colour: str
    height: int
    channels: int
    total: float
    held: float


# The frame.


@attrs.frozen
class Reveal:
    """A pane is to be seen, if it is hidden, and the part of it that has this class, if any."""

    reveal: Literal["controls", "side"]
    part: str


# The training.


@attrs.frozen
class CurvePoint:
    """A value after so many steps."""

    step: float
    value: float


@attrs.frozen
class CurveBeside:
    """Another curve of the same, drawn beside it.

    Attributes:
        name: "A"; or "B", of the network on screen with a former seed.
        points: Its values, of finite ones alone.
        now: The last value, as it is written; empty for a former seed.
    """

    name: Literal["A", "B"]
    points: tuple[CurvePoint, ...]
    now: str


@attrs.frozen
class Curve:
    """How something changed as the network learnt.

    Attributes:
        name: What it is.
        unit: Its unit; empty: none.
        about: What it means.
        points: Its values, of finite ones alone.
        now: The last value, as it is written.
        highest: The largest value that it can have, if there is one.
        beside: What is drawn beside it: A's curve, and those of former seeds.
    """

    name: str
    unit: str
    about: str
    points: tuple[CurvePoint, ...]
    now: str
    highest: float | None
    beside: tuple[CurveBeside, ...] = ()


@attrs.frozen
class HeldOutPicture:
    """A picture that is not learnt from, and its true answer."""

    image: bytes
    truth: bytes


@attrs.frozen
class StepAnswers:
    """What the network says of those pictures after a step, and what A says beside it."""

    own: tuple[bytes, ...]
    of_a: tuple[bytes, ...]


# What was refused.


@attrs.frozen
class TakeRemedy:
    """The user chose one of the remedies that are offered, by its words."""

    remedy: str


# The totals.


@attrs.frozen
class Figure:
    """A figure of the whole network.

    Attributes:
        name: What it is.
        value: How it is written.
        change: What the last edit did to it, or how a time differs from that of the last run; empty
            where there was none.
        beside_a: How it differs from that of the pinned network, if one is.
        text: What it means, and more of it, a line each.
        opens: Title of the tab that shows more of it.
        unsettled: Whether it has still to be measured, or could not be.
    """

    name: str
    value: str
    change: str
    beside_a: str
    text: str
    opens: str
    unsettled: bool = False


@attrs.frozen
class OpenFigure:
    """What stands behind a figure is to be shown: the tab of this title."""

    open: str
