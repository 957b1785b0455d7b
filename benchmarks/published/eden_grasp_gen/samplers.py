"""eden-grasp-gen: the diffusion of its grasp generator, with its own small denoising head and a small encoder."""

from __future__ import annotations

import grasp_gen  # noqa: F401 - models has no __init__ and looks its path up in it
import torch
import trimesh.base  # noqa: F401 - a stand-in, imported as deep as grasp_gen looks names up in it
from grasp_gen.models.ddpm_scheduler import DDPMScheduler
from grasp_gen.models.generator import DiffusionNoisePredictionNet, GraspGenGenerator
from torch import nn

STAND_INS = (
    "trimesh",
    "timm",
    "addict",
    "yourdfpy",
    "scene_synthesizer",
    "pointnet2_ops",
    "spconv",
    "torch_scatter",
    "h5py",
)


class Encoder(nn.Module):
    """Points (objects, N, 3): an embedding of each object."""

    def __init__(self, width):
        super().__init__()
        self.points = nn.Linear(3, width)

    def forward(self, points):
        return self.points(points).amax(1)


class Generator(GraspGenGenerator):
    """The package's generator, made without the files of a gripper and without PointNet++: its inference as it is."""

    def __init__(self, trained, steps, grasps, grasp_repr, kappa, compositional, schedule, clip_sample):
        nn.Module.__init__(self)
        self.num_diffusion_iters, self.num_diffusion_iters_eval = trained, steps
        self.num_grasps_per_object, self.grasp_repr = grasps, grasp_repr
        self.kappa = None if kappa <= 0 else kappa
        self.output_dim = 9 if grasp_repr == "r3_6d" else 6
        self.pose_repr, self.obs_backbone = "mlp", "small"
        self.compositional_schedular = compositional
        self.object_encoder = Encoder(16)
        self.diffusion_head = DiffusionNoisePredictionNet(16, 16, 16, self.output_dim, attention="cat")
        if compositional:
            self.noise_scheduler_pos = DDPMScheduler(trained, beta_schedule="scaled_linear", clip_sample=True)
            self.noise_scheduler_rot = DDPMScheduler(trained, beta_schedule="squaredcos_cap_v2", clip_sample=True)
        else:
            self.noise_scheduler = DDPMScheduler(trained, beta_schedule=schedule, clip_sample=clip_sample)


def setting(**fixed):
    def build(device, steps, objects=2, grasps=3, extra=0, **given):
        asked = {
            "grasp_repr": "r3_6d",
            "kappa": 3.3,
            "compositional": False,
            "schedule": "squaredcos_cap_v2",
            "clip_sample": True,
            **fixed,
            **given,
        }
        model = Generator(steps + extra, steps, grasps, **asked).to(device).eval()
        points = torch.randn(objects, 32, 3, device=device)

        def run():
            outputs, _, _ = model.infer({"points": points})
            return outputs["grasps_pred"], outputs["grasps_per_iteration"], outputs["likelihood"]

        return model.diffusion_head, run

    return build


SETTINGS = {"one schedule": setting(), "two schedules": setting(compositional=True)}
MANNERS = ({"steps": 3}, {"objects": 1, "grasps": 2, "grasp_repr": "r3_so3"}, {"kappa": -1.0, "clip_sample": False})
OTHERS = {name: (*MANNERS, {"schedule": "linear", "grasp_repr": "r3_euler"}) for name in SETTINGS}
