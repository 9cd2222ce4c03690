# An apt of our own, for scripts that fetch a package of another suite (sh; sourced). Nothing on the
# system changes: sources, lists and cache lie in a folder of the caller's. apt checks the signature of
# the suite with the Debian archive keyring.
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The address of the Debian archive that this machine uses (not the one for security updates); empty if
# there is none, or before the first 'apt-get update'.
archive_of_this_machine() {
  apt-get indextargets --format '$(CODENAME)|$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)' |
    awk -F'|' '$2=="Packages" && $3=="Debian" && $1 !~ /-/ {print $4; exit}'
}

# own_apt FOLDER: makes it there. own_apt_run PROGRAM ARGS…: apt-get or apt-cache with it.
own_apt() {
  own_apt_folder=$1
  mkdir -p "$1/parts" "$1/prefs" "$1/state/lists/partial" "$1/cache/archives/partial"
  : >"$1/status"
  : >"$1/sources.list"
  cat >"$1/apt.conf" <<CONF
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "$1/parts";
Dir::Etc::PreferencesParts "$1/prefs";
Dir::State "$1/state";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
CONF
}
own_apt_run() { APT_CONFIG=$own_apt_folder/apt.conf "$@"; }

# own_apt_suites deb|deb-src ARCHIVE SUITE…: what it asks from now on.
own_apt_suites() {
  own_apt_type=$1 own_apt_archive=$2
  shift 2
  for own_apt_suite in "$@"; do
    echo "$own_apt_type [signed-by=$KEYRING] $own_apt_archive $own_apt_suite main"
  done >"$own_apt_folder/sources.list"
}
