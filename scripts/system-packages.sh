#!/usr/bin/env bash
# Installs system packages that are missing: system-packages.sh PROGRAM:PACKAGE …
# A program is a name on the PATH or an absolute path; an empty one means that the package is wanted anyway. On Debian and
# Ubuntu, as root or with sudo, it installs; elsewhere it prints what to do and fails.
set -euo pipefail

missing=()
for pair in "$@"; do
  program=${pair%%:*} package=${pair#*:}
  if [ -n "$program" ] && { command -v "$program" > /dev/null || [ -x "/usr/sbin/$program" ]; }; then continue; fi
  missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get > /dev/null; then
  echo "These are missing: ${missing[*]}." >&2
  if [ "$(uname)" = Darwin ]; then
    names=()
    for package in "${missing[@]}"; do
      case $package in
        mariadb-server) names+=(mariadb) ;; rabbitmq-server) names+=(rabbitmq) ;;
        chromium) names+=(--cask chromium) ;; *) names+=("$package") ;;
      esac
    done
    echo "Install them with: brew install ${names[*]}" >&2
  else
    echo "Install them with your system's package manager, or use compose.yaml." >&2
  fi
  exit 1
fi

run=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2> /dev/null; then
    echo "These are missing: ${missing[*]}. Install them with: sudo apt-get install -y ${missing[*]}" >&2
    exit 1
  fi
  run=(sudo)
fi

echo "• installing ${missing[*]} with apt (a minute or two)"
log=$(mktemp)
# policy-rc.d keeps the packages' services from starting: private ones are started where they are needed.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${run[@]}" tee $policy > /dev/null && "${run[@]}" chmod 755 $policy && made_policy=1
fi
cleanup() { [ -n "$made_policy" ] && "${run[@]}" rm -f $policy; rm -f "$log"; }
trap cleanup EXIT
if ! { "${run[@]}" apt-get update -qq && "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > "$log" 2>&1; then
  tail -n 20 "$log" >&2
  exit 1
fi
