#!/usr/bin/env bash
# Puts promtool where the first argument says: the one on PATH or, on Debian and its kin, the one in the package
# "prometheus", of which nothing else is installed. It has no wheel.
set -eu
target=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
rm -f "$target"
if found=$(command -v promtool); then
  ln -sf "$found" "$target"
  exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder" # apt's own user writes here
cd "$folder"
apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; } || {
  echo "the rules of Prometheus are checked by promtool: install Prometheus, so that it is on your PATH" >&2
  exit 1
}
dpkg -x prometheus_*.deb .
install -m 755 usr/bin/promtool "$target"
