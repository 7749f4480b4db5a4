"""VGG16's weights are accepted only if every layer is the published one."""

import h5py
import numpy as np
import pytest

from fmnist_report.errors import ReportError
from fmnist_report.models import arrays, onnx, vgg16


def make_weights(seed=0):
    rng = np.random.default_rng(seed)
    return {
        layer: (rng.normal(size=shape).astype("f4"), rng.normal(size=shape[3:]).astype("f4"))
        for layer, shape in arrays.kernel_shapes().items()
    }


def test_shapes_are_vgg16():
    shapes = arrays.kernel_shapes()
    assert len(shapes) == 13
    assert sum(np.prod(shape) + shape[3] for shape in shapes.values()) == 14_714_688


def test_other_weights_of_the_same_shape_are_refused():
    with pytest.raises(ValueError, match="digest of its layers"):
        vgg16.verify_weights(make_weights())


def test_missing_layer_is_named():
    some = make_weights()
    del some["block4_conv2"]
    with pytest.raises(ValueError, match="block4_conv2 is missing"):
        vgg16.verify_weights(some)


def test_hdf5_round_trip(tmp_path):
    some = make_weights()
    vgg16.write_hdf5(tmp_path / "w.h5", some)
    assert arrays.weights_digest(vgg16.read_hdf5(tmp_path / "w.h5")) == arrays.weights_digest(some)


def test_truncated_hdf5_is_one_sentence(tmp_path):
    (tmp_path / "w.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    with pytest.raises(ValueError, match="cannot be read"):
        vgg16.read_hdf5(tmp_path / "w.h5")


def test_external_dataset_is_refused(tmp_path):
    (tmp_path / "raw").write_bytes(bytes(4 * 3 * 3 * 3 * 64))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        shape = (3, 3, 3, 64)
        file.create_dataset("block1_conv1/kernel", shape, "f4", external=[(str(tmp_path / "raw"), 0, 6912)])
        file["block1_conv1/bias"] = np.zeros(64, "f4")
    with pytest.raises(ValueError, match="not a plain array"):
        vgg16.read_hdf5(tmp_path / "w.h5")


def test_kernels_from_onnx_are_transposed_to_keras_order():
    some, model = make_weights(), onnx._onnx_model()()
    for layer, (kernel, bias) in some.items():
        for name, array in (("convolution/ReadVariableOp:0", kernel.transpose(3, 2, 0, 1)), ("Squeeze:0", bias)):
            tensor = model.graph.initializer.add(name=f"functional_1/{layer}_1/{name}")
            tensor.dims.extend(array.shape)
            tensor.raw_data = np.ascontiguousarray(array).tobytes()
    found = onnx.weights_from_onnx(model.SerializeToString())
    assert arrays.weights_digest(found) == arrays.weights_digest(some)


def test_no_source_is_one_message_with_all_reasons(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(ReportError, match="part 2 cannot be run") as error:
        vgg16.find_weights(tmp_path, fetch=False)
    assert "the cache" in str(error.value) and "Keras's models folder" in str(error.value)
