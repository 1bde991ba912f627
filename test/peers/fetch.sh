#!/bin/sh
# Unpacks syslog-ng beside the system, for the tests in this folder: Debian's
# package of it excludes rsyslog, which they talk to as well. Nothing is
# installed, and no root is needed; the package lists must be there (apt-get update).
#
#     test/peers/fetch.sh [FOLDER]    default: $LLAMA_PEERS, else ~/.cache/llama/peers
set -eu

dir=${1:-${LLAMA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/llama/peers}}
if [ -x "$dir/syslog-ng/usr/sbin/syslog-ng" ]; then
	echo "syslog-ng is in $dir already"
	exit 0
fi
packages=$(apt-get -s --no-install-recommends install syslog-ng-core | awk '$1 == "Inst" { print $2 }')
[ -n "$packages" ] || packages=syslog-ng-core # it is installed: its libraries are, too

mkdir -p "$dir"
work=$(mktemp -d "$dir/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
# shellcheck disable=SC2086 # one word a package
apt-get download $packages
mkdir root
for deb in *.deb; do
	dpkg -x "$deb" root
done
rm -rf "$dir/syslog-ng"
mv root "$dir/syslog-ng"
echo "syslog-ng is in $dir/syslog-ng"
