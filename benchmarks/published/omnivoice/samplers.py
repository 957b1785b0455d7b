"""omnivoice: its iterative unmasking of audio tokens with its own model around a small language model."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from omnivoice.models.omnivoice import GenerationTask, OmniVoice, OmniVoiceConfig, OmniVoiceGenerationConfig
from transformers import Qwen3Config

STAND_INS = ("torchaudio", "pydub", "soundfile")
CODEBOOKS, MASK = 2, 16


def tokenizer(text, return_tensors=None, **_):
    """Letters as tokens, in place of its trained text tokenizer."""
    letters = [ord(letter) % 32 for letter in text[:24]]
    return SimpleNamespace(input_ids=torch.tensor([letters]) if return_tensors else letters)


def setting(reference=False, **fixed):
    def build(device, steps, batch=2, lengths=(6, 9), dtype=torch.float32, referenced=reference, **given):
        llm = Qwen3Config(
            vocab_size=32,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
        model = OmniVoice(
            OmniVoiceConfig(
                audio_vocab_size=MASK + 1,
                audio_mask_id=MASK,
                num_audio_codebook=CODEBOOKS,
                audio_codebook_weights=[1, 1],
                llm_config=llm,
            )
        )
        model = model.to(device, dtype).eval()
        model.text_tokenizer = tokenizer
        asked = OmniVoiceGenerationConfig(num_step=steps, **{**fixed, **given})

        @torch.inference_mode()
        def run():
            tokens = torch.randint(0, MASK, (CODEBOOKS, 4)) if referenced else None
            task = GenerationTask(
                batch_size=batch,
                texts=["Hello.", "A longer sentence."][:batch],
                target_lens=list(lengths[:batch]),
                langs=[None] * batch,
                instructs=[None] * batch,
                ref_texts=["A reference." if referenced else None] * batch,
                ref_audio_tokens=[tokens] * batch,
                ref_rms=[None] * batch,
            )
            return model._generate_iterative(task, asked)

        return model, run

    return build


SETTINGS = {
    "unmasking": setting(),
    "unmasking, reference": setting(reference=True),
    "unmasking, class temperature": setting(class_temperature=1.0),
    "unmasking, no guidance": setting(guidance_scale=0.0),
}
OTHERS = {
    name: (
        {"steps": 3, "position_temperature": 0.0},
        {"batch": 1, "class_temperature": 0.5, "guidance_scale": 1.0},
        {"lengths": (12, 3), "referenced": True, "t_shift": 1.0},
        {"dtype": torch.bfloat16, "layer_penalty_factor": 0.0},
    )
    for name in SETTINGS
}
