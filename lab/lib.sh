# shellcheck shell=bash
# What lab/build, lab/demo and lab/test share. Sourced, never run.

export LC_ALL=C.UTF-8

# shellcheck disable=SC2034 # the scripts use it
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/landfall

# What ccache has of one checkout serves every other: to it paths begin at the checkout.
export CCACHE_BASEDIR=$repo CCACHE_NOHASHDIR=1

say() { printf 'lab: %s\n' "$*" >&2; }

# die MESSAGE [HINT]: the lab cannot go on. 3 is what the program itself says for infrastructure.
die() {
    say "$1"
    [[ $# -lt 2 ]] || say "  try: $2"
    exit 3
}

# as_root COMMAND...: runs it as root, by sudo if need be.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [[ -t 0 ]]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "root rights are needed and there is no sudo" "as root: $*"
    fi
}

# missing PACKAGE...: prints those that are not installed.
missing() {
    local have
    # shellcheck disable=SC2016 # dpkg-query expands them
    have=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
    for package; do [[ $have == *" installed:$package "* ]] || echo "$package"; done
}

# version_at_least PACKAGE VERSION
version_at_least() {
    local version
    # shellcheck disable=SC2016 # dpkg-query expands it
    version=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) && dpkg --compare-versions "$version" ge "$2"
}

codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# apt_sources: "SUITE COMPONENT URI" of every package list the machine's own apt sources name, in whatever form.
apt_sources() {
    # shellcheck disable=SC2016 # apt expands them
    apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages'
}

# The mirrors the machine names for its own Debian release; Debian's own comes last.
debian_mirrors() {
    apt_sources | awk -v suite="$(codename)" '$1 == suite && $2 == "main" && !seen[$3]++ { print $3 }'
    echo http://deb.debian.org/debian/
}

# lab_apt: makes an apt configuration of our own under the cache, the machine's sources and the suites below, and
# sets `apt` to the apt-get that uses it. The machine's sources and package lists stay as they are.
lab_apt() {
    local dir=$cache/apt mirror
    [[ ${#apt[@]} -eq 0 ]] || return 0
    apt=(apt-get -q -o "Dir::State::Lists=$dir/lists" -o Dir::Etc::SourceList=/dev/null
        -o "Dir::Etc::SourceParts=$dir/sources.list.d" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o APT::Sandbox::User=root)
    while read -r mirror; do
        say "reading the package lists of ${suites[*]} at $mirror"
        lab_apt_sources "$dir" "$mirror"
        "${apt[@]}" -qq update >&2 </dev/null && lab_apt_complete "$dir" && return
    done < <(debian_mirrors)
    die "no Debian mirror gives ${suites[*]}" "a network connection, or a Debian mirror in /etc/apt/sources.list"
}

lab_apt_sources() {
    local dir=$1 mirror=$2 suite source options=signed-by=/usr/share/keyrings/debian-archive-keyring.gpg
    rm -rf "$dir/sources.list.d"
    mkdir -p "$dir/sources.list.d" "$dir/lists/partial"
    for source in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [[ ! -f $source ]] || ln -s "$source" "$dir/sources.list.d/"
    done
    # A frozen mirror goes on being right after its Release file says it has expired.
    [[ $mirror != *snapshot* ]] || options+=' check-valid-until=no'
    for suite in "${suites[@]}"; do
        # Named twice with different options, apt would refuse it.
        apt_sources | grep -q "^$suite main " || echo "deb [$options] $mirror $suite main"
    done >"$dir/sources.list.d/landfall.list"
}

lab_apt_complete() {
    local suite
    for suite in "${suites[@]}"; do compgen -G "$1/lists/*_${suite}_main_*Packages*" >/dev/null || return; done
}

# install_with_apt PACKAGE...: after lab_apt.
install_with_apt() {
    say "installing: $*"
    as_root env DEBIAN_FRONTEND=noninteractive "${apt[@]}" -y --no-install-recommends install "$@" >&2 ||
        die "apt could not install: $*"
}

apt=()
# QEMU for this release, kernel headers of the newest.
mapfile -t suites < <(printf '%s\n' "$(codename)-backports" trixie-backports | sort -u)
