"""What an architecture is called on screen: the same in every view."""

import re

from explorer.core.families import Architecture, ReadModel, presets


def title_of(architecture: Architecture) -> str:
    """Return the name of a preset, that of a model as it was given, or that of what was edited."""
    if isinstance(architecture, ReadModel):
        return f"{architecture.name} (as given)"
    same = (name for name, preset in presets.items() if preset == architecture)
    return next(same, None) or _edited(type(architecture))


def _edited(kind: type) -> str:
    """Return what an architecture is called that is none of the presets of its kind."""
    names = [name for name, preset in presets.items() if type(preset) is kind]
    if not names:
        return kind.__name__
    several = len(names) > 1
    family = re.sub(r"\d+$| \(.*\)$", "", names[0]) if several else names[0]
    return f"{family}, own settings"
