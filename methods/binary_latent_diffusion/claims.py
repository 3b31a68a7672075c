"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Results, Verdict

_SOURCE = "arXiv:2304.04820; threshold set here before it was measured"

_TRIAL = "own trial with a multilayer perceptron, before this network was trained"

_CODING, _GENERATION = "image-coding/fashion-mnist", "generation/fashion-mnist"

_FEW, _VQ, _LFQ = (f"binary-latent-diffusion[arm={arm}]" for arm in ("binary,bits=2", "vq,bits=8", "lfq,bits=8"))

_DIRECT = "binary-latent-diffusion[arm=direct,bits=8,steps=16]"


def _binary(steps: int) -> str:
    return f"binary-latent-diffusion[arm=binary,bits=8,steps={steps}]"


def _lfq_works(r: Results) -> Verdict:
    """The control uses its bits: it is no worse than a quarter of them in the other form."""
    return r[_LFQ].main - r[_FEW].main >= 0


def _samples_are_images(r: Results) -> Verdict:
    """Samples are near enough to images for a difference between two kinds of them to mean something."""
    return r[_binary(64)].score("fd") <= 100


CLAIMS = {
    "binary-latent-diffusion": (
        Claim(
            "At equal bits its PSNR is at most .3 dB below that of vector quantisation",
            lambda r: r[_binary(16)].main - r[_VQ].main >= -0.3, _TRIAL, _CODING,
            why=(
                "At 800 steps on small images vector quantisation leads by 1.4 dB; whether binary codes catch up with"
                " longer training was not tried"
            ),
        ),
        Claim(
            "At equal bits its PSNR is at least that of lookup-free quantisation",
            lambda r: r[_binary(16)].main - r[_LFQ].main >= 0, "no paper: the other quantiser without a codebook",
            _CODING, given=_lfq_works,
        ),
        Claim(
            "Four times the bits gain .8 dB",
            lambda r: r[_binary(16)].main - r[_FEW].main >= 0.8, _TRIAL, _CODING,
        ),
        Claim(
            "Under the diffusion model a code is at most .9 times as long as its raw bits",
            lambda r: r[_binary(64)].score("prior_bits") / r[_binary(64)].score("image_bits") <= 0.9, _SOURCE, _CODING,
        ),
        Claim(
            "Predicting flips denoises held-out bits at least as well as predicting the bits",
            lambda r: r[_binary(16)].cost("denoising_bce") - r[_DIRECT].cost("denoising_bce") <= 0, _SOURCE, _CODING,
            why="At 800 steps a network that predicts the bits themselves is ahead; longer training was not tried",
        ),
        Claim(
            "Samples of 16 steps are at most 1.2 times as far from held-out images as those of 64",
            lambda r: r[_binary(16)].score("fd") / r[_binary(64)].score("fd") <= 1.2, _SOURCE, _GENERATION,
            given=_samples_are_images, why="Both are far from images (375 and 380; held-out images have 3.4)",
        ),
    ),
}  # fmt: skip
