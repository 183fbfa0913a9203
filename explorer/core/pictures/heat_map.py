"""How strong an influence is, as a picture to lie over another."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


#: Colours of weak to strong influence: dark blue to light yellow, which people who tell few colours
#: apart see too; each is lighter than the one before.
RAMP = ("#0b1f5c", "#2f4b7c", "#6f6d74", "#a8925a", "#dcc044", "#fff27a")


#: How opaque the weakest and the strongest influence lie over the picture, from 0 to 255.
OPACITY = (0, 235)


#: Powers of ten between the strongest influence and the weakest that is drawn.
DECADES = 4


def heat_png(strength: "np.ndarray") -> bytes:
    """Return how strong the influence of each pixel is, as the content of a PNG.

    Colour and opacity follow the logarithm: a gradient falls off by powers of ten, and what lies
    more than four of them below its strongest pixel is left clear.

    Args:
        strength: `(height, width)`, finite and not negative, with a value above 0.
    """
    import numpy as np
    from PIL import Image, ImageColor

    from explorer.core.pictures.images import LONGEST, png

    image = Image.fromarray(strength.astype(np.float32))
    if max(image.size) > LONGEST:
        scale = LONGEST / max(image.size)
        width, height = (max(1, round(size * scale)) for size in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    values = np.asarray(image)
    exponents = np.log10(np.maximum(values / values.max(), 10.0**-DECADES))
    levels = np.round(255 * (1 + exponents / DECADES)).astype(np.uint8)
    stops = np.linspace(0, 255, len(RAMP))
    anchors = np.array([ImageColor.getrgb(color) for color in RAMP])
    colors = np.stack([np.interp(np.arange(256), stops, channel) for channel in anchors.T], axis=1)
    painted = Image.fromarray(levels)
    painted.putpalette(np.round(colors).astype(np.uint8).tobytes())
    return png(painted, transparency=np.linspace(*OPACITY, 256).astype(np.uint8).tobytes())
