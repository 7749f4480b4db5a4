"""Reader for VGG16's convolutions in an ONNX file, with a minimal subset of its format."""

import typing

import numpy as np

from fmnist_report.models.arrays import LAYERS, Weights


def weights_from_onnx(model: bytes) -> Weights:
    """Return the convolutions' initializers in an ONNX file; kernels are transposed to (H, W, in, out)."""
    tensors = {tensor.name: tensor for tensor in _onnx_model().FromString(model).graph.initializer}
    weights: Weights = {}
    for layer in LAYERS:
        # The file's names are blockN_convM_1: the layer's name and a suffix.
        kernel = _array(tensors[f"functional_1/{layer}_1/convolution/ReadVariableOp:0"])
        bias = _array(tensors[f"functional_1/{layer}_1/Squeeze:0"])
        weights[layer] = (np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)), bias.reshape(-1))
    return weights


def _array(tensor: typing.Any) -> np.ndarray:
    values = np.frombuffer(tensor.raw_data, "<f4") if tensor.raw_data else np.array(tensor.float_data, "<f4")
    return values.reshape(tuple(tensor.dims))


def _onnx_model() -> typing.Any:
    """Build the messages of onnx.proto that contain initializers (fields by their published numbers)."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="onnx_initializers.proto", package="onnx", syntax="proto2")
    for message, fields in {
        "TensorProto": (("dims", 1, field.TYPE_INT64, True), ("float_data", 4, field.TYPE_FLOAT, True),
                        ("name", 8, field.TYPE_STRING, False), ("raw_data", 9, field.TYPE_BYTES, False)),
        "GraphProto": (("initializer", 5, ".onnx.TensorProto", True),),
        "ModelProto": (("graph", 7, ".onnx.GraphProto", False),),
    }.items():  # fmt: skip
        described = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            entry = described.field.add(name=name, number=number)
            entry.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if isinstance(kind, str):
                entry.type, entry.type_name = field.TYPE_MESSAGE, kind
            else:
                entry.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx.ModelProto"))
