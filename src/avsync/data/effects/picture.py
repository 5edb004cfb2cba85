"""Effects on the picture: planes (B, T, C, H, W) of 0...255 to the same, one draw a clip, all its frames alike."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.data.effects.draws import chosen, symmetric, uniform


class Warp(nn.Module):
    """Another crop of the face: moved, resized, turned, sheared and, for half of the clips, mirrored.

    Args:
        shift: Largest displacement, as a share of the picture's side.
        scale: Largest change of size, as a share.
        rotation: Largest, in degrees.
        shear: Largest change of each of the four entries of the matrix that turns and resizes.
        mirror: Share of clips that are mirrored.
    """

    def __init__(
        self,
        shift: float = 0.035,
        scale: float = 0.07,
        rotation: float = 6.0,
        shear: float = 0.0,
        mirror: float = 0.5,
    ):
        super().__init__()
        self.shift, self.scale, self.rotation, self.shear, self.mirror = shift, scale, rotation, shear, mirror

    def forward(self, planes: Tensor, rows: slice, columns: slice) -> Tensor:
        """(B, T, C, H, W) to the rows and columns asked for; what is not needed is not made."""
        clips, steps, _, height, width = planes.shape
        grid = F.affine_grid(self._affine(clips, planes.device), [clips, 1, height, width], align_corners=False)
        # all frames of a clip move alike, so they go through the warp as the channels of one picture
        moved = F.grid_sample(planes.flatten(1, 2), grid[:, rows, columns], padding_mode="border", align_corners=False)
        return moved.unflatten(1, (steps, -1))

    def _affine(self, clips: int, device: torch.device) -> Tensor:
        """(B, 2, 3) from places in the new picture to places in the old."""
        angle = math.radians(self.rotation) * symmetric(clips, device)
        size = 1 + self.scale * symmetric(clips, device)
        mirror = torch.where(torch.rand(clips, device=device) < self.mirror, -1.0, 1.0)
        cosine, sine = size * angle.cos(), size * angle.sin()
        turn = torch.stack([torch.stack([cosine * mirror, -sine], 1), torch.stack([sine * mirror, cosine], 1)], 1)
        turn = turn + self.shear * (2 * torch.rand(clips, 2, 2, device=device) - 1)
        move = torch.stack([2 * self.shift * symmetric(clips, device) for _ in range(2)], 1)
        return torch.cat([turn, move[..., None]], dim=2)


class Blur(nn.Module):
    """A lens out of focus.

    Args:
        share: Of clips.
        width: Pixels of the square that is averaged, odd.
    """

    def __init__(self, share: float = 0.3, width: int = 3):
        super().__init__()
        self.share, self.width = share, width

    def forward(self, planes: Tensor) -> Tensor:
        """See the module."""
        some = chosen(len(planes), self.share, planes.device)
        pictures = planes[some].flatten(1, 2)
        planes[some] = F.avg_pool2d(pictures, self.width, 1, self.width // 2).unflatten(1, planes.shape[1:3])
        return planes


class SideLight(nn.Module):
    """Light from one side, and negatives: what is dark may be the mouth or the skin around it.

    Args:
        strength: Largest change of the logarithm of brightness from the middle to an edge.
        negative: Share of clips turned into negatives.
    """

    def __init__(self, strength: float = 0.5, negative: float = 0.1):
        super().__init__()
        self.strength, self.negative = strength, negative

    def forward(self, planes: Tensor) -> Tensor:
        """See the module."""
        clips, device = len(planes), planes.device
        angle, strength = math.pi * symmetric(clips, device), uniform(clips, 0, self.strength, device)
        down = torch.linspace(-1, 1, planes.shape[3], device=device)[:, None]
        right = torch.linspace(-1, 1, planes.shape[4], device=device)
        slope = (strength * angle.sin())[:, None, None] * down + (strength * angle.cos())[:, None, None] * right
        planes = planes.mul_(slope.exp()[:, None, None]).clamp_(0, 255)
        some = chosen(clips, self.negative, device)
        planes[some] = 255 - planes[some]
        return planes


class Colour(nn.Module):
    """More or less colour, and light of another colour; wants three planes.

    Args:
        saturation: Largest change of its logarithm.
        tint: Largest change of the logarithm of each plane's brightness.
    """

    def __init__(self, saturation: float = 0.3, tint: float = 0.1):
        super().__init__()
        self.saturation, self.tint = saturation, tint

    def forward(self, planes: Tensor) -> Tensor:
        """See the module."""
        clips, device = len(planes), planes.device
        grey = planes.mean(dim=2, keepdim=True)
        more = torch.exp(self.saturation * symmetric(clips, device)).reshape(-1, 1, 1, 1, 1)
        light = torch.exp(self.tint * (2 * torch.rand(clips, 1, planes.shape[2], 1, 1, device=device) - 1))
        return (planes.sub_(grey).mul_(more).add_(grey)).mul_(light).clamp_(0, 255)


class Camera(nn.Module):
    """Gamma and grain; brightness and contrast the features take out by themselves.

    Args:
        gamma: Largest change of the logarithm of gamma.
        grain: Largest standard deviation of noise, in grey levels.
    """

    def __init__(self, gamma: float = 0.3, grain: float = 6.0):
        super().__init__()
        self.gamma, self.grain = gamma, grain

    def forward(self, planes: Tensor) -> Tensor:
        """See the module."""
        clips, device = len(planes), planes.device
        gamma = torch.exp(self.gamma * symmetric(clips, device)).reshape(-1, 1, 1, 1, 1)
        # a uniform draw costs half of a normal one; its width is root 12 times its deviation
        grain = self.grain * 12**0.5 * torch.rand((clips, 1, 1, 1, 1), device=device)
        noise = torch.rand_like(planes).sub_(0.5).mul_(grain)
        return planes.clamp(0, 255).div_(255).pow_(gamma).mul_(255).add_(noise).clamp_(0, 255)


class Occlusion(nn.Module):
    """A rectangle of one grey before the picture, a microphone or a hand, that stands or moves in a line.

    Args:
        share: Of clips.
        size: Largest width and height, as a share of the picture's.
        speed: Most that it moves over the whole clip, as a share of the picture's side.
    """

    def __init__(self, share: float = 0.3, size: float = 0.4, speed: float = 0.5):
        super().__init__()
        self.share, self.size, self.speed = share, size, speed

    def forward(self, planes: Tensor) -> Tensor:
        """See the module."""
        _, steps, _, height, width = planes.shape
        some = chosen(len(planes), self.share, planes.device)
        down, right = (self._covered(some, steps, side) for side in (height, width))
        covered = (down[..., :, None] & right[..., None, :])[:, :, None]  # (b, T, 1, H, W)
        grey = 255 * torch.rand((len(some), 1, 1, 1, 1), device=planes.device)
        planes[some] = torch.where(covered, grey, planes[some])
        return planes

    def _covered(self, some: Tensor, steps: int, pixels: int) -> Tensor:
        """(b, T, pixels) bool, along one side."""
        clips, device = len(some), some.device
        place = torch.linspace(0, 1, pixels, device=device)
        time = torch.linspace(-0.5, 0.5, steps, device=device)
        standing = torch.rand(clips, device=device) < 0.5
        speed = self.speed * symmetric(clips, device).masked_fill(standing, 0)
        centre = torch.rand(clips, device=device)[:, None] + speed[:, None] * time
        half = uniform(clips, 0, self.size / 2, device)
        return (place - centre[..., None]).abs() < half[:, None, None]
