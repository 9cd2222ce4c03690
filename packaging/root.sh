# Fresh Debian roots, for building and testing packages of other suites. Source it from bash; needs
# root (chroot) and debootstrap. A root is made once per suite and kept as a tar in
# ${XDG_CACHE_HOME:-~/.cache}/mosquitto-session-status.
source "$(dirname "${BASH_SOURCE[0]}")/../tools/own-apt.sh"

root_cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/mosquitto-session-status

# Prints a new folder for one. Beside the cache: /tmp may be mounted nodev, as Debian 13's is, and a root
# has devices.
folder_for_root() {
  mkdir -p "$root_cache"
  mktemp -d "$root_cache/root.XXXXXX"
}

# fresh_root SUITE DIR: unpacks one into DIR, with /proc and this machine's way to the archive.
fresh_root() {
  local suite=$1 root=$2 archive cache made script=/usr/share/debootstrap/scripts/$1
  cache=$root_cache/root-$suite.tar
  archive=$(archive_of_this_machine)
  [ -n "$archive" ] || { echo "no Debian archive in apt's configuration" >&2; return 1; }
  if [ ! -e "$cache" ]; then
    # Suites that are younger than this debootstrap are made like sid.
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    made=$(folder_for_root)
    debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$made" \
      "$archive" "$script" >"$made.log" 2>&1 || { tail "$made.log" >&2; drop_root "$made"; return 1; }
    tar -C "$made" -cf "$cache.new" .
    mv "$cache.new" "$cache"
    rm -rf "$made" "$made.log"
  fi
  tar -C "$root" -xf "$cache"
  chmod 755 "$root"  # mktemp's are private, and nobody but root would get past this one's /
  mount -t proc proc "$root/proc"
  # No service is started by installing it; apt reaches the archive as this machine does.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  # Certificates that this machine trusts beside Debian's: a proxy's, say. The package ca-certificates
  # takes them up when it is installed.
  mkdir -p "$root/usr/local/share/ca-certificates"
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" \;
  apt-config dump | grep -E '^Acquire::(http|https)' >"$root/etc/apt/apt.conf.d/90host" || true
  # The index of a testing suite is valid for days only; what it says stays signed.
  echo 'Acquire::Check-Valid-Until "false";' >>"$root/etc/apt/apt.conf.d/90host"
}

# in_root DIR COMMAND…: with an environment of its own.
in_root() {
  local root=$1
  shift
  chroot "$root" env -i HOME=/root DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$@"
}

# drop_root DIR: never through a mount that is still there. A debootstrap that failed in a container may
# leave a link to this machine's /proc.
drop_root() {
  [ ! -L "$1/proc" ] || rm "$1/proc"
  umount "$1/proc" 2>/dev/null || true
  mountpoint -q "$1/proc" || rm -rf "$1"
}
