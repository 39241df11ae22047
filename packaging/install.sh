#!/bin/sh
# Installs copd and copc for the user who runs this, without root.
#
#   sh install.sh FROM [PREFIX]
#
# FROM is a folder, or a URL (https:// or file://), with the archive coputer-OS-ARCH.tar.gz and the file SHA256SUMS.
# PREFIX is where it goes, ~/.local by default: executables into bin/, manual pages and completions into share/.
#
# The archive must have the hash that SHA256SUMS names, or nothing is installed. COP_SHA256 in the environment names the hash that
# you were told otherwise; it then counts instead of that file.
set -eu

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

[ $# -ge 1 ] && [ $# -le 2 ] || fail "usage: sh install.sh FROM [PREFIX]; FROM is a folder or a URL with the archive and SHA256SUMS"
from=${1%/}
prefix=${2:-${HOME:?}/.local}

case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    *) fail "there is no archive for $(uname -s); build it: cargo install --path ." ;;
esac
case $(uname -m) in
    x86_64 | amd64) arch=x86_64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    *) fail "there is no archive for $(uname -m); build it: cargo install --path ." ;;
esac
archive=coputer-$os-$arch.tar.gz

work=$(mktemp -d) || fail "cannot make a folder to work in"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

get() {
    case $from in
        https://* | file://*)
            if command -v curl >/dev/null 2>&1; then
                curl --fail --silent --show-error --location --proto '=https,file' --max-filesize 536870912 --output "$work/$1" "$from/$1"
            elif command -v wget >/dev/null 2>&1; then
                wget --quiet --https-only --output-document="$work/$1" "$from/$1"
            else
                fail "neither curl nor wget is here"
            fi
            ;;
        *://*) fail "$from: only https:// and file:// are taken" ;;
        *) cp "$from/$1" "$work/$1" 2>/dev/null ;;
    esac || fail "cannot get $from/$1"
}

get "$archive"
if [ -n "${COP_SHA256:-}" ]; then
    expected=$COP_SHA256
else
    get SHA256SUMS
    expected=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")
    [ -n "$expected" ] || fail "SHA256SUMS does not name $archive"
fi
if command -v sha256sum >/dev/null 2>&1; then
    found=$(sha256sum <"$work/$archive")
elif command -v shasum >/dev/null 2>&1; then
    found=$(shasum -a 256 <"$work/$archive")
else
    fail "neither sha256sum nor shasum is here, so the archive cannot be checked"
fi
found=${found%% *}
[ "$found" = "$expected" ] || fail "$archive has the hash $found, not $expected; nothing was installed"

mkdir "$work/new"
tar -xzf "$work/$archive" -C "$work/new" copd copc || fail "$archive has no copd and copc"
for name in copd copc; do
    [ -f "$work/new/$name" ] && [ ! -L "$work/new/$name" ] || fail "$name in $archive is no file"
    chmod 755 "$work/new/$name"
    "$work/new/$name" --version >/dev/null || fail "$name does not run on this machine"
done

mkdir -p "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/bash-completion/completions" "$prefix/share/zsh/site-functions" \
    "$prefix/share/fish/vendor_completions.d"
for name in copd copc; do
    # A node that runs keeps the old file; the new one takes its name in one step.
    cp "$work/new/$name" "$prefix/bin/.$name.new"
    mv -f "$prefix/bin/.$name.new" "$prefix/bin/$name"
    "$prefix/bin/$name" man --to "$prefix/share/man/man1"
    "$prefix/bin/$name" completions bash >"$prefix/share/bash-completion/completions/$name"
    "$prefix/bin/$name" completions zsh >"$prefix/share/zsh/site-functions/_$name"
    "$prefix/bin/$name" completions fish >"$prefix/share/fish/vendor_completions.d/$name.fish"
done

printf 'installed   %s\n' "$("$prefix/bin/copd" --version), in $prefix/bin"
case :$PATH: in
    *:"$prefix/bin":*) ;;
    *) printf 'path        %s is not in PATH: export PATH="%s:$PATH"\n' "$prefix/bin" "$prefix/bin" ;;
esac
printf 'next        copd init, then copd start\n'
