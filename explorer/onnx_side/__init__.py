"""What is read of ONNX: the only importer of `onnx`."""
