#!/usr/bin/env bash
# Starts `easel serve` in the root of an image ($1), which cannot be written to, as the image's user. Runs in a mount
# namespace of its own.
set -eu
root=$1
mount --bind "$root" "$root"
mount --bind -o remount,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o size=256m,uid=10001,gid=10001,mode=0750 tmpfs "$root/data"

inside=(
  chroot --userspec=10001:10001 "$root" env -i PATH=/opt/easel/bin:/usr/local/bin:/usr/bin:/bin HOME=/data TMPDIR=/tmp
  PYTHONDONTWRITEBYTECODE=1 EASEL_SERVER__DATA_DIR=/data EASEL_AUTH__ADMIN_KEY=ek_of_this_check
)
! "${inside[@]}" touch /opt/easel/written /written 2>/dev/null || { echo "the root can be written to" >&2; exit 1; }
"${inside[@]}" easel serve --host 127.0.0.1 --port 8080 2> "$root/tmp/said" > "$root/tmp/log" &
gateway=$!
trap 'kill "$gateway" 2>/dev/null || true' EXIT
for _ in $(seq 300); do
  if grep -q "^listening on" "$root/tmp/said"; then break; fi
  kill -0 "$gateway" || { cat "$root/tmp/said"; exit 1; }
  sleep 0.1
done

# The health check of the Dockerfile, word for word.
health=$(sed -n 's/^  CMD \(\["python", .*\]\)$/\1/p' deploy/Dockerfile)
mapfile -t command < <(python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$health")
"${inside[@]}" "${command[@]}"
"${inside[@]}" python -c '
import json, urllib.request
asked = urllib.request.Request("http://127.0.0.1:8080/v1/images/generations",
    json.dumps({"model": "sketch", "prompt": "a fox"}).encode(),
    {"authorization": "Bearer ek_of_this_check", "content-type": "application/json"})
url = json.load(urllib.request.urlopen(asked))["data"][0]["url"]
assert urllib.request.urlopen(url).read(4) == b"\x89PNG"
'
kill -TERM "$gateway"
wait "$gateway"
! "${inside[@]}" "${command[@]}" 2>/dev/null || { echo "the health check sees a gateway that has ended" >&2; exit 1; }
echo "the image draws on a read-only root as user 10001, is healthy, and ends in order"
