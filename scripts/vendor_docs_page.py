"""Makes gateway/api/static/docs/scalar.js.gz and its licence texts again, with the npm client.

    python scripts/vendor_docs_page.py

Needs npm and its registry; nothing else in this repository does. docs/decisions/docs-page.md says why the result is
committed. To take another version, change VERSION and SHA256 and look at the page again.
"""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = "@scalar/api-reference"
VERSION = "1.46.4"
SHA256 = "81b8d2bdab4a42ab81465386441b9a0f928b68631364360f00e8cce620cc1efb"  # of dist/browser/standalone.js
STATIC = Path(__file__).parents[1] / "gateway" / "api" / "static" / "docs"
MAX_BYTES = 2_000_000  # what may lie in the repository for this page

BUNDLED = re.compile(r"node_modules/\.pnpm/[^/\"]+/node_modules/((?:@[^/\"]+/)?[^/\"]+)")
LICENCE = re.compile(r"(licen[sc]e|copying|notice)(\.(md|txt))?", re.IGNORECASE)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        modules = install(Path(folder))
        package = modules / PACKAGE
        script = (package / "dist" / "browser" / "standalone.js").read_bytes()
        found = hashlib.sha256(script).hexdigest()
        if found != SHA256:
            sys.exit(f"standalone.js is another one than was looked at: sha256 {found}")
        # mtime 0: the same script gives the same file.
        packed = gzip.compress(script, compresslevel=9, mtime=0)
        licences = licence_texts(modules, package)
    if len(packed) + len(licences) > MAX_BYTES:
        sys.exit(f"{len(packed) + len(licences)} bytes are more than the {MAX_BYTES} that may be committed")
    STATIC.mkdir(parents=True, exist_ok=True)
    (STATIC / "scalar.js.gz").write_bytes(packed)
    (STATIC / "LICENCES.txt").write_bytes(licences)
    print(f"scalar.js.gz {len(packed)} bytes, LICENCES.txt {len(licences)} bytes")


def install(folder: Path) -> Path:
    """The package and what is bundled into it, unpacked; no script of theirs is run."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed")
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "node_modules"


def licence_texts(modules: Path, package: Path) -> bytes:
    """Each text once, under the packages it covers: Scalar's own, and those that its build lists as bundled."""
    stats = (package / "dist" / "browser" / "webpack-stats.json").read_text()
    texts: dict[str, list[str]] = defaultdict(list)
    for name in sorted({*BUNDLED.findall(stats), *scalar_packages(modules)}):
        text, terms = terms_of(modules, name)
        texts[text].append(f"{name} ({terms})")
    parts = [f"scalar.js is {PACKAGE} {VERSION}, which bundles the packages named here.\n"]
    parts += [f"{'=' * 80}\n{', '.join(names)}\n\n{text}\n" for text, names in texts.items()]
    return "\n".join(parts).encode()


def scalar_packages(modules: Path) -> Iterator[str]:
    return (f"@scalar/{folder.name}" for folder in (modules / "@scalar").iterdir())


def terms_of(modules: Path, name: str) -> tuple[str, str]:
    """A package's licence text and its short name."""
    places = (modules / name, *modules.glob(f"**/node_modules/{name}"))
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        return "(not among the installed packages; see its repository)", "unknown"
    about: dict[str, Any] = json.loads((folder / "package.json").read_text())
    # Not each of Scalar's packages holds the text that all of them share.
    folders = [folder, *sorted(folder.parent.iterdir())] if name.startswith("@scalar/") else [folder]
    text = next((file for place in folders for file in sorted(place.iterdir()) if LICENCE.fullmatch(file.name)), None)
    if text is None:
        return "(the package holds no licence text)", str(about.get("license", "not stated"))
    return "\n".join(line.rstrip() for line in text.read_text().strip().splitlines()), str(about.get("license"))


if __name__ == "__main__":
    main()
