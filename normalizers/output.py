"""The steps that settle format, compression and delivery: what to ask the provider for, what is left to the gateway."""

from typing import Literal

from normalizers.asked import ResponseFormat
from normalizers.draft import Draft, put_at
from normalizers.errors import Refused
from normalizers.finishing import LOSSLESS, Finishing
from normalizers.fit import Pixels
from normalizers.offer import Output
from normalizers.rules import Default, How


def choose_output(draft: Draft, exact: Pixels | None) -> Finishing | None:
    """The format to ask the provider for, and what is left to do on what it sends; None when nothing was asked."""
    output = draft.offer.output
    asked, compression = draft.value("output_format"), draft.value("output_compression")
    wanted = asked or output.default
    quality = compression if wanted not in {"png", "gif"} else None
    by_provider = wanted in output.native and (quality is None or compresses(output, quality)) and exact is None
    if by_provider or (wanted in output.native and quality is None):
        sent = wanted
    else:
        sent = next((lossless for lossless in LOSSLESS if lossless in output.native), output.default)
    word = output.words.get(sent, sent)
    if output.to:
        put_at(draft.payload, output.to, word)
    shown = word if output.to else None
    if asked is None:
        draft.defaults.append(Default("output_format", output.to or None, word, "gateway" if output.to else "provider"))
    elif sent != wanted:
        note = f"drawn as {sent}, encoded as {wanted} by the gateway"
        draft.decide("output_format", "emulated", output.to or None, shown, note)
    elif output.to:
        draft.sent("output_format", output.to, word)
    else:
        draft.decide("output_format", "emulated", note=f"the provider always sends {sent}")
    if compression is not None:
        decide_compression(draft, wanted, quality, by_provider=by_provider)
    if asked is None and exact is None and quality is None:
        return None
    return Finishing(wanted, None if by_provider else quality, exact)


def compresses(output: Output, quality: int) -> bool:
    """Whether the provider encodes at this quality itself."""
    low, high = output.compression_range
    return bool(output.compression_to) and low <= quality <= high


def decide_compression(draft: Draft, wanted: str, quality: int | None, *, by_provider: bool) -> None:
    if quality is None:
        because = f"{wanted} is not compressed with loss; it applies to jpeg, webp and avif"
        if draft.value("output_compression") == 100:
            draft.decide("output_compression", "dropped", note=because)
        else:
            draft.drop("output_compression", because)
    elif by_provider:
        to = draft.offer.output.compression_to
        put_at(draft.payload, to, quality)
        draft.sent("output_compression", to, quality)
    else:
        draft.decide("output_compression", "emulated", note=f"encoded as {wanted} by the gateway at quality {quality}")


def choose_delivery(draft: Draft, finishing: Finishing | None) -> tuple[ResponseFormat, Literal["url", "bytes"]]:
    """How the picture should come from the provider, so that the caller gets it as asked with the least work."""
    delivery = draft.offer.delivery
    asked: ResponseFormat | None = draft.value("response_format")
    response_format = asked or draft.options.response_format
    reworked = finishing is not None and (
        finishing.exact is not None
        or finishing.quality is not None
        or finishing.format not in draft.offer.output.native
    )
    handed_on = not draft.options.keep and not reworked and "url" in delivery.ways
    if response_format != "b64_json" and not draft.options.keep and not handed_on:
        if asked is not None:
            why = "the picture is reworked by the gateway" if reworked else f"{draft.offer.provider} gives no URLs"
            raise Refused(draft.given["response_format"].as_, f"{why}, and nothing is stored here; ask for b64_json")
        response_format = "b64_json"
    wanted: Literal["url", "bytes"] = "url" if response_format == "url" and handed_on else "bytes"
    way: Literal["url", "bytes"] = wanted if wanted in delivery.ways else ("url" if wanted == "bytes" else "bytes")
    if asked is not None:
        word = delivery.words.get(way) if delivery.to else None
        same = word is not None and word == draft.given["response_format"].spelled[0][1]
        how: How = "passthrough" if same and delivery.to == "response_format" else "emulated"
        draft.decide("response_format", how, delivery.to or None, word)
    return response_format, way
