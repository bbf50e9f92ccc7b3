"""What tokens cost: those that go in are known before a picture is drawn, those that come out only afterwards."""

import math
from dataclasses import dataclass
from fractions import Fraction

MILLION = 1_000_000  # tokens; what prices of tokens are given for
BYTES_PER_TOKEN = 4  # of a prompt, by OpenAI's rule of thumb
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Units of the price's currency for a million tokens each; `source` is what one source picture counts, at most."""

    text_in: Fraction = ZERO
    image_in: Fraction = ZERO
    text_out: Fraction = ZERO
    image_out: Fraction = ZERO
    source: int = 0

    def amount(self, text_in: int = 0, image_in: int = 0, text_out: int = 0, image_out: int = 0) -> Fraction:
        told = (
            (self.text_in, text_in),
            (self.image_in, image_in),
            (self.text_out, text_out),
            (self.image_out, image_out),
        )
        return sum((price * count for price, count in told), ZERO) / MILLION

    def sent(self, prompt: int, sources: int) -> Fraction:
        """For a prompt of so many bytes and that many source pictures, at most."""
        return self.amount(text_in=math.ceil(prompt / BYTES_PER_TOKEN), image_in=sources * self.source)
