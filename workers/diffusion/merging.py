"""Several calls of a denoiser as one: their arguments put together by the family's rules, the answer taken apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from workers.diffusion.hub import Call


@dataclass(frozen=True, slots=True)
class Merging:
    """How each argument of a module is that of several pictures at once; one without a rule has to be equal for all.

    joined: tensors, along the batch; one that has no batch dimension gets one. padded: texts, by the name of their
    mask, to the longest. listed: lists with an entry for each picture.
    """

    joined: frozenset[str] = frozenset()
    padded: Mapping[str, str] = field(default_factory=dict[str, str])
    listed: frozenset[str] = frozenset()
    tokens: str = "hidden_states"  # the argument that says how many pictures and positions there are


def groups(calls: Sequence[Call], rules: Merging) -> list[list[int]]:
    """Which calls may be made as one, by their places in the list."""
    if len(calls) == 1:
        return [[0]]
    found: list[list[int]] = []
    for place, call in enumerate(calls):
        for group in found:
            first = group[0]
            if calls[first].module is call.module and _compatible(calls[first].named, call.named, rules):
                group.append(place)
                break
        else:
            found.append([place])
    return found


def forward(calls: Sequence[Call], rules: Merging) -> list[Any]:
    """The answers to calls of one group, in one pass. A single call is made exactly as it was meant."""
    module = calls[0].module
    if len(calls) == 1:
        return [module(*calls[0].args, **calls[0].kwargs)]
    named = [call.named for call in calls]
    sizes = [_batch(arguments, rules) for arguments in named]
    return _taken_apart(module(**_merged(named, rules, sizes)), sizes)


def shape(call: Call, rules: Merging) -> tuple[int, ...]:
    """Of what is denoised, with the references behind it; calls of different shapes are never one."""
    return tuple(call.argument(rules.tokens).shape[1:])


def tokens(call: Call, rules: Merging) -> int:
    """How many positions go through the module, text included."""
    hidden = call.argument(rules.tokens)
    positions = hidden.shape[1] if hidden.ndim == 3 else hidden[0, 0].numel()
    texts = [call.argument(name) for name in rules.padded]
    text = sum(each.shape[1] for each in texts if isinstance(each, Tensor))
    return int(hidden.shape[0] * (positions + text))


def _batch(arguments: dict[str, Any], rules: Merging) -> int:
    return int(arguments[rules.tokens].shape[0])


def _compatible(ours: dict[str, Any], theirs: dict[str, Any], rules: Merging) -> bool:
    if ours.keys() != theirs.keys():
        return False
    masks = set(rules.padded.values())
    return all(_may_merge(name, ours[name], theirs[name], rules) for name in ours if name not in masks)


def _may_merge(name: str, ours: Any, theirs: Any, rules: Merging) -> bool:
    if ours is theirs or (name in rules.listed and len(ours) > 0 and _equal(ours[0], theirs[0])):
        return True
    if name in rules.padded:
        return ours.shape[2:] == theirs.shape[2:] and ours.dtype == theirs.dtype
    if name in rules.joined:
        return _same_shapes(ours, theirs)
    return name not in rules.listed and _equal(ours, theirs)


def _same_shapes(ours: Any, theirs: Any) -> bool:
    match ours, theirs:
        case (Tensor(), Tensor()):
            return ours.shape[1:] == theirs.shape[1:] and ours.dtype == theirs.dtype
        case (dict(), dict()):
            return ours.keys() == theirs.keys() and all(_same_shapes(ours[key], theirs[key]) for key in ours)
        case (list() | tuple(), list() | tuple()):
            return len(ours) == len(theirs) and all(map(_same_shapes, ours, theirs))
        case _:
            return ours is None and theirs is None


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Tensor) or isinstance(theirs, Tensor):
        return (
            isinstance(ours, Tensor)
            and isinstance(theirs, Tensor)
            and ours.shape == theirs.shape
            and torch.equal(ours, theirs)
        )
    return bool(ours == theirs)


def _merged(named: Sequence[dict[str, Any]], rules: Merging, sizes: Sequence[int]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name, first in named[0].items():
        values = [arguments[name] for arguments in named]
        if name in rules.padded:
            mask = rules.padded[name]
            merged[name], merged[mask] = _padded(values, [arguments.get(mask) for arguments in named])
        elif name in rules.listed:
            merged[name] = [entry for value in values for entry in value]
        elif name in rules.joined:
            merged[name] = _joined(values, sizes)
        elif name not in rules.padded.values():
            merged[name] = first
    return merged


def _joined(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    first = values[0]
    if isinstance(first, Tensor):
        return torch.cat(
            [value.expand(size) if value.ndim == 0 else value for value, size in zip(values, sizes, strict=True)]
        )
    if isinstance(first, dict):
        return {key: _joined([value[key] for value in values], sizes) for key in first}  # pyright: ignore[reportUnknownVariableType]
    if first is None:
        return None
    return type(first)(_joined(parts, sizes) for parts in zip(*values, strict=True))


def _padded(texts: Sequence[Tensor], masks: Sequence[Tensor | None]) -> tuple[Tensor, Tensor | None]:
    """Texts of one length, and what of them counts; None, as the pipelines have it, if all of it does."""
    longest = max(text.shape[1] for text in texts)
    if all(mask is None for mask in masks) and all(text.shape[1] == longest for text in texts):
        return torch.cat(list(texts)), None
    whole: list[Tensor] = []
    counts: list[Tensor] = []
    for text, mask in zip(texts, masks, strict=True):
        missing = longest - text.shape[1]
        known = text.new_ones(text.shape[:2], dtype=torch.bool) if mask is None else mask.bool()
        whole.append(torch.nn.functional.pad(text, (0, 0, 0, missing)))
        counts.append(torch.nn.functional.pad(known, (0, missing), value=False))
    return torch.cat(whole), torch.cat(counts)


def _taken_apart(answer: Any, sizes: Sequence[int]) -> list[Any]:
    if isinstance(answer, Tensor):
        ends = [sum(sizes[:place]) for place in range(len(sizes) + 1)]
        return [answer[start:end] for start, end in pairwise(ends)]
    if answer is None:
        return [None] * len(sizes)
    parts = [_taken_apart(part, sizes) for part in answer]
    return [type(answer)(part[place] for part in parts) for place in range(len(sizes))]
