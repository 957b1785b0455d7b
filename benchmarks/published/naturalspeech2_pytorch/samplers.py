"""naturalspeech2-pytorch: its DDIM sampling around its own small model, with no prompt."""

from __future__ import annotations

from naturalspeech2_pytorch import Model, NaturalSpeech2

STAND_INS = (
    "audiolm_pytorch",
    "torchaudio",
    "pyworld",
    "accelerate",
    "inflect",
    "num_to_words",
    "num2words",
    "six",
    "espeak_phonemizer",
)


def setting(**fixed):
    def build(device, steps, batch=2, length=16, cond_scale=1.0, **given):
        model = Model(dim=16, depth=1, dim_head=8, heads=2, wavenet_layers=2, wavenet_stacks=1, use_flash_attn=False)
        asked = {"target_sample_hz": 24000, "timesteps": steps, **fixed, **given}
        diffusion = NaturalSpeech2(model, **asked).to(device)
        return model.wavenet, lambda: diffusion.sample(length=length, batch_size=batch, cond_scale=cond_scale)

    return build


SETTINGS = {
    "DDIM": setting(),
    "DDIM, noise": setting(objective="eps"),
    "DDIM, signal, linear": setting(objective="x0", noise_schedule="linear"),
}
OTHERS = {
    name: (
        {"steps": 3, "scale": 0.5},
        {"batch": 1, "length": 8, "objective": "x0"},
        {"time_difference": 0.2, "noise_schedule": "linear"},
        {"objective": "v", "schedule_kwargs": {}},
    )
    for name in SETTINGS
}
