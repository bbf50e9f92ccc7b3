"""A bad row stops the start, with the path of the row and what is wrong with it."""

import pytest

from normalizers.errors import TableError
from normalizers.parameters import NEEDS_ROW, STRUCTURED
from normalizers.tables import read_models, read_offers

ROWS = "\n".join(f'{name} = {{ how = "passthrough" }}' for name in sorted(NEEDS_ROW - STRUCTURED))
OFFER = """
[[offer]]
model = "fox"
upstream = "den/fox"
source = "https://example.com"
checked = 2026-11-21
"""
CANVAS = 'canvas = { kind = "free" }\n'
HERE = "den.toml: offer 1 (fox)"


def file(offer: str = CANVAS, params: str = "") -> str:
    """A table that is right but for what is given; a row of `params` replaces ours of that name."""
    own = {line.partition(" =")[0] for line in params.splitlines()}
    rows = "\n".join(line for line in ROWS.splitlines() if line.partition(" =")[0] not in own)
    return f"{OFFER}{offer}\n[offer.params]\n{rows}\n{params}\n"


def test_the_file_without_a_mistake() -> None:
    (offer,) = read_offers(file().encode(), "den.toml", "den", {})
    assert offer.id == "den/fox"


# | what `params` says | path within the offer | message |
BAD_ROWS = [
    ('seed = { how = "forwarded" }', ".params.seed.how", "Input should be 'passthrough', 'renamed', 'converted'"),
    ('seed = { how = "renamed" }', "", "renamed needs `to`"),
    ('seed = { how = "passthrough", to = "x" }', "", "passthrough must not have `to`"),
    ('style = { how = "converted", to = "x" }', "", "`by` belongs to converted rows"),
    ('style = { how = "renamed", to = "x", by = "text" }', "", "`by` belongs to converted rows"),
    ('style = { how = "converted", to = "x", by = "magic" }', "", "no converter is called 'magic'; there are lookup"),
    ('style = { how = "converted", to = "x", by = "lookup" }', "", "lookup needs a `table` of words"),
    ('style = { how = "passthrough", table = { a = 1 } }', "", "`table` has the unknown key 'a'"),
    ('loras = { how = "converted", to = "x", by = "loras", table = { most = 3 } }', "", "the unknown key 'most'"),
    ('style = { how = "dropped" }', "", "say why in `because`"),
    ('style = { how = "passthrough", because = "why not" }', "", "say why in `because`"),
    ('style = { how = "dropped", because = "no", send = "x" }', "", "dropped sends nothing, so it cannot have `send`"),
    ('style = { how = "refused", because = "no", enum = ["x"] }', "", "cannot have `enum`"),
    ('style = { how = "passthrough", neutral = ["x"] }', "", "it cannot have `neutral`"),
    ('style = { how = "passthrough", sort = 1 }', ".params.style.sort", "Extra inputs are not permitted"),
    ('style = "passthrough"', ".params.style", "Input should be a valid dictionary"),
    ('strength = { how = "passthrough", range = [1, 0] }', "", "`range` is written from low to high"),
    ('strength = { how = "passthrough", range = [0, 1, 2] }', ".params.strength.range", "at most 2 items"),
    ('style = { how = "passthrough", range = [0, 1] }', ".params.style", "`range` is for integer and number, and this"),
    ('strength = { how = "passthrough", max_length = 5 }', ".params.strength", "`max_length` is for string, and this"),
    ('style = { how = "passthrough", max_items = 5 }', ".params.style", "`max_items` is for array, and this is string"),
    ('style = { how = "passthrough", enum = ["a"], default = "b" }', ".params.style.default", "'b' must be one of a"),
    (
        'strength = { how = "passthrough", range = [0, 0.5], default = 0.6 }',
        ".params.strength.default",
        "from 0 to 0.5",
    ),
    ('strength = { how = "passthrough", default = "all" }', ".params.strength.default", "'all' must be a number"),
    ('style = { how = "passthrough", enum = ["a"], send = "b" }', ".params.style.send", "'b' must be one of a"),
    ('style = { how = "passthrough", enum = ["a", 5] }', ".params.style.enum", "5 must be a string"),
    (
        'safety = { how = "passthrough", enum = ["on", "maybe"] }',
        ".params.safety.enum",
        "'maybe' must be one of on, off",
    ),
    (
        'style = { how = "converted", to = "x", by = "lookup", table = { a = 1 }, default = "b" }',
        ".params.style",
        "the default 'b' is not in the `table`",
    ),
    ('seed = { how = "converted", to = "seed", by = "text" }', ".params.seed", "seeds are counted up"),
    ('seed = { how = "passthrough", range = [0, 1.5] }', ".params.seed", "`range` of a seed needs integers"),
    ('cache = { how = "passthrough" }', ".params.cache", "is handled by the gateway alone and has no row"),
    ('size = { how = "passthrough" }', "", "size belongs in [canvas], [count] or [output]"),
]


@pytest.mark.parametrize(("params", "path", "message"), BAD_ROWS)
def test_a_bad_row(params: str, path: str, message: str) -> None:
    with pytest.raises(TableError) as wrong:
        read_offers(file(params=params).encode(), "den.toml", "den", {})
    name = params.partition(" =")[0]
    whole = name == "size"
    assert wrong.value.path == f"{HERE}{path or ('' if whole else f'.params.{name}')}"
    assert message in wrong.value.message
    assert str(wrong.value).startswith("den.toml: offer 1 (fox)")


# | what the offer says | path within the offer | message |
BAD_OFFERS = [
    ("", ".canvas", "Field required"),
    ('canvas = { kind = "square" }', ".canvas.kind", "Input should be 'free', 'pixels'"),
    ('canvas = { kind = "pixels" }', ".canvas", "kind pixels needs `pixels`"),
    ('canvas = { kind = "fixed" }', ".canvas", "kind fixed needs `pixels`"),
    ('canvas = { kind = "names", names = { a = [0, 5] } }', ".canvas.names.a.0", "greater than 0"),
    ('canvas = { kind = "pixels", pixels = [[1, 2, 3]] }', ".canvas.pixels.0", "at most 2 items"),
    ('canvas = { kind = "free", pixels = [[1, 2]] }', ".canvas", "kind free would ignore `pixels`"),
    ('canvas = { kind = "pixels", pixels = [[1, 2]], limits = { step = 8 } }', ".canvas", "would ignore `limits`"),
    ('canvas = { kind = "ratios", ratios = ["wide"] }', ".canvas", "'wide' must be a ratio"),
    ('canvas = { kind = "ratios", ratios = ["auto"] }', ".canvas", "'auto' is no size of its own"),
    ('canvas = { kind = "ratios", ratios = ["1:1"], tiers = ["1K"] }', ".canvas", "`to` needs 2 wire fields here"),
    ('canvas = { kind = "free", form = "fields" }', ".canvas", "`to` needs 2 wire fields here"),
    ('canvas = { kind = "free", to = [] }', ".canvas", "`to` needs 1 wire field here"),
    ('canvas = { kind = "free", sizes = { "4:3" = [4, 3] } }', ".canvas.sizes", "'' must be a tier"),
    ('canvas = { kind = "free", sizes = { "4to3@1K" = [4, 3] } }', ".canvas.sizes", "'4to3' must be a ratio"),
    ('canvas = { kind = "free", limits = { side = [65, 127], step = 64 } }', ".canvas.limits", "no size at all"),
    ('canvas = { kind = "free", limits = { side = [1, 10], area = [101, 200] } }', ".canvas.limits", "no size at all"),
    ('canvas = { kind = "free", limits = { step = 0 } }', ".canvas.limits.step", "greater than or equal to 1"),
    ('count = { max = 4 }\ncanvas = { kind = "free" }', ".count", "needs the wire field for their number"),
    (
        'count = { to = "n", max = 4, seeds = "none" }\ncanvas = { kind = "free" }',
        ".count.seeds",
        "would leave out the",
    ),
    ('output = { native = ["jpeg"] }\ncanvas = { kind = "free" }', ".output", "the default png is not among"),
    ('output = { native = ["png", "jpeg"] }\ncanvas = { kind = "free" }', ".output", "needs the wire field to choose"),
    ('output = { words = { jpeg = "jpg" } }\ncanvas = { kind = "free" }', ".output", "`words` has jpeg, which is not"),
    (
        'output = { native = ["bmp"], default = "bmp" }\ncanvas = { kind = "free" }',
        ".output.native.0",
        "Input should be",
    ),
    ('delivery = { ways = ["url", "bytes"] }\ncanvas = { kind = "free" }', ".delivery", "more than one way needs"),
    ('delivery = { to = "x" }\ncanvas = { kind = "free" }', ".delivery", "the provider's word for each of the ways"),
    ('price = { per_image = -1 }\ncanvas = { kind = "free" }', ".price.per_image", "greater than or equal to 0"),
    ('price = { per_image = nan }\ncanvas = { kind = "free" }', ".price.per_image", "finite"),
    ('open_at = "extra"\ncanvas = { kind = "free" }', "", "`unknown` must be open"),
    ('unknown = "maybe"\ncanvas = { kind = "free" }', ".unknown", "Input should be 'open', 'ignored' or 'rejected'"),
    ('needs = ["ghost"]\ncanvas = { kind = "free" }', "", "`needs` names ghost, which has no row that sends it"),
    ('needs = ["n"]\ncanvas = { kind = "free" }', "", "`needs` names n, which has no row that sends it"),
    ('colour = "red"\ncanvas = { kind = "free" }', ".colour", "Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("offer", "path", "message"), BAD_OFFERS)
def test_a_bad_offer(offer: str, path: str, message: str) -> None:
    with pytest.raises(TableError) as wrong:
        read_offers(file(offer).encode(), "den.toml", "den", {})
    assert wrong.value.path == HERE + path
    assert message in wrong.value.message


def test_a_canvas_without_a_kind_adds_to_the_common_one() -> None:
    common = (
        '[common]\ncanvas = { kind = "free", to = ["image_size"], form = "object", limits = { side = [8, 2048] } }\n'
    )
    (offer,) = read_offers((common + file("canvas = { auto = 'auto' }")).encode(), "den.toml", "den", {})
    assert (offer.canvas.kind, offer.canvas.to, offer.canvas.auto) == ("free", ("image_size",), "auto")
    assert offer.canvas.limits.high == 2048
    (offer,) = read_offers((common + file('canvas = { kind = "free" }')).encode(), "den.toml", "den", {})
    assert (offer.canvas.to, offer.canvas.form) == (("size",), "string"), "one with a kind replaces it"


# | the whole file | path | message |
BAD_FILES = [
    ("[[offer]", "den.toml", "Expected ']]'"),
    ("\xff", "den.toml", "codec can't decode"),
    ("[[offers]]", "den.toml", "unknown table [offers]; there are [common], [group] and [[offer]]"),
    ("offer = 5", "den.toml: offer", "is written [[offer]]"),
    ("offer = [5]", "den.toml: offer 1", "must be a table"),
    ("common = 5", "den.toml: common", "must be a table"),
    ("group = 5", "den.toml: group", "must be a table"),
    ("[[offer]]\ngroups = ['a']", "den.toml: offer 1.groups", "must be a list of groups, and there are none"),
    ("[group.b]\n[[offer]]\ngroups = ['a']", "den.toml: offer 1.groups", "must be a list of b"),
    ("[group.b]\n[[offer]]\ngroups = [{}]", "den.toml: offer 1.groups", "must be a list of b"),
    ("[group.b]\n[[offer]]\ngroups = 'b'", "den.toml: offer 1.groups", "must be a list of b"),
    ("[group]\nb = 5\n[[offer]]\ngroups = ['b']", "den.toml: offer 1: group.b", "must be a table"),
    ("[group.b]\nparams = 5\n[[offer]]\ngroups = ['b']", "den.toml: offer 1: group.b.params", "must be a table"),
    ("[[offer]]\nparams = 5", "den.toml: offer 1.params", "must be a table"),
    ("[common]\nparams = 5\n[[offer]]", "den.toml: common.params", "must be a table"),
    ("[[offer]]", "den.toml: offer 1 (no model).model", "Field required"),
    (f"{OFFER}{CANVAS}", HERE, "no row for acceleration, background"),
    (file().replace('source = "https://example.com"', 'source = ""'), f"{HERE}.source", "at least 1 character"),
    (file().replace("checked = 2026-11-21", 'checked = "yesterday"'), f"{HERE}.checked", "valid date"),
    (file() + file(), "den.toml: offer 2 (fox)", "there is an offer to generate with it already"),
]


@pytest.mark.parametrize(("text", "path", "message"), BAD_FILES)
def test_a_bad_file(text: str, path: str, message: str) -> None:
    with pytest.raises(TableError) as wrong:
        read_offers(text.encode("latin-1"), "den.toml", "den", {})
    assert wrong.value.path == path
    assert message in wrong.value.message


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("[model.fox]", "models.toml", "unknown table [model]; there is [models]"),
        ("models = 5", "models.toml: models", "must be a table"),
        ("[models]\nfox = 5", "models.toml: models.fox", "must be a table"),
        ('[models.fox]\ntitle = "Fox"', "models.toml: models.fox.owner", "Field required"),
        (
            '[models.fox]\ntitle = "F"\nowner = "d"\nsizes = { "4:3" = [4, 3] }',
            "models.toml: models.fox.sizes",
            "a tier",
        ),
        (
            '[models.fox]\ntitle = "F"\nowner = "d"\ndefault_size = [0, 1]',
            "models.toml: models.fox.default_size.0",
            "0",
        ),
    ],
)
def test_a_bad_table_of_models(text: str, path: str, message: str) -> None:
    with pytest.raises(TableError) as wrong:
        read_models(text.encode(), "models.toml")
    assert wrong.value.path == path
    assert message in wrong.value.message
