from fractions import Fraction

import attrs
import pytest

from explorer import Head, UNet, analyze, build, trace
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.quantities import MEMORY, PARAMETERS
from explorer.core.asking.forward_pass import Built, BuiltLayer, ForwardPass, Picture
from explorer.core.asking.timing import LayerTime, LayerTimes, Timing
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import byte_size, duration, grid_text, percent_change, short_count
from explorer.widget.messages import Figure, LayerRow, LayerTotal
from explorer.widget.panels.keras.forward_pass import ForwardView
from explorer.widget.panels.keras.status import KerasStatus, compare
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.totals import panel
from explorer.widget.panels.totals.panel import Totals
from explorer.widget.parts import words
from tests.said import result_of, said

NET = UNet(filters=2, down_blocks=2, up_blocks=2)
DESIGN = Design(NET, Input(32, 32, 1))
GRAPH = trace(NET, (32, 32, 1))
REPORT = analyze(GRAPH)


def as_built(report) -> Built:
    return Built(
        seconds=0.2,
        environment="Keras",
        devices=("CPU:0",),
        layers=tuple(
            BuiltLayer(row.name, row.kind, row.shape, row.params) for row in report.layers
        ),
        total_params=report.total_params,
        trainable_params=report.trainable_params,
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (9_999, "10.0 k"),
        (99_990, "100 k"),
        (999_949, "1.00 M"),
        (34_512_128, "34.5 M"),
        (28_559_278_080, "28.6 G"),
        (2.5e12, "2.50 T"),
    ],
)
def test_counts_have_three_digits(count, text):
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1536, "1.50 KiB"),
        (1024**2 - 1, "1.00 MiB"),
        (300 * 1024**2, "300 MiB"),
        (5 * 1024**3, "5.00 GiB"),
    ],
)
def test_memory_has_binary_units(size, text):
    assert byte_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2, "2.00 s"),
        (0.9999, "1.00 s"),
        (0.1234, "123 ms"),
        (0.00999, "9.99 ms"),
        (5e-5, "50.0 µs"),
    ],
)
def test_times_have_fitting_units(seconds, text):
    assert duration(seconds) == text


def totals_of(design: Design, *others: Design | None) -> dict[str, Figure]:
    totals = Totals(lambda name: None)
    totals.show(design, *others or (None, None))
    return {figure.name: figure for figure in totals.figures}


def test_totals_show_what_the_report_says():
    shown = totals_of(Design(NET, Input(32, 32, 1, batch_size=4)))

    values = {name: figure.value for name, figure in shown.items()}
    assert values == {
        "parameters": short_count(REPORT.total_params),
        "compute": short_count(REPORT.macs),
        "memory": byte_size(REPORT.peak_memory(4)),
        "sees up to": f"{REPORT.receptive_field[0]} px",
        "output": "32×32×2",
    }
    assert f"{REPORT.total_params:,}, all trainable" in shown["parameters"].text
    assert "4 images" in shown["memory"].text
    assert "Coarsest grid 1/4 · output full size" in shown["output"].text
    assert "multiples of 4" in shown["output"].text
    assert {figure.change for figure in shown.values()} == {""}


def test_all_outputs_are_told_where_there_are_several():
    heads = [Head(f"head{i}", channels=3 + i, stride=2 - i) for i in range(2)]
    both = attrs.evolve(NET, heads=heads)
    shown = totals_of(Design(both, Input(32, 32, 1)), DESIGN, None)["output"]

    assert shown.value == "32×32×4 +1"
    assert "of 2 outputs\nhead0: 16×16×3\nhead1: 32×32×4\n" in shown.text
    assert "Last edit: was 32×32×2" in shown.text

    # What is not in the short form counts as much.
    other = attrs.evolve(both, heads=[attrs.evolve(heads[0], channels=9), heads[1]])
    shown = totals_of(Design(other, Input(32, 32, 1)), Design(both, Input(32, 32, 1)), None)[
        "output"
    ]
    assert (shown.value, shown.change) == ("32×32×4 +1", "changed")
    assert "Last edit: was 16×16×3 and 32×32×4" in shown.text

    many = attrs.evolve(NET, heads=[Head(f"head{i}", channels=2) for i in range(14)])
    shown = totals_of(Design(many, Input(32, 32, 1)))["output"]
    assert shown.value == "32×32×2 +13"
    assert "head9: 32×32×2\nand 4 more\n" in shown.text
    assert "head10" not in shown.text


def test_a_quantity_that_somebody_adds_leads_to_the_table_of_layers(monkeypatch):
    added = attrs.evolve(PARAMETERS, name="energy", headline="energy")
    monkeypatch.setattr(panel, "of_networks", lambda: [PARAMETERS, added, MEMORY])

    shown = totals_of(DESIGN)

    assert shown["energy"].value == shown["parameters"].value
    opens = {name: figure.opens for name, figure in shown.items()}
    assert opens["energy"] == opens["parameters"] == "Layers"
    assert (opens["memory"], opens["output"]) == ("Charts", "Diagram")


def test_totals_say_what_the_last_edit_did_and_how_a_differs():
    wide = attrs.evolve(NET, filters=4)
    flat = attrs.evolve(NET, down_blocks=3)
    shown = totals_of(Design(wide, Input(32, 32, 1)), DESIGN, Design(flat, Input(32, 32, 1)))

    more = analyze(trace(wide, (32, 32, 1))).total_params / REPORT.total_params - 1
    assert shown["parameters"].change == f"+{100 * more:.0f} %"
    assert f"Last edit: +{100 * more:.0f} %" in shown["parameters"].text
    assert shown["sees up to"].change == "="
    assert "Last edit: no change" in shown["sees up to"].text
    assert shown["sees up to"].beside_a.startswith("−")
    assert shown["output"].change == "changed"
    assert "Last edit: was 32×32×2" in shown["output"].text
    assert "Beside A: was 16×16×4" in shown["output"].text


@pytest.mark.parametrize(
    ("stride", "text"),
    [
        (1, "full size"),
        ((1, 1), "full size"),
        (8, "1/8"),
        ((2, 1), "1/2×1"),
        ((4, 4), "1/4"),
        (Fraction(1, 2), "2× the size"),
        (Fraction(3, 2), "2/3"),
        (None, "unknown"),
    ],
)
def test_a_stride_is_told_as_the_size_of_the_grid(stride, text):
    assert grid_text(stride) == text


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (100, 225, "+125 %"),
        (200, 100, "−50 %"),
        (1000, 1005, "+0.5 %"),
        (31_037_633, 31_037_698, "+< 0.1 %"),
        (31_037_698, 31_037_633, "−< 0.1 %"),
        (1000, 1, "÷ 1,000"),
        (1000, 0, "−100 %"),
        (3, 3, "="),
        (2, 24, "× 12"),
        (0, 4, "was 0"),
    ],
)
def test_a_change_is_told_in_percent(before, now, text):
    assert percent_change(before, now) == text


def test_the_table_has_a_row_for_every_layer():
    view = LayerTable(lambda selected: None)

    view.show(Scene(DESIGN))

    assert [row.name for row in view.rows] == [node.name for node in GRAPH]
    first = REPORT.layers[1]
    assert view.rows[1] == LayerRow(
        id=f"layer-{first.name}",
        block="block-stack0_enc0",
        name=first.name,
        kind=first.kind,
        shape=first.shape,
        stride=first.stride,
        receptive_field=first.receptive_field,
        figures={
            "parameters": first.params,
            "MACs": first.macs,
            "memory": first.memory_bytes,
            "time": None,
        },
    )
    assert view.totals == {
        "parameters": LayerTotal(REPORT.total_params, True),
        "MACs": LayerTotal(REPORT.macs, True),
        "memory": LayerTotal(REPORT.peak_memory_bytes, True),
        "time": LayerTotal(0, False),  # no layer is timed
    }


def test_the_table_marks_what_is_selected_and_says_what_was_clicked():
    clicked = []
    view = LayerTable(clicked.append)
    view.show(Scene(DESIGN, "block-stack0_enc0"))
    rows = view.rows
    assert view.selected == tuple(
        f"layer-{node.name}" for node in GRAPH if node.name.startswith("stack0_enc0_")
    )

    view.show(Scene(DESIGN, "layer-stack0_enc0_conv1", times={"stack0_enc0_conv1": 0.5}))
    assert view.selected == ("layer-stack0_enc0_conv1",)
    assert [row.name for row in view.rows if row.figures["time"]] == ["stack0_enc0_conv1"]
    times = view.rows
    view.show(Scene(DESIGN, "", times={"stack0_enc0_conv1": 0.5}))
    assert view.rows is times is not rows, "rows are sent again only when they are others"

    view._handle_custom_msg({"select": "layer-stack0_enc0_conv0"}, [])
    assert clicked == ["layer-stack0_enc0_conv0"]


def test_an_unknown_receptive_field_is_said_so():
    @attrs.frozen
    class Turned(UNet):
        def make_backbone(self, x_in, current_stride=1):
            import keras

            return keras.layers.Permute((2, 1, 3))(x_in), []

    shown = totals_of(Design(Turned(), Input(32, 32, 1)))

    assert shown["sees up to"].value == "unknown"


def test_a_model_that_equals_the_report_has_no_differences():
    model = build(GRAPH)
    layers = tuple(
        BuiltLayer(layer.name, type(layer).__name__, node.shape, layer.count_params())
        for layer, node in zip(model.layers, GRAPH, strict=True)
    )
    total = model.count_params()
    assert compare(Built(0.1, "", ("CPU:0",), layers, total, total), REPORT) == []


def test_each_kind_of_difference_is_named():
    built = as_built(REPORT)
    wrong = attrs.evolve(built.layers[1], params=7)
    changed = attrs.evolve(
        built, layers=(built.layers[0], wrong, *built.layers[2:-1]), total_params=1
    )

    differences = compare(changed, REPORT)

    assert len(differences) == 3
    assert wrong.name in differences[0]
    assert "7" in differences[0]
    assert f"{len(REPORT.layers)} layers here" in differences[1]
    assert "1 (" in differences[2]


def test_the_status_marks_agreement_and_difference():
    view = KerasStatus()

    view.show_built(as_built(REPORT), REPORT)
    assert "[good]" in said(view)
    view.show_built(attrs.evolve(as_built(REPORT), trainable_params=3), REPORT)
    assert "[bad]" in said(view)
    view.show_failure("<i>gone</i>")
    assert "<i>gone" in said(view)


def forward_view(times: list | None = None) -> ForwardView:
    return ForwardView(lambda: None, ([] if times is None else times).append)


def test_a_result_shows_its_figures_and_pictures():
    timing = Timing(
        median=0.02,
        p10=0.019,
        p90=0.025,
        runs=30,
        warmup_runs=4,
        compile_time=0.3,
        first_call_time=0.1,
        batch_size=2,
        input_shape=(32, 32, 1),
        dtype="float32",
        device="CPU (a processor)",
        device_name="CPU:0",
        device_memory_bytes=8 * 2**30,
        backend="TensorFlow 2",
        compiler="graph",
        is_steady=True,
        step="forward pass",
        flops=4 * 10**9,
        peak_flops_per_second=8e11,
        peak_memory_bytes=None,
        xla=None,
    )
    picture = Picture("channel <3>", b"\x89PNG")
    times: list = []
    view = forward_view(times)

    made = ForwardPass(as_built(REPORT), timing, picture, (picture,), weights="from <x>.weights.h5")
    view.show_result(made, DESIGN)

    shown = result_of(view)
    for text in (
        "20.0 ms",
        "19.0 ms to 25.0 ms",
        "100 images/s",
        "200 GFLOP/s, 25% of the 800 GFLOP/s",
        "within 2 %",
        "30 after 4",
        "2 images of 32 × 32 × 1",
        "300 ms (graph)",
        "CPU (a processor), 8.00 GiB",
        "channel <3>",
        "Weights: from <x>.weights.h5",
    ):
        assert text in shown

    assert (times[-1].value, times[-1].name, times[-1].change) == ("20.0 ms", "CPU, forward", "")
    view.show_running("Running …")
    assert times[-1].value == "…"
    view.show_failure("lost")
    assert times[-1].value == "20.0 ms", "it is still true"
    view.show_running("Timing 3 layers …", layers=True)
    assert times[-1].value == "20.0 ms", "the pass does not run"
    view.show_nothing()
    assert times[-1].value == "–"
    view.show_running("Running …")
    view.show_failure("lost")
    assert (times[-1].value, times[-1].unsettled) == ("failed", True)
    view.show_running("Running …")
    view.show_nothing_runs()  # as after a picture that cannot be read
    assert times[-1].value == "–"
    slower = attrs.evolve(timing, median=0.03)
    view.show_result(attrs.evolve(made, timing=slower), DESIGN)
    assert times[-1].change == "", "the same design"
    edited = attrs.evolve(DESIGN, input=Input(64, 64, 1))
    view.show_result(attrs.evolve(made, timing=attrs.evolve(timing, median=0.045)), edited)
    assert times[-1].change == "+50 %"
    assert "Beside the run before: +50 %" in times[-1].text
    assert times[-1].beside_a == ""
    for pinned, beside_a in ((DESIGN, "+50 %"), (edited, "="), (None, "")):
        view.show_beside(pinned)
        assert times[-1].beside_a == beside_a
    view.show_beside(DESIGN)
    assert "Beside A: +50 %" in times[-1].text
    view.show_running("Timing 3 layers …", layers=True)
    assert times[-1].beside_a == "+50 %"
    other = attrs.evolve(timing, dtype="float16")
    view.show_result(attrs.evolve(made, timing=other), DESIGN)
    assert (times[-1].change, times[-1].beside_a) == ("", "="), "measured in another way"

    faster = attrs.evolve(timing, peak_flops_per_second=1e11)
    view.show_result(attrs.evolve(made, timing=faster), DESIGN)
    assert "200 GFLOP/s, faster than a large matrix product, which reached 100 GFLOP/s" in (
        result_of(view)
    )

    one = attrs.evolve(timing, problem="XLA failed: <libdevice> is not there")
    view.show_result(attrs.evolve(made, timing=one), DESIGN)
    assert "XLA failed: <libdevice> is not there" in result_of(view)


def test_layer_times_stand_beside_the_pass_until_the_design_changes():
    view = forward_view()
    view._pass = (words("the pass"),)
    times = LayerTimes(whole=0.02, layers=(LayerTime("<a>", 0.03),), call=0.001)

    view.show_layers(times)
    assert "the pass" in result_of(view)
    assert "<a> (30.0 ms, 100%)" in result_of(view)
    view.show_running("Running …", layers=True)
    assert "the pass" in result_of(view)
    assert "<a>" not in result_of(view)
    view.show_running("Running …")
    assert "the pass" not in result_of(view)
    view.show_failure("lost")
    assert "the pass" in result_of(view), "it is still true"
    view.show_nothing()
    assert result_of(view) == ""
