"""What answers each question to Keras."""

from collections.abc import Callable
from typing import Any

import attrs

from explorer.core.asking import questions as asked


def answer(question: asked.Question) -> Any:
    """Return the answer to a question; runs in the worker."""
    names = [field.name for field in attrs.fields(type(question))]
    return answers()[type(question)](**{name: getattr(question, name) for name in names})


def answers() -> dict[type, Callable[..., Any]]:
    """Return what answers a question of each class, whose fields are the function's arguments.

    It is imported in the worker alone.
    """
    from explorer.core.pictures.images import see
    from explorer.worker.tasks import (
        features,
        forward,
        gradient,
        pair,
        profiling,
        reading,
        saving,
        training,
    )

    return {
        asked.Rebuild: forward.rebuild,
        asked.RunForward: forward.run_forward,
        asked.TimeLayers: forward.run_layers,
        asked.TimeModel: forward.run_noise,
        asked.TimePair: pair.run_pair,
        asked.ProfileDevice: profiling.profile_device,
        asked.Gradient: gradient.effective_field,
        asked.Features: features.run_feature_maps,
        asked.LoadWeights: forward.load_weights,
        asked.DrawWeights: forward.draw_weights,
        asked.UsePretrained: forward.use_pretrained,
        asked.Train: training.train,
        asked.TrainTwins: training.train_twins,
        asked.SaveTrained: training.save_trained,
        asked.SaveFile: saving.save_file,
        asked.ReadFile: reading.read_file,
        asked.ReadAt: reading.read_at,
        asked.See: see,
    }
