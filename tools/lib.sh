# Shared by the commands in tools/. Source it from bash; it changes to the repository's root.

readonly SELF=$(realpath -- "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly ROOT=$PWD

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# The comment at the head of the script, up to its "set -e".
usage() { sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "$SELF"; }

# A port that nobody listens on now.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for SECONDS COMMAND…: until COMMAND succeeds. Where it does not, the logs in the
# folder $dir are shown.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { cat "$dir"/*.log >&2; die "timed out: $*"; }
    sleep 0.05
  done
}

# listed_packages PART: lines "package command" of tools/packages, to the end of that part; command may
# be empty.
listed_packages() {
  [[ $(<tools/packages) == *$'\n'"[$1]"* ]] || die "tools/packages has no part '$1'"
  sed -E "1,/^\[$1\]/!{/^\[/,\$d}; /^\[/d; s/[[:space:]]*#.*//; /^\$/d; s/=/ /" tools/packages
}

# named_packages NAME…: their lines, in the same form, whatever their part.
named_packages() {
  local name
  for name in "$@"; do sed -nE "s/^($name)(=([^[:space:]]*))?([[:space:]].*)?$/\1 \3/p" tools/packages; done
}

# missing_packages PART [NAME…]: of those.
missing_packages() {
  { listed_packages "$1"; named_packages "${@:2}"; } | while read -r package command; do
    if [ -n "$command" ] && command -v "$command" >/dev/null 2>&1; then continue; fi
    # Sub-shell: dpkg-query may not exist at all.
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ]; then
      continue
    fi
    printf '%s\n' "$package"
  done
}

# The services that packages of the list bring: their own scripts enable them, so that the machine's next
# start would start them, on well-known ports.
readonly SERVICES='mosquitto nginx prometheus redis-server redis-sentinel'

# Those that are there, one a line.
services() {
  local service
  for service in $SERVICES; do
    if [ -e "/lib/systemd/system/$service.service" ]; then echo "$service"; fi
  done
}

# disable_service NAME, with or without a systemd that runs, as in a container.
disable_service() {
  if command -v systemctl >/dev/null 2>&1; then
    "${as_root[@]}" systemctl -q disable "$1.service" >&2
  else
    # It works for maintainer scripts only, which set this.
    "${as_root[@]}" env DPKG_MAINTSCRIPT_PACKAGE="$1" deb-systemd-helper disable "$1.service" >&2
    [ ! -e "/etc/init.d/$1" ] || "${as_root[@]}" update-rc.d "$1" disable >&2
  fi
}

# disable_services_except SERVICE…: those that the packages just installed brought.
disable_services_except() {
  local service disabled=
  for service in $(services); do
    [[ " $* " != *" $service "* ]] || continue
    if disable_service "$service"; then disabled="$disabled $service"; else say "could not disable $service"; fi
  done
  [ -z "$disabled" ] || say "installed for this, neither started nor enabled:$disabled"
}

# known_packages NAME…: those that apt can install. Other systems lack some of what Debian 12 has: clang 14.
known_packages() {
  local name known= unknown=
  for name in "$@"; do
    if apt-cache show "$name" >/dev/null 2>&1; then known="$known $name"; else unknown="$unknown $name"; fi
  done
  [ -z "$unknown" ] || say "not in this system's archive, left out:$unknown"
  [ -n "$known" ] || die "apt knows nothing of what is missing; 'apt-get update' says more"
  echo "$known"
}

# ensure_packages PART [NAME…]: installs what tools/packages lists to the end of that part, and of the rest
# those NAMEs, where the machine lacks them.
ensure_packages() {
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null 2>&1; then
    say "These Debian packages, or your system's equivalents, are missing and there is no apt-get:"
    say "$missing"
    exit 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || die "not root and no sudo; install as root: $(echo $missing)"
    as_root=(sudo)
  fi
  say "installing: $(echo $missing)"
  # Installing a server package would start it on its well-known port; nobody asked for that.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    # shellcheck disable=SC2064
    trap "${as_root[*]} rm -f $policy" EXIT
  fi
  "${as_root[@]}" apt-get update -q >&2
  # shellcheck disable=SC2086
  missing=$(known_packages $missing)
  local before failed=
  before=$(services)
  # shellcheck disable=SC2086
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $missing >&2 || failed=$?
  # shellcheck disable=SC2086
  disable_services_except $before  # what failed half-way may have brought some, too
  [ -z "$failed" ] || exit "$failed"
  if [ "$(trap -p EXIT)" != "" ]; then
    "${as_root[@]}" rm -f "$policy"
    trap - EXIT
  fi
}

# Of Debian 12; later systems have later ones, whose warnings and formats are others.
need_clang_14() {
  command -v clang++-14 >/dev/null 2>&1 || die "this needs clang 14, which Debian 12 has and this system has not"
}

# build PRESET [-DNAME=VALUE…] [TARGET…]: configures and builds into build/PRESET.
build() {
  local preset=$1
  shift
  local options=() targets=()
  while [[ ${1:-} == -D* ]]; do
    options+=("$1")
    shift
  done
  [ $# -eq 0 ] || targets=(--target "$@")
  cmake --preset "$preset" "${options[@]}" >"build-$preset.log" 2>&1 ||
    { cat "build-$preset.log" >&2; die "cmake --preset $preset failed"; }
  rm -f "build-$preset.log"
  cmake --build "build/$preset" -j "$(nproc)" "${targets[@]}"
}

# What the demos show, in build/release. Without the tests, for which a machine need not have the packages;
# but where they are configured already they stay, and what they have compiled is used.
build_for_demo() {
  local tests=(-DSESSION_STATUS_TESTS=OFF)
  ! grep -qsxF 'subdirs("tests")' build/release/CTestTestfile.cmake || tests=()
  build release "${tests[@]}" mosquitto_session_status mosquitto_session
}
