"""A price as a formula for people, in the provider's own currency."""

from normalizers.price import Price


def formula_of(price: Price) -> str | None:
    """For people: `30 BUZZ × pixels / 1763584 × steps / 20`; None where there is no formula."""
    if not price.figures:
        return None
    sums = [f"{float(price.per_image):g}"] if price.per_image else []
    if price.by:
        sums.append(f"a price by {' and '.join(price.by)}")
    if price.per_megapixel:
        begun = "begun " if price.whole_megapixels else ""
        sums.append(f"{float(price.per_megapixel):g} × {begun}megapixels")
    if price.per_step:
        sums.append(f"{float(price.per_step):g} × steps")
    factors = [f"pixels / {price.at_pixels}"] if price.at_pixels else []
    if price.at_steps:
        factors.append(f"steps / {price.at_steps}")
    if price.per_source:
        factors.append(f"(1 + {float(price.per_source):g} × source pictures beyond {price.free_sources})")
    factors += [f"a factor by {name}" for name in price.factors]
    added = " + ".join(sums) or "0"
    product = " × ".join([f"({added})" if len(sums) > 1 and factors else added, *factors])
    tokens = " + tokens sent" if price.tokens else ""
    return f"{product}{tokens} {price.currency} a picture"
