#!/bin/sh
# Builds VictoriaLogs, by which the tests in this folder check LogsQL. Its version
# and the sums of all it is made of are in victorialogs/go.mod and go.sum; the
# program is built once, outside the repository.
#
#     test/oracle/fetch.sh [FOLDER]    default: $LLAMA_PEERS, else ~/.cache/llama/peers
set -eu

dir=${1:-${LLAMA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/llama/peers}}
program=$dir/victoria-logs
version=$(sed -n 's/^require .* //p' "$(dirname "$0")/victorialogs/go.mod")
if [ -x "$program" ] && [ "$(cat "$program.version" 2>/dev/null)" = "$version" ]; then
	echo "VictoriaLogs of $version is in $dir already"
	exit 0
fi
mkdir -p "$dir"
cd "$(dirname "$0")/victorialogs"
CGO_ENABLED=0 go build -o "$program" github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs
echo "$version" >"$program.version"
echo "VictoriaLogs of $version is in $program"
