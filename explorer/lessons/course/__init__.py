"""The lessons, a file each, in the order in which they are taught."""

from explorer.lessons.course import (
    concatenate_or_add,
    cut_one_skip,
    equal_field,
    localisation_and_tiles,
    one_convolution,
    one_pixel,
    parameters_and_memory,
    pooling_and_stride,
    resolution_and_channels,
    stacks_and_blocks,
    three_fields,
    up_again,
)
from explorer.lessons.plan import Plan

COURSE: tuple[Plan, ...] = (
    resolution_and_channels.PLAN,
    pooling_and_stride.PLAN,
    parameters_and_memory.PLAN,
    one_convolution.PLAN,
    one_pixel.PLAN,
    three_fields.PLAN,
    equal_field.PLAN,
    cut_one_skip.PLAN,
    concatenate_or_add.PLAN,
    up_again.PLAN,
    stacks_and_blocks.PLAN,
    localisation_and_tiles.PLAN,
)
