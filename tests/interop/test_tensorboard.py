"""Event files, read back as the records of protocol buffers that they are."""

import struct

import numpy as np
import pytest

from jaxdl import interop
from tests.interop.conftest import HOSTILE, within

pytest.importorskip("tensorboardX")


def crc(data):
    """The checksum of a record: CRC-32C, rotated and shifted. Source: TFRecord."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    register ^= 0xFFFFFFFF
    return ((register >> 15 | register << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events(file):
    from tensorboardX.proto.event_pb2 import Event

    content, found = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        payload = content[12 : 12 + length]
        checks = content[8:12] + content[12 + length : 16 + length]
        assert struct.unpack("<II", checks) == (crc(content[:8]), crc(payload))
        found.append(Event.FromString(payload))
        content = content[16 + length :]
    return found


def scalars(found):
    """Returns values by name and epoch."""
    return {
        (value.tag, event.step): value.simple_value
        for event in found
        for value in event.summary.value
        if value.HasField("simple_value")
    }


def hparams(found):
    """Returns what the HPARAMS tab is told, by name."""
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    told = {}
    for event in found:
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                content = value.metadata.plugin_data.content
                told[value.tag] = HParamsPluginData.FromString(content)
    return told


def test_each_run_has_a_folder_with_its_curves(result, tmp_path):
    interop.log(result, interop.tensorboard(tmp_path / "logs"))
    files = within(tmp_path)
    assert {f.parent.relative_to(tmp_path).as_posix() for f in files} == {
        f"logs/member {i}" for i in range(4)
    }
    for file in files:
        i, (first, *found) = int(file.parent.name[-1]), events(file)
        assert first.file_version == "brain.Event:2" and first.wall_time > 1.7e9
        expected = {
            (name, epoch + 1): value
            for name, curves in result.metrics.items()
            for epoch, value in enumerate(curves[i])
            if np.isfinite(value)
        }
        if i != 1:
            last = result.kept_epoch[i]
            for name, curves in result.metrics.items():
                expected[f"kept/{name}", last + 1] = curves[i, last]
        assert scalars(found) == expected


def test_the_hparams_tab_has_columns_for_what_any_run_has(result, tmp_path):
    worst_first = interop.every(result)[::-1]
    assert not worst_first[0].kept[1]
    interop.tensorboard(tmp_path)(worst_first)
    for i in range(4):
        (file,) = within(tmp_path / f"member {i}")
        told = hparams(events(file))
        columns = told["_hparams_/experiment"].experiment
        assert {c.name for c in columns.hparam_infos} == {"rate", "act", "units"}
        assert "kept/dev_error" in {m.name.tag for m in columns.metric_infos}
        mine = told["_hparams_/session_start_info"].session_start_info.hparams
        assert mine["rate"].number_value == result.hparams["rate"][i]
        texts = {0: "relu", 1: "None", 2: "tanh"}  # it does not apply to 3
        act = {"act": mine["act"].string_value} if "act" in mine else {}
        assert act == ({"act": texts[i]} if i in texts else {})
        assert "_hparams_/session_end_info" in told


def test_quantiles_have_no_hyperparameters(result, tmp_path):
    interop.log(result, interop.tensorboard(tmp_path), interop.quantiles(0.5))
    (file,) = within(tmp_path)
    assert file.parent.name == "quantile 0.5" and not hparams(events(file))
    assert scalars(events(file))["dev_error", 2] == np.float32(0.4)


def test_a_later_call_replaces_what_an_earlier_one_wrote(result, tmp_path):
    for _ in range(2):
        interop.log(result, interop.tensorboard(tmp_path), interop.best)
    (file,) = within(tmp_path)
    assert len(events(file)) == 8  # the version, three of the tab, three epochs, kept


def test_bad_names_stay_names(hostile, tmp_path):
    interop.log(hostile, interop.tensorboard(tmp_path / "logs"))
    (file,) = within(tmp_path)
    assert file.parent == tmp_path / "logs" / "member 0"
    told = hparams(events(file))["_hparams_/session_start_info"].session_start_info
    assert {n: x.number_value for n, x in told.hparams.items()} == {
        name: i for i, name in enumerate(HOSTILE)
    }
