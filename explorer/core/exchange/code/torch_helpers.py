"""What code for PyTorch brings along: helpers, and how weights come over from Keras."""

from collections.abc import Mapping

#: What modules of PyTorch's are called by: no layer of theirs can have such a name.
OF_MODULES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu
    cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule half ipu items keys load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters pop register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train
    training type update values xpu zero_grad
    """.split()  # noqa: SIM905
)

#: Helpers that are written where they are used, each after those that it uses.
HELPERS: Mapping[str, str] = {
    "pad_same": '''
def pad_same(x, kernel, stride, dilation=(1, 1), value=0.0):
    """Pad as padding="same" of Keras does: what is odd goes below and to the right."""
    margins = []
    for axis in (1, 0):  # F.pad begins with the width
        size, step = x.shape[2 + axis], stride[axis]
        span = (kernel[axis] - 1) * dilation[axis] + 1
        total = max((-(-size // step) - 1) * step + span - size, 0)
        margins += [total // 2, total - total // 2]
    return F.pad(x, margins, value=value)
''',
    "pair": '''
def pair(size):
    """Return the size along the height and along the width."""
    return size if isinstance(size, tuple) else (size, size)
''',
    "max_pool": '''
def max_pool(x, size, stride):
    """Pool with padding="same"."""
    size, stride = pair(size), pair(stride)
    return F.max_pool2d(pad_same(x, size, stride, value=float("-inf")), size, stride)
''',
    "average_pool": '''
def average_pool(x, size, stride):
    """Pool with padding="same"; what is padded does not count."""
    size, stride = pair(size), pair(stride)
    inside = pad_same(torch.ones_like(x[:1, :1]), size, stride)
    total = F.avg_pool2d(pad_same(x, size, stride), size, stride)
    return total / F.avg_pool2d(inside, size, stride)
''',
    "SameConv2d": '''
class SameConv2d(nn.Conv2d):
    """A convolution with padding="same" and strides."""

    def forward(self, x):
        return super().forward(pad_same(x, self.kernel_size, self.stride, self.dilation))
''',
    "SeparableConv2d": '''
class SeparableConv2d(nn.Module):
    """A convolution of each channel on its own, then one across the channels."""

    def __init__(self, channels, filters, depth_multiplier, depthwise, bias=True):
        super().__init__()
        self._depthwise = depthwise
        self._pointwise = nn.Conv2d(channels * depth_multiplier, filters, 1, bias=bias)

    def forward(self, x):
        return self._pointwise(self._depthwise(x))
''',
    "ConvTranspose2d": '''
class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose output is cut as Keras cuts it."""

    def __init__(self, channels, filters, kernel_size, stride, same=True, bias=True):
        kernel_size, stride = pair(kernel_size), pair(stride)
        beyond = [size - step for size, step in zip(kernel_size, stride)]
        padding = tuple(max(more, 0) // 2 if same else 0 for more in beyond)
        missing = tuple(max(-more, 0) for more in beyond)
        super().__init__(channels, filters, kernel_size, stride, padding, missing, bias=bias)
        self.same = same

    def forward(self, x):
        height, width = (n * step for n, step in zip(x.shape[2:], self.stride))
        x = super().forward(x)
        return x[:, :, :height, :width] if self.same else x
''',
}

COPY_WEIGHTS = '''

def copy_weights(model, keras_model):
    """Give the model the weights of the Keras model with the same layers."""
    modules = {path.replace(".", "_"): module for path, module in model.named_modules()}
    with torch.no_grad():
        for layer in keras_model.layers:
            weights = [torch.as_tensor(weight) for weight in layer.get_weights()]
            module = modules[layer.name] if weights else nn.Identity()
            for own, weight in zip([*module.parameters(), *module.buffers()], weights):
                if weight.ndim == 2:  # of a dense layer: channels in, channels out
                    weight = weight.T.reshape(own.shape)
                elif weight.ndim == 4:  # height, width, channels in, channels out
                    kernel = weight.permute(3, 2, 0, 1)
                    if kernel.shape != own.shape:  # of a depthwise convolution
                        kernel = weight.permute(2, 3, 0, 1).reshape(own.shape)
                    weight = kernel
                own.copy_(weight)
'''
