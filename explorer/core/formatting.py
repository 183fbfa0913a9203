"""Numbers and names as people read them."""

from collections.abc import Sequence
from fractions import Fraction
from math import prod

_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

#: What joins emoji and letters of some scripts, and the space that our own texts have.
_WANTED = "\u200c\u200d\N{NO-BREAK SPACE}"


def printable(text: str) -> str:
    """Return a text with what can't be seen, written or sent escaped as in Python's strings."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in _WANTED else sign.encode("unicode_escape").decode()
        for sign in text
    )


def sendable(text: str) -> str:
    """Return a text with lone surrogates, which no message can hold, escaped as in Python."""
    return text.encode(errors="backslashreplace").decode()


def shortened(text: str, longest: int) -> str:
    """Return a text whose middle is left out where it has more characters than `longest`."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def short_count(count: float) -> str:
    """Return a count in at most three digits and a unit: 34512128 is "34.5 M"."""
    for size, unit in _LARGE:
        # Rounding 999,950 to three digits reaches the next unit.
        if count >= 0.9995 * size:
            return f"{_three_digits(count / size)} {unit}"
    return f"{count:,.0f}"


def product(*factors: object) -> str:
    """Return factors as they are written, such as "3×3×64"."""
    return "×".join(map(str, factors))


def share(part: float, whole: float) -> str:
    """Return a part of a whole in percent, such as "62%"."""
    percent = 100 * part / whole if whole else 0
    if 0 < percent < 0.1:
        return "under 0.1%"
    return f"{percent:.0f}%" if percent >= 9.95 or not percent else f"{percent:.1f}%"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 channel" or "3 channels"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def sentences(*texts: str) -> str:
    """Return texts one after the other, without those that say nothing."""
    return " ".join(filter(None, texts))


def listed(names: Sequence[str], last: str = "and") -> str:
    """Return names as a sentence lists them: "a, b and c"."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def size_text(shape: Sequence[int]) -> str:
    """Return a shape as "height × width × channels"."""
    return " × ".join(map(str, shape)) or "a single number"


def step_text(step: object) -> str:
    """Return a stride, or another step that can differ by axis: 4, "4×2" or "unknown"."""
    if step is None:
        return "unknown"
    return "×".join(map(str, step)) if isinstance(step, tuple) else str(step)


def stride_text(stride: object, shape: Sequence[int]) -> str:
    """Return where a feature's positions lie, such as "stride 4"."""
    if stride is None and prod(shape[:-1]) == 1:
        return "a single position"
    return f"stride {step_text(stride)}"


def grid_text(step: "int | Fraction | tuple[int | Fraction, ...] | None") -> str:
    """Return how fine a grid of positions is: "full size" for a stride of 1, "1/8" for 8."""
    if step is None:
        return "unknown"
    parts = [1 / Fraction(each) for each in (step if isinstance(step, tuple) else (step,))]
    if set(parts) == {1}:
        return "full size"
    same = len(set(parts)) == 1
    text = "×".join(map(str, parts[:1] if same else parts))
    return f"{text}× the size" if same and parts[0] > 1 else text


def percent_change(before: float, now: float) -> str:
    """Return by how much a figure changed: "+12 %", "−50 %", "× 40" or "÷ 40" from ten on."""
    if now == before:
        return "="
    if not before:
        return "was 0"
    ratio = now / before
    if ratio >= 10:
        return f"× {ratio:,.0f}"
    if 0 < ratio <= 0.1:
        return f"÷ {1 / ratio:,.0f}"
    percent = 100 * (ratio - 1)
    sign = "+" if percent > 0 else "−"
    if abs(percent) < 0.1:
        return f"{sign}< 0.1 %"
    return f"{sign}{abs(percent):.{0 if abs(percent) >= 9.5 else 1}f} %"


def at_least(value: str, is_known: bool) -> str:
    """Return a sum, marked where it lacks what is not known."""
    return value if is_known else f"≥ {value}"


def byte_size(size: float) -> str:
    """Return a number of bytes with a binary unit."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1023.5:
            return f"{_three_digits(size)} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1024
    return f"{_three_digits(size)} GiB"


def duration(seconds: float) -> str:
    """Return a time in s, ms or µs."""
    if seconds >= 0.9995:
        return f"{_three_digits(seconds)} s"
    if seconds >= 0.0009995:
        return f"{_three_digits(seconds * 1e3)} ms"
    return f"{_three_digits(seconds * 1e6)} µs"


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
