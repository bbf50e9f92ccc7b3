#!/usr/bin/env bash
# Builds deploy/Dockerfile by its real steps and starts the image on a read-only root as its own user, without Docker:
# buildah in a chroot, on a stand-in for the base image that is made of Debian 12 and this machine's Python. Needs root
# on Debian 12, and 3 GB in TMPDIR for a while.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "buildah's chroot needs root" >&2; exit 1; }
command -v buildah debootstrap >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends buildah debootstrap; }

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
with_images() { buildah --root "$folder/images" --runroot "$folder/run" --storage-driver vfs "$@"; }

# Where this machine's own Debian is from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1)
# The stand-in: Python as the official image has it, in /usr/local.
debootstrap --variant=minbase --include=ca-certificates,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libuuid1,libexpat1 \
  bookworm "$folder/base" "$mirror" > "$folder/debootstrap.log" || { tail -3 "$folder/debootstrap.log"; exit 1; }
python=$(${PYTHON:-python3} -c 'import sys; print(sys.base_prefix)')
version=$(${PYTHON:-python3} -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
tar -C "$python" --exclude site-packages --exclude test --exclude __pycache__ --exclude '*.a' -c bin/python3 "bin/$version" lib \
  | tar -C "$folder/base/usr/local" -x
mkdir "$folder/base/usr/local/lib/$version/site-packages"
cp -a "$python/lib/$version/site-packages"/pip "$folder/base/usr/local/lib/$version/site-packages/"
ln -sf python3 "$folder/base/usr/local/bin/python"
printf '#!/bin/sh\nexec python3 -m pip "$@"\n' > "$folder/base/usr/local/bin/pip"
chmod +x "$folder/base/usr/local/bin/pip"
# This machine's certificates, so that a company's proxy works.
cp /etc/ssl/certs/ca-certificates.crt "$folder/base/etc/ssl/certs/"
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$folder/base/etc/pip.conf"
chroot "$folder/base" /sbin/ldconfig
printf 'FROM scratch\nCOPY / /\nENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' > "$folder/stand-in"
with_images bud --isolation chroot -q -f "$folder/stand-in" --ignorefile /dev/null -t stand-in "$folder/base" >/dev/null

with_images bud --isolation chroot --build-arg PYTHON=localhost/stand-in --build-arg "LOCK=${LOCK:-base}" \
  -f deploy/Dockerfile -t easel . > "$folder/build.log" 2>&1 || { tail -40 "$folder/build.log"; exit 1; }
container=$(with_images from --isolation chroot easel)
root=$(with_images mount "$container")
du -sh "$root/opt/easel" | sed 's/\t.*/ over the base image/'

unshare --mount --propagation private bash scripts/start_image.sh "$root"
