"""What the views in the browser share."""

from pathlib import Path

#: The rules of the whole screen.
STYLE = Path(__file__).with_name("style.css")

#: Those of what the views make with `grids.js` and `sliding.js`.
GRIDS = Path(__file__).with_name("grids.css")
