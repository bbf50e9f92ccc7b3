#!/bin/sh
# Makes deploy/.env from env.example, with a new secret wherever a value is missing. One that is there is left alone.
set -eu
umask 077
cd "$(dirname "$0")"
if [ -e .env ]; then
  echo "deploy/.env is there already" >&2
  exit 1
fi
while IFS= read -r line; do
  case $line in
    \#*) ;;
    *=) line="$line$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" ;;
  esac
  printf '%s\n' "$line"
done < env.example > .env.new
mv .env.new .env
echo "made deploy/.env" >&2
