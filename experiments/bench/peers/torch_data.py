"""The data as tensors where PyTorch computes, channels first."""

import torch

from experiments.bench.workloads import Task


def on_device(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns train inputs `[m, features]` or `[m, C, H, W]`, and labels `[m]`."""
    torch.backends.cudnn.allow_tf32 = False  # float32, as all peers
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = torch.from_numpy(task.train_inputs)
    if task.workload.channels:
        inputs = inputs.permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(task.train_labels).long()
    return inputs.to(device), labels.to(device)
